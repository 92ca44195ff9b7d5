/** The common parts of a comparison's charts: their width, their inks, and axes that hold their values. */

export const [WIDTH, LEFT, RIGHT] = [900, 130, 190] as const;
export const [GRID, INK, FAINT] = ["#ddd", "#111", "#555"] as const;

/** A part of a picture, and the foot of it. */
export interface Drawn {
  readonly parts: readonly string[];
  readonly bottom: number;
}

export const share = (value: number, digits = 1): string => `${(100 * value).toFixed(digits)} %`;

/** An axis that holds all of `values` with some room, in [0, 1]. */
export function axis(values: readonly number[]): { readonly least: number; readonly most: number } {
  const known = values.filter(Number.isFinite);
  if (known.length === 0) return { least: 0, most: 1 };
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = Math.max(0.005, 0.15 * (high - low));
  return { least: Math.max(0, low - room), most: Math.min(1, high + room / 3) };
}
