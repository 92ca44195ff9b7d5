//! Standardised weights and scales against their definitions in f64, over all tails.

use super::*;
use crate::arbitrary::{cases, reals, seeds, sizes};
use crate::naive::weights as naive;
use proptest::prelude::*;

fn close(found: f32, expected: f64, allowed: f64) -> bool {
    (f64::from(found) - expected).abs() <= allowed
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn scales_are_means_of_magnitudes(rows in sizes(40), n in sizes(140), seed in seeds()) {
        let w = reals(rows * n, seed);
        for whole in [false, true] {
            let mut out = vec![f32::NAN; n];
            prop_assert!(!weight_scale(&w, whole, &mut out));
            for (found, expected) in out.iter().zip(naive::weight_scale(&w, n, whole)) {
                prop_assert!(close(*found, expected, 1e-7 * expected), "{found} for {expected}");
            }
        }
    }

    #[test]
    fn filters_get_their_own_mean_and_deviation(rows in sizes(40), n in sizes(140), seed in seeds()) {
        let w: Vec<f32> = reals(rows * n, seed).iter().map(|w| w + 0.25).collect();
        for gain in [1.0, 2.0 * core::f32::consts::SQRT_2] {
            let (mut out, mut statistics) = (vec![f32::NAN; rows * n], vec![f32::NAN; 3 * n]);
            prop_assert!(!standardize_filters(&w, gain, &mut out, &mut statistics));
            for (filter, [mean, deviation]) in naive::moments(&w, n).into_iter().enumerate() {
                // Distances from a mean that is rounded to f32.
                prop_assert!(close(statistics[2 * n + filter], mean, 1e-7));
                prop_assert!(close(statistics[n + filter], deviation, 2e-7 * deviation + 1e-10));
                let slope = f64::from(gain) / deviation;
                prop_assert!(close(statistics[filter], slope, 4e-7 * slope));
                for row in 0..rows {
                    let expected = (f64::from(w[row * n + filter]) - mean) * slope;
                    let allowed = 1e-6 * expected.abs() + 2e-7 * slope;
                    prop_assert!(close(out[row * n + filter], expected, allowed));
                }
            }
        }
    }

    #[test]
    fn tanh_is_divided_by_its_largest_magnitude(k in sizes(40), seed in seeds(), size in 0.01f32..8.0) {
        let w: Vec<f32> = reals(k, seed).iter().map(|w| w * size).collect();
        let (mut out, mut slopes) = (vec![f32::NAN; k], vec![f32::NAN; k]);
        prop_assert!(!standardize_tanh(&w, &mut out, &mut slopes));
        for (i, [value, slope]) in naive::standardize_tanh(&w).into_iter().enumerate() {
            prop_assert!(close(out[i], value, 8e-7 * value.abs()));
            // sech^2 is good to 8e-7 of itself, 1 - tanh^2 in f64 to 1e-16.
            prop_assert!(close(slopes[i], slope, 2e-6 * slope + 1e-15));
        }
        let largest = out.iter().fold(0.0, |largest, value| value.abs().max(largest));
        prop_assert_eq!(largest, if w.iter().all(|&w| w == 0.0) { 0.0 } else { 1.0 });
    }

    #[test]
    fn sine_and_its_slope(k in sizes(20), seed in seeds(), omega in 0.1f32..40.0) {
        let w: Vec<f32> = reals(k, seed).iter().map(|w| w * 3.0).collect();
        let (mut out, mut slopes) = (vec![f32::NAN; k], vec![f32::NAN; k]);
        prop_assert!(!standardize_sine(&w, omega, &mut out, &mut slopes));
        for (i, w) in w.iter().enumerate() {
            let angle = f64::from(omega) * f64::from(*w);
            prop_assert!(close(out[i], angle.sin(), 1e-7));
            prop_assert!(close(slopes[i], f64::from(omega) * angle.cos(), 1e-7 * f64::from(omega)));
        }
    }

    #[test]
    fn widths_are_quantiles_of_laplace(k in sizes(40), seed in seeds(), tau in 0.5f32..0.999) {
        let w = reals(k, seed);
        let mut out = [f32::NAN; 4];
        prop_assert!(!quantile_width(&w, &[7.0, tau, 8.0, 9.0], 1, &mut out));
        let mean = w.iter().map(|&w| f64::from(w).abs()).sum::<f64>() / k as f64;
        let width = -mean * (2.0 - 2.0 * f64::from(tau)).ln();
        prop_assert!(close(out[1], width, 1e-7 * width + 1e-12));
        prop_assert_eq!([out[0], out[2], out[3]], [7.0, 8.0, 9.0]);
    }

    #[test]
    fn factors_follow_their_columns(first in 0usize..50, count in 0usize..60, n in sizes(12), seed in seeds()) {
        let (y, factors) = (reals(count, seed), reals(n, seed + 1));
        let mut found = y.clone();
        multiply_columns(&mut found, &factors, first);
        for i in 0..count {
            prop_assert_eq!(found[i], y[i] * factors[(first + i) % n]);
        }
    }
}

#[test]
fn equal_weights_stay_finite() {
    let (w, mut out, mut statistics) = ([0.3; 12], [f32::NAN; 12], [f32::NAN; 9]);
    assert!(!standardize_filters(&w, 1.0, &mut out, &mut statistics));
    assert_eq!(out, [0.0; 12]);
    let mut slopes = [f32::NAN; 12];
    assert!(!standardize_tanh(&[0.0; 12], &mut out, &mut slopes));
    assert_eq!(out, [0.0; 12]);
}

#[test]
fn what_is_not_finite_is_reported() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut w = [0.5; 6];
        w[4] = bad;
        let (mut out, mut slopes) = ([0.0; 6], [0.0; 6]);
        assert!(weight_scale(&w, false, &mut [0.0; 3]));
        assert!(weight_scale(&w, true, &mut [0.0; 3]));
        assert!(standardize_filters(&w, 1.0, &mut out, &mut slopes));
        assert!(standardize_sine(&w, 20.0, &mut out, &mut slopes));
        assert!(quantile_width(&w, &[0.9], 0, &mut [0.0]));
    }
    let w = [0.5, f32::NAN, 0.5];
    assert!(standardize_tanh(&w, &mut [0.0; 3], &mut [0.0; 3]));
    assert!(standardize_sine(&[1e8], 20.0, &mut [0.0], &mut [0.0]));
}
