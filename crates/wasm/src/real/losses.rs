//! Losses that compare outputs with targets, and the weights of examples in them.

use crate::exports::{Maybe, optional, optional_mut};
use crate::memory::{read, write};
use proxbit_kernels::soft_loss::{self, SoftTruth};
use proxbit_kernels::target_loss::{self, Rows, TargetLoss, Truth};

exports! {
    /// loss = a number of `TargetLoss`; outputs `f32 [rows][size]`, targets likewise or labels `u32 [rows]`, weights
    /// `f32 [rows]` or all 1; delta is Huber's, smoothing binary cross-entropy's, 0 where absent. Results: gradient
    /// `f32 [rows][size]`, result = sum of losses, right answers; predictions `u32 [rows]`.
    only("training")
    fn target_loss(
        loss: u32, outputs: *const f32, targets: Maybe<*const f32>, labels: Maybe<*const u32>, weights: Maybe<*const f32>,
        rows: usize, valid_rows: usize, size: usize, inverse_batch: f32, delta: f32, smoothing: Maybe<*const f64>,
        gradient: Maybe<*mut f32>, result: *mut [f64; 2], predictions: Maybe<*mut u32>,
    ) {
        let smoothing = optional(smoothing, 1).map_or(0.0, |smoothing| smoothing[0]);
        let Some(loss) = TargetLoss::from_number(loss, f64::from(delta), smoothing) else { return 1 };
        let truth = match optional(targets, rows * size) {
            Some(targets) => Truth::Targets(targets),
            None => Truth::Labels(read(labels, rows)),
        };
        let given = Rows { size, valid: valid_rows, weights: optional(weights, rows), inverse_batch };
        let (gradient, predictions) = (optional_mut(gradient, rows * size), optional_mut(predictions, rows));
        let found = target_loss::target_loss(loss, read(outputs, rows * size), truth, given, gradient, predictions);
        write(result.cast::<f64>(), 2).copy_from_slice(&[found.loss, found.correct]);
        found.bad
    }

    /// targets `f32 [rows][size]` are logits at the temperature, or distributions where it is 0; all else as in `target_loss`.
    only("training")
    fn soft_cross_entropy(
        logits: *const f32, targets: *const f32, weights: Maybe<*const f32>, rows: usize, valid_rows: usize, size: usize,
        inverse_batch: f32, temperature: f32, smoothing: Maybe<*const f64>, gradient: Maybe<*mut f32>,
        result: *mut [f64; 2], predictions: Maybe<*mut u32>,
    ) {
        let smoothing = optional(smoothing, 1).map_or(0.0, |smoothing| smoothing[0]);
        let temperature = (temperature > 0.0).then(|| f64::from(temperature));
        let truth = SoftTruth { temperature, smoothing };
        let given = Rows { size, valid: valid_rows, weights: optional(weights, rows), inverse_batch };
        let (gradient, predictions) = (optional_mut(gradient, rows * size), optional_mut(predictions, rows));
        let (logits, targets) = (read(logits, rows * size), read(targets, rows * size));
        let found = soft_loss::soft_cross_entropy(logits, targets, truth, given, gradient, predictions);
        write(result.cast::<f64>(), 2).copy_from_slice(&[found.loss, found.correct]);
        found.bad
    }

    /// out `f32 [rows]` = own `f32 [rows]`, or 1, times the weight of the row's class out of class_weights `f32 [classes]`.
    only("training")
    fn row_weights(
        own: Maybe<*const f32>, class_weights: Maybe<*const f32>, classes: usize, labels: Maybe<*const u32>, rows: usize,
        out: *mut f32,
    ) {
        let classes = optional(class_weights, classes).map(|weights| (weights, read(labels, rows)));
        target_loss::row_weights(optional(own, rows), classes, write(out, rows));
        false
    }
}
