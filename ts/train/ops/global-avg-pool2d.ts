/** Average pooling over whole images in the trainer. */
import type { TrainOp } from "./op.ts";
import { planAverage } from "./windows.ts";

export const globalAvgPool2d: TrainOp<"globalAvgPool2d"> = { plan: planAverage };
