//! Layers without products, and the loss.

use crate::exports::{Flag, Lengths, Maybe, optional, optional_mut};
use crate::memory::{read, write};
use proxbit_kernels::shape::ConvShape;
use proxbit_kernels::{adaptive_sign, avg_pool, loss, pool, prelu};

exports! {
    /// y = x where x >= 0, slopes `f32 [channels]` times x elsewhere.
    fn prelu_forward(x: *const f32, rows: usize, channels: usize, slopes: *const f32, y: *mut f32) {
        prelu::prelu_forward(read(x, rows * channels), read(slopes, channels), write(y, rows * channels))
    }

    /// One lane's gradients: dx `f32 [rows][channels]` where given, added to where `accumulate`, and dslopes
    /// `f32 [channels]`.
    only("training")
    fn prelu_backward(
        x: *const f32, dy: *const f32, rows: usize, channels: usize, slopes: *const f32, accumulate: Flag,
        dx: Maybe<*mut f32>, dslopes: *mut f32,
    ) {
        let (x, dy) = (read(x, rows * channels), read(dy, rows * channels));
        let dx = optional_mut(dx, rows * channels);
        prelu::prelu_backward(x, dy, read(slopes, channels), accumulate != 0, dx, write(dslopes, channels));
        false
    }

    /// y = beta + |alpha| where x >= beta, beta - |alpha| elsewhere; alpha and beta `f32*`.
    fn adaptive_sign_forward(x: *const f32, count: usize, alpha: *const f32, beta: *const f32, y: *mut f32) {
        let set = adaptive_sign::AdaptiveSet { alpha: *alpha, beta: *beta };
        adaptive_sign::adaptive_sign_forward(read(x, count), set, write(y, count))
    }

    /// One lane's gradients: dx `f32 [count]` where given, added to where `accumulate`, and those at alpha and beta.
    only("training")
    fn adaptive_sign_backward(
        x: *const f32, dy: *const f32, count: usize, alpha: *const f32, beta: *const f32, accumulate: Flag,
        dx: Maybe<*mut f32>, gradients: *mut [f32; 2],
    ) {
        let set = adaptive_sign::AdaptiveSet { alpha: *alpha, beta: *beta };
        let dx = optional_mut(dx, count);
        let found = adaptive_sign::adaptive_sign_backward(read(x, count), read(dy, count), set, accumulate != 0, dx);
        write(gradients.cast::<f32>(), 2).copy_from_slice(&found);
        false
    }

    /// Maxima y `f32 [images][oh][ow][c]` and positions argmax `u8`, where asked for, of x `f32 [images][h][w][c]`. Cores that
    /// do not train write no positions.
    fn max_pool(shape: *const ConvShape, x: *const f32, y: *mut f32, argmax: Maybe<*mut u8>) {
        let lengths = Lengths::of(&*shape);
        let (x, y) = (read(x, lengths.input), write(y, lengths.output));
        match optional_mut(argmax, lengths.output) {
            Some(argmax) if cfg!(feature = "training") => pool::max_pool(&*shape, x, y, argmax),
            _ => pool::max_pool_values(&*shape, x, y),
        }
    }

    /// dx `f32 [images][h][w][c]`, written in full, or added to where `accumulate`.
    only("training")
    fn max_pool_backward(
        shape: *const ConvShape, dy: *const f32, argmax: *const u8, accumulate: Flag, dx: *mut f32,
    ) {
        let lengths = Lengths::of(&*shape);
        let (dy, argmax) = (read(dy, lengths.output), read(argmax, lengths.output));
        pool::max_pool_backward(&*shape, dy, argmax, accumulate != 0, write(dx, lengths.input));
        false
    }

    /// Means y `f32 [images][oh][ow][c]` of the windows of x `f32 [images][h][w][c]`.
    fn avg_pool(shape: *const ConvShape, x: *const f32, y: *mut f32) {
        let lengths = Lengths::of(&*shape);
        avg_pool::avg_pool(&*shape, read(x, lengths.input), write(y, lengths.output))
    }

    /// dx `f32 [images][h][w][c]`, added to what is there where `accumulate`.
    only("training")
    fn avg_pool_backward(shape: *const ConvShape, dy: *const f32, accumulate: Flag, dx: *mut f32) {
        let lengths = Lengths::of(&*shape);
        let dy = read(dy, lengths.output);
        avg_pool::avg_pool_backward(&*shape, dy, accumulate != 0, write(dx, lengths.input));
        false
    }

    /// Loss and gradient of logits `f32 [rows][classes]`, labels smoothed by a share in `[0, 1)`, where given; dlogits
    /// and predictions `u32 [rows]` where given; result = (sum of losses, correct predictions) of the valid rows.
    only("training")
    fn softmax_cross_entropy(
        logits: *const f32, labels: *const u32, rows: usize, valid_rows: usize, classes: usize, inverse_batch: f32,
        weights: Maybe<*const f32>, smoothing: Maybe<*const f64>, dlogits: Maybe<*mut f32>, result: *mut [f64; 2], predictions: Maybe<*mut u32>,
    ) {
        let (logits, labels) = (read(logits, rows * classes), read(labels, rows));
        let (dlogits, predictions) = (optional_mut(dlogits, rows * classes), optional_mut(predictions, rows));
        let smoothing = optional(smoothing, 1).map_or(0.0, |smoothing| smoothing[0]);
        let objective = loss::Objective { inverse_batch, smoothing, weights: optional(weights, rows) };
        let found = loss::softmax_cross_entropy(logits, labels, valid_rows, classes, objective, dlogits, predictions);
        write(result.cast::<f64>(), 2).copy_from_slice(&[found.loss, found.correct as f64]);
        found.bad
    }
}
