/**
 * Elementwise functions with their slopes: a forward map, the backward map that is its derivative, and the numbers that both
 * are given. They are the words of the layer `activation`; a network writes them down by name.
 */
import { backwardMapNumbers, forwardMapNumbers } from "./map-names.ts";
import type { BackwardMap, ForwardMap } from "./quantizer.ts";

export interface ElementwiseFunction {
  readonly forward: ForwardMap;
  readonly backward: BackwardMap;
  readonly parameters: readonly number[];
}

/** The functions that have a name of their own. */
export const functions = {
  relu: { forward: "relu", backward: "reluPrime", parameters: [] },
  hardTanh: { forward: "hardTanh", backward: "box", parameters: [] },
  relu6: { forward: "relu6", backward: "relu6Prime", parameters: [] },
  sigmoid: { forward: "sigmoid", backward: "sigmoidPrime", parameters: [] },
  tanh: { forward: "tanh", backward: "tanhPrime", parameters: [1] },
  gelu: { forward: "gelu", backward: "geluPrime", parameters: [] },
} as const satisfies Readonly<Record<string, ElementwiseFunction>>;

export type FunctionName = keyof typeof functions;

export const functionNames = Object.keys(functions) as readonly FunctionName[];

/** The arguments that tell a kernel its map, over whatever stands for a place. */
interface MapArguments<P> {
  readonly proximal: number;
  readonly map: number;
  readonly parameters: P | null;
  readonly table: null;
}

/** The arguments that make `quantizeForward` and `quantizeBackward` a function and its slope; `constant` places its numbers. */
export function mapArguments<P>(
  { forward, backward, parameters }: ElementwiseFunction,
  constant: (values: Float32Array<ArrayBuffer>) => P,
): { readonly forward: MapArguments<P>; readonly backward: MapArguments<P> } {
  const given = parameters.length === 0 ? null : constant(Float32Array.from(parameters));
  const shared = { proximal: forwardMapNumbers.identity, parameters: given, table: null };
  return {
    forward: { ...shared, map: forwardMapNumbers[forward] },
    backward: { ...shared, map: backwardMapNumbers[backward] },
  };
}
