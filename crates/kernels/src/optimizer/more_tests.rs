//! RMSprop, Lion and the bounds on gradients beside their f64 twins.

use super::tests::{LENGTH, assert_within, wide};
use super::*;
use crate::arbitrary::{reals, seeds};
use proptest::prelude::*;

fn assert_near(result: &[f32], twin: &[f64]) {
    assert_within(result, twin, 5e-6);
}

#[test]
fn twenty_steps_of_rmsprop_follow_the_f64_twin() {
    for (momentum, weight_decay, epsilon, clip) in
        [(0.0, 0.0, 1e-7, 0.0), (0.9, 0.01, 1e-2, 0.0), (0.5, 0.0, 1e-3, 0.4)]
    {
        let hyper = RmsProp {
            learning_rate: 0.01,
            rho: 0.9,
            momentum,
            epsilon,
            weight_decay,
            clip,
        };
        let [lr, rho, mu, epsilon, decay] =
            [hyper.learning_rate, hyper.rho, momentum, epsilon, weight_decay].map(f64::from);
        let mut w = reals(LENGTH, 1);
        let (mut v, mut b) = ([0.0; LENGTH], [0.0; LENGTH]);
        let (mut twin, mut twin_v, mut twin_b) = (wide(&w), [0.0; LENGTH], [0.0; LENGTH]);
        for step in 0..20 {
            let g = reals(LENGTH, 300 + step);
            assert!(!rmsprop_step(&mut w, &g, &mut v, &mut b, &hyper));
            for i in 0..LENGTH {
                let g = f64::from(g[i]) + decay * twin[i];
                twin_v[i] = rho * twin_v[i] + (1.0 - rho) * g * g;
                twin_b[i] = mu * twin_b[i] + g / (twin_v[i].sqrt() + epsilon);
                twin[i] -= lr * twin_b[i];
                if clip > 0.0 {
                    twin[i] = twin[i].clamp(-f64::from(clip), f64::from(clip));
                }
            }
        }
        assert_near(&w, &twin);
        assert_near(&v, &twin_v);
        if momentum == 0.0 {
            assert_eq!(b, [0.0; LENGTH]);
        }
    }
}

#[test]
fn twenty_steps_of_lion_follow_the_f64_twin() {
    for (weight_decay, clip) in [(0.0, 0.0), (0.1, 0.0), (0.0, 0.3)] {
        let hyper = Lion {
            learning_rate: 0.01,
            beta1: 0.9,
            beta2: 0.99,
            weight_decay,
            clip,
        };
        let [lr, beta1, beta2, decay] = [hyper.learning_rate, hyper.beta1, hyper.beta2, weight_decay].map(f64::from);
        let mut w = reals(LENGTH, 1);
        let mut m = [0.0; LENGTH];
        let (mut twin, mut twin_m) = (wide(&w), [0.0; LENGTH]);
        for step in 0..20 {
            let mut g = reals(LENGTH, 400 + step);
            // A weight without gradients stays, but for its decay.
            g[3] = 0.0;
            assert!(!lion_step(&mut w, &g, &mut m, &hyper));
            for i in 0..LENGTH {
                let g = f64::from(g[i]);
                let mixed = beta1 * twin_m[i] + (1.0 - beta1) * g;
                assert!(mixed == 0.0 || mixed.abs() > 1e-6, "too near to zero to compare");
                let sign = if mixed == 0.0 { 0.0 } else { mixed.signum() };
                twin[i] = twin[i] * (1.0 - lr * decay) - lr * sign;
                twin_m[i] = beta2 * twin_m[i] + (1.0 - beta2) * g;
                if clip > 0.0 {
                    twin[i] = twin[i].clamp(-f64::from(clip), f64::from(clip));
                }
            }
        }
        assert_near(&w, &twin);
        assert_near(&m, &twin_m);
    }
}

#[test]
fn gradients_that_are_not_finite_are_reported() {
    let rmsprop = RmsProp {
        learning_rate: 0.1,
        rho: 0.9,
        momentum: 0.0,
        epsilon: 1e-7,
        weight_decay: 0.0,
        clip: 1.0,
    };
    let lion = Lion {
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.99,
        weight_decay: 0.0,
        clip: 1.0,
    };
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let g = [0.0, 1.0, 2.0, 3.0, bad];
        for momentum in [0.0, 0.9] {
            let hyper = RmsProp { momentum, ..rmsprop };
            assert!(rmsprop_step(&mut [0.0; 5], &g, &mut [0.0; 5], &mut [0.0; 5], &hyper));
        }
        assert!(lion_step(&mut [0.0; 5], &g, &mut [0.0; 5], &lion));
        assert!(clip_gradient_norm(&mut [1.0], &[1.0, f64::from(bad).abs()], 1.0));
    }
    // g^2 beyond f32, where g itself is not.
    assert!(rmsprop_step(&mut [1.0], &[1e30], &mut [0.0], &mut [0.0], &rmsprop));
}

proptest! {
    #[test]
    fn gradients_are_kept_within_a_value(n in 0usize..40, limit in 0.01f32..2.0, seed in seeds()) {
        let g = reals(n, seed);
        let mut clipped = g.clone();
        clip_gradient_value(&mut clipped, limit);
        for i in 0..n {
            prop_assert_eq!(clipped[i], g[i].clamp(-limit, limit));
        }
    }

    #[test]
    fn gradients_are_scaled_to_a_norm_where_theirs_is_larger(n in 1usize..40, limit in 0.01f32..20.0, seed in seeds()) {
        let g = reals(n, seed);
        let squares: Vec<f64> = g.iter().map(|g| f64::from(*g) * f64::from(*g)).collect();
        let norm = squares.iter().sum::<f64>().sqrt();
        let mut clipped = g.clone();
        prop_assert!(!clip_gradient_norm(&mut clipped, &squares, limit));
        let factor = if norm > f64::from(limit) { (f64::from(limit) / norm) as f32 } else { 1.0 };
        for i in 0..n {
            prop_assert_eq!(clipped[i], g[i] * factor);
        }
        let after = clipped.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>().sqrt();
        prop_assert!(after <= norm.min(f64::from(limit)) * (1.0 + 1e-6));
    }
}

#[test]
fn a_value_that_is_nan_stays() {
    let mut g = [f32::NAN, f32::NEG_INFINITY];
    clip_gradient_value(&mut g, 1.0);
    assert!(g[0].is_nan());
    assert_eq!(g[1], -1.0);
}
