//! Exports over real numbers: training, and the real layers of inference.
//!
//! Every function takes addresses in linear memory (aligned to their elements; read and written ranges must not overlap)
//! and returns a status: 0 = fine, 1 = a bad number (NaN or infinity) was found. Lengths follow from the shapes, as the
//! kernels' documentation states; an impossible shape traps. Where an address may be absent, 0 stands for nothing.

use crate::memory::{read, write};
use proxbit_kernels::conv::geometry::Geometry;
use proxbit_kernels::conv::mixed::{self, filter, forward, input};
use proxbit_kernels::conv::real;
use proxbit_kernels::gemm::ff;
use proxbit_kernels::quantizer::{Backward, Forward, Slope, TABLE_HEADER, Tables};
use proxbit_kernels::shape::ConvShape;
use proxbit_kernels::{
    activation, adaptive_sign, avg_pool, gather, loss, norm, optimizer, pool, prelu, quantizer, reduce, standardize,
};

/// Defines exports: the body is what the kernel says about bad numbers, true for found.
macro_rules! exports {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// Every address must be valid for the length its tensor has by the shape and the counts, written tensors must
        /// overlap no other argument, and numbers of maps and activations must exist.
        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> u32 {
            // SAFETY: promised by the caller.
            u32::from(unsafe { $body })
        }
    )*};
}

/// `length` values, or nothing where the address is 0.
unsafe fn optional<'a, T>(address: *const T, length: usize) -> Option<&'a [T]> {
    // SAFETY: promised by the caller of the export.
    (!address.is_null()).then(|| unsafe { read(address, length) })
}

/// `length` values to write, or nothing where the address is 0.
unsafe fn optional_mut<'a, T>(address: *mut T, length: usize) -> Option<&'a mut [T]> {
    // SAFETY: promised by the caller of the export.
    (!address.is_null()).then(|| unsafe { write(address, length) })
}

/// The two maps of a block of samples, or none where the address is 0.
unsafe fn tables<'a>(address: *const f32) -> Option<Tables<'a>> {
    // SAFETY: promised by the caller of the export.
    let header = unsafe { optional(address, TABLE_HEADER) }?.first_chunk()?;
    // SAFETY: as above.
    Some(Tables::of_block(unsafe { read(address, Tables::floats(header)) }).expect("samples"))
}

/// The proximal map of this number, and the parameters that follow its own.
unsafe fn proximal<'a>(
    number: u32,
    params: *const f32,
    others: usize,
    tables: Option<Tables<'a>>,
) -> (Forward<'a>, &'a [f32]) {
    let own = Forward::parameters(number);
    // SAFETY: promised by the caller of the export.
    let params = unsafe { optional(params, own + others) }.unwrap_or_default();
    let map = Forward::from_number(number, params, tables).expect("proximal map");
    (map, params.get(own..).unwrap_or_default())
}

/// The way back through the maps of these numbers.
unsafe fn slope<'a>(first: u32, map: u32, params: *const f32, table: *const f32) -> Slope<'a> {
    // SAFETY: promised by the caller of the export.
    let tables = unsafe { tables(table) };
    // SAFETY: as above.
    let (proximal, params) = unsafe { proximal(first, params, Backward::parameters(map), tables) };
    let map = Backward::from_number(map, params, tables).expect("backward map");
    Slope { proximal, map }
}

/// Rows that the indices reach into.
fn reach(indices: &[u32]) -> usize {
    indices.iter().max().map_or(0, |&largest| largest as usize + 1)
}

/// Lengths of the tensors of a convolution.
struct Lengths {
    input: usize,
    padded: usize,
    kernel: usize,
    rows: usize,
    output: usize,
    filters: usize,
    dilated: usize,
    nibbles: usize,
}

impl Lengths {
    fn of(shape: &ConvShape) -> Self {
        let geometry = Geometry::of(shape);
        let [height, width] = geometry.input;
        let [kernel_height, kernel_width] = geometry.kernel;
        let positions = geometry.images * geometry.positions();
        Self {
            input: geometry.images * height * width * geometry.channels,
            padded: positions * geometry.channels,
            kernel: geometry.rows() * geometry.filters,
            rows: geometry.rows(),
            output: geometry.images * geometry.pixels() * geometry.filters,
            filters: geometry.filters,
            dilated: geometry.images * (height + kernel_height - 1) * (width + kernel_width - 1) * geometry.filters,
            nibbles: positions * geometry.channels.div_ceil(4),
        }
    }
}

exports! {
    /// Batch rows from bytes: out `f32 [count][row]` = data * scale + offset.
    fn gather_bytes(
        data: *const u8, indices: *const u32, count: usize, row: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        let indices = read(indices, count);
        let data = read(data, reach(indices) * row);
        gather::gather_bytes(data, indices, row, scale, offset, write(out, count * row));
        false
    }

    /// Batch images `[h][w][c]` from bytes, each mirrored and moved as its view's bits say (`View::from_bits`):
    /// out `f32 [count][h][w][c]` = data * scale + offset.
    fn gather_views(
        data: *const u8, indices: *const u32, views: *const u32, count: usize, h: usize, w: usize, c: usize, scale: f32,
        offset: f32, out: *mut f32,
    ) {
        let indices = read(indices, count);
        let data = read(data, reach(indices) * h * w * c);
        let out = write(out, count * h * w * c);
        gather::gather_views(data, indices, read(views, count), [h, w, c], scale, offset, out);
        false
    }

    /// Batch rows from reals: out `f32 [count][row]`.
    fn gather_reals(data: *const f32, indices: *const u32, count: usize, row: usize, out: *mut f32) {
        let indices = read(indices, count);
        let data = read(data, reach(indices) * row);
        gather::gather_reals(data, indices, row, write(out, count * row));
        false
    }

    /// Labels of a batch: out `u8 [count]`.
    fn gather_labels(labels: *const u8, indices: *const u32, count: usize, out: *mut u8) {
        let indices = read(indices, count);
        gather::gather_labels(read(labels, reach(indices)), indices, write(out, count));
        false
    }

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
    /// quantized input, added to dx where accumulate is not 0. Maps, parameters and table as in `quantize_backward`. weights as `pack_fb_input_weights` makes them; scratch as in `fb_input_scratch_bytes`.
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

    /// out `f32 [cols]` = sums of the columns of x `f32 [rows][cols]`.
    fn column_sums(x: *const f32, rows: usize, cols: usize, out: *mut f32) {
        reduce::column_sums(read(x, rows * cols), write(out, cols));
        false
    }

    /// y = map(P(x)) with the forward maps of these numbers; params `f32*`: those of P, then those of the map. table: `f32*`
    /// `[count, from, density, 0]`, the forward and the backward map's samples `[count]` (see `Tables`), or 0.
    fn quantize_forward(
        proximal: u32, map: u32, x: *const f32, y: *mut f32, n: usize, params: *const f32, table: *const f32,
    ) {
        let tables = tables(table);
        let (proximal, params) = self::proximal(proximal, params, Forward::parameters(map), tables);
        let map = Forward::from_number(map, params, tables).expect("forward map");
        quantizer::quantize_forward(proximal, map, read(x, n), write(y, n))
    }

    /// gx = gy * map(P(x)) with P the forward map of the first number and the backward map of the second, added to gx where
    /// accumulate is not 0; params and table as in `quantize_forward`.
    fn quantize_backward(
        proximal: u32, map: u32, x: *const f32, gy: *const f32, accumulate: u32, gx: *mut f32, n: usize,
        params: *const f32, table: *const f32,
    ) {
        let (x, gy) = (read(x, n), read(gy, n));
        quantizer::quantize_backward(slope(proximal, map, params, table), x, gy, accumulate != 0, write(gx, n))
    }

    /// out `f32 [n]` = mean |w| of every filter of w `f32 [k][n]`, or of the whole kernel where whole is not 0.
    fn weight_scale(w: *const f32, k: usize, n: usize, whole: u32, out: *mut f32) {
        standardize::weight_scale(read(w, k * n), whole != 0, write(out, n))
    }

    /// out `f32 [k][n]` = (w - mean) gain / deviation by filter; statistics `f32 [3][n]` = gain / deviation, deviation, mean.
    fn standardize_filters(w: *const f32, k: usize, n: usize, gain: f32, out: *mut f32, statistics: *mut f32) {
        standardize::standardize_filters(read(w, k * n), gain, write(out, k * n), write(statistics, 3 * n))
    }

    /// out `f32 [n]` = tanh w / max |tanh w|, slopes `f32 [n]` = (1 - tanh^2 w) / max |tanh w|.
    fn standardize_tanh(w: *const f32, n: usize, out: *mut f32, slopes: *mut f32) {
        standardize::standardize_tanh(read(w, n), write(out, n), write(slopes, n))
    }

    /// out `f32 [n]` = sin(omega w), slopes `f32 [n]` = omega cos(omega w).
    fn standardize_sine(w: *const f32, n: usize, omega: f32, out: *mut f32, slopes: *mut f32) {
        standardize::standardize_sine(read(w, n), omega, write(out, n), write(slopes, n))
    }

    /// out `f32 [count]` = parameters, and in the place of tau the width -mean |w| ln(2 - 2 tau) of w `f32 [n]`.
    fn quantile_width(w: *const f32, n: usize, parameters: *const f32, count: usize, place: usize, out: *mut f32) {
        standardize::quantile_width(read(w, n), read(parameters, count), place, write(out, count))
    }

    /// y `f32 [count]`, a part from element `first` on, times factors `f32 [n]` by column.
    fn multiply_columns(y: *mut f32, count: usize, factors: *const f32, n: usize, first: usize) {
        standardize::multiply_columns(write(y, count), read(factors, n), first);
        false
    }

    /// y = f(x); kind 0 relu, 1 hard tanh.
    fn activation_forward(kind: u32, x: *const f32, y: *mut f32, n: usize) {
        let kind = activation::Activation::from_number(kind).expect("activation");
        activation::activation_forward(kind, read(x, n), write(y, n))
    }

    /// gx = gy f'(x), added to gx where accumulate is not 0; kind 0 relu, 1 hard tanh.
    fn activation_backward(kind: u32, x: *const f32, gy: *const f32, accumulate: u32, gx: *mut f32, n: usize) {
        let kind = activation::Activation::from_number(kind).expect("activation");
        let (x, gy) = (read(x, n), read(gy, n));
        activation::activation_backward(kind, x, gy, accumulate != 0, write(gx, n))
    }

    /// y = x where x >= 0, slopes `f32 [c]` times x elsewhere.
    fn prelu_forward(x: *const f32, rows: usize, c: usize, slopes: *const f32, y: *mut f32) {
        prelu::prelu_forward(read(x, rows * c), read(slopes, c), write(y, rows * c))
    }

    /// One lane's gradients: dx `f32 [rows][c]` or 0, added to where accumulate is not 0, and dslopes `f32 [c]`.
    fn prelu_backward(
        x: *const f32, dy: *const f32, rows: usize, c: usize, slopes: *const f32, accumulate: u32, dx: *mut f32,
        dslopes: *mut f32,
    ) {
        let (x, dy) = (read(x, rows * c), read(dy, rows * c));
        let dx = optional_mut(dx, rows * c);
        prelu::prelu_backward(x, dy, read(slopes, c), accumulate != 0, dx, write(dslopes, c));
        false
    }

    /// y = beta + |alpha| where x >= beta, beta - |alpha| elsewhere; alpha and beta `f32*`.
    fn adaptive_sign_forward(x: *const f32, n: usize, alpha: *const f32, beta: *const f32, y: *mut f32) {
        let set = adaptive_sign::AdaptiveSet { alpha: *alpha, beta: *beta };
        adaptive_sign::adaptive_sign_forward(read(x, n), set, write(y, n))
    }

    /// One lane's gradients: dx `f32 [n]` or 0, added to where accumulate is not 0, and those at alpha and beta `f32 [2]`.
    fn adaptive_sign_backward(
        x: *const f32, dy: *const f32, n: usize, alpha: *const f32, beta: *const f32, accumulate: u32, dx: *mut f32,
        gradients: *mut f32,
    ) {
        let set = adaptive_sign::AdaptiveSet { alpha: *alpha, beta: *beta };
        let dx = optional_mut(dx, n);
        let found = adaptive_sign::adaptive_sign_backward(read(x, n), read(dy, n), set, accumulate != 0, dx);
        write(gradients, 2).copy_from_slice(&found);
        false
    }

    /// One lane's sums of x and x^2: partial `f64 [2][c]`.
    fn norm_partial(x: *const f32, rows: usize, c: usize, partial: *mut f64) {
        norm::norm_partial(read(x, rows * c), c, write(partial, 2 * c));
        false
    }

    /// A batch's statistics from partials `f64 [lanes][2][c]`: saved `f32 [2][c]`, scale and shift `f32 [c]`; running
    /// `f32 [2][c]` or 0, momentum `f32*` (read only where running is given).
    fn norm_statistics(
        partials: *const f64, lanes: usize, total_rows: usize, c: usize, gamma: *const f32, beta: *const f32, eps: f32,
        saved: *mut f32, scale: *mut f32, shift: *mut f32, running: *mut f32, momentum: *const f32,
    ) {
        let partials = read(partials, lanes * 2 * c);
        let batch = norm::Batch { partials, total_rows, gamma: read(gamma, c) };
        let running = optional_mut(running, 2 * c).map(|running| (running, *momentum));
        let (saved, scale, shift) = (write(saved, 2 * c), write(scale, c), write(shift, c));
        norm::norm_statistics(batch, read(beta, c), eps, norm::Statistics { saved, scale, shift }, running)
    }

    /// y = (x * scale + shift) + residual per channel, residual `f32 [rows][c]` or 0; and the signs of y as the padded
    /// nibbles of the input of `shape`, or shape and nibbles 0.
    fn normalize(
        x: *const f32, rows: usize, c: usize, scale: *const f32, shift: *const f32, residual: *const f32, y: *mut f32,
        shape: *const ConvShape, nibbles: *mut u8,
    ) {
        let (scale, shift) = (read(scale, c), read(shift, c));
        let residual = optional(residual, rows * c);
        let signs = (!shape.is_null()).then(|| {
            let shape = &*shape;
            (shape, write(nibbles, Lengths::of(shape).nibbles))
        });
        norm::normalize(read(x, rows * c), scale, shift, residual, write(y, rows * c), signs)
    }

    /// scale and shift `f32 [c]` of the running statistics `f32 [2][c]`.
    fn norm_fold(
        gamma: *const f32, beta: *const f32, running: *const f32, eps: f32, c: usize, scale: *mut f32, shift: *mut f32,
    ) {
        let (gamma, beta) = (read(gamma, c), read(beta, c));
        let (scale, shift) = (write(scale, c), write(shift, c));
        norm::norm_fold(gamma, beta, read(running, 2 * c), eps, scale, shift)
    }

    /// y = x * scale + shift per channel.
    fn affine(x: *const f32, rows: usize, c: usize, scale: *const f32, shift: *const f32, y: *mut f32) {
        let (scale, shift) = (read(scale, c), read(shift, c));
        norm::affine(read(x, rows * c), scale, shift, write(y, rows * c))
    }

    /// One lane's sums of dy and dy * xhat: partial `f64 [2][c]`.
    fn norm_backward_partial(
        x: *const f32, dy: *const f32, rows: usize, c: usize, saved: *const f32, partial: *mut f64,
    ) {
        let (x, dy) = (read(x, rows * c), read(dy, rows * c));
        norm::norm_backward_partial(x, dy, read(saved, 2 * c), write(partial, 2 * c));
        false
    }

    /// One lane's dx `f32 [rows][c]`, added to where accumulate is not 0; dgamma and dbeta `f32 [c]` of the whole batch,
    /// or 0.
    fn norm_backward(
        x: *const f32, dy: *const f32, rows: usize, c: usize, saved: *const f32, gamma: *const f32,
        partials: *const f64, lanes: usize, total_rows: usize, accumulate: u32, dx: *mut f32, dgamma: *mut f32,
        dbeta: *mut f32,
    ) {
        let partials = read(partials, lanes * 2 * c);
        let batch = norm::Batch { partials, total_rows, gamma: read(gamma, c) };
        let (x, dy) = (read(x, rows * c), read(dy, rows * c));
        let saved = read(saved, 2 * c);
        let (dgamma, dbeta) = (optional_mut(dgamma, c), optional_mut(dbeta, c));
        let gradients = norm::NormGradients { dx: write(dx, rows * c), accumulate: accumulate != 0, dgamma, dbeta };
        norm::norm_backward(x, dy, saved, batch, gradients)
    }

    /// Maxima y `f32 [images][oh][ow][c]` and positions argmax `u8`, or 0, of x `f32 [images][h][w][c]`.
    fn max_pool(shape: *const ConvShape, x: *const f32, y: *mut f32, argmax: *mut u8) {
        let lengths = Lengths::of(&*shape);
        let (x, y) = (read(x, lengths.input), write(y, lengths.output));
        match optional_mut(argmax, lengths.output) {
            Some(argmax) => pool::max_pool(&*shape, x, y, argmax),
            None => pool::max_pool_values(&*shape, x, y),
        }
    }

    /// dx `f32 [images][h][w][c]`, written in full, or added to where accumulate is not 0.
    fn max_pool_backward(
        shape: *const ConvShape, dy: *const f32, argmax: *const u8, accumulate: u32, dx: *mut f32,
    ) {
        let lengths = Lengths::of(&*shape);
        let (dy, argmax) = (read(dy, lengths.output), read(argmax, lengths.output));
        pool::max_pool_backward(&*shape, dy, argmax, accumulate != 0, write(dx, lengths.input));
        false
    }

    /// Means y `f32 [images][oh][ow][c]` of the windows of x `f32 [images][h][w][c]`.
    fn avg_pool(shape: *const ConvShape, x: *const f32, y: *mut f32) {
        let lengths = Lengths::of(&*shape);
        avg_pool::avg_pool(&*shape, read(x, lengths.input), write(y, lengths.output))
    }

    /// dx `f32 [images][h][w][c]`, added to what is there where accumulate is not 0.
    fn avg_pool_backward(shape: *const ConvShape, dy: *const f32, accumulate: u32, dx: *mut f32) {
        let lengths = Lengths::of(&*shape);
        let dy = read(dy, lengths.output);
        avg_pool::avg_pool_backward(&*shape, dy, accumulate != 0, write(dx, lengths.input));
        false
    }

    /// Loss and gradient of logits `f32 [rows][classes]`, labels smoothed by a share in `[0, 1)`; dlogits and predictions (`u32 [rows]`) or 0; result
    /// `f64 [2]` = (sum of losses, correct predictions) of the valid rows.
    fn softmax_cross_entropy(
        logits: *const f32, labels: *const u8, rows: usize, valid_rows: usize, classes: usize, inverse_batch: f32,
        smoothing: f64, dlogits: *mut f32, result: *mut f64, predictions: *mut u32,
    ) {
        let (logits, labels) = (read(logits, rows * classes), read(labels, rows));
        let (dlogits, predictions) = (optional_mut(dlogits, rows * classes), optional_mut(predictions, rows));
        let objective = loss::Objective { inverse_batch, smoothing };
        let found = loss::softmax_cross_entropy(logits, labels, valid_rows, classes, objective, dlogits, predictions);
        write(result, 2).copy_from_slice(&[found.loss, found.correct as f64]);
        found.bad
    }

    /// out `f32 [n]` = sum over lanes, in order, of partials; lane l starts at float l * stride.
    fn sum_lanes(partials: *const f32, lanes: usize, stride: usize, n: usize, out: *mut f32) {
        let partials = read(partials, (lanes - 1) * stride + n);
        reduce::sum_lanes(partials, lanes, stride, write(out, n))
    }

    /// hyper `f32 [5]` = learning rate, momentum, weight decay, nesterov (0 or 1), clip; momentum_buffer `f32 [n]`, or 0
    /// where the momentum is 0.
    fn sgd_step(w: *mut f32, g: *const f32, momentum_buffer: *mut f32, n: usize, hyper: *const f32) {
        let [learning_rate, momentum, weight_decay, nesterov, clip] = *hyper.cast::<[f32; 5]>();
        let hyper = optimizer::Sgd { learning_rate, momentum, weight_decay, nesterov: nesterov != 0.0, clip };
        let velocity = optional_mut(momentum_buffer, n);
        optimizer::sgd_step(write(w, n), read(g, n), velocity, &hyper)
    }

    /// hyper `f32 [9]` = learning rate, beta1, beta2, epsilon, weight decay, decoupled (0 or 1), 1 - beta1^t,
    /// 1 - beta2^t, clip; m and v `f32 [n]`.
    fn adam_step(w: *mut f32, g: *const f32, m: *mut f32, v: *mut f32, n: usize, hyper: *const f32) {
        let [learning_rate, beta1, beta2, epsilon, weight_decay, decoupled, first, second, clip] =
            *hyper.cast::<[f32; 9]>();
        let hyper = optimizer::Adam {
            learning_rate,
            beta1,
            beta2,
            epsilon,
            weight_decay,
            decoupled: decoupled != 0.0,
            bias_correction1: first,
            bias_correction2: second,
            clip,
        };
        let (m, v) = (write(m, n), write(v, n));
        optimizer::adam_step(write(w, n), read(g, n), m, v, &hyper)
    }

    /// hyper `f32 [2]` = gamma, threshold; w `f32 [n]` of -1 and +1, m `f32 [n]`.
    fn bop_step(w: *mut f32, g: *const f32, m: *mut f32, n: usize, hyper: *const f32) {
        let [gamma, threshold] = *hyper.cast::<[f32; 2]>();
        optimizer::bop_step(write(w, n), read(g, n), write(m, n), &optimizer::Bop { gamma, threshold })
    }

    /// hyper `f32 [6]` = gamma, sigma, threshold, epsilon, 1 - (1 - gamma)^t, 1 - (1 - sigma)^t (both 1 in the biased
    /// form); w `f32 [n]` of -1 and +1, m and v `f32 [n]`.
    fn bop_second_step(w: *mut f32, g: *const f32, m: *mut f32, v: *mut f32, n: usize, hyper: *const f32) {
        let [gamma, sigma, threshold, epsilon, correction1, correction2] = *hyper.cast::<[f32; 6]>();
        let hyper = optimizer::Bop2 { gamma, sigma, threshold, epsilon, correction1, correction2 };
        optimizer::bop_second_step(write(w, n), read(g, n), write(m, n), write(v, n), &hyper)
    }

    /// out `u32 [1]` = how many signs of after `f32 [n]` are not those of before.
    fn count_flips(before: *const f32, after: *const f32, n: usize, out: *mut u32) {
        write(out, 1)[0] = optimizer::count_flips(read(before, n), read(after, n));
        false
    }

    /// y = a + b.
    fn add(a: *const f32, b: *const f32, y: *mut f32, n: usize) {
        reduce::add_tensors(read(a, n), read(b, n), write(y, n));
        false
    }

    /// y += x.
    fn add_into(y: *mut f32, x: *const f32, n: usize) {
        reduce::add_into(write(y, n), read(x, n));
        false
    }

    /// Copies bytes.
    fn copy(from: *const u8, to: *mut u8, bytes: usize) {
        write(to, bytes).copy_from_slice(read(from, bytes));
        false
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
