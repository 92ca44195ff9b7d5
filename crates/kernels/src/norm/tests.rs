//! Batch normalisation against its definition in f64, and its gradient against difference quotients.

use super::*;
use crate::arbitrary::{cases, places, reals, seeds, sizes, small_shapes, with_nan};
use crate::bits::sign_nibbles;
use crate::shared::Shared;
use proptest::prelude::*;

const EPSILON: f32 = 1e-3;

/// y by the definition, all in f64.
fn twin(x: &[f64], c: usize, gamma: &[f32], beta: &[f32]) -> Vec<f64> {
    let rows = (x.len() / c) as f64;
    let column = |channel: usize| x.iter().skip(channel).step_by(c);
    let mut y = x.to_vec();
    for channel in 0..c {
        let mean = column(channel).sum::<f64>() / rows;
        let variance = column(channel).map(|x| (x - mean).powi(2)).sum::<f64>() / rows;
        for value in y.iter_mut().skip(channel).step_by(c) {
            let normalised = (*value - mean) / (variance + f64::from(EPSILON)).sqrt();
            *value = normalised * f64::from(gamma[channel]) + f64::from(beta[channel]);
        }
    }
    y
}

struct Case {
    x: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    c: usize,
    rows: usize,
}

fn case(rows: usize, c: usize, seed: u64) -> Case {
    let x = reals(rows * c, seed).iter().map(|x| 2.0 * x + 0.5).collect();
    Case {
        x,
        gamma: reals(c, seed + 1),
        beta: reals(c, seed + 2),
        c,
        rows,
    }
}

/// Partials of the rows cut into lanes at `cut`.
fn partials(case: &Case, cut: usize) -> Vec<f64> {
    let mut partials = vec![f64::NAN; 4 * case.c];
    let (first, second) = partials.split_at_mut(2 * case.c);
    norm_partial(&case.x[..cut * case.c], case.c, first);
    norm_partial(&case.x[cut * case.c..], case.c, second);
    partials
}

fn forward(case: &Case, partials: &[f64], running: Option<(&mut [f32], f32)>) -> (Vec<f32>, Vec<f32>, bool) {
    let batch = Batch {
        partials,
        total_rows: case.rows,
        gamma: &case.gamma,
    };
    let (mut y, mut saved) = (vec![f32::NAN; case.x.len()], vec![f32::NAN; 2 * case.c]);
    let (mut scale, mut shift) = (vec![f32::NAN; case.c], vec![f32::NAN; case.c]);
    let statistics = Statistics {
        saved: &mut saved,
        scale: &mut scale,
        shift: &mut shift,
    };
    let bad = norm_statistics(batch, &case.beta, EPSILON, statistics, running);
    let nan = affine(&case.x, &scale, &shift, &mut y);
    (y, saved, bad || nan)
}

fn gradients<'a>(
    dx: &'a mut [f32],
    accumulate: bool,
    parameters: Option<(&'a mut [f32], &'a mut [f32])>,
) -> NormGradients<'a> {
    let (dgamma, dbeta) = parameters.unzip();
    NormGradients {
        dx,
        accumulate,
        dgamma,
        dbeta,
    }
}

proptest! {
    #[test]
    fn forward_and_gradient_follow_the_definition(rows in 2usize..20, c in sizes(23), seed in seeds(), cut in 0usize..20) {
        let case = case(rows, c, seed);
        let cut = cut.min(rows);
        let (y, saved, bad) = forward(&case, &partials(&case, cut), None);
        prop_assert!(!bad);
        let wide: Vec<f64> = case.x.iter().map(|&x| f64::from(x)).collect();
        // x, mean and scale are each rounded once; 1/sqrt(var + eps) is at most 1/sqrt(eps) = 32.
        for (y, expected) in y.iter().zip(twin(&wide, c, &case.gamma, &case.beta)) {
            prop_assert!((f64::from(*y) - expected).abs() < 5e-5);
        }
        let dy = reals(rows * c, seed + 3);
        let mut sums = vec![f64::NAN; 4 * c];
        let (first, second) = sums.split_at_mut(2 * c);
        norm_backward_partial(&case.x[..cut * c], &dy[..cut * c], &saved, first);
        norm_backward_partial(&case.x[cut * c..], &dy[cut * c..], &saved, second);
        let batch = Batch { partials: &sums, total_rows: rows, gamma: &case.gamma };
        let (mut dx, mut dgamma, mut dbeta) = (vec![f32::NAN; rows * c], vec![f32::NAN; c], vec![f32::NAN; c]);
        let parameters = Some((dgamma.as_mut_slice(), dbeta.as_mut_slice()));
        prop_assert!(!norm_backward(&case.x, &dy, &saved, batch, gradients(&mut dx, false, parameters)));
        let before = reals(rows * c, seed + 4);
        let mut sum = before.clone();
        prop_assert!(!norm_backward(&case.x, &dy, &saved, batch, gradients(&mut sum, true, None)));
        for i in 0..rows * c {
            prop_assert_eq!(sum[i], before[i] + dx[i]);
        }
        let objective = |x: &[f64], gamma: &[f32], beta: &[f32]| -> f64 {
            twin(x, c, gamma, beta).iter().zip(&dy).map(|(y, &dy)| y * f64::from(dy)).sum()
        };
        let at = |i: usize, h: f64| {
            let mut moved = wide.clone();
            moved[i] += h;
            objective(&moved, &case.gamma, &case.beta)
        };
        for i in (0..rows * c).step_by(7) {
            let slope = (at(i, 1e-5) - at(i, -1e-5)) / 2e-5;
            prop_assert!((f64::from(dx[i]) - slope).abs() < 1e-3 * (1.0 + slope.abs()), "{} {}", dx[i], slope);
        }
        // The objective is linear in gamma and beta: a difference over 1 is exact.
        let channel = seed as usize % c;
        let (mut gamma, mut beta) = (case.gamma.clone(), case.beta.clone());
        (gamma[channel], beta[channel]) = (0.0, 0.0);
        let here = objective(&wide, &case.gamma, &case.beta);
        let (by_gamma, by_beta) = (here - objective(&wide, &gamma, &case.beta), here - objective(&wide, &case.gamma, &beta));
        let bound = 1e-4 * rows as f64;
        prop_assert!((f64::from(dgamma[channel] * case.gamma[channel]) - by_gamma).abs() < bound);
        prop_assert!((f64::from(dbeta[channel] * case.beta[channel]) - by_beta).abs() < bound);
    }
}

#[test]
fn running_statistics_move_towards_the_unbiased_batch() {
    let case = Case {
        x: vec![1.0, 3.0, 5.0, 7.0],
        gamma: vec![1.0],
        beta: vec![0.0],
        c: 1,
        rows: 4,
    };
    let mut running = [2.0, 1.0];
    forward(&case, &partials(&case, 2), Some((&mut running, 0.25)));
    // Mean 4; squared deviations 9, 1, 1, 9 over n - 1 = 3.
    assert_eq!(running[0], 2.0 * 0.75 + 0.25 * 4.0);
    assert!((running[1] - (0.75 + 0.25 * 20.0 / 3.0)).abs() < 1e-6);
}

#[test]
fn an_empty_lane_changes_no_bit_and_every_lane_sees_the_same_statistics() {
    let case = case(9, 5, 3);
    let whole = forward(&case, &partials(&case, 9), None);
    let mut alone = vec![f64::NAN; 10];
    norm_partial(&case.x, 5, &mut alone);
    assert_eq!(whole, forward(&case, &alone, None));
    // Another cut may round otherwise, but only in the last bits.
    let other = forward(&case, &partials(&case, 4), None);
    for (a, b) in whole.0.iter().zip(&other.0) {
        assert!((a - b).abs() <= 1e-6 * a.abs().max(1.0));
    }
}

#[test]
fn folded_statistics_give_the_evaluation_map() {
    let (gamma, beta, running) = ([2.0, -1.0], [0.5, 0.25], [3.0, -1.0, 3.999, 0.249]);
    let (mut scale, mut shift) = ([0.0; 2], [0.0; 2]);
    assert!(!norm_fold(&gamma, &beta, &running, EPSILON, &mut scale, &mut shift));
    assert!((scale[0] - 1.0).abs() < 1e-6 && (scale[1] + 2.0).abs() < 1e-5);
    assert!((shift[0] + 2.5).abs() < 1e-5 && (shift[1] + 1.75).abs() < 1e-5);
    let x = reals(10, 1);
    let mut y = [0.0; 10];
    assert!(!affine(&x, &scale, &shift, &mut y));
    for (i, y) in y.iter().enumerate() {
        assert_eq!(*y, x[i] * scale[i % 2] + shift[i % 2]);
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn one_pass_is_affine_then_sum_then_signs(shape in small_shapes(), seed in seeds(), with_residual: bool, place in places()) {
        let c = shape.channels as usize;
        let (x, residual) = (reals(shape.input_pixels() * c, seed), reals(shape.input_pixels() * c, seed + 1));
        let (scale, shift) = (reals(c, seed + 2), reals(c, seed + 3));
        let mut expected = vec![f32::NAN; x.len()];
        for (i, y) in expected.iter_mut().enumerate() {
            *y = x[i] * scale[i % c] + shift[i % c];
            if with_residual {
                *y += residual[i];
            }
        }
        let residual = with_residual.then_some(residual.as_slice());
        let mut y = vec![f32::NAN; x.len()];
        prop_assert!(!normalize(&x, &scale, &shift, residual, &mut y, None));
        prop_assert_eq!(&y, &expected);
        y.fill(f32::NAN);
        // The border keeps what it holds.
        let mut nibbles = vec![0xab; shape.padded_pixels() * shape.groups()];
        let mut wanted = nibbles.clone();
        prop_assert!(!normalize(&x, &scale, &shift, residual, &mut y, Some((&shape, Shared::from(&mut nibbles[..])))));
        prop_assert!(!sign_nibbles(&shape, &expected, Shared::from(&mut wanted[..])));
        prop_assert_eq!((&y, &nibbles), (&expected, &wanted));
        let at = place.index(x.len());
        let x = with_nan(x, at);
        prop_assert!(normalize(&x, &scale, &shift, residual, &mut y, Some((&shape, Shared::from(&mut nibbles[..])))));
    }
}

#[test]
fn bad_numbers_are_reported() {
    for bad in [f32::NAN, f32::INFINITY] {
        for c in [1, 3, 8, 130] {
            let mut case = case(4, c, 1);
            case.x[2 * c] = bad;
            assert!(forward(&case, &partials(&case, 2), None).2);
            assert!(norm_fold(&[bad], &[0.0], &[0.0, 1.0], EPSILON, &mut [0.0], &mut [0.0]));
            let sums = vec![f64::from(bad); 2 * c];
            let batch = Batch {
                partials: &sums,
                total_rows: 4,
                gamma: &case.gamma,
            };
            let saved = vec![1.0; 2 * c];
            let mut dx = vec![0.0; 4 * c];
            assert!(norm_backward(
                &case.x,
                &case.x,
                &saved,
                batch,
                gradients(&mut dx, false, None)
            ));
        }
    }
    assert!(affine(&[0.0, f32::NAN], &[1.0], &[0.0], &mut [0.0; 2]));
}
