//! Depthwise convolutions, forward and back.

use crate::exports::{Flag, Lengths, Maybe, optional};
use crate::memory::{read, write};
use proxbit_kernels::depthwise;
use proxbit_kernels::shape::ConvShape;

/// Floats of a kernel `[taps][c m]` whose taps stand `dilation` pixels apart.
fn kernel_length(shape: &ConvShape, dilation: [usize; 2]) -> usize {
    let along = |extent: u32, dilation: usize| (extent as usize).div_ceil(dilation.max(1));
    along(shape.kernel_height, dilation[0]) * along(shape.kernel_width, dilation[1]) * shape.filters as usize
}

exports! {
    /// Depthwise convolution: x padded, w `f32 [taps][N]`, bias `f32 [N]` where given, out `f32 [images][oh][ow][N]`. The
    /// shape's kernel is the extent of a window.
    only("layers")
    product(ff, "1x16", 1)
    fn depthwise_conv(
        shape: *const ConvShape, dilation_height: usize, dilation_width: usize, x: *const f32, w: *const f32,
        bias: Maybe<*const f32>, out: *mut f32,
    ) {
        let (lengths, dilation) = (Lengths::of(&*shape), [dilation_height, dilation_width]);
        let (x, w) = (read(x, lengths.padded), read(w, kernel_length(&*shape, dilation)));
        let bias = optional(bias, lengths.filters);
        depthwise::depthwise_conv(&*shape, dilation, x, w, bias, write(out, lengths.output));
        false
    }

    /// Gradient of the filters of a depthwise convolution: x padded, dy `[images][oh][ow][N]`; overwrites dw
    /// `f32 [taps][N]`.
    only("training")
    product(ff, "1x16", 1)
    fn depthwise_conv_backward_filter(
        shape: *const ConvShape, dilation_height: usize, dilation_width: usize, x: *const f32, dy: *const f32,
        dw: *mut f32,
    ) {
        let (lengths, dilation) = (Lengths::of(&*shape), [dilation_height, dilation_width]);
        let (x, dy) = (read(x, lengths.padded), read(dy, lengths.output));
        let dw = write(dw, kernel_length(&*shape, dilation));
        depthwise::depthwise_conv_backward_filter(&*shape, dilation, x, dy, dw);
        false
    }

    /// Gradient of the input of a depthwise convolution: dx `f32 [images][h][w][c]`, added to where `accumulate`.
    only("training")
    product(ff, "1x4", 1)
    fn depthwise_conv_backward_input(
        shape: *const ConvShape, dilation_height: usize, dilation_width: usize, w: *const f32, dy: *const f32,
        accumulate: Flag, dx: *mut f32,
    ) {
        let (lengths, dilation) = (Lengths::of(&*shape), [dilation_height, dilation_width]);
        let (w, dy) = (read(w, kernel_length(&*shape, dilation)), read(dy, lengths.output));
        depthwise::depthwise_conv_backward_input(&*shape, dilation, w, dy, accumulate != 0, write(dx, lengths.input));
        false
    }
}
