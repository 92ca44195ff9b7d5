//! Epsilon's place beside the root, where it is as large as the root or larger, so that another place is another number.

use super::*;

const SIZES: [f32; 4] = [1.0, 1e-2, 1e-4, 1e-6];
const EPSILONS: [f32; 5] = [1e-8, 1e-6, 1e-4, 1e-2, 1.0];

#[test]
fn adam_adds_epsilon_to_the_root_of_the_corrected_mean_square() {
    for size in SIZES {
        for epsilon in EPSILONS {
            let mut hyper = Adam {
                learning_rate: 0.01,
                beta1: 0.9,
                beta2: 0.999,
                epsilon,
                weight_decay: 0.0,
                decoupled: false,
                bias_correction1: 0.0,
                bias_correction2: 0.0,
                clip: 0.0,
            };
            let [lr, beta1, beta2] = [hyper.learning_rate, hyper.beta1, hyper.beta2].map(f64::from);
            let (mut m, mut v) = ([0.0], [0.0]);
            let (mut twin_m, mut twin_v) = (0.0, 0.0);
            for step in 1..=5 {
                let g = size * (1.0 + step as f32 / 4.0);
                let corrections = [1.0 - beta1.powi(step), 1.0 - beta2.powi(step)];
                [hyper.bias_correction1, hyper.bias_correction2] = corrections.map(|correction| correction as f32);
                // From a weight of 0 the new weight is the update, with all its digits.
                let mut w = [0.0];
                assert!(!adam_step(&mut w, &[g], &mut m, &mut v, &hyper));
                let g = f64::from(g);
                twin_m = beta1 * twin_m + (1.0 - beta1) * g;
                twin_v = beta2 * twin_v + (1.0 - beta2) * g * g;
                let root = (twin_v / corrections[1]).sqrt() + f64::from(epsilon);
                let twin = -lr * (twin_m / corrections[0]) / root;
                // All terms are positive: three roundings a step in m, half of four in v, ten more in the quotient.
                let allowed = (5.0 * f64::from(step) + 10.0) * 2f64.powi(-24) * twin.abs();
                let error = (f64::from(w[0]) - twin).abs();
                assert!(
                    error <= allowed,
                    "{size} {epsilon} step {step}: {} and not {twin}",
                    w[0]
                );
            }
        }
    }
}

#[test]
fn second_order_bop_adds_epsilon_to_the_root_of_the_corrected_mean_square() {
    for size in SIZES {
        for epsilon in EPSILONS {
            for corrections in [[1.0f32, 1.0], [0.5, 0.25], [0.125, 0.5]] {
                let [c1, c2] = corrections.map(f64::from);
                let g = f64::from(size);
                // The means of a first step with rates of 1 are the gradient and its square.
                let score = g / c1 / ((g * g / c2).sqrt() + f64::from(epsilon));
                // Ten roundings lie between; a thousandth is far more than that.
                for (share, flips) in [(0.999, true), (1.001, false)] {
                    let hyper = Bop2 {
                        gamma: 1.0,
                        sigma: 1.0,
                        threshold: (score * share) as f32,
                        epsilon,
                        correction1: corrections[0],
                        correction2: corrections[1],
                    };
                    for w in [1.0, -1.0] {
                        let mut weight = [w];
                        let gradient = [w * size];
                        assert!(!bop_second_step(&mut weight, &gradient, &mut [0.0], &mut [0.0], &hyper));
                        let wanted = if flips { -w } else { w };
                        assert_eq!(weight, [wanted], "{size} {epsilon} {corrections:?} {share}");
                    }
                }
            }
        }
    }
}
