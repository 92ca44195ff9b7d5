/**
 * A ProxConnect++ quantizer as a plain, serialisable value: a proximal map P, a forward and a backward map over it, their
 * parameters and the schedules these follow. The forward pass uses F(x) = forward(P(x)); the vector-Jacobian product is
 * gy * B(x) with B(x) = backward(P(x)) (PC++, NeurIPS 2023, section 3 and Theorem 1). The same kind of value serves latent
 * weights and activations.
 */

import type { backwardMapNumbers, forwardMapNumbers } from "./map-numbers.ts";

/** Elementwise forward maps of the core, whose definitions stand in `maps/`. */
export type ForwardMap = keyof typeof forwardMapNumbers;
/** Elementwise backward maps of the core. */
export type BackwardMap = keyof typeof backwardMapNumbers;

/** The course of one number over a run, as a function of progress in [0, 1] (see `schedule.ts`). */
export type Schedule =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "linear"; readonly from: number; readonly to: number }
  | { readonly kind: "logLinear"; readonly from: number; readonly to: number }
  | { readonly kind: "cosine"; readonly from: number; readonly to: number; readonly warmup: number }
  | { readonly kind: "step"; readonly value: number; readonly factor: number; readonly at: readonly number[] }
  | { readonly kind: "quarterCosine"; readonly from: number; readonly to: number }
  | { readonly kind: "staircase"; readonly from: number; readonly to: number }
  | {
      readonly kind: "geometric";
      readonly from: number;
      readonly to: number;
      readonly factor: number;
      readonly steps: number;
    }
  | {
      readonly kind: "logistic";
      readonly from: number;
      readonly to: number;
      readonly steepness: number;
      readonly center: number;
    }
  | {
      readonly kind: "accumulated";
      readonly of: Schedule;
      readonly steps: number;
      readonly initial: number;
      readonly scale: number;
    }
  | { readonly kind: "warmup"; readonly share: number; readonly from: number; readonly of: Schedule }
  | { readonly kind: "window"; readonly start: number; readonly end: number; readonly of: Schedule }
  | { readonly kind: "sequence"; readonly at: readonly number[]; readonly parts: readonly Schedule[] };

/**
 * A map out of samples: of `forward` and `backward` each, equally spaced from `from` to `to`, both ends included; linear in
 * between, constant outside.
 */
export interface MapTable {
  readonly from: number;
  readonly to: number;
  readonly forward: readonly number[];
  readonly backward: readonly number[];
}

/** Weights: what alpha = mean |w| over the latent weights is taken over; it multiplies the layer's sums. */
export type Scale = "none" | "filter" | "tensor";

/**
 * Weights: w' = S(w), which every map and the packed bits read in place of w; the gradient at w is that at w' times S', all
 * statistics held constant.
 *
 *   filter    (w - mean) / (std / (2 sqrt 2)), mean and std of the filter (ReCU)
 *   adabin    (w - mean) / std of the filter; the effective weight is std F(w') + mean, always a real operand (AdaBin)
 *   tanhMax   tanh w / max |tanh w|, the maximum over the tensor (DoReFa)
 *   sine      sin(w0 w) (BiPer)
 *   rotation  (w - mean) / std of the filter, turned by its angle toward its rotation (RBNN)
 *   mapping   what a small network makes of the filter as a whole (noisy supervision)
 *   codebook  the nearest codeword to each 3x3 kernel (PSTE)
 *   magnitude the filter's |w - mean| about its middle, over its deviation (SiMaN)
 */
export type Standardize =
  | "none"
  | "filter"
  | "adabin"
  | "tanhMax"
  | "sine"
  | "magnitude"
  | "rotation"
  | "mapping"
  | "codebook";

/** What the map is at the end: the sign, or itself (DoReFa with more than one bit: a real operand throughout). */
export type HardForm = "sign" | "levels";

export interface Quantizer {
  /** The registered name, or the name its maker gave it. */
  readonly name: string;
  readonly forward: ForwardMap;
  readonly backward: BackwardMap;
  /** P, which both maps read in place of x; "identity" for none. */
  readonly proximal: ForwardMap;
  /** At most four schedules over the run: those of the proximal map, then those that both other maps read (see `maps.ts`). */
  readonly parameters: readonly Schedule[];
  /**
   * Weights: what latent weights go through before each step, w* <- restart(w*) - eta B g, with the parameters that the other
   * maps share; "identity" for PC++, whose latents go on from where they are. F's own map makes ProxQuant's rule; L behind
   * an F that is the identity makes that of reverse ProxConnect.
   */
  readonly restart: ForwardMap;
  /** The samples of the maps named "table"; null where there are none. */
  readonly table: MapTable | null;
  /**
   * Share of the run, in [0, 1], after which the forward map is the hard sign of x; 1 where it never changes. A forward map
   * that is sign already is hard throughout.
   */
  readonly hardenAt: number;
  /** Bound on abs(latent weight) after each step; 0 for none (BNN clips at 1). */
  readonly clipLatent: number;
  readonly scale: Scale;
  readonly standardize: Standardize;
  readonly hard: HardForm;
}

/** The fields that a quantizer written by hand, or by an older version, may leave out. */
type Later = "proximal" | "restart" | "table" | "scale" | "standardize" | "hard";

/** A quantizer as a caller may write it: later fields are neutral where absent. */
export type GivenQuantizer = Omit<Quantizer, Later> & { readonly [Key in Later]?: Quantizer[Key] | undefined };
