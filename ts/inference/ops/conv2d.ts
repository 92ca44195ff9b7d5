/** A convolution reads a padded buffer, of f32 or of bits. */
import { windowOver } from "../windows.ts";
import type { InferenceOp } from "./op.ts";

export const conv2d = {
  kind: "product",
  window: (node, images, input) => windowOver(node, images, input),
  takesPixels: () => true,
} satisfies InferenceOp<"conv2d">;
