/** Maps in tfjs: a function of the argument and, in the core's order, of the parameters. */
import type { backwardMapParameters, forwardMapParameters } from "../../quantizers/map-numbers.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import type { Near } from "./near.ts";

type Numbers<Names extends readonly string[]> = { readonly [Index in keyof Names]: number };

export type ForwardTwin<Name extends keyof typeof forwardMapParameters> = (
  tf: TensorFlow,
  x: Tensor,
  ...parameters: Numbers<(typeof forwardMapParameters)[Name]>
) => Near;

export type BackwardTwin<Name extends keyof typeof backwardMapParameters> = (
  tf: TensorFlow,
  x: Tensor,
  ...parameters: Numbers<(typeof backwardMapParameters)[Name]>
) => Near;
