//! The steps beside their f64 twins.

use super::*;
use crate::arbitrary::{reals, seeds, signs};
use proptest::prelude::*;

pub(super) const LENGTH: usize = 11;

pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// Asserts that each result is within `tolerance` of its twin, relative to twins above 1.
pub(super) fn assert_within(result: &[f32], twin: &[f64], tolerance: f64) {
    for (result, twin) in result.iter().zip(twin) {
        assert!(
            (f64::from(*result) - twin).abs() < tolerance * twin.abs().max(1.0),
            "{result} {twin}"
        );
    }
}

fn assert_near(result: &[f32], twin: &[f64]) {
    assert_within(result, twin, 2e-6);
}

#[test]
fn twenty_steps_of_sgd_follow_the_f64_twin() {
    let settings = [
        (0.0, 0.0, false, 0.0),
        (0.9, 0.0, false, 0.0),
        (0.9, 1e-2, true, 0.0),
        (0.5, 0.0, false, 0.4),
    ];
    for (momentum, weight_decay, nesterov, clip) in settings {
        let hyper = Sgd {
            learning_rate: 0.05,
            momentum,
            weight_decay,
            nesterov,
            clip,
        };
        let [lr, mu, decay] = [hyper.learning_rate, momentum, weight_decay].map(f64::from);
        let mut w = reals(LENGTH, 1);
        let mut v = [0.0; LENGTH];
        let (mut twin, mut twin_v) = (wide(&w), vec![0.0; LENGTH]);
        for step in 0..20 {
            let g = reals(LENGTH, 100 + step);
            let velocity = (momentum != 0.0).then_some(&mut v[..]);
            assert!(!sgd_step(&mut w, &g, velocity, &hyper));
            for i in 0..LENGTH {
                let g = f64::from(g[i]) + decay * twin[i];
                twin_v[i] = mu * twin_v[i] + g;
                twin[i] -= lr * if nesterov { g + mu * twin_v[i] } else { twin_v[i] };
                if clip > 0.0 {
                    twin[i] = twin[i].clamp(-f64::from(clip), f64::from(clip));
                }
            }
        }
        assert_near(&w, &twin);
    }
}

#[test]
fn twenty_steps_of_adam_follow_the_f64_twin() {
    for (weight_decay, decoupled, clip) in [(0.0, false, 0.0), (0.01, false, 0.0), (0.01, true, 0.5)] {
        let mut hyper = Adam {
            learning_rate: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay,
            decoupled,
            bias_correction1: 0.0,
            bias_correction2: 0.0,
            clip,
        };
        let [lr, beta1, beta2, epsilon] = [hyper.learning_rate, hyper.beta1, hyper.beta2, hyper.epsilon].map(f64::from);
        let decay = f64::from(weight_decay);
        let mut w = reals(LENGTH, 1);
        let (mut m, mut v) = (vec![0.0; LENGTH], vec![0.0; LENGTH]);
        let (mut twin, mut twin_m, mut twin_v) = (wide(&w), vec![0.0; LENGTH], vec![0.0; LENGTH]);
        for step in 1..=20 {
            let g = reals(LENGTH, 200 + step as u64);
            let corrections = [1.0 - beta1.powi(step), 1.0 - beta2.powi(step)];
            [hyper.bias_correction1, hyper.bias_correction2] = corrections.map(|correction| correction as f32);
            assert!(!adam_step(&mut w, &g, &mut m, &mut v, &hyper));
            for i in 0..LENGTH {
                let mut g = f64::from(g[i]);
                if decoupled {
                    twin[i] *= 1.0 - lr * decay;
                } else {
                    g += decay * twin[i];
                }
                twin_m[i] = beta1 * twin_m[i] + (1.0 - beta1) * g;
                twin_v[i] = beta2 * twin_v[i] + (1.0 - beta2) * g * g;
                let root = (twin_v[i] / corrections[1]).sqrt() + epsilon;
                twin[i] -= lr * (twin_m[i] / corrections[0]) / root;
                if clip > 0.0 {
                    twin[i] = twin[i].clamp(-f64::from(clip), f64::from(clip));
                }
            }
        }
        assert_near(&w, &twin);
    }
}

#[test]
fn weights_that_are_not_finite_are_reported() {
    let sgd = Sgd {
        learning_rate: 0.1,
        momentum: 0.9,
        weight_decay: 0.0,
        nesterov: false,
        clip: 0.0,
    };
    let adam = Adam {
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.0,
        decoupled: false,
        bias_correction1: 0.1,
        bias_correction2: 0.001,
        clip: 0.0,
    };
    for bad in [f32::NAN, f32::INFINITY] {
        let g = [0.0, 1.0, 2.0, 3.0, bad];
        assert!(sgd_step(&mut [0.0; 5], &g, Some(&mut [0.0; 5]), &sgd));
        assert!(sgd_step(&mut [0.0; 5], &g, None, &Sgd { momentum: 0.0, ..sgd }));
        assert!(adam_step(&mut [0.0; 5], &g, &mut [0.0; 5], &mut [0.0; 5], &adam));
    }
    let clipped = Sgd {
        momentum: 0.0,
        clip: 1.0,
        ..sgd
    };
    assert!(sgd_step(&mut [0.0], &[f32::NAN], None, &clipped));
    // A step beyond f32, which the bound would hide.
    let far = Sgd {
        learning_rate: 10.0,
        ..clipped
    };
    assert!(sgd_step(&mut [0.0], &[3e38], None, &far));
    // g^2 beyond f32, after which nothing would move.
    assert!(adam_step(&mut [0.5], &[1e20], &mut [0.0], &mut [0.0], &adam));
}

proptest! {
    /// Flips by the f64 twin, and by it alone: a weight whose score lies within rounding of the threshold may be either.
    #[test]
    fn steps_of_bop_follow_the_f64_twin(
        length in 0usize..40,
        seed in seeds(),
        gamma in prop::sample::select(vec![1.0f32, 0.3, 1e-2, 1e-4]),
        threshold in prop::sample::select(vec![0.0f32, 1e-8, 1e-3, 0.2]),
    ) {
        let hyper = Bop { gamma, threshold };
        let mut w = signs(length, seed);
        let mut m = vec![0.0; length];
        let (mut twin, mut twin_m) = (wide(&w), vec![0.0; length]);
        for step in 0..12 {
            let g = reals(length, 2000 + 50 * seed + step);
            prop_assert!(!bop_step(&mut w, &g, &mut m, &hyper));
            for i in 0..length {
                twin_m[i] = (1.0 - f64::from(gamma)) * twin_m[i] + f64::from(gamma) * f64::from(g[i]);
                let margin = twin[i] * twin_m[i] - f64::from(threshold);
                if margin.abs() < 1e-5 * f64::from(gamma) {
                    twin[i] = f64::from(w[i]);
                } else if margin > 0.0 {
                    twin[i] = -twin[i];
                }
            }
            prop_assert_eq!(&wide(&w), &twin);
            for (m, twin) in m.iter().zip(&twin_m) {
                prop_assert!((f64::from(*m) - twin).abs() < 1e-5 * f64::from(gamma) * twin.abs().max(1.0));
            }
        }
    }

    #[test]
    fn steps_of_second_order_bop_follow_the_f64_twin(
        length in 0usize..40,
        seed in seeds(),
        unbiased: bool,
        threshold in prop::sample::select(vec![0.0f32, 1e-6, 1e-2, 0.5]),
    ) {
        let (gamma, sigma) = (0.05f32, 0.01f32);
        let mut w = signs(length, seed);
        let (mut m, mut v) = (vec![0.0; length], vec![0.0; length]);
        let (mut twin, mut twin_m, mut twin_v) = (wide(&w), vec![0.0; length], vec![0.0; length]);
        for step in 1..=12 {
            let corrections = [gamma, sigma].map(|rate| {
                if unbiased { 1.0 - (1.0 - f64::from(rate)).powi(step) } else { 1.0 }
            });
            let hyper = Bop2 {
                gamma,
                sigma,
                threshold,
                epsilon: 1e-10,
                correction1: corrections[0] as f32,
                correction2: corrections[1] as f32,
            };
            let g = reals(length, 3000 + 50 * seed + step as u64);
            prop_assert!(!bop_second_step(&mut w, &g, &mut m, &mut v, &hyper));
            for i in 0..length {
                let g = f64::from(g[i]);
                twin_m[i] += f64::from(gamma) * (g - twin_m[i]);
                twin_v[i] += f64::from(sigma) * (g * g - twin_v[i]);
                let root = (twin_v[i] / corrections[1]).sqrt() + 1e-10;
                let score = twin_m[i] / corrections[0] / root;
                let margin = twin[i] * score - f64::from(threshold);
                if margin.abs() < 1e-4 {
                    twin[i] = f64::from(w[i]);
                } else if margin > 0.0 {
                    twin[i] = -twin[i];
                }
            }
            prop_assert_eq!(&wide(&w), &twin);
            assert_near(&m, &twin_m);
            assert_near(&v, &twin_v);
        }
    }

    #[test]
    fn flips_are_counted_as_the_naive_twin_counts_them(length in 0usize..300, seed in seeds()) {
        let special = [0.0, -0.0, f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 1e-45, -1e-45];
        let mixed = |seed: u64| -> Vec<f32> {
            let mut values = reals(length, seed);
            for (i, value) in values.iter_mut().enumerate().skip(seed as usize % 3).step_by(5) {
                *value = special[(i + seed as usize) % special.len()];
            }
            values
        };
        let (before, after) = (mixed(seed), mixed(seed + 5000));
        let naive = (0..length).filter(|&i| (before[i] < 0.0) != (after[i] < 0.0)).count();
        prop_assert_eq!(count_flips(&before, &after) as usize, naive);
        prop_assert_eq!(count_flips(&before, &before), 0);
    }
}

/// At the threshold nothing is flipped; just above it everything is.
#[test]
fn bop_flips_strictly_above_its_threshold() {
    for w in [-1.0f32, 1.0] {
        for (g, flips) in [
            (0.25 * w, false),
            (0.25 * w + w * 1e-6, true),
            (-w, false),
            (0.0, false),
        ] {
            let mut weights = [w; 7];
            let hyper = Bop {
                gamma: 1.0,
                threshold: 0.25,
            };
            assert!(!bop_step(&mut weights, &[g; 7], &mut [0.0; 7], &hyper));
            assert_eq!(weights, [if flips { -w } else { w }; 7], "{w} {g}");
        }
        // With a threshold of 0 a gradient of 0 does not flip.
        let mut weights = [w; 7];
        let hyper = Bop {
            gamma: 1.0,
            threshold: 0.0,
        };
        assert!(!bop_step(&mut weights, &[-0.0; 7], &mut [0.0; 7], &hyper));
        assert_eq!(weights, [w; 7]);
    }
}

#[test]
fn means_of_bop_that_are_not_finite_are_reported() {
    let bop = Bop {
        gamma: 0.1,
        threshold: 0.1,
    };
    let second = Bop2 {
        gamma: 0.1,
        sigma: 0.1,
        threshold: 0.1,
        epsilon: 1e-10,
        correction1: 1.0,
        correction2: 1.0,
    };
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let g = [0.0, 1.0, 2.0, 3.0, bad];
        assert!(bop_step(&mut [1.0; 5], &g, &mut [0.0; 5], &bop));
        assert!(bop_second_step(
            &mut [1.0; 5],
            &g,
            &mut [0.0; 5],
            &mut [0.0; 5],
            &second
        ));
    }
    // g^2 beyond f32, where g itself is not.
    assert!(bop_second_step(&mut [1.0], &[1e30], &mut [0.0], &mut [0.0], &second));
}
