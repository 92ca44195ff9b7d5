//! Pixels of images several times.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::up_sampling::{self, UpSampling};

exports! {
    /// y `f32 [rows down][width right][channels]` = every pixel of x `f32 [rows][width][channels]` down x right times.
    fn up_sampling_forward(
        x: *const f32, rows: usize, width: usize, channels: usize, down: usize, right: usize, y: *mut f32,
    ) {
        let shape = UpSampling { width, channels, size: [down, right] };
        let count = rows * width * channels;
        up_sampling::up_sampling_forward(read(x, count), shape, write(y, count * down * right));
        false
    }

    /// dx = the sums of dy over the copies of each pixel, added to dx where `accumulate`; sizes as in the forward pass.
    only("training")
    fn up_sampling_backward(
        dy: *const f32, rows: usize, width: usize, channels: usize, down: usize, right: usize, accumulate: Flag,
        dx: *mut f32,
    ) {
        let shape = UpSampling { width, channels, size: [down, right] };
        let count = rows * width * channels;
        let dy = read(dy, count * down * right);
        up_sampling::up_sampling_backward(dy, shape, accumulate != 0, write(dx, count));
        false
    }
}
