//! Each loss beside its definition, its slope beside the difference quotient.

use super::*;
use crate::arbitrary::{reals, seeds, sizes};
use proptest::prelude::*;

const LOSSES: [TargetLoss; 8] = [
    TargetLoss::BinaryCrossEntropy { smoothing: 0.0 },
    TargetLoss::BinaryCrossEntropy { smoothing: 0.2 },
    TargetLoss::SquaredError,
    TargetLoss::AbsoluteError,
    TargetLoss::Huber { delta: 1.0 },
    TargetLoss::Huber { delta: 0.3 },
    TargetLoss::Hinge,
    TargetLoss::SquaredHinge,
];

/// The loss of an element in the words of its definition.
fn naive(loss: TargetLoss, z: f64, t: f64) -> f64 {
    let sigmoid = 1.0 / (1.0 + (-z).exp());
    let y = if t > 0.0 { 1.0 } else { -1.0 };
    match loss {
        TargetLoss::BinaryCrossEntropy { smoothing } => {
            let t = t * (1.0 - smoothing) + 0.5 * smoothing;
            -(t * sigmoid.ln() + (1.0 - t) * (1.0 - sigmoid).ln())
        }
        TargetLoss::SquaredError => (z - t).powi(2),
        TargetLoss::AbsoluteError => (z - t).abs(),
        TargetLoss::Huber { delta } if (z - t).abs() <= delta => (z - t).powi(2) / 2.0,
        TargetLoss::Huber { delta } => delta * ((z - t).abs() - delta / 2.0),
        TargetLoss::Hinge => (1.0 - y * z).max(0.0),
        TargetLoss::SquaredHinge => (1.0 - y * z).max(0.0).powi(2),
    }
}

/// The sum over rows, each the mean over its elements times its weight.
fn naive_sum(loss: TargetLoss, z: &[f64], t: &[f32], size: usize, weights: &[f32]) -> f64 {
    let rows = z.chunks(size).zip(t.chunks(size)).zip(weights);
    rows.map(|((z, t), &weight)| {
        let sum: f64 = z.iter().zip(t).map(|(&z, &t)| naive(loss, z, f64::from(t))).sum();
        f64::from(weight) * sum / size as f64
    })
    .sum()
}

proptest! {
    #[test]
    fn losses_have_the_value_and_the_slope_of_their_definition(
        loss in prop::sample::select(LOSSES.to_vec()),
        size in sizes(9),
        rows in 1usize..5,
        seed in seeds(),
        is_weighted: bool,
    ) {
        let z: Vec<f32> = reals(rows * size, seed).iter().map(|z| 2.0 * z).collect();
        let t: Vec<f32> = match loss {
            TargetLoss::SquaredError | TargetLoss::AbsoluteError | TargetLoss::Huber { .. } => reals(rows * size, seed + 1),
            TargetLoss::BinaryCrossEntropy { .. } => reals(rows * size, seed + 1).iter().map(|&t| 0.5 + 0.5 * t).collect(),
            _ => reals(rows * size, seed + 1).iter().map(|&t| f32::from(t > 0.0)).collect(),
        };
        let middle = if matches!(loss, TargetLoss::BinaryCrossEntropy { .. }) { 0.5 } else { 0.0 };
        let weights: Vec<f32> = reals(rows, seed + 2).iter().map(|w| if is_weighted { w.abs() } else { 1.0 }).collect();
        let given = Rows { size, valid: rows, weights: is_weighted.then_some(&weights[..]), inverse_batch: 0.25 };
        let mut gradient = vec![9.0; z.len()];
        let result = target_loss(loss, &z, Truth::Targets(&t), given, Some(&mut gradient), None);
        let wide: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
        prop_assert!(!result.bad);
        prop_assert!((result.loss - naive_sum(loss, &wide, &t, size, &weights)).abs() < 1e-10);
        let right = z.iter().zip(&t).filter(|(z, t)| (**z > 0.0) == (**t > middle)).count();
        prop_assert!((result.correct - right as f64 / size as f64).abs() < 1e-12);
        for i in 0..z.len() {
            let at = |h: f64| {
                let mut moved = wide.clone();
                moved[i] += h;
                naive_sum(loss, &moved, &t, size, &weights)
            };
            // Numbers here are so far from a kink that the difference lies on one side of it.
            let slope = 0.25 * (at(1e-6) - at(-1e-6)) / 2e-6;
            let (d, y) = (wide[i] - f64::from(t[i]), if t[i] > 0.0 { 1.0 } else { -1.0 });
            let is_at_a_kink = match loss {
                TargetLoss::AbsoluteError => d.abs() < 1e-5,
                TargetLoss::Hinge => (1.0 - y * wide[i]).abs() < 1e-5,
                _ => false,
            };
            prop_assert!(is_at_a_kink || (f64::from(gradient[i]) - slope).abs() < 1e-6, "{} {}", gradient[i], slope);
        }
    }

    #[test]
    fn labels_are_targets_of_one_class(
        loss in prop::sample::select(LOSSES.to_vec()),
        size in sizes(9),
        seed in seeds(),
    ) {
        let z = reals(3 * size, seed);
        let labels = [0, size as u32 - 1, seed as u32 % size as u32];
        let targets: Vec<f32> =
            labels.iter().flat_map(|&label| (0..size).map(move |i| f32::from(i == label as usize))).collect();
        let rows = Rows { size, valid: 3, weights: None, inverse_batch: 0.5 };
        let (mut a, mut b) = (vec![0.0; z.len()], vec![1.0; z.len()]);
        let mut predictions = [9; 3];
        let by_label = target_loss(loss, &z, Truth::Labels(&labels), rows, Some(&mut a), Some(&mut predictions));
        let by_target = target_loss(loss, &z, Truth::Targets(&targets), rows, Some(&mut b), None);
        prop_assert_eq!(by_label.loss, by_target.loss);
        prop_assert_eq!(a, b);
        let right = labels.iter().zip(predictions).filter(|(label, prediction)| **label == *prediction).count();
        prop_assert_eq!(by_label.correct, right as f64);
    }

    #[test]
    fn weights_of_rows_and_classes_are_multiplied(rows in 0usize..20, seed in seeds()) {
        let (own, classes) = (reals(rows, seed), reals(4, seed + 1));
        let labels: Vec<u32> = (0..rows).map(|row| (row as u64 + seed) as u32 % 5).collect();
        for (with_own, with_classes) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut out = vec![9.0; rows];
            row_weights(with_own.then_some(&own[..]), with_classes.then_some((&classes[..], &labels[..])), &mut out);
            for row in 0..rows {
                let class = if with_classes { classes.get(labels[row] as usize).copied().unwrap_or(0.0) } else { 1.0 };
                prop_assert_eq!(out[row], if with_own { own[row] } else { 1.0 } * class);
            }
        }
    }
}

#[test]
fn filling_rows_count_nowhere() {
    let outputs = [0.5, -1.0, f32::NAN, 3.0];
    for loss in LOSSES {
        let rows = Rows {
            size: 2,
            valid: 1,
            weights: None,
            inverse_batch: 1.0,
        };
        let mut gradient = [9.0; 4];
        let given = target_loss(
            loss,
            &outputs,
            Truth::Targets(&[1.0, 0.0, 0.0, 0.0]),
            rows,
            Some(&mut gradient),
            None,
        );
        let alone = target_loss(loss, &outputs[..2], Truth::Targets(&[1.0, 0.0]), rows, None, None);
        assert_eq!(given, alone);
        assert_eq!(gradient[2..], [0.0; 2]);
    }
}

#[test]
fn bad_numbers_are_reported() {
    let rows = Rows {
        size: 2,
        valid: 1,
        weights: None,
        inverse_batch: 1.0,
    };
    for loss in LOSSES {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let result = target_loss(loss, &[bad, -bad], Truth::Targets(&[1.0, 1.0]), rows, None, None);
            assert!(result.bad, "{loss:?} {bad}");
        }
        assert!(target_loss(loss, &[0.0; 2], Truth::Labels(&[2]), rows, None, None).bad);
        assert!(!target_loss(loss, &[1e18, -1e18], Truth::Targets(&[0.0, 1.0]), rows, None, None).bad);
    }
}
