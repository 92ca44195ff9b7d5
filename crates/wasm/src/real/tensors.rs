//! Sums and copies of whole tensors.

use crate::exports::{Flag, Maybe, optional};
use crate::memory::{read, write};
use proxbit_kernels::{distance, reduce};

exports! {
    /// out `f32 [columns]` = sums of the columns of x `f32 [rows][columns]`.
    only("training")
    fn column_sums(x: *const f32, rows: usize, columns: usize, out: *mut f32) {
        reduce::column_sums(read(x, rows * columns), write(out, columns));
        false
    }

    /// out `f32 [count]` = sum over lanes, in order, of partials; lane l starts at float l * stride.
    only("training")
    fn sum_lanes(partials: *const f32, lanes: usize, stride: usize, count: usize, out: *mut f32) {
        let partials = read(partials, (lanes - 1) * stride + count);
        reduce::sum_lanes(partials, lanes, stride, write(out, count))
    }

    /// y = a + b.
    fn add(a: *const f32, b: *const f32, y: *mut f32, count: usize) {
        reduce::add_tensors(read(a, count), read(b, count), write(y, count));
        false
    }

    /// y += x.
    only("training")
    fn add_into(y: *mut f32, x: *const f32, count: usize) {
        reduce::add_into(write(y, count), read(x, count));
        false
    }

    /// result = sum of the squares of a - b, or of a where b is left out.
    only("training")
    fn squared_distance(a: *const f32, b: Maybe<*const f32>, count: usize, result: *mut [f64; 1]) {
        let sum = distance::squared_distance(read(a, count), optional(b, count));
        write(result.cast::<f64>(), 1)[0] = sum;
        !sum.is_finite()
    }

    /// y = factor (a - b), or factor a where b is left out; added to what is there where `accumulate`.
    only("training")
    fn add_difference(
        a: *const f32, b: Maybe<*const f32>, factor: f32, accumulate: Flag, y: *mut f32, count: usize,
    ) {
        let b = optional(b, count);
        distance::add_difference(read(a, count), b, factor, accumulate != 0, write(y, count));
        false
    }

    /// result = sum of the magnitudes of a.
    only("training")
    fn absolute_sum(a: *const f32, count: usize, result: *mut [f64; 1]) {
        let sum = distance::absolute_sum(read(a, count));
        write(result.cast::<f64>(), 1)[0] = sum;
        !sum.is_finite()
    }

    /// y += factor sign(a), with sign(0) = 0.
    only("training")
    fn add_signs(a: *const f32, factor: f32, y: *mut f32, count: usize) {
        distance::add_signs(read(a, count), factor, write(y, count));
        false
    }

    /// Copies bytes.
    fn copy(from: *const u8, to: *mut u8, bytes: usize) {
        write(to, bytes).copy_from_slice(read(from, bytes));
        false
    }
}
