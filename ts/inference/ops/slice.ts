/** A range along an axis, cut into blocks of what lies before it. */
import { slicedBlocks } from "../../nn/ops/slice.ts";
import { k } from "../../program/inference-call.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { cut } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

export const slice = {
  kind: "whole",
  emit: ({ name, inputs, attributes }, { draft, images, network, parts, values }) => {
    const { blocks, block, first, size } = slicedBlocks(network.shapeOf(inputs[0]), attributes);
    const [x, y] = [values.of(inputs[0]), values.of(name)];
    const strides = { stride0: 0, stride1: 0, stride2: block, stride3: 1 };
    const jobs = cut(images * blocks, parts).map(({ first: from, count }) => {
      const places = { x: at(x, 4 * (from * block + first)), y: at(y, 4 * from * size) };
      const sizes = { images: 1, size0: 1, size1: 1, size2: count, size3: size, accumulate: false };
      return [call(name, k.permute({ ...places, ...sizes, ...strides }))];
    });
    draft.phase(jobs);
  },
} satisfies InferenceOp<"slice">;
