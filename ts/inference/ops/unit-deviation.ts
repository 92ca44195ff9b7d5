/** Nothing is divided in inference: the value is the memory of its input. */
import type { InferenceOp } from "./op.ts";

export const unitDeviation = { kind: "alias" } satisfies InferenceOp<"unitDeviation">;
