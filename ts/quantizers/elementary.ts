/**
 * exp, log, cosine and whole powers out of additions, multiplications and divisions alone. ECMAScript lets engines
 * differ in the last bits of Math.exp, Math.log, Math.pow and Math.cos; IEEE 754 fixes the bits of + - * /. A run must be
 * the same function of its seed in every engine, so schedules, random initial weights and Adam's bias corrections use
 * these. Relative error below 1e-15 (of the power: see there), which the tests check against the library of the engine
 * at hand.
 */

/** ln 2 in two parts: the high one has 32 significant bits, so that its products with small whole numbers are exact. */
export const LN2_HIGH = 0.6931471803691238;
export const LN2_LOW = 1.9082149292705877e-10;

/** 2^power, exactly, for whole powers. */
function powerOfTwo(power: number): number {
  const factor = power < 0 ? 0.5 : 2;
  let value = 1;
  for (let step = Math.abs(power); step > 0; step -= 1) value *= factor;
  return value;
}

/** e^x. Overflows to Infinity and underflows to 0 as Math.exp does; NaN gives NaN. */
export function exactExp(x: number): number {
  if (x > 710) return Number.POSITIVE_INFINITY;
  if (x < -746) return 0;
  const power = Math.round(x / (LN2_HIGH + LN2_LOW));
  const rest = x - power * LN2_HIGH - power * LN2_LOW;
  let sum = 1;
  // Taylor series by Horner's rule; |rest| <= ln(2)/2, so the 15th term is below 1e-19.
  for (let term = 14; term >= 1; term -= 1) sum = 1 + (rest * sum) / term;
  // Two factors, since 2^1024 and 2^-1075 are no f64 while their products with `sum` can be.
  const half = Math.trunc(power / 2);
  return sum * powerOfTwo(half) * powerOfTwo(power - half);
}

/** The natural logarithm of a positive, finite x; NaN for anything else. */
export function exactLog(x: number): number {
  if (!(x > 0) || x === Number.POSITIVE_INFINITY) return Number.NaN;
  let mantissa = x;
  let power = 0;
  while (mantissa > Math.SQRT2) {
    mantissa *= 0.5;
    power += 1;
  }
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2;
    power -= 1;
  }
  // ln m = 2 artanh((m - 1)/(m + 1)); the argument is at most 0.1716, so 12 terms reach 1e-19.
  const ratio = (mantissa - 1) / (mantissa + 1);
  const square = ratio * ratio;
  let sum = 0;
  for (let odd = 25; odd >= 3; odd -= 2) sum = square * (1 / odd + sum);
  return power * LN2_HIGH + (2 * ratio * (1 + sum) + power * LN2_LOW);
}

/** cos(pi x) for x in [0, 1]; exactly 1, 0 and -1 at 0, 1/2 and 1. */
export function exactCosPi(x: number): number {
  if (x > 0.5) return -exactCosPi(1 - x);
  // cos(pi x) = sin(pi (1/2 - x)): the argument of either series stays below pi/4.
  const useSine = x > 0.25;
  const angle = Math.PI * (useSine ? 0.5 - x : x);
  const square = angle * angle;
  let sum = 1;
  const last = useSine ? 19 : 18;
  for (let term = last; term >= 2; term -= 2) sum = 1 - (square * sum) / (term * (term - 1));
  return useSine ? angle * sum : sum;
}

/** base^power for a whole power from 0, by repeated squaring. Relative error below `power` times 2^-52. */
export function exactPower(base: number, power: number): number {
  let [result, factor] = [1, base];
  for (let rest = power; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= factor;
    factor *= factor;
  }
  return result;
}
