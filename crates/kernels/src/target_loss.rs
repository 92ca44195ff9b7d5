//! Losses that compare each output with a target of its own: of several labels, of real numbers, of margins.
//!
//! With output z and target t, the loss of an element is
//! - binary cross-entropy: `max(z, 0) - z t + ln(1 + exp(-|z|))`, for the probability 1 / (1 + exp(-z)). With smoothing e the
//!   target is `(1 - e) t + e / 2`;
//! - squared error `(z - t)^2`, absolute error `|z - t|`;
//! - Huber (Huber, "Robust Estimation of a Location Parameter", 1964): `d^2 / 2` where `|d| = |z - t| <= delta`, elsewhere
//!   `delta (|d| - delta / 2)`;
//! - hinge `max(0, 1 - y z)` and its square, with y = +1 where t > 0 and y = -1 elsewhere.
//!
//! The loss of a row is the mean over its elements, in f64, elements in order, times the row's weight.

use crate::math::{exp_f64, ln_f64};

/// The loss of an element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TargetLoss {
    /// The loss of the probability 1 / (1 + exp(-z)).
    BinaryCrossEntropy {
        /// The share of a target that both answers have alike, in `[0, 1)`.
        smoothing: f64,
    },
    /// (z - t)^2.
    SquaredError,
    /// |z - t|.
    AbsoluteError,
    /// Squares near the target, magnitudes far from it.
    Huber {
        /// The distance where one becomes the other, above 0.
        delta: f64,
    },
    /// max(0, 1 - y z).
    Hinge,
    /// max(0, 1 - y z)^2.
    SquaredHinge,
}

impl TargetLoss {
    /// The loss of this number, with the one of both parameters that it has.
    pub fn from_number(number: u32, delta: f64, smoothing: f64) -> Option<Self> {
        Some(match number {
            0 => Self::BinaryCrossEntropy { smoothing },
            1 => Self::SquaredError,
            2 => Self::AbsoluteError,
            3 => Self::Huber { delta },
            4 => Self::Hinge,
            5 => Self::SquaredHinge,
            _ => return None,
        })
    }

    /// Targets above it say yes: probabilities above a half, or positive numbers.
    fn middle(self) -> f32 {
        if matches!(self, Self::BinaryCrossEntropy { .. }) {
            0.5
        } else {
            0.0
        }
    }

    /// The loss and its slope at the output.
    pub fn at(self, z: f64, t: f64) -> (f64, f64) {
        let d = z - t;
        let y = if t > 0.0 { 1.0 } else { -1.0 };
        let margin = 1.0 - y * z;
        let is_inside = margin > 0.0 || margin.is_nan();
        match self {
            Self::BinaryCrossEntropy { smoothing } => {
                let t = (1.0 - smoothing) * t + smoothing / 2.0;
                let small = exp_f64(-z.abs());
                let sum = 1.0 + small;
                let probability = if z >= 0.0 { 1.0 / sum } else { small / sum };
                (z.max(0.0) - z * t + ln_f64(sum), probability - t)
            }
            Self::SquaredError => (d * d, 2.0 * d),
            Self::AbsoluteError => (d.abs(), if d == 0.0 { 0.0 } else { 1f64.copysign(d) }),
            Self::Huber { delta } if d.abs() > delta => (delta * (d.abs() - delta / 2.0), delta.copysign(d)),
            Self::Huber { .. } => (d * d / 2.0, d),
            Self::Hinge if is_inside => (margin, -y),
            Self::SquaredHinge if is_inside => (margin * margin, -2.0 * y * margin),
            Self::Hinge | Self::SquaredHinge => (0.0, 0.0),
        }
    }
}

/// The truth of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Truth<'a> {
    /// `[rows][size]`.
    Targets(&'a [f32]),
    /// A class a row, whose target is 1 while the others' are 0.
    Labels(&'a [u32]),
}

/// The sums over the valid rows of a lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetResult {
    /// The losses of the rows, each times its weight.
    pub loss: f64,
    /// Rows whose first maximum is their label; with targets the share of elements with z > 0 where t says yes, and only
    /// there.
    pub correct: f64,
    /// The loss is not finite, or a label is not a class.
    pub bad: bool,
}

/// The rows of a lane and their weights in the loss.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Elements of a row.
    pub size: usize,
    /// Rows from here on only fill up the batch: they have a prediction and a zero gradient, and count nowhere.
    pub valid: usize,
    /// 1 each where absent.
    pub weights: Option<&'a [f32]>,
    /// Multiplies the gradient: 1 / images of the batch for a mean.
    pub inverse_batch: f32,
}

impl Rows<'_> {
    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| f64::from(weights[row]))
    }
}

/// `outputs [rows][size]`; `gradient` likewise. Prediction: the first maximum.
pub fn target_loss(
    loss: TargetLoss,
    outputs: &[f32],
    truth: Truth,
    rows: Rows,
    mut gradient: Option<&mut [f32]>,
    mut predictions: Option<&mut [u32]>,
) -> TargetResult {
    let size = rows.size;
    assert!(size > 0 && outputs.len().is_multiple_of(size));
    let mut result = TargetResult {
        loss: 0.0,
        correct: 0.0,
        bad: false,
    };
    for (row, z) in outputs.chunks_exact(size).enumerate() {
        let best = first_maximum(z);
        if let Some(predictions) = &mut predictions {
            predictions[row] = best as u32;
        }
        let mut slopes = gradient.as_mut().map(|gradient| &mut gradient[row * size..][..size]);
        let is_valid = row < rows.valid;
        let label = match truth {
            Truth::Labels(labels) => Some(labels[row] as usize),
            Truth::Targets(_) => None,
        };
        if !is_valid || label.is_some_and(|label| label >= size) {
            result.bad |= is_valid;
            if let Some(slopes) = slopes {
                slopes.fill(0.0);
            }
            continue;
        }
        let weight = rows.weight(row);
        let factor = weight * f64::from(rows.inverse_batch) / size as f64;
        let (mut sum, mut right) = (0.0, 0);
        for (i, &z) in z.iter().enumerate() {
            let target = match truth {
                Truth::Targets(targets) => targets[row * size + i],
                Truth::Labels(labels) => f32::from(labels[row] as usize == i),
            };
            let (value, slope) = loss.at(f64::from(z), f64::from(target));
            sum += value;
            right += usize::from((z > 0.0) == (target > loss.middle()));
            if let Some(slopes) = &mut slopes {
                slopes[i] = (slope * factor) as f32;
            }
        }
        result.loss += weight * (sum / size as f64);
        result.correct += match label {
            Some(label) => f64::from(u8::from(best == label)),
            None => right as f64 / size as f64,
        };
    }
    result.bad |= !result.loss.is_finite();
    result
}

/// The place of the largest number, the first of equal ones.
pub(crate) fn first_maximum(z: &[f32]) -> usize {
    let (mut best, mut largest) = (0, z[0]);
    for (i, &value) in z.iter().enumerate() {
        if value > largest {
            (best, largest) = (i, value);
        }
    }
    best
}

/// `out[row]` = the row's own weight times that of its class; each counts as 1 where it is absent. A label beyond the classes
/// has the weight 0, and the loss finds it.
pub fn row_weights(own: Option<&[f32]>, classes: Option<(&[f32], &[u32])>, out: &mut [f32]) {
    for (row, out) in out.iter_mut().enumerate() {
        let of_class = classes.map_or(1.0, |(weights, labels)| {
            weights.get(labels[row] as usize).copied().unwrap_or(0.0)
        });
        *out = own.map_or(1.0, |own| own[row]) * of_class;
    }
}

#[cfg(test)]
mod pytorch_tests;
#[cfg(test)]
mod tests;
