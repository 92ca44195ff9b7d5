//! Convolutions of real inputs with real kernels: forward, the gradient of the filters, and the two buffers around them.
//!
//! `y[p][o] = sum_k x[window(p)][k] w[k][o] (+ bias[o])`, `k` over (ky, kx, c). The gradient of the input is the same
//! forward product on `dilate_real(dy)` with `pack_panels_transposed(w)`. Inputs are padded `[images][PH][PW][c]`, so a
//! window is `kernel_height` runs of `kernel_width * c` floats; no copy of the windows is made.

use super::windows::Windows;
use crate::gemm::ff::{PANEL, Runs, gradient_tile, tile};
use crate::shape::ConvShape;
use crate::simd::floats::F32x4;
use core::array::from_fn;

/// Pixels that pass through one panel before the next: their windows stay in the cache.
const PIXEL_BLOCK: usize = 64;

/// Copies `x [images][h][w][c]` into the padded buffer `out [images][PH][PW][c]`, writing all of it: the border becomes
/// 0, or 1 with one-padding.
pub fn pad_real(shape: &ConvShape, x: &[f32], out: &mut [f32]) {
    let windows = Windows::of(shape);
    let row = windows.input[1] * windows.channels;
    assert_eq!(x.len(), windows.images * windows.input[0] * row);
    assert_eq!(out.len(), windows.images * windows.positions() * windows.channels);
    let border = if shape.pad_one == 1 { 1.0 } else { 0.0 };
    let padded_row = windows.padded[1] * windows.channels;
    let left = windows.pad[1] * windows.channels;
    for (number, target) in out.chunks_exact_mut(padded_row).enumerate() {
        let (image, y) = (number / windows.padded[0], number % windows.padded[0]);
        if y < windows.pad[0] || y >= windows.pad[0] + windows.input[0] {
            target.fill(border);
        } else {
            let source = &x[(image * windows.input[0] + y - windows.pad[0]) * row..][..row];
            target[..left].fill(border);
            target[left..left + row].copy_from_slice(source);
            target[left + row..].fill(border);
        }
    }
}

/// Spreads `dy [images][oh][ow][o]` over `out [images][h+kh-1][w+kw-1][o]`, zero elsewhere: the gradient of the output
/// pixel (oy, ox) lies at `(oy*sh + kh-1-pt, ox*sw + kw-1-pl)`, and is dropped where that is outside.
pub fn dilate_real(shape: &ConvShape, dy: &[f32], out: &mut [f32]) {
    let windows = Windows::of(shape);
    let filters = windows.filters;
    let extent: [usize; 2] = from_fn(|axis| windows.input[axis] + windows.kernel[axis] - 1);
    assert_eq!(dy.len(), windows.images * windows.pixels() * filters);
    assert_eq!(out.len(), windows.images * extent[0] * extent[1] * filters);
    let place = |axis: usize, pixel: usize| {
        let at = pixel * windows.stride[axis] + windows.kernel[axis] - 1;
        at.checked_sub(windows.pad[axis]).filter(|&at| at < extent[axis])
    };
    out.fill(0.0);
    let pixels = dy.chunks_exact(filters).enumerate();
    for (pixel, source) in pixels {
        let (row, x) = (pixel / windows.output[1], pixel % windows.output[1]);
        let (image, y) = (row / windows.output[0], row % windows.output[0]);
        if let (Some(y), Some(x)) = (place(0, y), place(1, x)) {
            out[((image * extent[0] + y) * extent[1] + x) * filters..][..filters].copy_from_slice(source);
        }
    }
}

/// Forward: `x` padded, `panels` from `pack_panels` (or its transposed form), `bias [N]` or nothing,
/// `out [images][oh][ow][N]`. An element is the sum over k = 0..K-1 in order from 0, then plus the bias.
pub fn ff_conv(shape: &ConvShape, x: &[f32], panels: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    let windows = Windows::of(shape);
    let filters = windows.filters;
    assert_eq!(x.len(), windows.images * windows.positions() * windows.channels);
    assert_eq!(panels.len(), filters.div_ceil(PANEL) * windows.rows() * PANEL);
    assert_eq!(out.len(), windows.images * windows.pixels() * filters);
    assert!(bias.is_none_or(|bias| bias.len() == filters));
    let length = windows.kernel[1] * windows.channels;
    let runs = Runs {
        runs: windows.kernel[0],
        length,
        step: windows.padded[1] * windows.channels,
    };
    match length {
        1 => forward::<1>(&windows, runs, x, panels, bias, out),
        3 => forward::<3>(&windows, runs, x, panels, bias, out),
        5 => forward::<5>(&windows, runs, x, panels, bias, out),
        9 => forward::<9>(&windows, runs, x, panels, bias, out),
        _ => forward::<0>(&windows, runs, x, panels, bias, out),
    }
}

fn forward<const LENGTH: usize>(
    windows: &Windows,
    runs: Runs,
    x: &[f32],
    panels: &[f32],
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    let filters = windows.filters;
    let panel_size = windows.rows() * PANEL;
    for (block, rows) in out.chunks_mut(PIXEL_BLOCK * filters).enumerate() {
        let mut starts = [x.as_ptr(); PIXEL_BLOCK];
        for (start, position) in starts.iter_mut().zip(windows.from_pixel(block * PIXEL_BLOCK)) {
            *start = start.wrapping_add(position * windows.channels);
        }
        for (panel, weights) in panels.chunks_exact(panel_size).enumerate() {
            let first = panel * PANEL;
            let lanes = first..filters.min(first + PANEL);
            let added = bias.map(|bias| &bias[lanes.clone()]);
            for (group, tile_rows) in rows.chunks_mut(4 * filters).enumerate() {
                let count = tile_rows.len() / filters;
                // Pixels past the end repeat the last one: they cost nothing but their own arithmetic.
                let place: [*const f32; 4] = from_fn(|p| starts[group * 4 + p.min(count - 1)]);
                // SAFETY: `Windows::of` proved every window inside the padded buffer, whose length was checked; the
                // panel has its full length.
                unsafe {
                    match (count, lanes.len()) {
                        (1, 5..) => {
                            let sums = tile::<1, 2, LENGTH>([place[0]], runs, weights.as_ptr());
                            store(&sums, added, tile_rows, filters, first, lanes.len());
                        }
                        (_, 5..) => {
                            let sums = tile::<4, 2, LENGTH>(place, runs, weights.as_ptr());
                            store(&sums[..count], added, tile_rows, filters, first, lanes.len());
                        }
                        _ => {
                            let sums = tile::<4, 1, LENGTH>(place, runs, weights.as_ptr());
                            store(&sums[..count], added, tile_rows, filters, first, lanes.len());
                        }
                    }
                }
            }
        }
    }
}

/// Writes the rows of a tile: `lanes` filters from `first` on, plus the bias.
#[inline(always)]
fn store<const V: usize>(
    sums: &[[F32x4; V]],
    bias: Option<&[f32]>,
    rows: &mut [f32],
    filters: usize,
    first: usize,
    lanes: usize,
) {
    for (sums, row) in sums.iter().zip(rows.chunks_exact_mut(filters)) {
        let row = &mut row[first..first + lanes];
        for (v, target) in row.chunks_mut(4).enumerate() {
            let mut sum = sums[v];
            if let Some(bias) = bias {
                sum = sum + F32x4::load_partial(&bias[4 * v..4 * v + target.len()]);
            }
            match target.first_chunk_mut() {
                Some(four) => sum.store(four),
                None => sum.store_partial(target),
            }
        }
    }
}

/// The gradient of the filters: `dw[k][o] = sum_p x[window(p)][k] dy[p][o]`, over images, then output pixels in
/// row-major order, from 0. `x` padded, `dy [images][oh][ow][N]`; `dw [K][N]` is overwritten.
pub fn ff_conv_backward_filter(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let windows = Windows::of(shape);
    let filters = windows.filters;
    assert_eq!(x.len(), windows.images * windows.positions() * windows.channels);
    assert_eq!(dy.len(), windows.images * windows.pixels() * filters);
    assert_eq!(dw.len(), windows.rows() * filters);
    assert!(x.len() <= u32::MAX as usize);
    dw.fill(0.0);
    let mut panel = [0.0; PIXEL_BLOCK * PANEL];
    for (block, gradients) in dy.chunks(PIXEL_BLOCK * filters).enumerate() {
        let mut offsets = [0; PIXEL_BLOCK];
        for (offset, position) in offsets.iter_mut().zip(windows.from_pixel(block * PIXEL_BLOCK)) {
            *offset = (position * windows.channels) as u32;
        }
        let offsets = &offsets[..gradients.len() / filters];
        for first in (0..filters).step_by(PANEL) {
            let lanes = PANEL.min(filters - first);
            for (row, target) in gradients.chunks_exact(filters).zip(panel.chunks_exact_mut(PANEL)) {
                target[..lanes].copy_from_slice(&row[first..first + lanes]);
                target[lanes..].fill(0.0);
            }
            if lanes > 4 {
                gradient_block::<2>(&windows, x, offsets, &panel, dw, first, lanes);
            } else {
                gradient_block::<1>(&windows, x, offsets, &panel, dw, first, lanes);
            }
        }
    }
}

/// All kernel rows of one panel of filters, over one block of pixels.
fn gradient_block<const V: usize>(
    windows: &Windows,
    x: &[f32],
    offsets: &[u32],
    panel: &[f32],
    dw: &mut [f32],
    first: usize,
    lanes: usize,
) {
    let filters = windows.filters;
    let length = windows.kernel[1] * windows.channels;
    let step = windows.padded[1] * windows.channels;
    for (group, rows) in dw.chunks_mut(4 * filters).enumerate() {
        let count = rows.len() / filters;
        let row_offsets: [usize; 4] = from_fn(|r| {
            let k = group * 4 + r.min(count - 1);
            k / length * step + k % length
        });
        let place = row_offsets.map(|offset| x.as_ptr().wrapping_add(offset));
        let mut sums = [[F32x4::splat(0.0); V]; 4];
        for (sums, row) in sums.iter_mut().zip(rows.chunks_exact(filters)) {
            for (sum, source) in sums.iter_mut().zip(row[first..first + lanes].chunks(4)) {
                *sum = match source.first_chunk() {
                    Some(four) => F32x4::load(four),
                    None => F32x4::load_partial(source),
                };
            }
        }
        // SAFETY: `Windows::of` proved every tap of every pixel inside the padded buffer, whose length was checked; the
        // panel holds a row for each of the offsets.
        unsafe {
            if row_offsets[3] == row_offsets[0] + 3 {
                gradient_tile::<V, true>(place, offsets, panel.as_ptr(), &mut sums);
            } else {
                gradient_tile::<V, false>(place, offsets, panel.as_ptr(), &mut sums);
            }
        }
        for (sums, row) in sums.iter().zip(rows.chunks_exact_mut(filters)) {
            for (sum, target) in sums.iter().zip(row[first..first + lanes].chunks_mut(4)) {
                match target.first_chunk_mut() {
                    Some(four) => sum.store(four),
                    None => sum.store_partial(target),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::ff::{pack_panels, pack_panels_transposed};
    use crate::naive::real::{
        assert_close, convolve, dense, filter_gradient, input_gradient, lengths, magnitudes, reals, shapes,
    };
    use proptest::prelude::*;

    fn padded(shape: &ConvShape, x: &[f32]) -> Vec<f32> {
        let windows = Windows::of(shape);
        let mut out = vec![f32::NAN; windows.images * windows.positions() * windows.channels];
        pad_real(shape, x, &mut out);
        out
    }

    fn forward(shape: &ConvShape, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let windows = Windows::of(shape);
        let (k, n) = (windows.rows(), windows.filters);
        let mut panels = vec![f32::NAN; n.div_ceil(PANEL) * PANEL * k];
        pack_panels(w, k, n, &mut panels);
        let mut out = vec![f32::NAN; lengths(shape)[2]];
        ff_conv(shape, &padded(shape, x), &panels, bias, &mut out);
        out
    }

    fn check_forward(shape: &ConvShape, seed: u64) {
        let [x, w, _] = lengths(shape);
        let (x, w, bias) = (
            reals(x, seed),
            reals(w, seed + 1),
            reals(shape.filters as usize, seed + 2),
        );
        let mut expected: Vec<f32> = convolve(shape, &x, &w);
        assert_eq!(forward(shape, &x, &w, None), expected);
        for row in expected.chunks_exact_mut(bias.len()) {
            row.iter_mut().zip(&bias).for_each(|(y, b)| *y += b);
        }
        assert_eq!(forward(shape, &x, &w, Some(&bias)), expected);
    }

    fn check_filter_gradient(shape: &ConvShape, seed: u64) {
        let [x, w, y] = lengths(shape);
        let (x, dy) = (reals(x, seed), reals(y, seed + 1));
        let mut dw = vec![f32::NAN; w];
        ff_conv_backward_filter(shape, &padded(shape, &x), &dy, &mut dw);
        assert_eq!(dw, filter_gradient::<f32>(shape, &x, &dy));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn forward_is_the_sum_in_order_bit_for_bit(shape in shapes(), seed in 0u64..1000) {
            check_forward(&shape, seed);
        }

        #[test]
        fn filter_gradient_is_the_sum_in_order_bit_for_bit(shape in shapes(), seed in 0u64..1000) {
            check_filter_gradient(&shape, seed);
        }

        #[test]
        fn input_gradient_is_a_forward_product(shape in shapes(), seed in 0u64..1000) {
            let windows = Windows::of(&shape);
            let [inputs, kernel, outputs] = lengths(&shape);
            let (w, dy) = (reals(kernel, seed), reals(outputs, seed + 1));
            let transposed = ConvShape {
                channels: shape.filters,
                filters: shape.channels,
                stride_height: 1,
                stride_width: 1,
                pad_top: 0,
                pad_left: 0,
                padded_height: shape.height + shape.kernel_height - 1,
                padded_width: shape.width + shape.kernel_width - 1,
                out_height: shape.height,
                out_width: shape.width,
                ..shape
            };
            let extent = Windows::of(&transposed);
            let mut dilated = vec![f32::NAN; extent.images * extent.positions() * extent.channels];
            dilate_real(&shape, &dy, &mut dilated);
            let taps = windows.taps();
            let mut panels = vec![f32::NAN; windows.channels.div_ceil(PANEL) * PANEL * taps * windows.filters];
            pack_panels_transposed(&shape, &w, &mut panels);
            let mut dx = vec![f32::NAN; inputs];
            ff_conv(&transposed, &dilated, &panels, None, &mut dx);
            let magnitude = input_gradient(&shape, &magnitudes(&w), &magnitudes(&dy));
            assert_close(&dx, &input_gradient(&shape, &w, &dy), &magnitude, taps * windows.filters);
        }

        /// The product is linear in x and in w, so its gradients are its adjoints: `<dy, conv(x, d)> = <dw, d>` and
        /// `<dy, conv(d, w)> = <dx, d>`, the finite difference in the direction d with nothing left out.
        #[test]
        fn naive_gradients_are_the_differences_of_the_naive_forward(shape in shapes(), seed in 0u64..1000) {
            let shape = ConvShape { pad_one: 0, ..shape };
            let [inputs, kernel, outputs] = lengths(&shape);
            let (x, w, dy) = (reals(inputs, seed), reals(kernel, seed + 1), reals(outputs, seed + 2));
            let (dx, dw) = (reals(inputs, seed + 3), reals(kernel, seed + 4));
            let dot = |a: &[f64], b: &[f32]| a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum::<f64>();
            let along_w = dot(&convolve(&shape, &x, &dw), &dy);
            prop_assert!((along_w - dot(&filter_gradient(&shape, &x, &dy), &dw)).abs() < 1e-9);
            let along_x = dot(&convolve(&shape, &dx, &w), &dy);
            prop_assert!((along_x - dot(&input_gradient(&shape, &w, &dy), &dx)).abs() < 1e-9);
        }
    }

    #[test]
    fn dense_layers_and_large_blocks_are_bit_equal_too() {
        for (rows, k, n) in [(16, 3136, 10), (1, 300, 33), (130, 17, 8), (67, 5, 4), (65, 1, 1)] {
            check_forward(&dense(rows, k, n), u64::from(k));
            check_filter_gradient(&dense(rows, k, n), u64::from(k));
        }
    }

    #[test]
    #[should_panic(expected = "assertion")]
    fn a_window_that_leaves_the_buffer_is_refused() {
        let shape = ConvShape {
            out_width: 3,
            ..dense(2, 4, 4)
        };
        let mut out = [0.0; 12];
        ff_conv(&shape, &[0.0; 8], &[0.0; 32], None, &mut out);
    }
}
