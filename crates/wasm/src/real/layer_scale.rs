//! LayerScale on the way back.

use crate::exports::{Flag, Maybe, optional_mut};
use crate::memory::{read, write};
use proxbit_kernels::layer_scale;

exports! {
    /// One lane's gradients: dx `f32 [rows][channels]` = gamma `f32 [channels]` times dy where given, added to where
    /// `accumulate`, and dgamma `f32 [channels]`, the sums of x dy.
    only("training")
    fn layer_scale_backward(
        x: *const f32, dy: *const f32, rows: usize, channels: usize, gamma: *const f32, accumulate: Flag,
        dx: Maybe<*mut f32>, dgamma: *mut f32,
    ) {
        let (x, dy) = (read(x, rows * channels), read(dy, rows * channels));
        let dx = optional_mut(dx, rows * channels);
        layer_scale::layer_scale_backward(x, dy, read(gamma, channels), accumulate != 0, dx, write(dgamma, channels));
        false
    }
}
