//! Layers without products, and the loss.

use super::{Lengths, optional_mut};
use crate::memory::{read, write};
use proxbit_kernels::shape::ConvShape;
use proxbit_kernels::{activation, adaptive_sign, avg_pool, loss, pool, prelu};

exports! {
    /// y = f(x); kind 0 relu, 1 hard tanh.
    fn activation_forward(kind: u32, x: *const f32, y: *mut f32, n: usize) {
        let kind = activation::Activation::from_number(kind).expect("activation");
        activation::activation_forward(kind, read(x, n), write(y, n))
    }

    /// gx = gy f'(x), added to gx where accumulate is not 0; kind 0 relu, 1 hard tanh.
    fn activation_backward(kind: u32, x: *const f32, gy: *const f32, accumulate: u32, gx: *mut f32, n: usize) {
        let kind = activation::Activation::from_number(kind).expect("activation");
        let (x, gy) = (read(x, n), read(gy, n));
        activation::activation_backward(kind, x, gy, accumulate != 0, write(gx, n))
    }

    /// y = x where x >= 0, slopes `f32 [c]` times x elsewhere.
    fn prelu_forward(x: *const f32, rows: usize, c: usize, slopes: *const f32, y: *mut f32) {
        prelu::prelu_forward(read(x, rows * c), read(slopes, c), write(y, rows * c))
    }

    /// One lane's gradients: dx `f32 [rows][c]` or 0, added to where accumulate is not 0, and dslopes `f32 [c]`.
    fn prelu_backward(
        x: *const f32, dy: *const f32, rows: usize, c: usize, slopes: *const f32, accumulate: u32, dx: *mut f32,
        dslopes: *mut f32,
    ) {
        let (x, dy) = (read(x, rows * c), read(dy, rows * c));
        let dx = optional_mut(dx, rows * c);
        prelu::prelu_backward(x, dy, read(slopes, c), accumulate != 0, dx, write(dslopes, c));
        false
    }

    /// y = beta + |alpha| where x >= beta, beta - |alpha| elsewhere; alpha and beta `f32*`.
    fn adaptive_sign_forward(x: *const f32, n: usize, alpha: *const f32, beta: *const f32, y: *mut f32) {
        let set = adaptive_sign::AdaptiveSet { alpha: *alpha, beta: *beta };
        adaptive_sign::adaptive_sign_forward(read(x, n), set, write(y, n))
    }

    /// One lane's gradients: dx `f32 [n]` or 0, added to where accumulate is not 0, and those at alpha and beta `f32 [2]`.
    fn adaptive_sign_backward(
        x: *const f32, dy: *const f32, n: usize, alpha: *const f32, beta: *const f32, accumulate: u32, dx: *mut f32,
        gradients: *mut f32,
    ) {
        let set = adaptive_sign::AdaptiveSet { alpha: *alpha, beta: *beta };
        let dx = optional_mut(dx, n);
        let found = adaptive_sign::adaptive_sign_backward(read(x, n), read(dy, n), set, accumulate != 0, dx);
        write(gradients, 2).copy_from_slice(&found);
        false
    }

    /// Maxima y `f32 [images][oh][ow][c]` and positions argmax `u8`, or 0, of x `f32 [images][h][w][c]`.
    fn max_pool(shape: *const ConvShape, x: *const f32, y: *mut f32, argmax: *mut u8) {
        let lengths = Lengths::of(&*shape);
        let (x, y) = (read(x, lengths.input), write(y, lengths.output));
        match optional_mut(argmax, lengths.output) {
            Some(argmax) => pool::max_pool(&*shape, x, y, argmax),
            None => pool::max_pool_values(&*shape, x, y),
        }
    }

    /// dx `f32 [images][h][w][c]`, written in full, or added to where accumulate is not 0.
    fn max_pool_backward(
        shape: *const ConvShape, dy: *const f32, argmax: *const u8, accumulate: u32, dx: *mut f32,
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

    /// dx `f32 [images][h][w][c]`, added to what is there where accumulate is not 0.
    fn avg_pool_backward(shape: *const ConvShape, dy: *const f32, accumulate: u32, dx: *mut f32) {
        let lengths = Lengths::of(&*shape);
        let dy = read(dy, lengths.output);
        avg_pool::avg_pool_backward(&*shape, dy, accumulate != 0, write(dx, lengths.input));
        false
    }

    /// Loss and gradient of logits `f32 [rows][classes]`, labels smoothed by a share in `[0, 1)`; dlogits and predictions
    /// (`u32 [rows]`) or 0; result `f64 [2]` = (sum of losses, correct predictions) of the valid rows.
    fn softmax_cross_entropy(
        logits: *const f32, labels: *const u8, rows: usize, valid_rows: usize, classes: usize, inverse_batch: f32,
        smoothing: f64, dlogits: *mut f32, result: *mut f64, predictions: *mut u32,
    ) {
        let (logits, labels) = (read(logits, rows * classes), read(labels, rows));
        let (dlogits, predictions) = (optional_mut(dlogits, rows * classes), optional_mut(predictions, rows));
        let objective = loss::Objective { inverse_batch, smoothing };
        let found = loss::softmax_cross_entropy(logits, labels, valid_rows, classes, objective, dlogits, predictions);
        write(result, 2).copy_from_slice(&[found.loss, found.correct as f64]);
        found.bad
    }
}
