//! Convolutions with a real operand, forward and back, and how their operands are laid out.

use super::maps::slope;
use crate::exports::{Flag, Lengths, Maybe, optional};
use crate::memory::{read, write};
use proxbit_kernels::conv::mixed::input::forward as sign_conv;
use proxbit_kernels::conv::mixed::{filter, forward, input};
use proxbit_kernels::conv::real;
use proxbit_kernels::gemm::ff;
use proxbit_kernels::shape::ConvShape;
use proxbit_kernels::shape::sizes::panel_floats;

exports! {
    /// Writes the whole padded buffer out `f32 [images][PH][PW][c]` from x `f32 [images][h][w][c]`.
    fn pad_real(shape: *const ConvShape, x: *const f32, out: *mut f32) {
        let lengths = Lengths::of(&*shape);
        real::pad_real(&*shape, read(x, lengths.input), write(out, lengths.padded));
        false
    }

    /// Spreads dy `f32 [images][oh][ow][o]` over out `f32 [images][h+kh-1][w+kw-1][o]`.
    only("training")
    fn dilate_real(shape: *const ConvShape, dy: *const f32, out: *mut f32) {
        let lengths = Lengths::of(&*shape);
        real::input::dilate_real(&*shape, read(dy, lengths.output), write(out, lengths.dilated));
        false
    }

    /// Panels `f32 [ceil(n/8)][k][8]` of w `f32 [k][n]`.
    once(size)
    fn pack_panels(w: *const f32, k: usize, n: usize, out: *mut f32) {
        ff::pack_panels(read(w, k * n), k, n, write(out, panel_floats(k, n)));
        false
    }

    /// Panels `f32 [ceil(c/8)][kh*kw*o][8]` of the kernel w `f32 [K][N]`, flipped and transposed for the input's gradient.
    only("training")
    fn pack_panels_transposed(shape: *const ConvShape, w: *const f32, out: *mut f32) {
        let (lengths, channels) = (Lengths::of(&*shape), (*shape).channels as usize);
        let length = panel_floats(lengths.rows / channels * lengths.filters, channels);
        ff::pack_panels_transposed(&*shape, read(w, lengths.kernel), write(out, length));
        false
    }

    /// Real convolution: x padded, panels, bias `f32 [N]` where given, out `f32 [images][oh][ow][N]`.
    product(ff, "4x8", 1)
    fn ff_conv(
        shape: *const ConvShape, x: *const f32, panels: *const f32, bias: Maybe<*const f32>, out: *mut f32,
    ) {
        let lengths = Lengths::of(&*shape);
        let panels = read(panels, panel_floats(lengths.rows, lengths.filters));
        let bias = optional(bias, lengths.filters);
        let out = write(out, lengths.output);
        real::ff_conv(&*shape, read(x, lengths.padded), panels, bias, out);
        false
    }

    /// Gradient of the filters of a real convolution: x padded, dy `[images][oh][ow][N]`; overwrites dw `f32 [K][N]`.
    only("training")
    product(ff, "4x8", 1)
    fn ff_conv_backward_filter(shape: *const ConvShape, x: *const f32, dy: *const f32, dw: *mut f32) {
        let lengths = Lengths::of(&*shape);
        let (x, dy) = (read(x, lengths.padded), read(dy, lengths.output));
        real::ff_conv_backward_filter(&*shape, x, dy, write(dw, lengths.kernel));
        false
    }

    /// Gradient of the inputs of a real convolution: dy spread as `dilate_real` does, panels as `pack_panels_transposed` makes
    /// them; overwrites dx `f32 [images][h][w][c]`.
    only("training")
    product(ff, "4x8", 1)
    fn ff_conv_backward_input(shape: *const ConvShape, dy: *const f32, panels: *const f32, dx: *mut f32) {
        let (lengths, channels) = (Lengths::of(&*shape), (*shape).channels as usize);
        let panels = read(panels, panel_floats(lengths.rows / channels * lengths.filters, channels));
        let (dy, dx) = (read(dy, lengths.dilated), write(dx, lengths.input));
        real::input::ff_conv_backward_input(&*shape, dy, panels, dx);
        false
    }

    /// Convolution of +-1 inputs (nibbles, padded) with a real kernel w `f32 [K][N]`; scratch of
    /// `fb_forward_scratch_bytes`.
    only("layers")
    product(fb, "2x16", 4)
    fn fb_conv(shape: *const ConvShape, bits: *const u8, w: *const f32, out: *mut f32, scratch: *mut f32) {
        let lengths = Lengths::of(&*shape);
        let bits = read(bits, lengths.nibbles);
        let out = write(out, lengths.output);
        let scratch = write(scratch, (*shape).fb_table_floats());
        forward::fb_conv(&*shape, bits, read(w, lengths.kernel), out, scratch);
        false
    }

    /// Signs of the kernel `f32 [K][N]` for `fb_sign_conv`: weights `u8 [taps][N][ceil(c/4)]`, the last tap first.
    only("layers")
    once(size)
    fn pack_fb_sign_weights(shape: *const ConvShape, kernel: *const f32, weights: *mut u8) {
        let weights = write(weights, (*shape).fb_sign_weight_bytes());
        sign_conv::pack_fb_sign_weights(&*shape, read(kernel, Lengths::of(&*shape).kernel), weights)
    }

    /// Convolution of real inputs x, not padded, with a +-1 kernel, where that has no strides and its padding is 0 (`has_adjoint`):
    /// bias `f32 [N]` where given, out `f32 [images][oh][ow][N]`. weights as `pack_fb_sign_weights` makes them; scratch of
    /// `fb_sign_scratch_bytes`.
    only("layers")
    product(fb, "2x16", 4)
    fn fb_sign_conv(
        shape: *const ConvShape, x: *const f32, weights: *const u8, bias: Maybe<*const f32>, out: *mut f32,
        scratch: *mut f32,
    ) {
        let lengths = Lengths::of(&*shape);
        let weights = read(weights, (*shape).fb_sign_weight_bytes());
        let bias = optional(bias, lengths.filters);
        let scratch = write(scratch, (*shape).fb_sign_scratch_bytes() / 4);
        let out = write(out, lengths.output);
        sign_conv::fb_sign_conv(&*shape, read(x, lengths.input), weights, bias, out, scratch);
        false
    }

    /// Gradient of the filters for +-1 inputs (nibbles, padded); overwrites dw `f32 [K][N]`; scratch of
    /// `fb_filter_scratch_bytes`.
    only("training")
    product(fb, "4x16", 4)
    fn fb_conv_backward_filter(
        shape: *const ConvShape, bits: *const u8, dy: *const f32, dw: *mut f32, scratch: *mut f32,
    ) {
        let lengths = Lengths::of(&*shape);
        let floats = (*shape).fb_table_floats();
        let planes = write(scratch.add(floats).cast(), (*shape).fb_plane_bytes());
        let (bits, dy) = (read(bits, lengths.nibbles), read(dy, lengths.output));
        let dw = write(dw, lengths.kernel);
        filter::fb_conv_backward_filter(&*shape, bits, dy, dw, write(scratch, floats), planes);
        false
    }

    /// Signs of the kernel `f32 [K][N]` for `fb_conv_backward_input`: weights `u8 [taps][c][ceil(N/4)]`.
    only("training")
    fn pack_fb_input_weights(shape: *const ConvShape, kernel: *const f32, weights: *mut u8) {
        let weights = write(weights, (*shape).fb_input_weight_bytes());
        input::pack_fb_input_weights(&*shape, read(kernel, Lengths::of(&*shape).kernel), weights);
        false
    }

    /// Gradient at the real input x of a layer with a +-1 kernel: dx `f32 [images][h][w][c]` = B(x) times the gradient at the
    /// quantized input, added to dx where `accumulate`. Maps, parameters and table as in `quantize_backward`. weights
    /// as `pack_fb_input_weights` makes them; scratch of `fb_input_scratch_bytes`.
    only("training")
    product(fb, "2x16", 4)
    fn fb_conv_backward_input(
        shape: *const ConvShape, weights: *const u8, dy: *const f32, scratch: *mut f32, proximal: u32, map: u32,
        x: *const f32, parameters: Maybe<*const f32>, table: Maybe<*const f32>, accumulate: Flag, dx: *mut f32,
    ) {
        let lengths = Lengths::of(&*shape);
        let slope = slope(proximal, map, parameters, table);
        let weights = read(weights, (*shape).fb_input_weight_bytes());
        let (dy, x) = (read(dy, lengths.output), read(x, lengths.input));
        let scratch = write(scratch, (*shape).fb_input_scratch_bytes() / 4);
        let dx = write(dx, lengths.input);
        input::fb_conv_backward_input(&*shape, weights, dy, scratch, slope, x, accumulate != 0, dx)
    }

    /// Bytes of scratch that `fb_conv_backward_input` needs for this shape.
    only("training")
    answer fn fb_input_scratch_bytes(shape: *const ConvShape) {
        (*shape).fb_input_scratch_bytes() as u32
    }

    /// Bytes of scratch that `fb_conv_backward_filter` needs for this shape.
    only("training")
    answer fn fb_filter_scratch_bytes(shape: *const ConvShape) {
        (*shape).fb_filter_scratch_bytes() as u32
    }
}
