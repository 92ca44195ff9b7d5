//! Leaky ReLU with a slope that is given.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::leaky_relu;

exports! {
    /// y = x where x > 0, slope x elsewhere.
    only("layers")
    fn leaky_relu_forward(x: *const f32, slope: f32, y: *mut f32, count: usize) {
        leaky_relu::leaky_relu_forward(read(x, count), slope, write(y, count))
    }

    /// dx = dy where x > 0, slope dy elsewhere; added to dx where `accumulate`.
    only("training")
    fn leaky_relu_backward(
        x: *const f32, dy: *const f32, slope: f32, accumulate: Flag, dx: *mut f32, count: usize,
    ) {
        let (x, dy) = (read(x, count), read(dy, count));
        leaky_relu::leaky_relu_backward(x, dy, slope, accumulate != 0, write(dx, count))
    }
}
