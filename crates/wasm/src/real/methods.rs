//! Work that single methods do on weights and activations beside the quantizers' maps.

use crate::exports::Flag;
use crate::memory::{read, share, write};
use proxbit_kernels::dropout::Draws;
use proxbit_kernels::rotate::{self, Rotations};
use proxbit_kernels::sign_search::{self, Batch, Scratch, words};
use proxbit_kernels::{magnitude, optimizer, sine_squares, unit_deviation};

exports! {
    /// SiMaN: out `f32 [k][n]` = magnitudes of w about the middle of their filter, slopes `f32 [k][n]` those of the way back;
    /// sorted `f64 [k]` is room. The percentile stands at `place` of parameters `f32 [size]`.
    only("training")
    fn standardize_magnitudes(
        w: *const f32, k: usize, n: usize, parameters: *const f32, size: usize, place: usize, sorted: *mut f64,
        out: *mut f32, slopes: *mut f32,
    ) {
        let percentile = read(parameters, size)[place];
        let (out, slopes) = (write(out, k * n), write(slopes, k * n));
        magnitude::standardize_magnitudes(read(w, k * n), percentile, write(sorted, k), out, slopes)
    }

    /// BiPer: result = sum of sin^2(omega w).
    only("training")
    fn sine_square_sum(w: *const f32, count: usize, omega: f32, result: *mut [f64; 1]) {
        let sum = sine_squares::sine_square_sum(read(w, count), omega);
        write(result.cast::<f64>(), 1)[0] = sum;
        !sum.is_finite()
    }

    /// y += factor omega sin(2 omega w).
    only("training")
    fn add_sine_squares(w: *const f32, omega: f32, factor: f32, y: *mut f32, count: usize) {
        sine_squares::add_sine_squares(read(w, count), omega, factor, write(y, count));
        false
    }

    /// y = x / sqrt(var + eps) with the variance of each of `images` of n elements; saved `f32 [images][2]`.
    only("training")
    fn unit_deviation_forward(x: *const f32, images: usize, n: usize, eps: f32, y: *mut f32, saved: *mut f32) {
        let (x, y) = (read(x, images * n), write(y, images * n));
        unit_deviation::unit_deviation_forward(x, n, eps, y, write(saved, 2 * images))
    }

    /// The gradient dx of dy, added to what is there where `accumulate`.
    only("training")
    fn unit_deviation_backward(
        x: *const f32, dy: *const f32, images: usize, n: usize, saved: *const f32, accumulate: Flag, dx: *mut f32,
    ) {
        let (x, dy, saved) = (read(x, images * n), read(dy, images * n), read(saved, 2 * images));
        unit_deviation::unit_deviation_backward(x, dy, n, saved, accumulate != 0, write(dx, images * n));
        false
    }

    /// RBNN: out `f32 [a b][n]` = w + |sin angle| (R^T w - w) by filter, apart `f32 [a b][n]` = R^T w - w, slopes `f32 [n]` times
    /// 1 - |sin angle|; left `f32 [a][a]`, right `f32 [b][b]`, angles `f32 [n]`; room is `f64 [a b]`.
    only("training")
    fn rotate_filters(
        w: *const f32, left: *const f32, right: *const f32, a: usize, b: usize, angles: *const f32, n: usize,
        room: *mut f64, slopes: *mut f32, apart: *mut f32, out: *mut f32,
    ) {
        let rotations = Rotations { left: read(left, a * a), right: read(right, b * b), a, b };
        let (apart, out) = (write(apart, a * b * n), write(out, a * b * n));
        let (room, slopes) = (write(room, a * b), write(slopes, n));
        rotate::rotate_filters(read(w, a * b * n), rotations, read(angles, n), room, slopes, apart, out)
    }

    /// RBNN: the gradient out `f32 [n]` at the angles, from dw `f32 [k][n]` at the rotated weights and `rotate_filters`' apart.
    only("training")
    fn angle_gradients(dw: *const f32, apart: *const f32, k: usize, angles: *const f32, n: usize, out: *mut f32) {
        rotate::angle_gradients(read(dw, k * n), read(apart, k * n), read(angles, n), write(out, n))
    }

    /// QP-SBGD: out `u32 [rows][ceil(n / 32)]` = the signs of x `f32 [rows][n]`.
    only("training")
    fn pack_rows(x: *const f32, rows: usize, n: usize, out: *mut u32) {
        sign_search::pack_rows(read(x, rows * n), n, write(out, rows * words(n)))
    }

    /// QP-SBGD: -v of `count` neurons from `first` on, into their columns of out `f32 [inputs][outputs]`; x as `pack_rows`
    /// leaves it, dy `f32 [rows][outputs]`, draws `f32 [3]` as in `dropout`, room `u32 [2 rows + 2 ceil(inputs / 32)]`.
    only("training")
    fn search_signs(
        x: *const u32, dy: *const f32, rows: usize, inputs: usize, outputs: usize, first: usize, count: usize,
        sweeps: usize, draws: *const [f32; 3], room: *mut u32, out: *mut f32,
    ) {
        let batch = Batch { x: read(x, rows * words(inputs)), dy: read(dy, rows * outputs), inputs, outputs };
        let scratch = Scratch {
            sums: write(room.cast::<i32>(), rows),
            wanted: write(room.add(rows).cast::<f32>(), rows),
            bits: write(room.add(2 * rows), 2 * words(inputs)),
        };
        let draws = Draws::from_floats(*draws);
        sign_search::search_signs(batch, first, count, sweeps, draws, scratch, share(out, inputs * outputs))
    }

    /// w -= hyper[0] dw, within hyper[5] of 0 where that is not 0, and where hyper[1] is not 0 the sign of that.
    only("training")
    fn direction_step(weights: *mut f32, gradient: *const f32, count: usize, hyper: *const [f32; 6]) {
        let [rate, projected, .., clip] = *hyper;
        optimizer::direction_step(write(weights, count), read(gradient, count), rate, projected != 0.0, clip)
    }
}
