/**
 * A pair of maps at one moment of a run, as two functions of a real number: what the theory is checked on. `nodes` are the
 * samples between which both maps are straight where they are read from a table, else null. `precision` is the rounding of F
 * and B, as a share of their largest values. `blur` is the largest step of B from one sample of a table to the next, jumps
 * aside: what B is known to there; else 0.
 */

export interface Pair {
  readonly name: string;
  /** F, what the forward pass uses. */
  readonly forward: (x: number) => number;
  /** B, what the gradient that arrives is multiplied by. */
  readonly backward: (x: number) => number;
  readonly nodes: readonly number[] | null;
  readonly precision: number;
  readonly blur: number;
}

/** Where a pair was looked at, and what it gave. */
export interface PairPoint {
  readonly x: number;
  readonly forward: number;
  readonly backward: number;
}

/** F(x) and B(x) together. */
export const pairPoint = (pair: Pair, x: number): PairPoint => ({
  x,
  forward: pair.forward(x),
  backward: pair.backward(x),
});

/** The largest |F| and |B| at `points`: what differences are measured by. At least the smallest normal number. */
export function scalesOf(points: readonly PairPoint[]): Scales {
  const largest = (value: (point: PairPoint) => number): number =>
    points.reduce((most, point) => Math.max(most, Math.abs(value(point))), 2 ** -1022);
  return { forward: largest((point) => point.forward), backward: largest((point) => point.backward) };
}

export interface Scales {
  readonly forward: number;
  readonly backward: number;
}
