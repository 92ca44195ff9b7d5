//! BiPer's term over weights (Vargas et al., "BiPer: Binary Neural Networks using a Periodic Function", CVPR 2024): the sum
//! of `sin^2(omega w)`, and its gradient `omega sin(2 omega w)`.
//!
//! Angles are f64. The sum is one of f64 in order; a gradient is rounded once and added to what is there.

use crate::math::sin_and_cos_f64;
use crate::standardize::LARGEST_ANGLE;

fn angle(w: f32, omega: f32) -> f64 {
    f64::from(omega) * f64::from(w)
}

/// `sum_i sin^2(omega w[i])`; not finite where an angle is none or beyond [`LARGEST_ANGLE`].
pub fn sine_square_sum(w: &[f32], omega: f32) -> f64 {
    w.iter().fold(0.0, |sum, &w| {
        let angle = angle(w, omega);
        let (sine, _) = sin_and_cos_f64(angle);
        if angle.abs() <= LARGEST_ANGLE {
            sum + sine * sine
        } else {
            f64::NAN
        }
    })
}

/// `y[i] += factor omega sin(2 omega w[i])`.
pub fn add_sine_squares(w: &[f32], omega: f32, factor: f32, y: &mut [f32]) {
    assert_eq!(w.len(), y.len());
    let whole = f64::from(factor) * f64::from(omega);
    for (y, &w) in y.iter_mut().zip(w) {
        let (sine, cosine) = sin_and_cos_f64(angle(w, omega));
        *y += (whole * 2.0 * sine * cosine) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{cases, reals, seeds};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn sums_and_gradients_are_those_of_the_definition(
            n in 0usize..40, omega in 0.1f32..40.0, factor in 0.0f32..2.0, seed in seeds(),
        ) {
            let (w, before) = (reals(n, seed), reals(n, seed + 1));
            let (wide, factor64) = (f64::from(omega), f64::from(factor));
            let expected: f64 = w.iter().map(|&w| (wide * f64::from(w)).sin().powi(2)).sum();
            prop_assert!((sine_square_sum(&w, omega) - expected).abs() <= 1e-12 * (1.0 + n as f64));
            let mut y = before.clone();
            add_sine_squares(&w, omega, factor, &mut y);
            for i in 0..n {
                let slope = factor64 * wide * (2.0 * wide * f64::from(w[i])).sin();
                let allowed = 2e-7 * (f64::from(before[i]).abs() + factor64 * wide);
                prop_assert!((f64::from(y[i]) - (f64::from(before[i]) + slope)).abs() <= allowed);
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_told() {
        for bad in [f32::NAN, f32::INFINITY, 1e8] {
            assert!(!sine_square_sum(&[0.5, bad], 20.0).is_finite());
        }
    }
}
