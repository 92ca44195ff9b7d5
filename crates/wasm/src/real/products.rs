//! Convolutions with a real operand, forward and back, and how their operands are laid out.

use super::maps::slope;
use super::{Lengths, optional};
use crate::memory::{read, write};
use proxbit_kernels::conv::mixed::{self, filter, forward, input};
use proxbit_kernels::conv::real;
use proxbit_kernels::gemm::ff;
use proxbit_kernels::shape::ConvShape;

exports! {
    /// Writes the whole padded buffer out `f32 [images][PH][PW][c]` from x `f32 [images][h][w][c]`.
    fn pad_real(shape: *const ConvShape, x: *const f32, out: *mut f32) {
        let lengths = Lengths::of(&*shape);
        real::pad_real(&*shape, read(x, lengths.input), write(out, lengths.padded));
        false
    }

    /// Spreads dy `f32 [images][oh][ow][o]` over out `f32 [images][h+kh-1][w+kw-1][o]`.
    fn dilate_real(shape: *const ConvShape, dy: *const f32, out: *mut f32) {
        let lengths = Lengths::of(&*shape);
        real::dilate_real(&*shape, read(dy, lengths.output), write(out, lengths.dilated));
        false
    }

    /// Panels `f32 [ceil(n/8)][k][8]` of w `f32 [k][n]`.
    fn pack_panels(w: *const f32, k: usize, n: usize, out: *mut f32) {
        ff::pack_panels(read(w, k * n), k, n, write(out, n.div_ceil(8) * k * 8));
        false
    }

    /// Panels `f32 [ceil(c/8)][kh*kw*o][8]` of the kernel w `f32 [K][N]`, flipped and transposed for the input's gradient.
    fn pack_panels_transposed(shape: *const ConvShape, w: *const f32, out: *mut f32) {
        let (lengths, channels) = (Lengths::of(&*shape), (*shape).channels as usize);
        let length = channels.div_ceil(8) * 8 * (lengths.rows / channels) * lengths.filters;
        ff::pack_panels_transposed(&*shape, read(w, lengths.kernel), write(out, length));
        false
    }

    /// Real convolution: x padded, panels, bias `f32 [N]` or 0, out `f32 [images][oh][ow][N]`.
    fn ff_conv(shape: *const ConvShape, x: *const f32, panels: *const f32, bias: *const f32, out: *mut f32) {
        let lengths = Lengths::of(&*shape);
        let panels = read(panels, lengths.filters.div_ceil(8) * 8 * lengths.rows);
        let bias = optional(bias, lengths.filters);
        let out = write(out, lengths.output);
        real::ff_conv(&*shape, read(x, lengths.padded), panels, bias, out);
        false
    }

    /// Gradient of the filters of a real convolution: x padded, dy `[images][oh][ow][N]`; overwrites dw `f32 [K][N]`.
    fn ff_conv_backward_filter(shape: *const ConvShape, x: *const f32, dy: *const f32, dw: *mut f32) {
        let lengths = Lengths::of(&*shape);
        let (x, dy) = (read(x, lengths.padded), read(dy, lengths.output));
        real::ff_conv_backward_filter(&*shape, x, dy, write(dw, lengths.kernel));
        false
    }

    /// Convolution of +-1 inputs (nibbles, padded) with a real kernel w `f32 [K][N]`; scratch as in `fb_scratch_bytes`.
    fn fb_conv(shape: *const ConvShape, nibbles: *const u8, w: *const f32, out: *mut f32, scratch: *mut f32) {
        let lengths = Lengths::of(&*shape);
        let nibbles = read(nibbles, lengths.nibbles);
        let out = write(out, lengths.output);
        let scratch = write(scratch, mixed::scratch_floats(&*shape));
        forward::fb_conv(&*shape, nibbles, read(w, lengths.kernel), out, scratch);
        false
    }

    /// Gradient of the filters for +-1 inputs (nibbles, padded); overwrites dw `f32 [K][N]`; scratch as in
    /// `fb_scratch_bytes`.
    fn fb_conv_backward_filter(
        shape: *const ConvShape, nibbles: *const u8, dy: *const f32, dw: *mut f32, scratch: *mut f32,
    ) {
        let lengths = Lengths::of(&*shape);
        let floats = mixed::scratch_floats(&*shape);
        let planes = write(scratch.add(floats).cast(), filter::plane_bytes(&*shape));
        let (nibbles, dy) = (read(nibbles, lengths.nibbles), read(dy, lengths.output));
        let dw = write(dw, lengths.kernel);
        filter::fb_conv_backward_filter(&*shape, nibbles, dy, dw, write(scratch, floats), planes);
        false
    }

    /// Signs of the kernel `f32 [K][N]` for `fb_conv_backward_input`: weights `u8 [taps][c][ceil(N/4)]`.
    fn pack_fb_input_weights(shape: *const ConvShape, kernel: *const f32, weights: *mut u8) {
        let weights = write(weights, input::input_weight_bytes(&*shape));
        input::pack_fb_input_weights(&*shape, read(kernel, Lengths::of(&*shape).kernel), weights);
        false
    }

    /// Gradient at the real input x of a layer with a +-1 kernel: dx `f32 [images][h][w][c]` = B(x) times the gradient at the
    /// quantized input, added to dx where accumulate is not 0. Maps, parameters and table as in `quantize_backward`. weights
    /// as `pack_fb_input_weights` makes them; scratch as in `fb_input_scratch_bytes`.
    fn fb_conv_backward_input(
        shape: *const ConvShape, weights: *const u8, dy: *const f32, scratch: *mut f32, proximal: u32, map: u32,
        x: *const f32, params: *const f32, table: *const f32, accumulate: u32, dx: *mut f32,
    ) {
        let lengths = Lengths::of(&*shape);
        let slope = slope(proximal, map, params, table);
        let weights = read(weights, input::input_weight_bytes(&*shape));
        let (dy, x) = (read(dy, lengths.output), read(x, lengths.input));
        let scratch = write(scratch, input::input_scratch_floats(&*shape));
        let dx = write(dx, lengths.input);
        input::fb_conv_backward_input(&*shape, weights, dy, scratch, slope, x, accumulate != 0, dx)
    }

    /// Bytes of scratch that `fb_conv_backward_input` needs for this shape. Not a status.
    fn fb_input_scratch_bytes(shape: *const ConvShape) {
        4 * input::input_scratch_floats(&*shape) as u32
    }

    /// Bytes of scratch that `fb_conv` and `fb_conv_backward_filter` need for this shape. Not a status.
    fn fb_scratch_bytes(shape: *const ConvShape) {
        (4 * mixed::scratch_floats(&*shape) + filter::plane_bytes(&*shape)) as u32
    }
}
