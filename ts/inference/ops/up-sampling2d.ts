/** Images made larger: pixels several times, cut into rows of the input, or new ones between them, cut into rows of the value. */
import { k } from "../../program/inference-call.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { cut } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

export const upSampling2d = {
  kind: "whole",
  emit: ({ name, inputs, attributes }, { draft, images, network, parts, values }) => {
    const [height, width, channels] = network.shapeOf(inputs[0]) as readonly [number, number, number];
    const [down, right] = attributes.size;
    const [x, y] = [values.of(inputs[0]), values.of(name)];
    const rowBytes = 4 * width * channels;
    const sizes = { width, channels, down, right };
    if (attributes.interpolation === "bilinear") {
      const jobs = cut(images * height * down, parts).map((rows) => {
        const places = { x, y: at(y, rows.first * right * rowBytes) };
        return [call(name, k.bilinearForward({ ...places, ...sizes, ...rows, images, height }))];
      });
      draft.phase(jobs);
      return;
    }
    const jobs = cut(images * height, parts).map(({ first, count }) => {
      const places = { x: at(x, first * rowBytes), y: at(y, first * down * right * rowBytes) };
      return [call(name, k.upSamplingForward({ ...places, ...sizes, rows: count }))];
    });
    draft.phase(jobs);
  },
} satisfies InferenceOp<"upSampling2d">;
