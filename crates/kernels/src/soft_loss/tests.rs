//! The soft loss beside its definition, its slope beside the difference quotient.

use super::*;
use crate::arbitrary::{reals, seeds, sizes};
use proptest::prelude::*;

fn softmax(z: &[f64]) -> Vec<f64> {
    let total: f64 = z.iter().map(|z| z.exp()).sum();
    z.iter().map(|z| z.exp() / total).collect()
}

/// `-T^2 sum q ln softmax(z / T)`, with the truth smoothed.
fn naive(z: &[f64], t: &[f64], truth: SoftTruth) -> f64 {
    let temperature = truth.temperature.unwrap_or(1.0);
    let divided = |z: &[f64]| -> Vec<f64> { z.iter().map(|z| z / temperature).collect() };
    let q = match truth.temperature {
        Some(_) => softmax(&divided(t)),
        None => t.to_vec(),
    };
    let smoothed = q
        .iter()
        .map(|q| (1.0 - truth.smoothing) * q + truth.smoothing / z.len() as f64);
    let p = softmax(&divided(z));
    temperature * temperature * smoothed.zip(p).map(|(q, p)| -q * p.ln()).sum::<f64>()
}

proptest! {
    #[test]
    fn losses_have_the_value_and_the_slope_of_their_definition(
        size in sizes(9),
        seed in seeds(),
        temperature in prop::sample::select(vec![None, Some(1.0), Some(4.0), Some(0.5)]),
        smoothing in prop_oneof![Just(0.0), 0.0f64..0.9],
    ) {
        let truth = SoftTruth { temperature, smoothing };
        let z: Vec<f32> = reals(2 * size, seed).iter().map(|z| 3.0 * z).collect();
        let t: Vec<f32> = reals(2 * size, seed + 1).iter().map(|t| if temperature.is_none() { t.abs() } else { 3.0 * t }).collect();
        let weights = [0.5, 2.0];
        let rows = Rows { size, valid: 2, weights: Some(&weights), inverse_batch: 0.25 };
        let mut gradient = vec![9.0; z.len()];
        let mut predictions = [9; 2];
        let result = soft_cross_entropy(&z, &t, truth, rows, Some(&mut gradient), Some(&mut predictions));
        let [wide, goal] = [&z, &t].map(|values| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>());
        let loss = |z: &[f64]| -> f64 {
            (0..2).map(|row| f64::from(weights[row]) * naive(&z[row * size..][..size], &goal[row * size..][..size], truth)).sum()
        };
        prop_assert!(!result.bad);
        prop_assert!((result.loss - loss(&wide)).abs() < 1e-9 * (1.0 + loss(&wide).abs()));
        for i in 0..z.len() {
            let at = |h: f64| {
                let mut moved = wide.clone();
                moved[i] += h;
                loss(&moved)
            };
            let slope = 0.25 * (at(1e-5) - at(-1e-5)) / 2e-5;
            prop_assert!((f64::from(gradient[i]) - slope).abs() < 2e-6, "{} {}", gradient[i], slope);
        }
        let best = |values: &[f32], row: usize| first_maximum(&values[row * size..][..size]);
        prop_assert_eq!(predictions.map(|place| place as usize), [best(&z, 0), best(&z, 1)]);
        prop_assert_eq!(result.correct, (0..2).filter(|&row| best(&z, row) == best(&t, row)).count() as f64);
    }
}

#[test]
fn filling_rows_count_nowhere_and_bad_numbers_are_reported() {
    let truth = SoftTruth {
        temperature: Some(2.0),
        smoothing: 0.0,
    };
    let rows = Rows {
        size: 2,
        valid: 1,
        weights: None,
        inverse_batch: 1.0,
    };
    let mut gradient = [9.0; 4];
    let logits = [0.5, -1.0, f32::NAN, 3.0];
    let given = soft_cross_entropy(&logits, &[1.0, 0.0, 0.0, 0.0], truth, rows, Some(&mut gradient), None);
    assert_eq!(
        given,
        soft_cross_entropy(&logits[..2], &[1.0, 0.0], truth, rows, None, None)
    );
    assert_eq!(gradient[2..], [0.0; 2]);
    for bad in [f32::NAN, f32::INFINITY] {
        assert!(soft_cross_entropy(&[0.0, bad], &[1.0, 0.0], truth, rows, None, None).bad);
        assert!(soft_cross_entropy(&[0.0, 1.0], &[1.0, bad], truth, rows, None, None).bad);
    }
    assert!(!soft_cross_entropy(&[1e38, -1e38], &[1e38, -1e38], truth, rows, None, None).bad);
}
