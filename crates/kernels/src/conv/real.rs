//! Convolutions of real inputs with real kernels: forward, the gradients of the filters and ([`input`]) of the inputs.
//!
//! `y[p][o] = sum_k x[window(p)][k] w[k][o] (+ bias[o])`, `k` over (ky, kx, c). Inputs are padded `[images][PH][PW][c]`, so a
//! window is `kernel_height` runs of `kernel_width * c` floats, or where columns are dilated a run of c floats a tap. No copy
//! of the windows is made.

use super::geometry::Geometry;
use crate::SPECIALISED;
use crate::gemm::ff::{PANEL, gradient_tile, tile};
use crate::shape::{ConvShape, Runs, Windows};
use crate::simd::floats::F32x4;
use core::array::from_fn;

pub mod input;

/// Pixels that pass through one panel before the next: their windows stay in the cache.
const PIXEL_BLOCK: usize = 64;
/// Pixels and panels of `dy` that the gradient of the filters keeps at hand: together 16 KiB.
const GRADIENT_PIXELS: usize = 128;
/// See `GRADIENT_PIXELS`.
const PANEL_BLOCK: usize = 4;

/// Copies `x [images][h][w][c]` into the padded buffer `out [images][PH][PW][c]`, writing all of it: the border becomes
/// 0, or 1 with one-padding.
pub fn pad_real(shape: &ConvShape, x: &[f32], out: &mut [f32]) {
    let geometry = Geometry::of(shape);
    let row = geometry.input[1] * geometry.channels;
    assert_eq!(x.len(), geometry.images * geometry.input[0] * row);
    assert_eq!(out.len(), geometry.images * geometry.positions() * geometry.channels);
    let border = if shape.pad_one == 1 { 1.0 } else { 0.0 };
    let padded_row = geometry.padded[1] * geometry.channels;
    let left = geometry.pad[1] * geometry.channels;
    for (number, target) in out.chunks_exact_mut(padded_row).enumerate() {
        let (image, y) = (number / geometry.padded[0], number % geometry.padded[0]);
        if y < geometry.pad[0] || y >= geometry.pad[0] + geometry.input[0] {
            target.fill(border);
        } else {
            let source = &x[(image * geometry.input[0] + y - geometry.pad[0]) * row..][..row];
            target[..left].fill(border);
            target[left..left + row].copy_from_slice(source);
            target[left + row..].fill(border);
        }
    }
}

/// Forward: `x` padded, `panels` from `pack_panels` (or its transposed form), `bias [N]` or nothing,
/// `out [images][oh][ow][N]`. An element is the sum over k = 0..K-1 in order from 0, then plus the bias.
pub fn ff_conv(shape: &ConvShape, x: &[f32], panels: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    with_form::<SPECIALISED>(shape, x, panels, bias, out);
}

/// [`ff_conv`] with or without loops for short runs, single pixels and few filters.
fn with_form<const SPECIAL: bool>(shape: &ConvShape, x: &[f32], panels: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    let geometry = Geometry::of(shape);
    let filters = geometry.filters;
    assert_eq!(x.len(), geometry.images * geometry.positions() * geometry.channels);
    assert_eq!(panels.len(), filters.div_ceil(PANEL) * geometry.rows() * PANEL);
    assert_eq!(out.len(), geometry.images * geometry.pixels() * filters);
    assert!(bias.is_none_or(|bias| bias.len() == filters));
    let runs = shape.runs(geometry.channels);
    let mut windows = shape.windows();
    match runs.length {
        _ if runs.columns > 1 => forward::<SPECIAL, 0, true>(&geometry, &mut windows, runs, x, panels, bias, out),
        1 if SPECIAL => forward::<SPECIAL, 1, false>(&geometry, &mut windows, runs, x, panels, bias, out),
        3 => forward::<SPECIAL, 3, false>(&geometry, &mut windows, runs, x, panels, bias, out),
        5 if SPECIAL => forward::<SPECIAL, 5, false>(&geometry, &mut windows, runs, x, panels, bias, out),
        9 => forward::<SPECIAL, 9, false>(&geometry, &mut windows, runs, x, panels, bias, out),
        _ => forward::<SPECIAL, 0, false>(&geometry, &mut windows, runs, x, panels, bias, out),
    }
}

fn forward<const SPECIAL: bool, const LENGTH: usize, const SPREAD: bool>(
    geometry: &Geometry,
    windows: &mut Windows,
    runs: Runs,
    x: &[f32],
    panels: &[f32],
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    let filters = geometry.filters;
    let panel_size = geometry.rows() * PANEL;
    for rows in out.chunks_mut(PIXEL_BLOCK * filters) {
        let mut starts = [x.as_ptr(); PIXEL_BLOCK];
        for start in &mut starts[..rows.len() / filters] {
            *start = start.wrapping_add(windows.advance() * geometry.channels);
        }
        for (panel, weights) in panels.chunks_exact(panel_size).enumerate() {
            let first = panel * PANEL;
            let lanes = first..filters.min(first + PANEL);
            let added = bias.map(|bias| &bias[lanes.clone()]);
            for (group, tile_rows) in rows.chunks_mut(4 * filters).enumerate() {
                let count = tile_rows.len() / filters;
                // Pixels past the end repeat the last one: they cost nothing but their own arithmetic.
                let place: [*const f32; 4] = from_fn(|p| starts[group * 4 + p.min(count - 1)]);
                // SAFETY: `Geometry::of` proved every window inside the padded buffer, whose length `ff_conv` checked. The
                // panel is a whole one, and `LENGTH` and `SPREAD` were chosen by the runs.
                unsafe {
                    match (count, lanes.len()) {
                        // A panel of few filters is filled up with zeros.
                        _ if !SPECIAL && (count > 1 || LENGTH > 0) => {
                            let sums = tile::<4, 2, LENGTH, SPREAD>(place, runs, weights.as_ptr());
                            store_apart(&sums[..count], added, tile_rows, filters, first, lanes.len());
                        }
                        _ if !SPECIAL => {
                            let sums = tile::<1, 2, LENGTH, SPREAD>([place[0]], runs, weights.as_ptr());
                            store_apart(&sums, added, tile_rows, filters, first, lanes.len());
                        }
                        (1, 5..) => {
                            let sums = tile::<1, 2, LENGTH, SPREAD>([place[0]], runs, weights.as_ptr());
                            store(&sums, added, tile_rows, filters, first, lanes.len());
                        }
                        (_, 5..) => {
                            let sums = tile::<4, 2, LENGTH, SPREAD>(place, runs, weights.as_ptr());
                            store(&sums[..count], added, tile_rows, filters, first, lanes.len());
                        }
                        _ => {
                            let sums = tile::<4, 1, LENGTH, SPREAD>(place, runs, weights.as_ptr());
                            store(&sums[..count], added, tile_rows, filters, first, lanes.len());
                        }
                    }
                }
            }
        }
    }
}

/// Writes the rows of a tile: `lanes` filters from `first` on, plus the bias. A sum
/// that starts at +0 is never -0, so adding 0 for no bias changes no bit.
#[inline(always)]
fn store<const V: usize>(
    sums: &[[F32x4; V]],
    bias: Option<&[f32]>,
    rows: &mut [f32],
    filters: usize,
    first: usize,
    lanes: usize,
) {
    let bias: [F32x4; V] = bias.map_or([F32x4::splat(0.0); V], F32x4::load_lanes);
    for (&sums, row) in sums.iter().zip(rows.chunks_exact_mut(filters)) {
        F32x4::store_lanes::<V>(from_fn(|v| sums[v] + bias[v]), &mut row[first..first + lanes]);
    }
}

/// [`store`] as a function of its own, for all tiles.
#[inline(never)]
fn store_apart(
    sums: &[[F32x4; 2]],
    bias: Option<&[f32]>,
    rows: &mut [f32],
    filters: usize,
    first: usize,
    lanes: usize,
) {
    store(sums, bias, rows, filters, first, lanes);
}

/// The gradient of the filters: `dw[k][o] = sum_p x[window(p)][k] dy[p][o]`, over images, then output pixels in
/// row-major order, from 0. `x` padded, `dy [images][oh][ow][N]`; `dw [K][N]` is overwritten.
pub fn ff_conv_backward_filter(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let geometry = Geometry::of(shape);
    let filters = geometry.filters;
    assert_eq!(x.len(), geometry.images * geometry.positions() * geometry.channels);
    assert_eq!(dy.len(), geometry.images * geometry.pixels() * filters);
    assert_eq!(dw.len(), geometry.rows() * filters);
    assert!(x.len() <= u32::MAX as usize);
    let mut panels = [[0.0; GRADIENT_PIXELS * PANEL]; PANEL_BLOCK];
    let (mut windows, runs) = (shape.windows(), shape.runs(geometry.channels));
    for (block, gradients) in dy.chunks(GRADIENT_PIXELS * filters).enumerate() {
        let mut offsets = [0; GRADIENT_PIXELS];
        let offsets = &mut offsets[..gradients.len() / filters];
        for offset in offsets.iter_mut() {
            *offset = (windows.advance() * geometry.channels) as u32;
        }
        for first in (0..filters).step_by(PANEL * PANEL_BLOCK) {
            let columns = first..filters.min(first + PANEL * PANEL_BLOCK);
            for (panel, start) in panels.iter_mut().zip(columns.clone().step_by(PANEL)) {
                for (row, target) in gradients.chunks_exact(filters).zip(panel.chunks_exact_mut(PANEL)) {
                    let row = &row[start..columns.end.min(start + PANEL)];
                    F32x4::load_up_to(row).store_up_to(&mut target[..4]);
                    F32x4::load_up_to(&row[row.len().min(4)..]).store_up_to(&mut target[4..]);
                }
            }
            gradient_block(&geometry, runs, x, offsets, &panels, dw, columns, block == 0);
        }
    }
}

/// All kernel rows of a block of filters (`columns`), over one block of pixels. Filters inside: the block's gradients
/// and four values a pixel stay in the first-level cache.
#[allow(clippy::too_many_arguments)]
fn gradient_block(
    geometry: &Geometry,
    runs: Runs,
    x: &[f32],
    offsets: &[u32],
    panels: &[[f32; GRADIENT_PIXELS * PANEL]],
    dw: &mut [f32],
    columns: core::ops::Range<usize>,
    fresh: bool,
) {
    let filters = geometry.filters;
    let Runs { length, .. } = runs;
    let (mut run, mut start, mut at) = (0, 0, 0);
    for rows in dw.chunks_mut(4 * filters) {
        let count = rows.len() / filters;
        let mut place = [x.as_ptr(); 4];
        let contiguous = at + 4 <= length;
        for place in &mut place[..count] {
            *place = place.wrapping_add(start + at);
            at += 1;
            if at == length {
                (run, at) = (run + 1, 0);
                start = runs.start(run);
            }
        }
        for (panel, first) in panels.iter().zip(columns.clone().step_by(PANEL)) {
            let lanes = PANEL.min(columns.end - first);
            // SAFETY: `Geometry::of` proved every tap of every pixel inside the padded buffer, whose length was checked, and
            // four rows are contiguous where they lie in a run. Rows past the kernel read the first tap and are dropped.
            // The panel has room for `GRADIENT_PIXELS` rows, at least as many as offsets.
            unsafe {
                match (lanes > 4, contiguous) {
                    (true, true) => add_tile::<2, true>(place, offsets, panel, rows, filters, first, lanes, fresh),
                    (true, false) => add_tile::<2, false>(place, offsets, panel, rows, filters, first, lanes, fresh),
                    (false, true) => add_tile::<1, true>(place, offsets, panel, rows, filters, first, lanes, fresh),
                    (false, false) => add_tile::<1, false>(place, offsets, panel, rows, filters, first, lanes, fresh),
                }
            }
        }
    }
}

/// Adds one tile of the gradient to its rows of `dw`, or to 0 where the tile is the first (`fresh`).
///
/// # Safety
/// As for [`gradient_tile`], with `place` for `x` and `panel` for `dy`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn add_tile<const V: usize, const CONTIGUOUS: bool>(
    place: [*const f32; 4],
    offsets: &[u32],
    panel: &[f32],
    rows: &mut [f32],
    filters: usize,
    first: usize,
    lanes: usize,
    fresh: bool,
) {
    let mut sums = [[F32x4::splat(0.0); V]; 4];
    if !fresh {
        for (sums, row) in sums.iter_mut().zip(rows.chunks_exact(filters)) {
            *sums = F32x4::load_lanes(&row[first..first + lanes]);
        }
    }
    // SAFETY: the promises are those of `gradient_tile`.
    unsafe { gradient_tile::<V, CONTIGUOUS>(place, offsets, panel.as_ptr(), &mut sums) };
    for (&sums, row) in sums.iter().zip(rows.chunks_exact_mut(filters)) {
        F32x4::store_lanes(sums, &mut row[first..first + lanes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{cases, dense, reals, seeds, small_shapes};
    use crate::gemm::ff::pack_panels;
    use crate::naive::real::{convolve, filter_gradient, input_gradient, lengths};
    use proptest::prelude::*;

    fn padded(shape: &ConvShape, x: &[f32]) -> Vec<f32> {
        let geometry = Geometry::of(shape);
        let mut out = vec![f32::NAN; geometry.images * geometry.positions() * geometry.channels];
        pad_real(shape, x, &mut out);
        out
    }

    /// By both forms, which agree in all bits.
    fn forward(shape: &ConvShape, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let geometry = Geometry::of(shape);
        let (k, n) = (geometry.rows(), geometry.filters);
        let mut panels = vec![f32::NAN; n.div_ceil(PANEL) * PANEL * k];
        pack_panels(w, k, n, &mut panels);
        let [mut out, mut general] = [(); 2].map(|()| vec![f32::NAN; lengths(shape)[2]]);
        with_form::<true>(shape, &padded(shape, x), &panels, bias, &mut out);
        with_form::<false>(shape, &padded(shape, x), &panels, bias, &mut general);
        assert_eq!(out, general);
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
        #![proptest_config(cases(200))]

        #[test]
        fn forward_is_the_sum_in_order_bit_for_bit(shape in small_shapes(), seed in seeds()) {
            check_forward(&shape, seed);
        }

        #[test]
        fn filter_gradient_is_the_sum_in_order_bit_for_bit(shape in small_shapes(), seed in seeds()) {
            check_filter_gradient(&shape, seed);
        }

        /// The product is linear in x and in w, so its gradients are its adjoints: `<dy, conv(x, d)> = <dw, d>` and
        /// `<dy, conv(d, w)> = <dx, d>`, the finite difference in the direction d with nothing left out.
        #[test]
        fn naive_gradients_are_the_differences_of_the_naive_forward(shape in small_shapes(), seed in seeds()) {
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
