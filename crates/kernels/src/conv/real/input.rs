//! The gradient of the inputs of a real convolution.
//!
//! `dx[y][x][c] = sum w[tap][c][n] dy[oy][ox][n]` is the forward product of the flipped and transposed kernel with a gradient
//! that is spread by the strides: `[images][h+eh-1][w+ew-1][N]`, eh and ew being the extents of a window. An element is the
//! sum over (tap, n) in that order from 0. Input pixels with the same remainders by the strides have the same taps on output
//! pixels. All others read zeros alone. They are left out, which changes no bit of a finite sum.

use super::{PIXEL_BLOCK, ff_conv, store};
use crate::conv::geometry::Geometry;
use crate::gemm::ff::PANEL;
use crate::shape::ConvShape;
use crate::simd::floats::F32x4;
use core::array::from_fn;

/// Spreads `dy [images][oh][ow][o]` over `out [images][h+eh-1][w+ew-1][o]`, zero elsewhere. The gradient of the output pixel
/// (oy, ox) lies at `(oy*sh + eh-1-pt, ox*sw + ew-1-pl)`, and is dropped where that is outside.
pub fn dilate_real(shape: &ConvShape, dy: &[f32], out: &mut [f32]) {
    let geometry = Geometry::of(shape);
    let filters = geometry.filters;
    let extent: [usize; 2] = from_fn(|axis| geometry.input[axis] + geometry.extent(axis) - 1);
    assert_eq!(dy.len(), geometry.images * geometry.pixels() * filters);
    assert_eq!(out.len(), geometry.images * extent[0] * extent[1] * filters);
    let place = |axis: usize, pixel: usize| {
        let at = pixel * geometry.stride[axis] + geometry.extent(axis) - 1;
        at.checked_sub(geometry.pad[axis]).filter(|&at| at < extent[axis])
    };
    out.fill(0.0);
    let pixels = dy.chunks_exact(filters).enumerate();
    for (pixel, source) in pixels {
        let (row, x) = (pixel / geometry.output[1], pixel % geometry.output[1]);
        let (image, y) = (row / geometry.output[0], row % geometry.output[0]);
        if let (Some(y), Some(x)) = (place(0, y), place(1, x)) {
            out[((image * extent[0] + y) * extent[1] + x) * filters..][..filters].copy_from_slice(source);
        }
    }
}

/// `dx [images][h][w][C]` of `spread`, as [`dilate_real`] makes it, and `panels`, as
/// [`pack_panels_transposed`](crate::gemm::ff::pack_panels_transposed) does.
pub fn ff_conv_backward_input(shape: &ConvShape, spread: &[f32], panels: &[f32], dx: &mut [f32]) {
    let transposed = shape.transposed();
    if (shape.stride_height, shape.stride_width) == (1, 1) {
        return ff_conv(&transposed, spread, panels, None, dx);
    }
    let (geometry, backward) = (Geometry::of(shape), Geometry::of(&transposed));
    assert_eq!(spread.len(), backward.images * backward.positions() * backward.channels);
    assert_eq!(panels.len(), backward.filters.div_ceil(PANEL) * backward.rows() * PANEL);
    assert_eq!(dx.len(), backward.images * backward.pixels() * backward.filters);
    for y in 0..geometry.stride[0].min(geometry.input[0]) {
        let rows = Taps::of(&geometry, 0, y);
        for x in 0..geometry.stride[1].min(geometry.input[1]) {
            let taps = [rows, Taps::of(&geometry, 1, x)];
            phase(&geometry, &backward, [y, x], taps, spread, panels, dx);
        }
    }
}

/// The taps of an axis that lead from an input pixel to an output pixel: `first`, and every `step`th behind it.
#[derive(Clone, Copy)]
struct Taps {
    first: usize,
    step: usize,
    count: usize,
}

impl Taps {
    /// The taps of the pixels with the remainder `phase`. Tap t of the first of them lies at `phase + t * dilation` of the
    /// spread gradient. It leads to an output pixel where whole strides lie between that and the place of one.
    fn of(geometry: &Geometry, axis: usize, phase: usize) -> Self {
        let (stride, dilation, kernel) = (geometry.stride[axis], geometry.dilation[axis], geometry.kernel[axis]);
        let leads = |tap: usize| {
            let (at, pixel) = (phase + tap * dilation + geometry.pad[axis], geometry.extent(axis) - 1);
            at.abs_diff(pixel).is_multiple_of(stride)
        };
        let first = (0..kernel.min(stride)).find(|&tap| leads(tap)).unwrap_or(kernel);
        let step = (1..stride)
            .find(|step| (step * dilation).is_multiple_of(stride))
            .unwrap_or(stride);
        Self {
            first,
            step,
            count: (kernel - first).div_ceil(step),
        }
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |number| self.first + number * self.step)
    }
}

/// All input pixels with the remainders `[y, x]` by the strides.
fn phase(
    geometry: &Geometry,
    backward: &Geometry,
    [y, x]: [usize; 2],
    taps: [Taps; 2],
    spread: &[f32],
    panels: &[f32],
    dx: &mut [f32],
) {
    let ([height, width], channels) = (backward.output, backward.filters);
    let mut pixels = (0..backward.images).flat_map(move |image| {
        let rows = (y..height).step_by(geometry.stride[0]);
        rows.flat_map(move |y| (x..width).step_by(geometry.stride[1]).map(move |x| [image, y, x]))
    });
    let mut block = [[0; 3]; PIXEL_BLOCK];
    loop {
        let count = block
            .iter_mut()
            .zip(&mut pixels)
            .map(|(place, pixel)| *place = pixel)
            .count();
        if count == 0 {
            return;
        }
        for (panel, weights) in panels.chunks_exact(backward.rows() * PANEL).enumerate() {
            let first = panel * PANEL;
            let lanes = first..channels.min(first + PANEL);
            for group in block[..count].chunks(4) {
                // Pixels past the end repeat the last one: they cost nothing but their own arithmetic.
                let windows = from_fn(|p| {
                    let [image, y, x] = group[p.min(group.len() - 1)];
                    let [rows, columns] = backward.padded;
                    spread
                        .as_ptr()
                        .wrapping_add(((image * rows + y) * columns + x) * backward.channels)
                });
                // SAFETY: `Geometry::of` proved every window inside the spread gradient, whose length was checked, as was that of
                // the panels. Taps are those of the kernel.
                let sums = unsafe { tile(windows, backward, taps, weights.as_ptr()) };
                for (&sums, &[image, y, x]) in sums.iter().zip(group) {
                    let row = &mut dx[((image * height + y) * width + x) * channels..][..channels];
                    store(&[sums], None, row, channels, first, lanes.len());
                }
            }
        }
    }
}

/// Four windows times the filters of a panel, over some taps.
///
/// # Safety
/// Every window must be readable for the taps of `backward`, `panel` for its rows of [`PANEL`] floats. `taps` are below its
/// kernel's.
#[inline(always)]
unsafe fn tile(windows: [*const f32; 4], backward: &Geometry, taps: [Taps; 2], panel: *const f32) -> [[F32x4; 2]; 4] {
    let length = backward.channels;
    let down = backward.dilation[0] * backward.padded[1] * length;
    let right = backward.dilation[1] * length;
    let mut sums = [[F32x4::splat(0.0); 2]; 4];
    for row in taps[0].iter() {
        for column in taps[1].iter() {
            let start = row * down + column * right;
            let mut weights = panel.wrapping_add((row * backward.kernel[1] + column) * length * PANEL);
            for at in start..start + length {
                // SAFETY: `at` lies at a tap of the windows, and `weights` is the row of that tap and channel.
                unsafe {
                    let factors: [F32x4; 2] = from_fn(|v| F32x4::read_at(weights, 4 * v));
                    for p in 0..4 {
                        let value = F32x4::read_splat(windows[p].add(at));
                        for v in 0..2 {
                            sums[p][v] = sums[p][v] + value * factors[v];
                        }
                    }
                }
                weights = weights.wrapping_add(PANEL);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{cases, reals, seeds, small_shapes};
    use crate::gemm::ff::pack_panels_transposed;
    use crate::naive::real::{assert_close, input_gradient, lengths, magnitudes};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(cases(300))]

        #[test]
        fn input_gradient_is_the_naive_one_and_bit_for_bit_that_of_all_taps(shape in small_shapes(), seed in seeds()) {
            let geometry = Geometry::of(&shape);
            let [inputs, kernel, outputs] = lengths(&shape);
            let (w, dy) = (reals(kernel, seed), reals(outputs, seed + 1));
            let backward = Geometry::of(&shape.transposed());
            let mut spread = vec![f32::NAN; backward.images * backward.positions() * backward.channels];
            dilate_real(&shape, &dy, &mut spread);
            let taps = geometry.taps();
            let mut panels = vec![f32::NAN; geometry.channels.div_ceil(PANEL) * PANEL * taps * geometry.filters];
            pack_panels_transposed(&shape, &w, &mut panels);
            let [mut dx, mut of_all] = [(); 2].map(|()| vec![f32::NAN; inputs]);
            ff_conv_backward_input(&shape, &spread, &panels, &mut dx);
            ff_conv(&shape.transposed(), &spread, &panels, None, &mut of_all);
            assert_eq!(dx, of_all);
            let magnitude = input_gradient(&shape, &magnitudes(&w), &magnitudes(&dy));
            assert_close(&dx, &input_gradient(&shape, &w, &dy), &magnitude, taps * geometry.filters);
        }
    }
}
