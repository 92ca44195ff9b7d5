/** The same memory under one axis. */
import type { InferenceOp } from "./op.ts";

export const flatten = { kind: "alias" } satisfies InferenceOp<"flatten">;
