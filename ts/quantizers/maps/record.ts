/**
 * The record of a map: its definition in f64, which is the twin of the core's f32 version, and what compositions ask of it.
 * Names, numbers and parameters come from the core (`../map-numbers.ts`); a parameter's range stands in `parameters.ts`.
 * Every map is defined over the whole line, and NaN gives NaN.
 */
import type { backwardMapParameters, forwardMapParameters } from "../map-numbers.ts";

/** A number for each name. */
type Numbers<Names extends readonly string[]> = { readonly [Index in keyof Names]: number };

/** Maps that fall somewhere. The check of a file asks for these names alone, and so without any definition. */
export const fallingMaps = ["signSwish", "gelu"] as const;

/** Maps whose parameters the layers learn, each for itself. None of them is a P, or moves latent weights. */
export const learnedMaps = ["elasticSign", "elasticUnit"] as const;

export interface ForwardRecord<Name extends keyof typeof forwardMapParameters> {
  /** F(x); parameters follow in the core's order. */
  readonly value: (x: number, ...parameters: Numbers<(typeof forwardMapParameters)[Name]>) => number;
  /** F falls nowhere, whatever its parameters, so that it may stand as P: see `proximalMaps`. */
  readonly rises: Name extends (typeof fallingMaps)[number] ? false : true;
  /** F(x) is -1 or +1 for every x, whatever its parameters. */
  readonly isHard?: true;
}

export interface BackwardRecord<Name extends keyof typeof backwardMapParameters> {
  /** B(x) for an x that is a number; parameters follow in the core's order. */
  readonly value: (x: number, ...parameters: Numbers<(typeof backwardMapParameters)[Name]>) => number;
}
