/** Average pooling over all tokens in the trainer. */
import type { TrainOp } from "./op.ts";
import { planAverage } from "./windows.ts";

export const globalAvgPool1d: TrainOp<"globalAvgPool1d"> = { plan: planAverage };
