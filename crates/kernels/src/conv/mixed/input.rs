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

use super::{by_vectors, split_tables};
use crate::conv::geometry::Geometry;
use crate::gemm::fb::{STRIP, Segment, TABLE, TABLES, TILE, accumulate, build_table_transposed};
use crate::quantizer::{Backward, quantize_backward};
use crate::shape::ConvShape;
use crate::simd::floats::F32x4;

/// Images worked on side by side.
const IMAGES: usize = STRIP;
/// Strips whose tables are kept at a time.
const MOST_STRIPS: usize = 3;

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

    /// How many output columns reach one input column, where tables of that many are kept: 16 images must lie side by side,
    /// so that a column is a strip.
    fn strips(&self) -> usize {
        let strips = self.geometry.kernel[1].div_ceil(self.geometry.stride[1]);
        if self.images == STRIP && strips <= MOST_STRIPS {
            strips
        } else {
            1
        }
    }

    /// Groups of filters worked on at a time.
    fn block_size(&self) -> usize {
        let groups = self.geometry.filters.div_ceil(4);
        groups.div_ceil(groups.div_ceil(TABLES / MOST_STRIPS))
    }

    /// The kernel's rows over an output row that lie inside the image, each with its padded row.
    fn kernel_rows(&self, oy: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (start, first, last) = (
            oy * self.geometry.stride[0],
            self.geometry.pad[0],
            self.geometry.pad[0] + self.geometry.input[0],
        );
        (0..self.geometry.kernel[0])
            .map(move |ky| (ky, start + ky))
            .filter(move |(_, row)| (first..last).contains(row))
    }

    /// Where the sums of a phase of a padded row begin.
    fn place(&self, row: usize, phase: usize) -> usize {
        self.slot(row) + phase * self.geometry.channels * self.pitch
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
    let (tables, rest) = split_tables(scratch);
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
    let size = ring.block_size();
    let all_lanes = geometry.output[1] * ring.images;
    for block in (0..groups).step_by(size) {
        let block = block..groups.min(block + size);
        for first in (0..all_lanes).step_by(STRIP) {
            let lanes = STRIP.min(all_lanes - first);
            // Tables of strips that are needed again lie in a ring of their own.
            let slot = first / STRIP % ring.strips() * block.len();
            build_strip(ring, dy, oy, first, lanes, block.clone(), &mut tables[slot * TABLE..]);
            if ring.strips() == 1 {
                by_vectors!(lanes, scatter(ring, weights, &block, oy, first, tables, sums));
            } else {
                gather(ring, weights, &block, oy, first / STRIP, tables, sums);
            }
        }
        if ring.strips() > 1 {
            // The columns that only the last output columns reach.
            let last = geometry.output[1];
            for column in last..last + ring.strips() - 1 {
                gather(ring, weights, &block, oy, column, tables, sums);
            }
        }
    }
}

/// Builds the tables of a block of filters for lanes `first..first + lanes` of output row `oy`.
fn build_strip(
    ring: &Ring,
    dy: &[f32],
    oy: usize,
    first: usize,
    lanes: usize,
    block: core::ops::Range<usize>,
    tables: &mut [f32],
) {
    let geometry = &ring.geometry;
    let mut pixels = [0; STRIP];
    let row = geometry.output[1] * geometry.filters;
    let (mut column, mut image) = (first / ring.images, first % ring.images);
    for pixel in &mut pixels[..lanes] {
        *pixel = (image * geometry.output[0] + oy) * row + column * geometry.filters;
        image += 1;
        if image == ring.images {
            (column, image) = (column + 1, 0);
        }
    }
    for (group, table) in block.zip(tables.chunks_exact_mut(TABLE)) {
        let columns = 4.min(geometry.filters - 4 * group);
        build_table_transposed(&dy[4 * group..], &pixels[..lanes], columns, table);
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
    for (ky, row) in ring.kernel_rows(oy) {
        // The last tap first: so the columns that meet in an element are added in order.
        for kx in (0..geometry.kernel[1]).rev() {
            let (phase, shift) = (kx % geometry.stride[1], kx / geometry.stride[1]);
            let lane = first + shift * ring.images;
            let inside = ring.inside(phase);
            if lane >= inside.end * ring.images || lane + 4 * V <= inside.start * ring.images {
                continue;
            }
            let segment = Segment {
                table: 0,
                offset: (ky * geometry.kernel[1] + kx) * channels * groups + block.start,
                length: block.len(),
            };
            let target = &mut sums[ring.place(row, phase) + lane..];
            // SAFETY: the lanes lie in the row of every channel, and the tables of the block are there.
            unsafe { add_channels::<V>(tables, weights, &[segment], target, ring) };
        }
    }
}

/// Adds to the sums of the input columns that output column `last` is the last to reach, where 16 images lie side by side: the
/// tables of the output columns before it that reach them are still there. So a sum is fetched once for all of them.
fn gather(
    ring: &Ring,
    weights: &[u8],
    block: &core::ops::Range<usize>,
    oy: usize,
    last: usize,
    tables: &[f32],
    sums: &mut [f32],
) {
    let geometry = &ring.geometry;
    let (channels, groups) = (geometry.channels, geometry.filters.div_ceil(4));
    let stride = geometry.stride[1];
    for phase in 0..stride.min(geometry.kernel[1]) {
        if !ring.inside(phase).contains(&last) {
            continue;
        }
        for (ky, row) in ring.kernel_rows(oy) {
            let mut segments = [Segment::default(); MOST_STRIPS];
            let mut count = 0;
            // The last tap first: so the columns are added in order.
            for kx in (phase..geometry.kernel[1]).step_by(stride).rev() {
                let Some(column) = last
                    .checked_sub(kx / stride)
                    .filter(|&column| column < geometry.output[1])
                else {
                    continue;
                };
                segments[count] = Segment {
                    table: column % ring.strips() * block.len(),
                    offset: (ky * geometry.kernel[1] + kx) * channels * groups + block.start,
                    length: block.len(),
                };
                count += 1;
            }
            let target = &mut sums[ring.place(row, phase) + last * STRIP..];
            // SAFETY: the lanes lie in the row of every channel, and the tables of these columns are there.
            unsafe { add_channels::<4>(tables, weights, &segments[..count], target, ring) };
        }
    }
}

/// Adds table rows to `4 V` lanes of every channel, from the start of `target` on.
///
/// # Safety
/// `target` must hold the lanes of all channels; as for `accumulate`.
#[inline(always)]
unsafe fn add_channels<const V: usize>(
    tables: &[f32],
    weights: &[u8],
    segments: &[Segment],
    target: &mut [f32],
    ring: &Ring,
) {
    let (channels, groups) = (ring.geometry.channels, ring.geometry.filters.div_ceil(4));
    let whole = channels / TILE * TILE;
    let target = &mut target[..(channels - 1) * ring.pitch + 4 * V];
    // SAFETY: promised by the caller; the lanes of the last channel end with the slice.
    unsafe {
        let (weights, target) = (weights.as_ptr(), target.as_mut_ptr());
        for channel in (0..whole).step_by(TILE) {
            let rows: [_; TILE] = core::array::from_fn(|i| target.add((channel + i) * ring.pitch));
            let selectors = core::array::from_fn(|i| weights.add((channel + i) * groups));
            add_rows::<TILE, V>(tables, selectors, segments, rows);
        }
        for channel in whole..channels {
            let row = target.add(channel * ring.pitch);
            add_rows::<1, V>(tables, [weights.add(channel * groups)], segments, [row]);
        }
    }
}

/// Adds table rows to `4 V` lanes from each of `rows` on.
///
/// # Safety
/// `rows` must be readable and writable there; as for `accumulate`.
#[inline(always)]
unsafe fn add_rows<const R: usize, const V: usize>(
    tables: &[f32],
    selectors: [*const u8; R],
    segments: &[Segment],
    rows: [*mut f32; R],
) {
    // SAFETY: promised by the caller.
    unsafe {
        let sums = rows.map(|row| core::array::from_fn(|v| F32x4::read(row.add(4 * v))));
        let sums = accumulate::<1, R, V>(tables.as_ptr(), selectors, segments, sums);
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
        let x = (inside.start * geometry.stride[1] + phase).wrapping_sub(geometry.pad[1]);
        let mut column = x.wrapping_mul(channels);
        let mut image = 0;
        let end = inside.end * ring.images;
        for first in (inside.start * ring.images..end).step_by(4) {
            let mut places = [0; 4];
            for place in &mut places[..4.min(end - first)] {
                *place = image * ring.pixels() + column;
                image += 1;
                if image == ring.images {
                    (column, image) = (column + geometry.stride[1] * channels, 0);
                }
            }
            let whole = if first + 4 <= end { channels & !3 } else { 0 };
            for channel in (0..whole).step_by(4) {
                let rows = core::array::from_fn(|i| read_four(sums, (channel + i) * ring.pitch + first));
                for (pixel, place) in F32x4::transpose(rows).into_iter().zip(places) {
                    pixel.store(gradients[place + channel..].first_chunk_mut().expect("a pixel"));
                }
            }
            for channel in (whole..channels).step_by(4) {
                let count = 4.min(channels - channel);
                let rows = core::array::from_fn(|i| read_four(sums, (channel + i.min(count - 1)) * ring.pitch + first));
                for (pixel, &place) in F32x4::transpose(rows).into_iter().zip(&places[..4.min(end - first)]) {
                    pixel.store_up_to(&mut gradients[place + channel..][..count]);
                }
            }
        }
    }
}

fn read_four(values: &[f32], at: usize) -> F32x4 {
    F32x4::load(values[at..].first_chunk().expect("four values"))
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
        fn is_the_sum_in_order_bit_for_bit(shape in shapes(), seed in 0u64..1000, accumulate: bool) {
            check(&shape, seed, accumulate);
        }

        #[test]
        fn many_images_side_by_side_give_the_sum_in_order(shape in shapes(), more in 13u32..16, seed in 0u64..1000) {
            check(&ConvShape { images: shape.images + more, ..shape }, seed, false);
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
