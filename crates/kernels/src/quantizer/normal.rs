//! The normal distribution, of which gelu is made: its density phi and its upper tail Q(m) = 1 - Phi(m), for m from 0.
//!
//! With `t = 1 / (1 + 69/256 m)`, `Q(m) = e^(-m^2/2) t R(t)` (the form of Abramowitz and Stegun, 7.1.26, with more terms). R is
//! a polynomial of degree 8, exact at the Chebyshev points between the t of m = 14 and that of m = 0, and within 5e-8 of itself
//! elsewhere. With that of the exponential (1.6e-7), the rounded exponent and ten roundings, Q is off by (12 + m^2) 2^-24 of
//! itself: less than 4 2^-24 in m Q(m), and than 8 2^-24 in Q(m) - m phi(m).

use crate::math::Functions;
use crate::simd::floats::F32x4;

/// Beyond this both are below the normal range, and m Q(m) is lost beside any gradient.
const LIMIT: f32 = 14.0;

/// 1/2, the factor of m in t, 1 / sqrt(2 pi), and the coefficients of R from the highest down.
const CONSTANTS: [f32; 12] = [
    0.5,
    69.0 / 256.0,
    0.398_942_3,
    0.029_363_746,
    -0.129_241_23,
    0.176_452_77,
    -0.076_059_4,
    0.112_336_61,
    0.070_228,
    0.102_081_545,
    0.107_301_3,
    0.107_536_66,
];

/// The functions, with their constants at hand.
pub(super) struct Normal {
    functions: Functions,
    constants: [F32x4; 12],
}

impl Normal {
    /// Loads the constants through memory: see [`Functions::load`].
    #[inline(always)]
    pub(super) fn load() -> Self {
        let constants = core::hint::black_box(&CONSTANTS).map(F32x4::splat);
        let functions = Functions::load();
        Self { functions, constants }
    }

    /// m, which is |x| up to its limit, Q(m) and phi(m).
    #[inline(always)]
    pub(super) fn tail_and_density(&self, x: F32x4) -> [F32x4; 3] {
        let [half, slope, height, first, coefficients @ ..] = self.constants;
        let one = F32x4::splat(1.0);
        let m = x.abs().pseudo_min(F32x4::splat(LIMIT));
        let (bell, _) = self.functions.exp_and_expm1(-(half * m * m));
        let t = one / (one + slope * m);
        let ratio = coefficients.into_iter().fold(first, |sum, next| sum * t + next);
        [m, bell * (t * ratio), height * bell]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Q by the series of Phi near 0 and by the continued fraction m + 1/(m + 2/(m + 3/..)) of phi / Q elsewhere.
    fn tail(m: f64, density: f64) -> f64 {
        if m < 2.0 {
            let (mut term, mut sum) = (m, m);
            for odd in (3..99).step_by(2) {
                term *= m * m / f64::from(odd);
                sum += term;
            }
            return 0.5 - density * sum;
        }
        density / (1..300).rev().fold(m, |below, k| m + f64::from(k) / below)
    }

    #[test]
    fn tail_and_density_keep_their_digits_as_they_fade() {
        let normal = Normal::load();
        for i in 0..=13_000 {
            let x = i as f32 * 1e-3;
            let found = normal.tail_and_density(F32x4::splat(-x));
            let [m, q, phi] = found.map(|value| f64::from(value.to_array()[0]));
            assert_eq!(m, f64::from(x));
            let density = (-m * m / 2.0).exp() / core::f64::consts::TAU.sqrt();
            let expected = tail(m, density);
            let bound = (12.0 + m * m) / f64::from(1 << 24);
            assert!((q - expected).abs() <= bound * expected, "Q({m}): {q} for {expected}");
            assert!(
                (phi - density).abs() <= bound * density,
                "phi({m}): {phi} for {density}"
            );
        }
    }
}
