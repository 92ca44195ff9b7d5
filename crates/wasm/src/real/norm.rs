//! Batch normalisation, with the sums of its lanes.
//!
//! `normalize` may be given some rows of the next layer's padded nibbles, while other threads write the rows around them.

use crate::exports::{Flag, Lengths, Maybe, optional, optional_mut};
use crate::memory::{read, share, write};
use proxbit_kernels::norm;
use proxbit_kernels::shape::ConvShape;

exports! {
    /// One lane's sums of x and x^2: partial `f64 [2][channels]`.
    only("training")
    fn norm_partial(x: *const f32, rows: usize, channels: usize, partial: *mut f64) {
        norm::norm_partial(read(x, rows * channels), channels, write(partial, 2 * channels));
        false
    }

    /// A batch's statistics from partials `f64 [lanes][2][channels]`: saved `f32 [2][channels]`, scale and shift `f32 [channels]`; running
    /// `f32 [2][channels]` and momentum `f32` where given (read only with running).
    only("training")
    fn norm_statistics(
        partials: *const f64, lanes: usize, total_rows: usize, channels: usize, gamma: *const f32, beta: *const f32, eps: f32,
        saved: *mut f32, scale: *mut f32, shift: *mut f32, running: Maybe<*mut f32>, momentum: Maybe<*const f32>,
    ) {
        let partials = read(partials, lanes * 2 * channels);
        let batch = norm::Batch { partials, total_rows, gamma: read(gamma, channels) };
        let running = optional_mut(running, 2 * channels).map(|running| (running, *momentum));
        let (saved, scale, shift) = (write(saved, 2 * channels), write(scale, channels), write(shift, channels));
        norm::norm_statistics(batch, read(beta, channels), eps, norm::Statistics { saved, scale, shift }, running)
    }

    /// out = (x * scale + shift) + residual per channel, residual `f32 [rows][channels]` where given; and its signs as the
    /// padded nibbles of the input of the next layer, where that is given.
    fn normalize(
        x: *const f32, rows: usize, channels: usize, scale: *const f32, shift: *const f32, residual: Maybe<*const f32>, out: *mut f32,
        next: Maybe<*const ConvShape>, next_bits: Maybe<*mut u8>,
    ) {
        let (scale, shift) = (read(scale, channels), read(shift, channels));
        let residual = optional(residual, rows * channels);
        let signs = (!next.is_null()).then(|| {
            let next = &*next;
            (next, share(next_bits, Lengths::of(next).nibbles))
        });
        norm::normalize(read(x, rows * channels), scale, shift, residual, write(out, rows * channels), signs)
    }

    /// scale and shift `f32 [channels]` of the running statistics `f32 [2][channels]`.
    once(size)
    fn norm_fold(
        gamma: *const f32, beta: *const f32, running: *const f32, eps: f32, channels: usize, scale: *mut f32, shift: *mut f32,
    ) {
        let (gamma, beta) = (read(gamma, channels), read(beta, channels));
        let (scale, shift) = (write(scale, channels), write(shift, channels));
        norm::norm_fold(gamma, beta, read(running, 2 * channels), eps, scale, shift)
    }

    /// y = x * scale + shift per channel.
    fn affine(x: *const f32, rows: usize, channels: usize, scale: *const f32, shift: *const f32, y: *mut f32) {
        let (scale, shift) = (read(scale, channels), read(shift, channels));
        norm::affine(read(x, rows * channels), scale, shift, write(y, rows * channels))
    }

    /// One lane's sums of dy and dy * xhat: partial `f64 [2][channels]`.
    only("training")
    fn norm_backward_partial(
        x: *const f32, dy: *const f32, rows: usize, channels: usize, saved: *const f32, partial: *mut f64,
    ) {
        let (x, dy) = (read(x, rows * channels), read(dy, rows * channels));
        norm::norm_backward_partial(x, dy, read(saved, 2 * channels), write(partial, 2 * channels));
        false
    }

    /// One lane's dx `f32 [rows][channels]`, added to where `accumulate`; dgamma and dbeta `f32 [channels]` of the whole
    /// batch, where asked for.
    only("training")
    fn norm_backward(
        x: *const f32, dy: *const f32, rows: usize, channels: usize, saved: *const f32, gamma: *const f32,
        partials: *const f64, lanes: usize, total_rows: usize, accumulate: Flag, dx: *mut f32,
        dgamma: Maybe<*mut f32>, dbeta: Maybe<*mut f32>,
    ) {
        let partials = read(partials, lanes * 2 * channels);
        let batch = norm::Batch { partials, total_rows, gamma: read(gamma, channels) };
        let (x, dy) = (read(x, rows * channels), read(dy, rows * channels));
        let saved = read(saved, 2 * channels);
        let (dgamma, dbeta) = (optional_mut(dgamma, channels), optional_mut(dbeta, channels));
        let gradients = norm::NormGradients { dx: write(dx, rows * channels), accumulate: accumulate != 0, dgamma, dbeta };
        norm::norm_backward(x, dy, saved, batch, gradients)
    }
}
