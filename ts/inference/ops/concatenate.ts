/** Two values one behind the other along an axis, cut into blocks of what lies before it. */
import { blocksOf } from "../../nn/ops/concatenate.ts";
import { k } from "../../program/inference-call.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { cut } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

export const concatenate = {
  kind: "whole",
  emit: ({ name, inputs, attributes }, { draft, images, network, parts, values }) => {
    const { blocks, sizes } = blocksOf([network.shapeOf(inputs[0]), network.shapeOf(inputs[1])], attributes.axis);
    const [first, second] = sizes;
    const [a, b, y] = [values.of(inputs[0]), values.of(inputs[1]), values.of(name)];
    const jobs = cut(images * blocks, parts).map(({ first: from, count }) => {
      const places = { a: at(a, 4 * from * first), b: at(b, 4 * from * second), y: at(y, 4 * from * (first + second)) };
      return [call(name, k.concatenateForward({ ...places, blocks: count, first, second }))];
    });
    draft.phase(jobs);
  },
} satisfies InferenceOp<"concatenate">;
