/**
 * The elastic maps of BiT (Liu et al., "BiT: Robustly Binarized Multi-distilled Transformer", NeurIPS 2022, arXiv 2205.13016,
 * section 3.2): two values whose distance alpha and place offset (the paper's beta) a layer learns. With a = max(alpha, 1e-5):
 *
 *   elasticSign   a sign(x - offset)                          slope 1 on |x - offset| <= a
 *   elasticUnit   a round(clip((x - offset) / a, 0, 1))       slope 1 on offset <= x <= offset + a; a half goes up
 *
 * Both slopes are 0 elsewhere. The jump and the ends of slopes are rounded to f32 once, so that all definitions decide alike.
 */
import type { BackwardRecord, ForwardRecord } from "./record.ts";

/** The least alpha, in f32. */
export const leastAlpha = Math.fround(1e-5);

const sizeOf = (alpha: number): number => Math.max(leastAlpha, Math.fround(alpha));

/** The jump from 0 to alpha. */
const middleOf = (alpha: number, offset: number): number => Math.fround(Math.fround(offset) + sizeOf(alpha) / 2);

const chosen = (x: number, jump: number, low: number, high: number): number => {
  if (Number.isNaN(x)) return Number.NaN;
  return x >= jump ? high : low;
};

export const elasticSign: ForwardRecord<"elasticSign"> = {
  value: (x, alpha, offset) => chosen(x, Math.fround(offset), -sizeOf(alpha), sizeOf(alpha)),
  rises: true,
};

export const elasticUnit: ForwardRecord<"elasticUnit"> = {
  value: (x, alpha, offset) => chosen(x, middleOf(alpha, offset), 0, sizeOf(alpha)),
  rises: true,
};

const isWithin = (x: number, low: number, high: number): number =>
  x >= Math.fround(low) && x <= Math.fround(high) ? 1 : 0;

export const elasticBox: BackwardRecord<"elasticBox"> = {
  value: (x, alpha, offset) => isWithin(x, Math.fround(offset) - sizeOf(alpha), Math.fround(offset) + sizeOf(alpha)),
};

export const elasticUnitBox: BackwardRecord<"elasticUnitBox"> = {
  value: (x, alpha, offset) => isWithin(x, offset, Math.fround(offset) + sizeOf(alpha)),
};

/**
 * The factors of the gradient at F(x) in those at alpha and at offset: the paper's cases, rounding straight through. The ends of
 * the interval belong to it.
 */
export function elasticFactors(
  map: "elasticSign" | "elasticUnit",
  x: number,
  alpha: number,
  offset: number,
): readonly [alpha: number, offset: number] {
  const [a, b] = [sizeOf(alpha), Math.fround(offset)];
  if (map === "elasticSign") return [x >= b ? 1 : -1, -elasticBox.value(x, alpha, offset)];
  const inside = elasticUnitBox.value(x, alpha, offset);
  const level = x >= middleOf(alpha, offset) ? 1 : 0;
  return [inside === 1 ? level - (x - b) / a : level, -inside];
}
