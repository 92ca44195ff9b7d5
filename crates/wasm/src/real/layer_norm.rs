//! Layer normalisation.

use crate::exports::{Flag, Maybe, optional_mut};
use crate::memory::{read, write};
use proxbit_kernels::layer_norm;

exports! {
    /// y = (x - mean) / sqrt(var + eps) gamma + beta with the statistics of each row; saved `f32 [rows][2]`, the mean and
    /// 1/sqrt(var + eps), where given.
    only("layers")
    fn layer_norm_forward(
        x: *const f32, rows: usize, channels: usize, gamma: *const f32, beta: *const f32, eps: f32, y: *mut f32,
        saved: Maybe<*mut f32>,
    ) {
        let (gamma, beta) = (read(gamma, channels), read(beta, channels));
        let (y, saved) = (write(y, rows * channels), optional_mut(saved, rows * 2));
        layer_norm::layer_norm_forward(read(x, rows * channels), gamma, beta, eps, y, saved)
    }

    /// One lane's gradients: dx `f32 [rows][channels]` where given, added to where `accumulate`, and those at gamma and
    /// beta, `f32 [channels]`.
    only("training")
    fn layer_norm_backward(
        x: *const f32, dy: *const f32, rows: usize, channels: usize, gamma: *const f32, saved: *const f32, accumulate: Flag,
        dx: Maybe<*mut f32>, dgamma: *mut f32, dbeta: *mut f32,
    ) {
        let (x, dy) = (read(x, rows * channels), read(dy, rows * channels));
        let (dgamma, dbeta) = (write(dgamma, channels), write(dbeta, channels));
        let dx = optional_mut(dx, rows * channels);
        let gradients = layer_norm::LayerNormGradients { dx, accumulate: accumulate != 0, dgamma, dbeta };
        layer_norm::layer_norm_backward(x, dy, read(gamma, channels), read(saved, rows * 2), gradients);
        false
    }
}
