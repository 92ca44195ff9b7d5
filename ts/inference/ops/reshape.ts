/** The same memory under another shape. */
import type { InferenceOp } from "./op.ts";

export const reshape = { kind: "alias" } satisfies InferenceOp<"reshape">;
