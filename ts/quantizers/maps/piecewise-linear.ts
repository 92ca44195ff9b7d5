/**
 * L, the proximal map of ProxConnect (Dockhorn et al., NeurIPS 2021, arXiv 2110.13220). With a = |x| it is sign(x) where
 * a >= 1 - rho, else sign(x) (varrho + (1 - varrho) a / (1 - rho)). rho is the half width of the flat step around +-1, varrho
 * the half height of the jump at 0. (0, 0) is hardtanh, and rho >= 1 is the sign.
 */
import type { ForwardRecord } from "./record.ts";
import { signOf } from "./sign.ts";

export const piecewiseLinear: ForwardRecord<"piecewiseLinear"> = {
  value: (x, rho, varrho) => {
    const magnitude = Math.abs(x);
    if (magnitude >= 1 - rho) return signOf(x);
    return signOf(x) * (varrho + ((1 - varrho) * magnitude) / (1 - rho));
  },
  rises: true,
};
