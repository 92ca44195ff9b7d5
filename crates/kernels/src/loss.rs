//! Softmax cross-entropy with integer labels, its gradient, and what was predicted.
//!
//! Per row, with m = max z: `loss = ln sum exp(z - m) - (z_label - m)`, in f64 with functions of our own (`math`), rows in
//! order; `dz = (softmax(z) - onehot) * inverse_batch`.
//!
//! With label smoothing e (Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7)
//! the truth is `q = (1 - e) onehot + e / classes` in place of onehot: `loss = ln sum exp(z - m) - sum q (z - m)`. A row's
//! weight multiplies both.

use crate::math::{exp_f64, ln_f64};

/// What the loss is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective<'a> {
    /// Multiplies the gradient: 1 / images of the batch for a mean.
    pub inverse_batch: f32,
    /// The share of the truth that all classes have alike, in `[0, 1)`.
    pub smoothing: f64,
    /// The weights of the rows in the loss; 1 each where absent.
    pub weights: Option<&'a [f32]>,
}

/// What the loss says of one lane's rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossResult {
    /// Sum of the losses of the valid rows.
    pub loss: f64,
    /// Valid rows whose prediction is their label.
    pub correct: usize,
    /// The loss is not finite, or a label is not a class.
    pub bad: bool,
}

/// `logits [labels.len()][classes]`. Rows from `valid_rows` on only fill up the batch: they get a prediction and a zero
/// gradient, and count nowhere. Prediction: the first maximum.
pub fn softmax_cross_entropy(
    logits: &[f32],
    labels: &[u32],
    valid_rows: usize,
    classes: usize,
    objective: Objective,
    mut dlogits: Option<&mut [f32]>,
    mut predictions: Option<&mut [u32]>,
) -> LossResult {
    let rows = labels.len();
    assert!(classes > 0 && logits.len() == rows * classes && valid_rows <= rows);
    let Objective {
        inverse_batch,
        smoothing,
        weights,
    } = objective;
    // Exactly 1 and 0 without smoothing, so that nothing is rounded by it.
    let (own, every) = (1.0 - smoothing, smoothing / classes as f64);
    assert!(dlogits.as_ref().is_none_or(|gradient| gradient.len() == logits.len()));
    assert!(predictions.as_ref().is_none_or(|predictions| predictions.len() == rows));
    let mut result = LossResult {
        loss: 0.0,
        correct: 0,
        bad: false,
    };
    for (row, (z, &label)) in logits.chunks_exact(classes).zip(labels).enumerate() {
        let (mut best, mut largest) = (0, z[0]);
        for (class, &value) in z.iter().enumerate() {
            if value > largest {
                (best, largest) = (class, value);
            }
        }
        if let Some(predictions) = &mut predictions {
            predictions[row] = best as u32;
        }
        let gradient = dlogits
            .as_mut()
            .map(|gradient| &mut gradient[row * classes..][..classes]);
        let label = label as usize;
        if row >= valid_rows || label >= classes {
            result.bad |= row < valid_rows;
            if let Some(gradient) = gradient {
                gradient.fill(0.0);
            }
            continue;
        }
        let exponential = |value: f32| exp_f64(f64::from(value) - f64::from(largest));
        let sum: f64 = z.iter().map(|&value| exponential(value)).sum();
        let distance = |value: f32| f64::from(value) - f64::from(largest);
        // A weight of 1 is exact, so it changes no bit.
        let weight = weights.map_or(1.0, |weights| f64::from(weights[row]));
        result.loss += weight * (ln_f64(sum) - own * distance(z[label]));
        if smoothing > 0.0 {
            result.loss -= weight * (every * z.iter().map(|&value| distance(value)).sum::<f64>());
        }
        result.correct += usize::from(best == label);
        if let Some(gradient) = gradient {
            let factor = weight * f64::from(inverse_batch);
            for (class, (slot, &value)) in gradient.iter_mut().zip(z).enumerate() {
                let target = if class == label { own + every } else { every };
                *slot = ((exponential(value) / sum - target) * factor) as f32;
            }
        }
    }
    result.bad |= !result.loss.is_finite();
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{reals, seeds, sizes};
    use proptest::prelude::*;

    const PLAIN: Objective = Objective {
        inverse_batch: 1.0,
        smoothing: 0.0,
        weights: None,
    };

    /// The cross-entropy of softmax(z) with the smoothed truth.
    fn naive_loss(z: &[f64], label: usize, smoothing: f64) -> f64 {
        let total = z.iter().map(|value| value.exp()).sum::<f64>();
        let truth = |class: usize| (if class == label { 1.0 - smoothing } else { 0.0 }) + smoothing / z.len() as f64;
        z.iter()
            .enumerate()
            .map(|(class, value)| -truth(class) * (value.exp() / total).ln())
            .sum()
    }

    proptest! {
        #[test]
        fn gradient_is_the_difference_quotient(
            classes in sizes(13),
            label in 0usize..12,
            seed in seeds(),
            smoothing in prop_oneof![Just(0.0), 0.0f64..0.999],
            weight in prop_oneof![Just(1.0f32), 0.0f32..4.0],
        ) {
            let label = label % classes;
            let z: Vec<f32> = reals(classes, seed).iter().map(|z| 6.0 * z).collect();
            let mut gradient = vec![9.0; z.len()];
            let weights = [weight];
            let objective = Objective { inverse_batch: 0.25, smoothing, weights: Some(&weights) };
            let result = softmax_cross_entropy(&z, &[label as u32], 1, z.len(), objective, Some(&mut gradient), None);
            let wide: Vec<f64> = z.iter().map(|&value| f64::from(value)).collect();
            prop_assert!(!result.bad);
            let weight = f64::from(weight);
            prop_assert!((result.loss - weight * naive_loss(&wide, label, smoothing)).abs() < 1e-11);
            for class in 0..z.len() {
                let at = |h: f64| {
                    let mut moved = wide.clone();
                    moved[class] += h;
                    naive_loss(&moved, label, smoothing)
                };
                let slope = 0.25 * weight * (at(1e-5) - at(-1e-5)) / 2e-5;
                prop_assert!((f64::from(gradient[class]) - slope).abs() < 4e-7);
            }
        }
    }

    #[test]
    fn weights_of_one_change_no_bit() {
        let z = reals(12, 5);
        let (mut plain, mut weighted) = ([0.0; 12], [1.0; 12]);
        for smoothing in [0.0, 0.1] {
            let objective = Objective { smoothing, ..PLAIN };
            let with = Objective {
                weights: Some(&[1.0; 3]),
                ..objective
            };
            let labels = [1, 0, 3];
            let without = softmax_cross_entropy(&z, &labels, 3, 4, objective, Some(&mut plain), None);
            assert_eq!(
                softmax_cross_entropy(&z, &labels, 3, 4, with, Some(&mut weighted), None),
                without
            );
            assert_eq!(weighted, plain);
        }
    }

    #[test]
    fn filling_rows_count_nowhere_and_first_maximum_wins() {
        let logits = [1.0, 1.0, 0.0, 0.0, 2.0, 2.0, f32::NAN, 0.0, 0.0];
        let (mut gradient, mut predictions) = ([9.0; 9], [9; 3]);
        let result = softmax_cross_entropy(
            &logits,
            &[0, 2, 0],
            2,
            3,
            PLAIN,
            Some(&mut gradient),
            Some(&mut predictions),
        );
        assert_eq!((result.correct, result.bad), (1, false));
        assert_eq!(predictions, [0, 1, 0]);
        assert_eq!(gradient[6..], [0.0; 3]);
        let alone = softmax_cross_entropy(&logits[..6], &[0, 2], 2, 3, PLAIN, None, None);
        assert_eq!(alone, result);
    }

    #[test]
    fn bad_numbers_are_reported() {
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(softmax_cross_entropy(&[0.0, bad, 0.0], &[0], 1, 3, PLAIN, None, None).bad);
        }
        assert!(softmax_cross_entropy(&[0.0; 3], &[3], 1, 3, PLAIN, None, None).bad);
        assert!(softmax_cross_entropy(&[0.0, f32::NEG_INFINITY, 0.0], &[1], 1, 3, PLAIN, None, None).bad);
        assert!(!softmax_cross_entropy(&[1e38, -1e38, 0.0], &[0], 1, 3, PLAIN, None, None).bad);
    }
}
