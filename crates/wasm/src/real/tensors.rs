//! Sums and copies of whole tensors.

use crate::memory::{read, write};
use proxbit_kernels::reduce;

exports! {
    /// out `f32 [cols]` = sums of the columns of x `f32 [rows][cols]`.
    fn column_sums(x: *const f32, rows: usize, cols: usize, out: *mut f32) {
        reduce::column_sums(read(x, rows * cols), write(out, cols));
        false
    }

    /// out `f32 [n]` = sum over lanes, in order, of partials; lane l starts at float l * stride.
    fn sum_lanes(partials: *const f32, lanes: usize, stride: usize, n: usize, out: *mut f32) {
        let partials = read(partials, (lanes - 1) * stride + n);
        reduce::sum_lanes(partials, lanes, stride, write(out, n))
    }

    /// y = a + b.
    fn add(a: *const f32, b: *const f32, y: *mut f32, n: usize) {
        reduce::add_tensors(read(a, n), read(b, n), write(y, n));
        false
    }

    /// y += x.
    fn add_into(y: *mut f32, x: *const f32, n: usize) {
        reduce::add_into(write(y, n), read(x, n));
        false
    }

    /// Copies bytes.
    fn copy(from: *const u8, to: *mut u8, bytes: usize) {
        write(to, bytes).copy_from_slice(read(from, bytes));
        false
    }
}
