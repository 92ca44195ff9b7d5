//! Cross-entropy with a distribution in place of a class: one that is given, or that of a teacher.
//!
//! With p = softmax(z / T) the loss of a row is `-T^2 sum q ln p`. The truth q is given as it is, and T is 1; or it is
//! softmax(t / T) for a teacher's logits t (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, section 2.
//! They multiply by T^2 since gradients at soft targets scale as 1 / T^2). With smoothing e the truth is
//! `(1 - e) q + e / classes`. Sums are in f64, classes in order.

use crate::math::{exp_f64, ln_f64};
use crate::target_loss::{Rows, TargetResult, first_maximum};

/// The truth behind the targets.
#[derive(Clone, Copy, Debug)]
pub struct SoftTruth {
    /// The targets are logits at this temperature, above 0; distributions where absent.
    pub temperature: Option<f64>,
    /// The share of the truth that all classes have alike, in `[0, 1)`.
    pub smoothing: f64,
}

/// The largest number of a row, and the sum of exp((z - largest) / T).
fn normalizer(z: &[f32], temperature: f64) -> (f64, f64) {
    let largest = f64::from(z[first_maximum(z)]);
    let sum = z.iter().map(|&z| exp_f64((f64::from(z) - largest) / temperature)).sum();
    (largest, sum)
}

/// `logits [rows][size]`, targets and gradient likewise. A row counts as right where the first maxima of logits and targets
/// are at one place.
pub fn soft_cross_entropy(
    logits: &[f32],
    targets: &[f32],
    truth: SoftTruth,
    rows: Rows,
    mut gradient: Option<&mut [f32]>,
    mut predictions: Option<&mut [u32]>,
) -> TargetResult {
    let size = rows.size;
    assert!(size > 0 && logits.len() == targets.len() && logits.len().is_multiple_of(size));
    let temperature = truth.temperature.unwrap_or(1.0);
    let (own, every) = (1.0 - truth.smoothing, truth.smoothing / size as f64);
    let mut result = TargetResult {
        loss: 0.0,
        correct: 0.0,
        bad: false,
    };
    for (row, (z, t)) in logits.chunks_exact(size).zip(targets.chunks_exact(size)).enumerate() {
        let best = first_maximum(z);
        if let Some(predictions) = &mut predictions {
            predictions[row] = best as u32;
        }
        let slopes = gradient.as_mut().map(|gradient| &mut gradient[row * size..][..size]);
        if row >= rows.valid {
            if let Some(slopes) = slopes {
                slopes.fill(0.0);
            }
            continue;
        }
        let (largest, sum) = normalizer(z, temperature);
        let (top, teacher) = normalizer(t, temperature);
        let share = |t: f32| {
            let q = match truth.temperature {
                Some(temperature) => exp_f64((f64::from(t) - top) / temperature) / teacher,
                None => f64::from(t),
            };
            own * q + every
        };
        let log_sum = ln_f64(sum);
        let (mut loss, mut mass) = (0.0, 0.0);
        for (&z, &t) in z.iter().zip(t) {
            let q = share(t);
            loss += q * (log_sum - (f64::from(z) - largest) / temperature);
            mass += q;
        }
        let weight = rows.weight(row);
        result.loss += weight * (temperature * temperature * loss);
        result.correct += f64::from(u8::from(best == first_maximum(t)));
        if let Some(slopes) = slopes {
            let factor = weight * f64::from(rows.inverse_batch) * temperature;
            for ((slope, &z), &t) in slopes.iter_mut().zip(z).zip(t) {
                let p = exp_f64((f64::from(z) - largest) / temperature) / sum;
                *slope = ((p * mass - share(t)) * factor) as f32;
            }
        }
    }
    result.bad |= !result.loss.is_finite();
    result
}

#[cfg(test)]
mod tests;
