//! Softmax over rows.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::softmax;

exports! {
    /// y = e^x / sum e^x over each row of `channels` values.
    only("layers")
    fn softmax_forward(x: *const f32, rows: usize, channels: usize, y: *mut f32) {
        softmax::softmax_forward(read(x, rows * channels), channels, write(y, rows * channels))
    }

    /// dx = y (dy - sum dy y) over each row, added to dx where `accumulate`.
    only("training")
    fn softmax_backward(
        y: *const f32, dy: *const f32, rows: usize, channels: usize, accumulate: Flag, dx: *mut f32,
    ) {
        let (y, dy) = (read(y, rows * channels), read(dy, rows * channels));
        softmax::softmax_backward(y, dy, channels, accumulate != 0, write(dx, rows * channels));
        false
    }
}
