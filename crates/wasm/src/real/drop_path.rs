//! Stochastic depth.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::drop_path;
use proxbit_kernels::dropout::Draws;

exports! {
    /// y `f32 [images][size]` = x / (1 - rate) where an image stays, else 0, added to y where `accumulate`; `first` is the
    /// number of the first image in the batch, draws `f32 [3]` as dropout has them.
    only("training")
    fn drop_path(
        x: *const f32, images: usize, size: usize, first: usize, rate: f64, draws: *const [f32; 3], accumulate: Flag,
        y: *mut f32,
    ) {
        let draws = Draws::from_floats(*draws);
        let (x, y) = (read(x, images * size), write(y, images * size));
        drop_path::drop_path(x, size, first, rate, draws, accumulate != 0, y)
    }
}
