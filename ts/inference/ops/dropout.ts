/** Nothing is dropped in inference: the value is the memory of its input. */
import type { InferenceOp } from "./op.ts";

export const dropout = { kind: "alias" } satisfies InferenceOp<"dropout">;
