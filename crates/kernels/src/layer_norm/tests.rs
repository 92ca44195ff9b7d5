//! Layer normalisation against its definition in f64, and its gradient against difference quotients.

use super::*;
use crate::arbitrary::reals;
use proptest::prelude::*;

const EPSILON: f32 = 1e-3;

/// xhat and 1/sqrt(var + eps) of a row by the definition.
fn normalised(x: &[f64]) -> (Vec<f64>, f64) {
    let count = x.len() as f64;
    let mean = x.iter().sum::<f64>() / count;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    let inverse = 1.0 / (variance + f64::from(EPSILON)).sqrt();
    (x.iter().map(|x| (x - mean) * inverse).collect(), inverse)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

/// y by the definition.
fn twin(x: &[f64], gamma: &[f64], beta: &[f64]) -> Vec<f64> {
    let rows = x.chunks_exact(gamma.len()).flat_map(|row| {
        let (unit, _) = normalised(row);
        (0..row.len()).map(move |i| unit[i] * gamma[i] + beta[i])
    });
    rows.collect()
}

struct Case {
    x: Vec<f32>,
    dy: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

/// Rows whose means are far from 0.
fn case(rows: usize, c: usize, seed: u64) -> Case {
    Case {
        x: reals(rows * c, seed).iter().map(|x| 2.0 * x + 1.5).collect(),
        dy: reals(rows * c, seed + 1),
        gamma: reals(c, seed + 2),
        beta: reals(c, seed + 3),
    }
}

/// The gradients at input, gamma and beta; the first on top of `before` where given.
fn backward(case: &Case, saved: &[f32], before: Option<&[f32]>) -> [Vec<f32>; 3] {
    let c = case.gamma.len();
    let mut dx = before.map_or_else(|| vec![f32::NAN; case.x.len()], <[f32]>::to_vec);
    let (mut dgamma, mut dbeta) = (vec![f32::NAN; c], vec![f32::NAN; c]);
    let gradients = LayerNormGradients {
        dx: Some(&mut dx),
        accumulate: before.is_some(),
        dgamma: &mut dgamma,
        dbeta: &mut dbeta,
    };
    layer_norm_backward(&case.x, &case.dy, &case.gamma, saved, gradients);
    [dx, dgamma, dbeta]
}

proptest! {
    #[test]
    fn values_and_gradients_follow_the_definition(rows in 1usize..20, c in 1usize..75, seed in 0u64..1000) {
        let case = case(rows, c, seed);
        let Case { x, dy, gamma, beta } = &case;
        let (mut y, mut alone, mut saved) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()], vec![f32::NAN; 2 * rows]);
        prop_assert!(!layer_norm_forward(x, gamma, beta, EPSILON, &mut y, Some(&mut saved)));
        prop_assert!(!layer_norm_forward(x, gamma, beta, EPSILON, &mut alone, None));
        prop_assert_eq!(&y, &alone);
        let [dx, dgamma, dbeta] = backward(&case, &saved, None);
        let before = reals(x.len(), seed + 4);
        let [onto, ..] = backward(&case, &saved, Some(&before));
        let (mut gammas, mut betas) = (vec![[0.0; 2]; c], vec![[0.0; 2]; c]);
        let unit = f64::from(f32::EPSILON);
        for row in 0..rows {
            let own = row * c..(row + 1) * c;
            let (hat, inverse) = normalised(&wide(&x[own.clone()]));
            let mean = wide(&x[own.clone()]).iter().sum::<f64>() / c as f64;
            let g: Vec<f64> = own.clone().map(|i| f64::from(dy[i]) * f64::from(gamma[i % c])).collect();
            let level = g.iter().sum::<f64>() / c as f64;
            let slope = g.iter().zip(&hat).map(|(g, hat)| g * hat).sum::<f64>() / c as f64;
            // Magnitudes of what is rounded: mean and x are subtracted, whatever little is left.
            let reach: Vec<f64> = own.clone().map(|i| (f64::from(x[i]).abs() + mean.abs()) * inverse).collect();
            let levels = g.iter().map(|g| g.abs()).sum::<f64>() / c as f64;
            let slopes = g.iter().zip(&reach).map(|(g, reach)| g.abs() * reach).sum::<f64>() / c as f64;
            for (j, i) in own.enumerate() {
                let value = hat[j] * f64::from(gamma[j]) + f64::from(beta[j]);
                let size = reach[j] * f64::from(gamma[j]).abs() + f64::from(beta[j]).abs();
                prop_assert!((f64::from(y[i]) - value).abs() <= 4.0 * unit * size, "y {}: {} {}", i, y[i], value);
                let gradient = inverse * ((g[j] - level) - hat[j] * slope);
                let size = inverse * (g[j].abs() + levels + reach[j] * slopes);
                prop_assert!((f64::from(dx[i]) - gradient).abs() <= 8.0 * unit * size, "dx {}: {} {}", i, dx[i], gradient);
                prop_assert_eq!(onto[i], before[i] + dx[i]);
                let gradient = f64::from(dy[i]);
                gammas[j] = [gammas[j][0] + gradient * hat[j], gammas[j][1] + gradient.abs() * reach[j]];
                betas[j] = [betas[j][0] + gradient, betas[j][1] + gradient.abs()];
            }
        }
        for j in 0..c {
            prop_assert!((f64::from(dgamma[j]) - gammas[j][0]).abs() <= 4.0 * unit * gammas[j][1]);
            prop_assert!((f64::from(dbeta[j]) - betas[j][0]).abs() <= unit * betas[j][1]);
        }
    }
}

#[test]
fn gradients_are_difference_quotients() {
    let (rows, c) = (3, 6);
    let case = case(rows, c, 1);
    let Case { x, dy, gamma, beta } = &case;
    let mut saved = vec![0.0; 2 * rows];
    layer_norm_forward(x, gamma, beta, EPSILON, &mut vec![0.0; x.len()], Some(&mut saved));
    let exact = [wide(x), wide(gamma), wide(beta)];
    for (which, gradient) in backward(&case, &saved, None).iter().enumerate() {
        for (i, &found) in gradient.iter().enumerate() {
            let loss = |by: f64| -> f64 {
                let mut moved = exact.clone();
                moved[which][i] += by;
                let y = twin(&moved[0], &moved[1], &moved[2]);
                y.iter().zip(dy).map(|(y, &dy)| y * f64::from(dy)).sum()
            };
            let quotient = (loss(1e-5) - loss(-1e-5)) / 2e-5;
            assert!(
                (quotient - f64::from(found)).abs() < 1e-5,
                "{which}, {i}: {found} {quotient}"
            );
        }
    }
}

#[test]
fn a_row_far_from_zero_keeps_its_variance() {
    let x = [4096.0, 4096.5, 4097.0];
    let mut saved = [0.0; 2];
    layer_norm_forward(&x, &[1.0; 3], &[0.0; 3], EPSILON, &mut [0.0; 3], Some(&mut saved));
    let inverse = 1.0 / (0.5_f64 / 3.0 + f64::from(EPSILON)).sqrt();
    assert_eq!(saved, [4096.5, inverse as f32]);
}

#[test]
fn nothing_is_wanted_before_and_nan_is_reported() {
    let case = case(2, 5, 7);
    let mut saved = [0.0; 4];
    layer_norm_forward(
        &case.x,
        &case.gamma,
        &case.beta,
        EPSILON,
        &mut [0.0; 10],
        Some(&mut saved),
    );
    let [_, wanted_gamma, wanted_beta] = backward(&case, &saved, None);
    let (mut dgamma, mut dbeta) = (vec![f32::NAN; 5], vec![f32::NAN; 5]);
    let gradients = LayerNormGradients {
        dx: None,
        accumulate: true,
        dgamma: &mut dgamma,
        dbeta: &mut dbeta,
    };
    layer_norm_backward(&case.x, &case.dy, &case.gamma, &saved, gradients);
    assert_eq!((dgamma, dbeta), (wanted_gamma, wanted_beta));
    for bad in [f32::NAN, f32::INFINITY] {
        for at in 0..10 {
            let mut x = case.x.clone();
            x[at] = bad;
            assert!(layer_norm_forward(
                &x,
                &case.gamma,
                &case.beta,
                EPSILON,
                &mut [0.0; 10],
                None
            ));
        }
    }
}
