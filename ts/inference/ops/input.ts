/** The images or vectors of a run, which the caller writes. */
import type { InferenceOp } from "./op.ts";

export const input = { kind: "given" } satisfies InferenceOp<"input">;
