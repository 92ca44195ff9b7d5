/** The library that the reference is written in, by its types alone: it is loaded when a backend is started. */
export type TensorFlow = typeof import("@tensorflow/tfjs");
export type Tensor = import("@tensorflow/tfjs").Tensor;
export type Variable = import("@tensorflow/tfjs").Variable;
