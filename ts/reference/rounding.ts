/**
 * Two correct calculations in f32 may be so far apart.
 *
 * A sum of n products in f32, in whatever order, is off by at most n u sum |x_i w_i|, u = 2^-24 (Higham, "Accuracy and
 * Stability of Numerical Algorithms", 2002, section 3.1). Roundings that are not aligned make that far too much for long
 * sums: with probability 1 - 2 exp(-lambda^2 / 2) the error stays below lambda sqrt(n) u sum |x_i w_i| (Higham and Mary,
 * "A new approach to probabilistic rounding error analysis", SIAM J. Sci. Comput. 41, 2019, theorem 2.4). With
 * lambda = 8 that fails for one number in 4 10^13. Here both sides round, so tolerances are twice the bound.
 *
 * Graphics cards need not round elementary functions well. Their bounds here are those of WGSL (section "Floating point
 * accuracy"), which GLSL and SPIR-V share: division 2.5 ULP, inverse square root 2 ULP, exp (3 + 2 |x|) ULP, log 3 ULP or
 * 2^-21 absolute between 0.5 and 2. One ULP is 2 u of the value.
 */

/** Unit roundoff of f32. */
export const UNIT = 2 ** -24;

/**
 * Added to every tolerance: what fades (an exponential at the end of its range, subnormal numbers, which graphics cards need
 * not know) may be 0 on one side. Numbers below it, such as Adam's second moment of a gradient below 1e-14, are in effect not
 * compared.
 */
export const FADED = 2 ** -96;

const LAMBDA = 8;

/** The error of a sum of `terms` terms in f32, relative to the sum of their magnitudes. */
export const sumError = (terms: number): number => UNIT * Math.min(terms, LAMBDA * Math.sqrt(terms));

/** The distance that two such sums may have. */
export const sumDistance = (terms: number): number => 2 * sumError(terms);

/**
 * Roundings of an expression of a few operations, one of them a division, a root or an exponential of a small argument: 5 to
 * 16 u a side by the table above.
 */
export const FEW = 32 * UNIT;
