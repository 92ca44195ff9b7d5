//! The gradient of the inputs of a convolution whose kernel is +-1, by four-Russians tables.
//!
//! `dx[y][x][c] = B(x) * sum w[tap][c][n] dy[oy][ox][n]`. A *lane* is an output pixel of one row in one of up to 16 images
//! that are worked on side by side, numbered `column * images + image`: so one tap moves all lanes of a row by the same
//! number of places, whatever the size of the image. 16 lanes of 4 filters make a table; the weights of every (tap,
//! channel) select a row of it, which is added to that channel's sums at the lanes the tap leads to.
//!
//! The sums of as many padded input rows as the kernel has wait in a ring `[kernel rows][column phases][channels][lanes]`;
//! the columns of a phase are those with the same remainder by the stride. A row that no later output reaches is
//! transposed to NHWC, multiplied by the backward map and written. Taps outside the image lead nowhere.
//!
//! Order of additions of an element: from 0, over output rows, then blocks of filters ([`block_size`] groups of 4), then
//! output columns, then the groups of 4 filters of the block, each as `(+-a +- b) + (+-c +- d)`.

use super::block_size;
use crate::conv::geometry::Geometry;
use crate::gemm::fb::{STRIP, TABLE, TABLES, accumulate_run, build_table_from_lanes};
use crate::quantizer::{Backward, quantize_backward};
use crate::shape::ConvShape;
use crate::simd::floats::F32x4;

/// Images worked on side by side.
const IMAGES: usize = 16;

/// Bytes of the packed weights: `[taps][channels][groups of 4 filters]`.
pub fn input_weight_bytes(shape: &ConvShape) -> usize {
    shape.terms() * (shape.filters as usize).div_ceil(4)
}

/// Packs the signs of the kernel `[K][N]`, four filters a byte, as nibble times 16; `sign(0) = +1`, bits past the last
/// filter are 0.
pub fn pack_fb_input_weights(shape: &ConvShape, kernel: &[f32], weights: &mut [u8]) {
    let filters = shape.filters as usize;
    assert_eq!(kernel.len(), shape.terms() * filters);
    assert_eq!(weights.len(), input_weight_bytes(shape));
    let rows = weights.chunks_exact_mut(filters.div_ceil(4));
    for (row, bytes) in kernel.chunks_exact(filters).zip(rows) {
        for (four, byte) in row.chunks(4).zip(bytes) {
            let nibble = four.iter().rev().fold(0, |bits, &w| 2 * bits + u8::from(w >= 0.0));
            *byte = nibble * 16;
        }
    }
}

/// Where sums lie in the ring.
struct Ring {
    geometry: Geometry,
    /// Images side by side.
    images: usize,
    /// Floats from one channel's lanes to the next one's.
    pitch: usize,
}

impl Ring {
    fn of(shape: &ConvShape) -> Self {
        let geometry = Geometry::of(shape);
        let images = geometry.images.min(IMAGES);
        // A vector may reach past the last lane. An odd number of cache lines lets all sets of the cache take part.
        let lines = (geometry.padded[1].div_ceil(geometry.stride[1]) * images + 3).div_ceil(STRIP);
        Self {
            geometry,
            images,
            pitch: (lines | 1) * STRIP,
        }
    }

    /// Floats of one padded row.
    fn row(&self) -> usize {
        self.geometry.stride[1] * self.geometry.channels * self.pitch
    }

    /// Where the row of a padded row number begins.
    fn slot(&self, row: usize) -> usize {
        row % self.geometry.kernel[0] * self.row()
    }

    /// Floats of one unpadded image row.
    fn pixels(&self) -> usize {
        self.geometry.input[1] * self.geometry.channels
    }

    /// The columns of a phase that lie inside the image, numbered within the phase.
    fn inside(&self, phase: usize) -> core::ops::Range<usize> {
        let (pad, stride) = (self.geometry.pad[1], self.geometry.stride[1]);
        let first = pad.saturating_sub(phase).div_ceil(stride);
        first
            ..(pad + self.geometry.input[1])
                .saturating_sub(phase)
                .div_ceil(stride)
                .max(first)
    }
}

/// Floats of scratch that `fb_conv_backward_input` needs: a gap up to 64 bytes, the tables, the ring, one row of gradients
/// for every image side by side and one more.
pub fn input_scratch_floats(shape: &ConvShape) -> usize {
    let ring = Ring::of(shape);
    STRIP + TABLES * TABLE + ring.geometry.kernel[0] * ring.row() + (ring.images + 1) * ring.pixels()
}

/// `dx [images][h][w][C]` is `B_map(x)` times the gradient at the quantized input, added to what `dx` holds if
/// `accumulate`. `weights` from `pack_fb_input_weights`, `dy [images][oh][ow][N]`, `x` as `dx`, `scratch`
/// `input_scratch_floats` floats. True where an x or a gradient is NaN; `dx` then means nothing.
#[allow(clippy::too_many_arguments)]
pub fn fb_conv_backward_input(
    shape: &ConvShape,
    weights: &[u8],
    dy: &[f32],
    scratch: &mut [f32],
    map: Backward,
    x: &[f32],
    accumulate: bool,
    dx: &mut [f32],
) -> bool {
    let ring = Ring::of(shape);
    let geometry = &ring.geometry;
    assert_eq!(weights.len(), input_weight_bytes(shape));
    assert_eq!(dy.len(), shape.output_pixels() * geometry.filters);
    assert_eq!(x.len(), shape.input_pixels() * geometry.channels);
    assert_eq!(dx.len(), x.len());
    assert_eq!(scratch.len(), input_scratch_floats(shape));
    let gap = (scratch.as_ptr() as usize).wrapping_neg() % 64 / size_of::<f32>();
    let (tables, rest) = scratch[gap..].split_at_mut(TABLES * TABLE);
    let (sums, rest) = rest.split_at_mut(geometry.kernel[0] * ring.row());
    let gradients = &mut rest[..ring.images * ring.pixels()];

    let (per_input, per_output) = (geometry.input[0] * ring.pixels(), geometry.pixels() * geometry.filters);
    let mut nan = false;
    for first in (0..geometry.images).step_by(ring.images) {
        let images = ring.images.min(geometry.images - first);
        let ring = Ring {
            images,
            ..Ring::of(shape)
        };
        let dy = &dy[first * per_output..][..images * per_output];
        let inputs = first * per_input..(first + images) * per_input;
        let (x, dx) = (&x[inputs.clone()], &mut dx[inputs]);
        let mut finish = |row: usize, sums: &mut [f32]| {
            let slot = &mut sums[ring.slot(row)..][..ring.row()];
            if let Some(y) = row.checked_sub(geometry.pad[0]).filter(|&y| y < geometry.input[0]) {
                transpose_row(&ring, slot, gradients);
                for (image, gradient) in gradients.chunks_exact(ring.pixels()).take(images).enumerate() {
                    let pixels = (image * geometry.input[0] + y) * ring.pixels()..;
                    let (x, dx) = (&x[pixels.clone()][..ring.pixels()], &mut dx[pixels][..ring.pixels()]);
                    nan |= quantize_backward(map, x, gradient, accumulate, dx);
                }
            }
            slot.fill(0.0);
        };
        sums.fill(0.0);
        let mut row = 0;
        for oy in 0..geometry.output[0] {
            while row < oy * geometry.stride[0] {
                finish(row, sums);
                row += 1;
            }
            add_output_row(&ring, weights, dy, oy, tables, sums);
        }
        while row < geometry.pad[0] + geometry.input[0] {
            finish(row, sums);
            row += 1;
        }
    }
    nan
}

/// Adds what the gradients of output row `oy` contribute to the sums in the ring.
fn add_output_row(ring: &Ring, weights: &[u8], dy: &[f32], oy: usize, tables: &mut [f32], sums: &mut [f32]) {
    let geometry = &ring.geometry;
    let groups = geometry.filters.div_ceil(4);
    let size = block_size(groups);
    let all_lanes = geometry.output[1] * ring.images;
    for block in (0..groups).step_by(size) {
        let block = block..groups.min(block + size);
        for first in (0..all_lanes).step_by(STRIP) {
            let lanes = STRIP.min(all_lanes - first);
            let mut pixels: [&[f32]; STRIP] = [&[]; STRIP];
            for (lane, pixel) in (first..).zip(&mut pixels[..lanes]) {
                let (column, image) = (lane / ring.images, lane % ring.images);
                let number = (image * geometry.output[0] + oy) * geometry.output[1] + column;
                *pixel = &dy[number * geometry.filters..][..geometry.filters];
            }
            for (group, table) in block.clone().zip(tables.chunks_exact_mut(TABLE)) {
                build_table_from_lanes(&pixels, 4 * group, lanes.div_ceil(4), table);
            }
            match lanes.div_ceil(4) {
                1 => scatter::<1>(ring, weights, &block, oy, first, tables, sums),
                2 => scatter::<2>(ring, weights, &block, oy, first, tables, sums),
                3 => scatter::<3>(ring, weights, &block, oy, first, tables, sums),
                _ => scatter::<4>(ring, weights, &block, oy, first, tables, sums),
            }
        }
    }
}

/// Lets every tap and channel add rows of the tables of lanes `first..first + 4 V` of output row `oy` to its sums.
fn scatter<const V: usize>(
    ring: &Ring,
    weights: &[u8],
    block: &core::ops::Range<usize>,
    oy: usize,
    first: usize,
    tables: &[f32],
    sums: &mut [f32],
) {
    let geometry = &ring.geometry;
    let (channels, groups) = (geometry.channels, geometry.filters.div_ceil(4));
    let image_rows = geometry.pad[0]..geometry.pad[0] + geometry.input[0];
    for ky in 0..geometry.kernel[0] {
        let row = oy * geometry.stride[0] + ky;
        if !image_rows.contains(&row) {
            continue;
        }
        // The last tap first: so the columns that meet in an element are added in order.
        for kx in (0..geometry.kernel[1]).rev() {
            let (phase, shift) = (kx % geometry.stride[1], kx / geometry.stride[1]);
            let lane = first + shift * ring.images;
            let inside = ring.inside(phase);
            if lane >= inside.end * ring.images || lane + 4 * V <= inside.start * ring.images {
                continue;
            }
            let target = ring.slot(row) + phase * channels * ring.pitch + lane;
            let selectors = (ky * geometry.kernel[1] + kx) * channels * groups + block.start;
            let target = &mut sums[target..][..(channels - 1) * ring.pitch + 4 * V];
            let selectors = &weights[selectors..][..(channels - 1) * groups + block.len()];
            for channel in (0..channels & !1).step_by(2) {
                // SAFETY: both slices reach to the end of the last channel's row.
                unsafe { add_channels::<2, V>(tables, selectors, groups, block.len(), target, ring.pitch, channel) };
            }
            if channels % 2 == 1 {
                // SAFETY: as above.
                unsafe {
                    add_channels::<1, V>(tables, selectors, groups, block.len(), target, ring.pitch, channels - 1)
                };
            }
        }
    }
}

/// Adds table rows to `R` channels from `channel` on: `count` of them each, selected by bytes that are `groups` apart.
///
/// # Safety
/// `target` and `selectors` must hold the rows of these channels, `pitch` and `groups` elements apart.
#[inline(always)]
unsafe fn add_channels<const R: usize, const V: usize>(
    tables: &[f32],
    selectors: &[u8],
    groups: usize,
    count: usize,
    target: &mut [f32],
    pitch: usize,
    channel: usize,
) {
    // SAFETY: promised by the caller.
    unsafe {
        let selectors = core::array::from_fn(|r| selectors.as_ptr().add((channel + r) * groups));
        let rows: [*mut f32; R] = core::array::from_fn(|r| target.as_mut_ptr().add((channel + r) * pitch));
        let sums = rows.map(|row| core::array::from_fn(|v| F32x4::read(row.add(4 * v))));
        let sums = accumulate_run::<1, R, V>(tables.as_ptr(), selectors, count, sums);
        for (sums, row) in sums.into_iter().zip(rows) {
            for (v, sum) in sums.into_iter().enumerate() {
                sum.write(row.add(4 * v));
            }
        }
    }
}

/// Turns the sums of a row `[phases][channels][lanes]` into gradients `[images][w][channels]`.
fn transpose_row(ring: &Ring, sums: &[f32], gradients: &mut [f32]) {
    let geometry = &ring.geometry;
    let channels = geometry.channels;
    for (phase, sums) in sums.chunks_exact(channels * ring.pitch).enumerate() {
        let inside = ring.inside(phase);
        let (start, end) = (inside.start * ring.images, inside.end * ring.images);
        for first in (start..end).step_by(4) {
            let lanes = 4.min(end - first);
            let places: [usize; 4] = core::array::from_fn(|i| {
                let (column, image) = ((first + i) / ring.images, (first + i) % ring.images);
                let x = (column * geometry.stride[1] + phase).wrapping_sub(geometry.pad[1]);
                image * ring.pixels() + x.wrapping_mul(channels)
            });
            for channel in (0..channels).step_by(4) {
                let count = 4.min(channels - channel);
                let rows = core::array::from_fn(|i| {
                    let row = (channel + i.min(count - 1)) * ring.pitch + first;
                    F32x4::load(sums[row..].first_chunk().expect("a row of sums"))
                });
                for (pixel, place) in F32x4::transpose(rows).into_iter().zip(places).take(lanes) {
                    pixel.store_up_to(&mut gradients[place + channel..][..count]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naive::real::{
        assert_close, dense, input_gradient, lengths, magnitudes, mixed_input_gradient_in_order, reals, shapes, signs,
    };
    use proptest::prelude::*;

    fn check(shape: &ConvShape, seed: u64, accumulate: bool) {
        let [inputs, kernel, outputs] = lengths(shape);
        let (w, dy) = (signs(kernel, seed), reals(outputs, seed + 1));
        let latent: Vec<f32> = w
            .iter()
            .zip(reals(kernel, seed + 2))
            .map(|(w, size)| w * size.abs())
            .collect();
        let x = reals(inputs, seed + 3).iter().map(|x| 2.0 * x).collect::<Vec<_>>();
        let before = if accumulate {
            reals(inputs, seed + 4)
        } else {
            vec![f32::NAN; inputs]
        };
        let mut weights = vec![0xff; input_weight_bytes(shape)];
        pack_fb_input_weights(shape, &latent, &mut weights);
        let mut scratch = vec![f32::NAN; input_scratch_floats(shape)];
        let mut dx = before.clone();
        let nan = fb_conv_backward_input(
            shape,
            &weights,
            &dy,
            &mut scratch,
            Backward::Box,
            &x,
            accumulate,
            &mut dx,
        );
        assert!(!nan);
        let mask = |values: Vec<f32>| -> Vec<f32> {
            let kept = values
                .iter()
                .zip(&x)
                .map(|(g, x)| if x.abs() <= 1.0 { *g } else { 0.0 });
            kept.zip(&before)
                .map(|(g, before)| if accumulate { before + g } else { g })
                .collect()
        };
        assert_eq!(dx, mask(mixed_input_gradient_in_order(shape, &w, &dy)));

        let ones = vec![0.0; inputs];
        fb_conv_backward_input(shape, &weights, &dy, &mut scratch, Backward::One, &ones, false, &mut dx);
        let magnitude = input_gradient(shape, &magnitudes(&w), &magnitudes(&dy));
        let terms = shape.taps() * (shape.filters as usize + 3);
        assert_close(&dx, &input_gradient(shape, &w, &dy), &magnitude, terms);
    }

    proptest! {
        #![proptest_config(crate::naive::cases(200))]

        #[test]
        fn input_gradient_is_the_sum_in_order_bit_for_bit(shape in shapes(), seed in 0u64..1000, accumulate: bool) {
            check(&shape, seed, accumulate);
        }
    }

    #[test]
    fn many_images_blocks_of_filters_and_dense_layers() {
        for (rows, k, n) in [(16, 500, 10), (1, 30, 333), (130, 17, 130), (67, 5, 4), (6, 1, 1)] {
            check(&dense(rows, k, n), u64::from(k), n == 10);
        }
        for images in [15, 16, 17, 35] {
            let one = dense(9, 5, 18);
            let shape = ConvShape {
                images,
                kernel_width: 4,
                stride_width: 3,
                pad_left: 1,
                padded_width: 10,
                out_width: 3,
                ..one
            };
            check(&shape, 3, false);
        }
    }

    #[test]
    fn nan_is_reported() {
        let shape = dense(5, 6, 3);
        let weights = vec![0; input_weight_bytes(&shape)];
        let mut scratch = vec![0.0; input_scratch_floats(&shape)];
        for (bad_x, bad_dy) in [(true, false), (false, true)] {
            let (mut x, mut dy, mut dx) = (vec![0.5; 30], vec![1.0; 15], vec![0.0; 30]);
            if bad_x {
                x[29] = f32::NAN;
            }
            if bad_dy {
                dy[14] = f32::NAN;
            }
            let nan = fb_conv_backward_input(&shape, &weights, &dy, &mut scratch, Backward::Box, &x, false, &mut dx);
            assert!(nan);
        }
    }
}
