/** A learned token in front of the others. Set-up writes a copy of it for every image of a run. */
import { parameterName } from "../../nn/network.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/inference-call.ts";
import { call } from "../draft.ts";
import type { InferenceOp } from "./op.ts";

export const classToken = {
  kind: "whole",
  emit: (node, { draft, images, network, tensor, values }) => {
    const second = elementsOf(network.shapeOf(node.inputs[0]));
    const first = network.channelsOf(node.name);
    const a = draft.allocate(4 * first * images);
    const rows = { images: 1, size0: 1, size1: 1, size2: images, size3: first, accumulate: false };
    const strides = { stride0: 0, stride1: 0, stride2: 0, stride3: 1 };
    draft.once(node.name, k.permute({ x: tensor(parameterName(node, "token")), y: a, ...rows, ...strides }));
    const [b, y] = [values.of(node.inputs[0]), values.of(node.name)];
    draft.phase([[call(node.name, k.concatenateForward({ a, b, y, blocks: images, first, second }))]]);
  },
} satisfies InferenceOp<"classToken">;
