/** Zeros around images. One image is cut into rows, of which the first part has those above and the last those below. */
import { k } from "../../program/inference-call.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { cut } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

export const zeroPadding2d = {
  kind: "whole",
  emit: ({ name, inputs, attributes }, { draft, images, network, parts, values }) => {
    const [height, width, channels] = network.shapeOf(inputs[0]) as readonly [number, number, number];
    const [[top, bottom], [left, right]] = attributes.padding;
    const [x, y] = [values.of(inputs[0]), values.of(name)];
    const floats = { row: width * channels, before: left * channels, behind: right * channels };
    const lineBytes = 4 * (left + width + right) * channels;
    const jobs = cut(height, images > 1 ? 1 : parts).map(({ first, count }) => {
      const [above, below] = [first === 0 ? top : 0, first + count === height ? bottom : 0];
      const places = { x: at(x, 4 * first * floats.row), y: at(y, (top + first - above) * lineBytes) };
      return [call(name, k.zeroPaddingForward({ ...places, ...floats, images, height: count, above, below }))];
    });
    draft.phase(jobs);
  },
} satisfies InferenceOp<"zeroPadding2d">;
