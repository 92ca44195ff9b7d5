//! The product of two tensors, element by element.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::multiply;

exports! {
    /// y = a * b.
    only("layers")
    fn multiply_forward(a: *const f32, b: *const f32, y: *mut f32, count: usize) {
        multiply::multiply_forward(read(a, count), read(b, count), write(y, count))
    }

    /// dx = dy * other, added to dx where `accumulate`.
    only("training")
    fn multiply_backward(dy: *const f32, other: *const f32, accumulate: Flag, dx: *mut f32, count: usize) {
        multiply::multiply_backward(read(dy, count), read(other, count), accumulate != 0, write(dx, count))
    }
}
