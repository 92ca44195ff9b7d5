//! Axes in another order.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::permute::{self, Order};

exports! {
    /// y `f32 [images][size0][size1][size2][size3]`, whose neighbours along an axis lie its stride apart in x, added to y
    /// where `accumulate`.
    only("layers")
    fn permute(
        x: *const f32, images: usize, size0: usize, size1: usize, size2: usize, size3: usize, stride0: usize,
        stride1: usize, stride2: usize, stride3: usize, accumulate: Flag, y: *mut f32,
    ) {
        let order = Order { sizes: [size0, size1, size2, size3], strides: [stride0, stride1, stride2, stride3] };
        let size = order.elements();
        let x = read(x, (images - 1) * size + order.reach());
        permute::permute(x, images, order, accumulate != 0, write(y, images * size));
        false
    }
}
