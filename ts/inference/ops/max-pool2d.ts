/** The maximum of each window; over bits it is an or, in front of the flips. */
import { k } from "../../program/inference-call.ts";
import { maxOfBits } from "../bits.ts";
import { windowOver } from "../windows.ts";
import type { InferenceOp } from "./op.ts";
import { emitPool } from "./pool.ts";

export const maxPool2d = {
  kind: "whole",
  // Nobody asks where a maximum was.
  emit: (node, context) => emitPool(node, context, (given) => k.maxPool({ ...given, argmax: null })),
  onBits: (node, given, context) => {
    const window = windowOver(node, context.images, context.network.shapeOf(node.inputs[0]));
    return maxOfBits(node.name, window, given, context);
  },
} satisfies InferenceOp<"maxPool2d">;
