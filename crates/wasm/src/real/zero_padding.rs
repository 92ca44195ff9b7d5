//! Zeros around images.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::zero_padding::{self, Border};

exports! {
    /// y `f32 [images][above + height + below][before + row + behind]` = x `f32 [images][height][row]` and zeros around it.
    only("layers")
    fn zero_padding_forward(
        x: *const f32, images: usize, height: usize, row: usize, above: usize, below: usize, before: usize,
        behind: usize, y: *mut f32,
    ) {
        let border = Border { height, row, rows: [above, below], floats: [before, behind] };
        let (x, y) = (read(x, images * border.image()), write(y, images * border.padded()));
        zero_padding::zero_padding_forward(x, border, y);
        false
    }

    /// dx = dy without the border, added to dx where `accumulate`; sizes as in the forward pass.
    only("training")
    fn zero_padding_backward(
        dy: *const f32, images: usize, height: usize, row: usize, above: usize, below: usize, before: usize,
        behind: usize, accumulate: Flag, dx: *mut f32,
    ) {
        let border = Border { height, row, rows: [above, below], floats: [before, behind] };
        let (dy, dx) = (read(dy, images * border.padded()), write(dx, images * border.image()));
        zero_padding::zero_padding_backward(dy, border, accumulate != 0, dx);
        false
    }
}
