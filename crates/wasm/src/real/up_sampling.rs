//! Images made larger: pixels several times, or new ones between them.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::bilinear::{self, Enlarged};
use proxbit_kernels::up_sampling::{self, UpSampling};

exports! {
    /// y `f32 [rows down][width right][channels]` = every pixel of x `f32 [rows][width][channels]` down x right times.
    only("layers")
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

    /// Rows of y `f32 [images][height down][width right][channels]`, `count` from row `first` of all images on, between the
    /// pixels of x `f32 [images][height][width][channels]`; `y` is their place.
    only("layers")
    fn bilinear_forward(
        x: *const f32, images: usize, height: usize, width: usize, channels: usize, down: usize, right: usize,
        first: usize, count: usize, y: *mut f32,
    ) {
        let shape = Enlarged { images, image: [height, width], channels, size: [down, right] };
        let y = write(y, count * shape.row());
        bilinear::bilinear_forward(read(x, shape.inputs()), shape, first..first + count, y);
        false
    }

    /// dx = the gradient at x of dy at all rows of y, added to dx where `accumulate`; sizes as in the forward pass.
    only("training")
    fn bilinear_backward(
        dy: *const f32, images: usize, height: usize, width: usize, channels: usize, down: usize, right: usize,
        accumulate: Flag, dx: *mut f32,
    ) {
        let shape = Enlarged { images, image: [height, width], channels, size: [down, right] };
        let dy = read(dy, shape.rows() * shape.row());
        bilinear::bilinear_backward(dy, shape, accumulate != 0, write(dx, shape.inputs()));
        false
    }
}
