//! Elementary functions of our own, so that every machine gives the same bits: exponential, hyperbolic tangent, logarithm.
//!
//! Vector functions (f32): with `x = n ln 2 + r`, `|r| <= ln 2 / 2`, the Taylor polynomial of `expm1` on `r` has
//! a remainder below 6e-9 relative to `e^x`; `2^n` is then put into the exponent. Scalar functions (f64) serve the loss.
//! Multiplications and additions are rounded one by one, as in `simd::floats`.

use crate::simd::floats::F32x4;

/// Beyond this, `2^n` would leave the normal range; `e^-87` is 1.6e-38.
const EXP_LIMIT: f32 = 87.0;

/// `e^x` and `e^x - 1`, each with a small relative error, for lanes of x clamped to `[-87, 87]`. NaN stays NaN.
#[inline(always)]
pub fn exp_and_expm1(x: F32x4) -> (F32x4, F32x4) {
    let constant = F32x4::splat;
    let x = x.clamp_magnitude(EXP_LIMIT);
    let n = (x * constant(core::f32::consts::LOG2_E)).nearest();
    // ln 2 in two parts: the first has 9 trailing zero bits, so its product with n is exact.
    let r = (x - n * constant(355.0 / 512.0)) - n * constant(-2.121_944_4e-4);
    let mut series = constant(1.0 / 5040.0);
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5] {
        series = series * r + constant(coefficient);
    }
    let remainder = series * (r * r) + r;
    let power = n.power_of_two();
    let scaled = power * remainder;
    (scaled + power, scaled + (power - constant(1.0)))
}

/// `tanh x` and `sech^2 x = 1 - tanh^2 x`, from `t = e^(-2|x|)`: `(1 - t)/(1 + t)` and `4 t/(1 + t)^2`.
/// Nothing overflows: far out they are +-1 and about 7e-38. NaN stays NaN in both.
#[inline(always)]
pub fn tanh_and_sech2(x: F32x4) -> (F32x4, F32x4) {
    let (t, t_minus_one) = exp_and_expm1(-(x.abs() + x.abs()));
    let sum = F32x4::splat(2.0) + t_minus_one;
    let tanh = (-t_minus_one / sum).copy_sign(x);
    let half_sech = (t + t) / sum;
    (tanh, (half_sech + half_sech) / sum)
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
            let (exp, expm1) = exp_and_expm1(F32x4::splat(x));
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
            let (tanh, sech2) = tanh_and_sech2(F32x4::splat(x));
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
        assert!(tanh_and_sech2(F32x4::splat(-0.0)).0.to_array()[0].is_sign_negative());
        let (tanh, sech2) = tanh_and_sech2(F32x4::splat(f32::NAN));
        assert!(tanh.is_nan().any() && sech2.is_nan().any());
    }

    #[test]
    fn scalar_functions_follow_the_standard_library() {
        for i in 0..70_000 {
            let x = -f64::from(i) * 0.01;
            assert!((exp_f64(x) - x.exp()).abs() <= 4e-16 * x.exp(), "exp {x}");
            let y = 1e-3 + f64::from(i) * 0.37;
            assert!((ln_f64(y) - y.ln()).abs() <= 4e-16 * y.ln().abs().max(1.0), "ln {y}");
        }
        assert_eq!(exp_f64(0.0), 1.0);
        assert_eq!(exp_f64(f64::NEG_INFINITY), 0.0);
        assert_eq!(ln_f64(1.0), 0.0);
        assert!(exp_f64(f64::NAN).is_nan() && ln_f64(f64::NAN).is_nan() && ln_f64(f64::INFINITY).is_nan());
    }
}
