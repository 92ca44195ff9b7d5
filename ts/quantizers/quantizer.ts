/**
 * A ProxConnect++ quantizer as a plain, serialisable value: a forward map F, a backward map B, their parameters and the
 * schedules these follow. The forward pass uses F(x); the vector-Jacobian product is gy * B(x) (PC++, NeurIPS 2023,
 * section 3). The same kind of value serves latent weights and activations.
 */

/** Elementwise forward maps of the core; the numbers they are called by stand in `maps.ts`. */
export type ForwardMap = "identity" | "sign" | "piecewiseLinear" | "hardTanh" | "signSwish" | "poly" | "ede";
/** Elementwise backward maps of the core. */
export type BackwardMap = "one" | "box" | "polyPrime" | "signSwishPrime" | "edePrime";

/** The course of one number over a run, as a function of progress in [0, 1] (see `schedule.ts`). */
export type Schedule =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "linear"; readonly from: number; readonly to: number }
  | { readonly kind: "logLinear"; readonly from: number; readonly to: number }
  | { readonly kind: "cosine"; readonly from: number; readonly to: number; readonly warmup: number }
  | { readonly kind: "step"; readonly value: number; readonly factor: number; readonly at: readonly number[] };

export interface Quantizer {
  /** The registered name, or the name its maker gave it. */
  readonly name: string;
  readonly forward: ForwardMap;
  readonly backward: BackwardMap;
  /** At most two: [rho, varrho] of L, [beta] of SignSwish, [t] of EDE. Each a schedule over the run. */
  readonly parameters: readonly Schedule[];
  /** Share of the run, in [0, 1], after which the forward map is the hard sign; 1 where it never changes. A forward map that is sign already is hard throughout. */
  readonly hardenAt: number;
  /** Bound on abs(latent weight) after each step; 0 for none (BNN clips at 1). */
  readonly clipLatent: number;
}
