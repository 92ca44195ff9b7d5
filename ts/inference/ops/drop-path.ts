/** No image is dropped in inference: the value is the memory of its input. */
import type { InferenceOp } from "./op.ts";

export const dropPath = { kind: "alias" } satisfies InferenceOp<"dropPath">;
