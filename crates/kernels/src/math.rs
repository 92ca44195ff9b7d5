//! Elementary functions of our own, so that every machine gives the same bits: exponential, hyperbolic tangent, logarithm,
//! sine and cosine.
//!
//! Vector functions (f32): with `x = n ln 2 + r`, `|r| <= ln 2 / 2`, the Taylor polynomial of `expm1` on `r` has
//! a remainder below 6e-9 relative to `e^x`; `2^n` is then put into the exponent. Scalar functions (f64) serve the loss.
//! Multiplications and additions are rounded one by one, as in `simd::floats`.

use crate::simd::floats::F32x4;

/// Adding this to a small number rounds it to the nearest integer n, and leaves `n + 127` in the nine lowest bits.
const ROUND: f32 = 12_582_912.0 + 127.0;

/// What the vector functions multiply and add: the limit (beyond 87, `2^n` would leave the normal range), log2 e, `ROUND`,
/// ln 2 in two parts (the first has 15 trailing zero bits, so its product with n is exact), 1, 2, and 1/7! .. 1/2!.
const CONSTANTS: [f32; 13] = [
    87.0,
    core::f32::consts::LOG2_E,
    ROUND,
    355.0 / 512.0,
    -2.121_944_4e-4,
    1.0,
    2.0,
    1.0 / 5040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
];

/// The vector functions, with their constants at hand.
#[derive(Clone, Copy)]
pub struct Functions([F32x4; 13]);

impl Functions {
    /// Loads the constants. They pass through memory on purpose: WebAssembly engines build a constant that is written
    /// into a loop anew at every turn, at four instructions each, and these loops have little else to do.
    #[inline(always)]
    pub fn load() -> Self {
        let constants = core::hint::black_box(&CONSTANTS);
        Self(constants.map(F32x4::splat))
    }

    /// `e^x` and `e^x - 1`, each with a small relative error, for lanes of x clamped to `[-87, 87]`. NaN stays NaN.
    #[inline(always)]
    pub fn exp_and_expm1(&self, x: F32x4) -> (F32x4, F32x4) {
        let [limit, log2_e, round, ln2_high, ln2_low, one, _, series @ ..] = self.0;
        let x = x.pseudo_min(limit).pseudo_max(-limit);
        let rounded = x * log2_e + round;
        let n = rounded - round;
        let r = (x - n * ln2_high) - n * ln2_low;
        let [mut sum, rest @ ..] = series;
        for coefficient in rest {
            sum = sum * r + coefficient;
        }
        let remainder = sum * (r * r) + r;
        let power = rounded.low_bits_as_exponent();
        let scaled = power * remainder;
        (scaled + power, scaled + (power - one))
    }

    /// `tanh x` and `sech^2 x = 1 - tanh^2 x`, from `t = e^(-2|x|)`: `(1 - t)/(1 + t)` and `4 t/(1 + t)^2`.
    /// Nothing overflows: far out they are +-1 and about 7e-38. NaN stays NaN in both.
    #[inline(always)]
    pub fn tanh_and_sech2(&self, x: F32x4) -> (F32x4, F32x4) {
        let [_, _, _, _, _, one, two, ..] = self.0;
        let (t, t_minus_one) = self.exp_and_expm1(-(x.abs() + x.abs()));
        let inverse = one / (two + t_minus_one);
        let twice = inverse + inverse;
        ((t_minus_one * inverse).copy_sign(x), t * twice * twice)
    }

    /// `ln x` for lanes in `[0.09, 1.5]`, within 4e-7: `x = m / 2^k` with m in `[0.72, 1.5]`, then
    /// `2 artanh((m - 1)/(m + 1)) - k ln 2`, whose series is below 4e-9 after the ninth power.
    #[inline(always)]
    pub fn ln_near_one(&self, x: F32x4) -> F32x4 {
        let [_, _, _, _, _, one, two, ..] = self.0;
        let (mut m, mut shift) = (x, F32x4::splat(0.0));
        for (limit, factor, power) in [(0.75, 2.0, 1.0), (0.375, 4.0, 2.0), (0.1875, 8.0, 3.0)] {
            let small = x.less(F32x4::splat(limit));
            m = small.select(x * F32x4::splat(factor), m);
            shift = small.select(F32x4::splat(power * core::f32::consts::LN_2), shift);
        }
        let s = (m - one) / (m + one);
        let square = s * s;
        let mut sum = F32x4::splat(1.0 / 9.0);
        for coefficient in [1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0] {
            sum = sum * square + F32x4::splat(coefficient);
        }
        two * s * sum - shift
    }
}

/// `e^x` in f64 for `x <= 0`; 0 below -708.
pub fn exp_f64(x: f64) -> f64 {
    if x < -708.0 {
        return 0.0;
    }
    let n = (x * core::f64::consts::LOG2_E).round_ties_even();
    let r = (x - n * 0.693_147_180_369_123_8) - n * 1.908_214_929_270_587_7e-10;
    let mut series = 1.0;
    for divisor in (1..=13).rev() {
        series = 1.0 + r / f64::from(divisor) * series;
    }
    // NaN converts to 0, and stays NaN through the series.
    series * f64::from_bits(((n as i64 + 1023) as u64) << 52)
}

/// The natural logarithm in f64 for finite normal `x > 0`: `2 artanh((m-1)/(m+1)) + n ln 2` with `x = m 2^n`, m near 1.
pub fn ln_f64(x: f64) -> f64 {
    if !(x.is_normal() && x > 0.0) {
        return f64::NAN;
    }
    let bits = x.to_bits();
    let mut n = (bits >> 52) as i64 - 1023;
    let mut m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if m > core::f64::consts::SQRT_2 {
        m *= 0.5;
        n += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut series = 0.0;
    for divisor in (1..=21).rev().step_by(2) {
        series = series * square + 1.0 / f64::from(divisor);
    }
    n as f64 * core::f64::consts::LN_2 + 2.0 * s * series
}

/// `sin x` and `cos x` in f64, to 4e-16, for `|x| <= 1e8`: `x = n pi/2 + r` with `|r| <= pi/4`, then Taylor's polynomials of
/// degree 17 and 18, whose remainders are below 1e-18. pi/2 stands in three parts, the first two of 26 bits: their products
/// with n are exact.
pub fn sin_and_cos_f64(x: f64) -> (f64, f64) {
    const HALF_PI: [f64; 3] = [
        1.570_796_310_901_641_8,
        1.589_325_471_229_585_7e-8,
        6.123_233_995_736_766e-17,
    ];
    let n = (x * core::f64::consts::FRAC_2_PI).round_ties_even();
    let r = ((x - n * HALF_PI[0]) - n * HALF_PI[1]) - n * HALF_PI[2];
    let square = r * r;
    let (mut sine, mut cosine) = (1.0, 1.0);
    for k in (1..=8).rev() {
        let k = f64::from(2 * k);
        sine = 1.0 - square / (k * (k + 1.0)) * sine;
    }
    for k in (1..=9).rev() {
        let k = f64::from(2 * k);
        cosine = 1.0 - square / (k * (k - 1.0)) * cosine;
    }
    sine *= r;
    // NaN converts to 0, and stays NaN in both.
    match n as i64 & 3 {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every 977th float of either sign, denormals and huge values included.
    fn line() -> impl Iterator<Item = f32> {
        (0..=0x7f80_0000_u32)
            .step_by(977)
            .flat_map(|bits| [f32::from_bits(bits), -f32::from_bits(bits)])
    }

    #[test]
    fn exponential_is_within_two_units_of_the_f64_twin() {
        for x in line().filter(|x| x.abs() <= 87.0) {
            let (exp, expm1) = Functions::load().exp_and_expm1(F32x4::splat(x));
            let (exp, expm1) = (f64::from(exp.to_array()[0]), f64::from(expm1.to_array()[0]));
            let x = f64::from(x);
            assert!((exp - x.exp()).abs() <= 1.6e-7 * x.exp(), "exp {x}: {exp}");
            assert!(
                (expm1 - x.exp_m1()).abs() <= 2.0e-7 * x.exp_m1().abs() + 1e-45,
                "expm1 {x}: {expm1}"
            );
        }
    }

    #[test]
    fn tanh_and_sech2_follow_the_f64_twin_over_the_whole_line() {
        for x in line() {
            let (tanh, sech2) = Functions::load().tanh_and_sech2(F32x4::splat(x));
            let (tanh, sech2) = (f64::from(tanh.to_array()[0]), f64::from(sech2.to_array()[0]));
            let wide = f64::from(x);
            let expected = wide.cosh().powi(-2);
            assert!(
                (tanh - wide.tanh()).abs() <= 3.0e-7 * wide.tanh().abs() + 3e-45,
                "tanh {x}: {tanh}"
            );
            assert!(
                (sech2 - expected).abs() <= 8.0e-7 * expected + 7.0e-38,
                "sech2 {x}: {sech2}"
            );
        }
        assert!(Functions::load().tanh_and_sech2(F32x4::splat(-0.0)).0.to_array()[0].is_sign_negative());
        let (tanh, sech2) = Functions::load().tanh_and_sech2(F32x4::splat(f32::NAN));
        assert!(tanh.is_nan().any() && sech2.is_nan().any());
    }

    #[test]
    fn logarithm_follows_the_f64_twin_over_its_range() {
        for i in 0..=141_000 {
            let x = 0.09 + i as f32 * 1e-5;
            let found = f64::from(Functions::load().ln_near_one(F32x4::splat(x)).to_array()[0]);
            assert!((found - f64::from(x).ln()).abs() <= 4e-7, "ln {x}: {found}");
        }
        assert_eq!(Functions::load().ln_near_one(F32x4::splat(1.0)).to_array()[0], 0.0);
    }

    #[test]
    fn scalar_functions_follow_the_standard_library() {
        for i in 0..70_000 {
            let x = -f64::from(i) * 0.01;
            assert!((exp_f64(x) - x.exp()).abs() <= 4e-16 * x.exp(), "exp {x}");
            let y = 1e-3 + f64::from(i) * 0.37;
            assert!((ln_f64(y) - y.ln()).abs() <= 4e-16 * y.ln().abs().max(1.0), "ln {y}");
        }
        for i in -100_000..=100_000 {
            let i = f64::from(i);
            for x in [i * 1e-4, i * 0.37, i * 999.99, i * core::f64::consts::FRAC_PI_4] {
                let (sine, cosine) = sin_and_cos_f64(x);
                assert!(
                    (sine - x.sin()).abs() <= 4e-16 && (cosine - x.cos()).abs() <= 4e-16,
                    "{x}"
                );
            }
        }
        assert_eq!(sin_and_cos_f64(-0.0), (0.0, 1.0));
        assert!(sin_and_cos_f64(f64::NAN).0.is_nan() && sin_and_cos_f64(f64::NAN).1.is_nan());
        assert_eq!(exp_f64(0.0), 1.0);
        assert_eq!(exp_f64(f64::NEG_INFINITY), 0.0);
        assert_eq!(ln_f64(1.0), 0.0);
        assert!(exp_f64(f64::NAN).is_nan() && ln_f64(f64::NAN).is_nan() && ln_f64(f64::INFINITY).is_nan());
    }
}
