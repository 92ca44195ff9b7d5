/** The library that the reference is written in, by its types alone: whoever runs a check brings the library itself. */
import type * as tfjs from "@tensorflow/tfjs";

export type TensorFlow = typeof tfjs;
export type Tensor = tfjs.Tensor;
export type Variable = tfjs.Variable;
