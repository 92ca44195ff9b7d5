//! Batch normalisation, with the sums of its lanes.

use super::{Lengths, optional, optional_mut};
use crate::memory::{read, write};
use proxbit_kernels::norm;
use proxbit_kernels::shape::ConvShape;

exports! {
    /// One lane's sums of x and x^2: partial `f64 [2][c]`.
    fn norm_partial(x: *const f32, rows: usize, c: usize, partial: *mut f64) {
        norm::norm_partial(read(x, rows * c), c, write(partial, 2 * c));
        false
    }

    /// A batch's statistics from partials `f64 [lanes][2][c]`: saved `f32 [2][c]`, scale and shift `f32 [c]`; running
    /// `f32 [2][c]` or 0, momentum `f32*` (read only where running is given).
    fn norm_statistics(
        partials: *const f64, lanes: usize, total_rows: usize, c: usize, gamma: *const f32, beta: *const f32, eps: f32,
        saved: *mut f32, scale: *mut f32, shift: *mut f32, running: *mut f32, momentum: *const f32,
    ) {
        let partials = read(partials, lanes * 2 * c);
        let batch = norm::Batch { partials, total_rows, gamma: read(gamma, c) };
        let running = optional_mut(running, 2 * c).map(|running| (running, *momentum));
        let (saved, scale, shift) = (write(saved, 2 * c), write(scale, c), write(shift, c));
        norm::norm_statistics(batch, read(beta, c), eps, norm::Statistics { saved, scale, shift }, running)
    }

    /// y = (x * scale + shift) + residual per channel, residual `f32 [rows][c]` or 0; and the signs of y as the padded
    /// nibbles of the input of `shape`, or shape and nibbles 0.
    fn normalize(
        x: *const f32, rows: usize, c: usize, scale: *const f32, shift: *const f32, residual: *const f32, y: *mut f32,
        shape: *const ConvShape, nibbles: *mut u8,
    ) {
        let (scale, shift) = (read(scale, c), read(shift, c));
        let residual = optional(residual, rows * c);
        let signs = (!shape.is_null()).then(|| {
            let shape = &*shape;
            (shape, write(nibbles, Lengths::of(shape).nibbles))
        });
        norm::normalize(read(x, rows * c), scale, shift, residual, write(y, rows * c), signs)
    }

    /// scale and shift `f32 [c]` of the running statistics `f32 [2][c]`.
    fn norm_fold(
        gamma: *const f32, beta: *const f32, running: *const f32, eps: f32, c: usize, scale: *mut f32, shift: *mut f32,
    ) {
        let (gamma, beta) = (read(gamma, c), read(beta, c));
        let (scale, shift) = (write(scale, c), write(shift, c));
        norm::norm_fold(gamma, beta, read(running, 2 * c), eps, scale, shift)
    }

    /// y = x * scale + shift per channel.
    fn affine(x: *const f32, rows: usize, c: usize, scale: *const f32, shift: *const f32, y: *mut f32) {
        let (scale, shift) = (read(scale, c), read(shift, c));
        norm::affine(read(x, rows * c), scale, shift, write(y, rows * c))
    }

    /// One lane's sums of dy and dy * xhat: partial `f64 [2][c]`.
    fn norm_backward_partial(
        x: *const f32, dy: *const f32, rows: usize, c: usize, saved: *const f32, partial: *mut f64,
    ) {
        let (x, dy) = (read(x, rows * c), read(dy, rows * c));
        norm::norm_backward_partial(x, dy, read(saved, 2 * c), write(partial, 2 * c));
        false
    }

    /// One lane's dx `f32 [rows][c]`, added to where accumulate is not 0; dgamma and dbeta `f32 [c]` of the whole batch,
    /// or 0.
    fn norm_backward(
        x: *const f32, dy: *const f32, rows: usize, c: usize, saved: *const f32, gamma: *const f32,
        partials: *const f64, lanes: usize, total_rows: usize, accumulate: u32, dx: *mut f32, dgamma: *mut f32,
        dbeta: *mut f32,
    ) {
        let partials = read(partials, lanes * 2 * c);
        let batch = norm::Batch { partials, total_rows, gamma: read(gamma, c) };
        let (x, dy) = (read(x, rows * c), read(dy, rows * c));
        let saved = read(saved, 2 * c);
        let (dgamma, dbeta) = (optional_mut(dgamma, c), optional_mut(dbeta, c));
        let gradients = norm::NormGradients { dx: write(dx, rows * c), accumulate: accumulate != 0, dgamma, dbeta };
        norm::norm_backward(x, dy, saved, batch, gradients)
    }
}
