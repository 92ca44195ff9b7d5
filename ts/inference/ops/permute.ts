/** Axes in another order. One image is cut along the first axis of its value that can be. */
import { type Order, orderOf } from "../../nn/ops/permute.ts";
import { k } from "../../program/inference-call.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { cut } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

/** A part of a value: its axes, and the floats before it in the input and in the value. */
interface Part {
  readonly order: Order;
  readonly from: number;
  readonly to: number;
}

function partsOf(order: Order, parts: number): readonly Part[] {
  const { size0, size1, size2, size3, stride0, stride1, stride2 } = order;
  const axes = [
    ["size0", size0, stride0, size1 * size2 * size3],
    ["size1", size1, stride1, size2 * size3],
    ["size2", size2, stride2, size3],
  ] as const;
  const found = axes.find(([, size]) => size > 1);
  if (found === undefined) return [{ order, from: 0, to: 0 }];
  const [key, size, stride, behind] = found;
  return cut(size, parts).map(({ first, count }) => {
    return { order: { ...order, [key]: count }, from: first * stride, to: first * behind };
  });
}

export const permute = {
  kind: "whole",
  emit: ({ name, inputs, attributes }, { draft, images, network, parts, values }) => {
    const order = orderOf(network.shapeOf(inputs[0]), attributes.dims);
    const [x, y] = [values.of(inputs[0]), values.of(name)];
    const jobs = partsOf(order, images > 1 ? 1 : parts).map(({ order: part, from, to }) => {
      const places = { x: at(x, 4 * from), y: at(y, 4 * to) };
      return [call(name, k.permute({ ...places, ...part, images, accumulate: false }))];
    });
    draft.phase(jobs);
  },
} satisfies InferenceOp<"permute">;
