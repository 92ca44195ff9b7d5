//! Concatenation along an axis.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::concatenate::{self, Part};

exports! {
    /// y `f32 [blocks][first + second]` = a `f32 [blocks][first]` and b `f32 [blocks][second]`, block by block.
    only("layers")
    fn concatenate_forward(
        a: *const f32, b: *const f32, blocks: usize, first: usize, second: usize, y: *mut f32,
    ) {
        let (a, b) = (read(a, blocks * first), read(b, blocks * second));
        concatenate::concatenate_forward(a, b, blocks, write(y, blocks * (first + second)));
        false
    }

    /// dx `f32 [blocks][size]` = the part of dy `f32 [blocks][block]` from `first` on, added to dx where `accumulate`.
    only("training")
    fn concatenate_backward(
        dy: *const f32, blocks: usize, block: usize, first: usize, size: usize, accumulate: Flag, dx: *mut f32,
    ) {
        let part = Part { block, first, size };
        concatenate::concatenate_backward(read(dy, blocks * block), part, accumulate != 0, write(dx, blocks * size));
        false
    }
}
