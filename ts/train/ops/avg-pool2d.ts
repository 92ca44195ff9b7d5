/** Average pooling over windows in the trainer. */
import type { TrainOp } from "./op.ts";
import { planAverage } from "./windows.ts";

export const avgPool2d: TrainOp<"avgPool2d"> = { plan: planAverage };
