/**
 * Levels of DoReFa-Net (Zhou et al., arXiv 1606.06160), for L = levels: round(c L) / L with c = x clipped to [0, 1], and
 * 2 round((c/2 + 1/2) L) / L - 1 with c = x clipped to [-1, 1]. A half goes to the even level. What is rounded to a level is the
 * product in f32, here too: both sides of the middle between two levels fall to the same level everywhere.
 */
import type { ForwardRecord } from "./record.ts";

/** The nearest whole number; a half goes to the even one. */
function nearest(v: number): number {
  const low = Math.floor(v);
  const rest = v - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}

export const unitLevels: ForwardRecord<"unitLevels"> = {
  value: (x, levels) => nearest(Math.fround(Math.max(0, Math.min(1, x)) * levels)) / levels,
  rises: true,
};

export const symmetricLevels: ForwardRecord<"symmetricLevels"> = {
  value: (x, levels) => {
    const share = Math.fround(Math.max(-1, Math.min(1, x)) / 2 + 0.5);
    return (2 * nearest(Math.fround(share * levels))) / levels - 1;
  },
  rises: true,
};
