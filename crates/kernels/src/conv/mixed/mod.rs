//! Convolutions with +-1 inputs and real kernels: forward, and the gradient of the filters, by four-Russians tables.
//!
//! Forward, a group is 4 channels of one tap: its 4 rows of `w [K][N]` make a table, and the nibble of those channels
//! in the padded buffer `[images][PH][PW][G]` selects the row. Backward, a group is 4 consecutive output pixels of a
//! row: their rows of `dy` make a table, and what selects is the nibble of one channel at 4 positions, `stride` apart:
//! those nibbles are first gathered, for one image at a time, into planes `[4 G][PH * PW]`.
//!
//! With zero-padding the border nibbles read as -1 and both products are corrected: forward, a tap outside the image
//! contributed minus the sum of its weights; backward, minus the sum of `dy` over the pixels whose tap falls outside.
//! What was wrongly added is given back, so an element carries the rounding error of those terms too. One-padding
//! (border bits 1) needs no correction. A reduction starts at 0, runs over the groups in order (images, then output
//! rows, then groups of 4 pixels; or taps, then groups of 4 channels), and the corrections come last, in order of taps.

pub mod input;

use super::geometry::Geometry;
use crate::gemm::fb::{STRIP, TABLE, TABLES, accumulate, build_table};
use crate::shape::ConvShape;
use crate::simd::floats::F32x4;

/// Floats of scratch that both products need: a gap up to 64 bytes, the tables, then one sum per tap and filter.
pub fn scratch_floats(shape: &ConvShape) -> usize {
    STRIP + TABLES * TABLE + (shape.kernel_height * shape.kernel_width * shape.filters) as usize
}

/// Bytes of one plane of gathered nibbles; the gradient needs `4 * ceil(channels / 4)` planes of scratch.
pub fn plane_bytes(shape: &ConvShape) -> usize {
    ((shape.padded_height * shape.padded_width) as usize).next_multiple_of(8)
}

/// The tables, at a multiple of 64 bytes so that no row lies across two cache lines, and one sum per tap and filter.
fn split_scratch<'a>(shape: &ConvShape, scratch: &'a mut [f32]) -> (&'a mut [f32], &'a mut [f32]) {
    assert_eq!(scratch.len(), scratch_floats(shape));
    let gap = (scratch.as_ptr() as usize).wrapping_neg() % 64 / size_of::<f32>();
    let (tables, sums) = scratch[gap..].split_at_mut(TABLES * TABLE);
    let used = sums.len() - (STRIP - gap);
    (tables, &mut sums[..used])
}

/// Splits `groups` into blocks of nearly equal size, none larger than `TABLES`.
fn block_size(groups: usize) -> usize {
    groups.div_ceil(groups.div_ceil(TABLES))
}

/// Adds to `lanes` floats of each of the `R` rows of `out` what the tables and the bits say.
///
/// # Safety
/// As `accumulate`; and `rows[r]` must be in `out` for `lanes` floats, `4 V - 3 <= lanes <= 4 V`.
#[inline(always)]
unsafe fn add_rows<const R: usize, const V: usize>(
    tables: &[f32],
    bits: [*const u8; R],
    offsets: &[u32],
    out: &mut [f32],
    rows: [usize; R],
    lanes: usize,
) {
    let mut sums = rows.map(|row| F32x4::load_lanes::<V>(&out[row..row + lanes]));
    // SAFETY: promised by the caller.
    unsafe { accumulate(tables.as_ptr(), bits, offsets, &mut sums) };
    for (sums, row) in sums.into_iter().zip(rows) {
        F32x4::store_lanes(sums, &mut out[row..row + lanes]);
    }
}

/// Forward: `nibbles [images][PH][PW][G]` (padded), `w [K][N]`, `out [images][oh][ow][N]`; `scratch` has
/// `scratch_floats` floats.
pub fn fb_conv(shape: &ConvShape, nibbles: &[u8], w: &[f32], out: &mut [f32], scratch: &mut [f32]) {
    let geometry = Geometry::of(shape);
    let filters = geometry.filters;
    let channel_groups = geometry.channels.div_ceil(4);
    assert_eq!(nibbles.len(), geometry.images * geometry.positions() * channel_groups);
    assert_eq!(w.len(), geometry.rows() * filters);
    assert_eq!(out.len(), geometry.images * geometry.pixels() * filters);
    let (tables, tap_sums) = split_scratch(shape, scratch);
    let groups = geometry.taps() * channel_groups;
    let mut offsets = [0; TABLES];
    out.fill(0.0);
    for first in (0..filters).step_by(STRIP) {
        let lanes = STRIP.min(filters - first);
        let size = block_size(groups);
        for start in (0..groups).step_by(size) {
            let count = size.min(groups - start);
            for ((group, table), offset) in (start..).zip(tables.chunks_exact_mut(TABLE)).zip(&mut offsets[..count]) {
                let (tap, channel_group) = (group / channel_groups, group % channel_groups);
                let (y, x) = (tap / geometry.kernel[1], tap % geometry.kernel[1]);
                *offset = ((y * geometry.padded[1] + x) * channel_groups + channel_group) as u32;
                let rows = core::array::from_fn(|i| {
                    let channel = 4 * channel_group + i;
                    let row = (tap * geometry.channels + channel) * filters + first;
                    if channel < geometry.channels {
                        &w[row..row + lanes]
                    } else {
                        &[0.0; STRIP][..lanes]
                    }
                });
                build_table(rows, table);
            }
            let offsets = &offsets[..count];
            match lanes.div_ceil(4) {
                1 => forward_strip::<1>(shape, tables, nibbles, offsets, out, first, lanes),
                2 => forward_strip::<2>(shape, tables, nibbles, offsets, out, first, lanes),
                3 => forward_strip::<3>(shape, tables, nibbles, offsets, out, first, lanes),
                _ => forward_strip::<4>(shape, tables, nibbles, offsets, out, first, lanes),
            }
        }
    }
    if shape.pad_one == 0 {
        sum_taps(w, geometry.channels, filters, tap_sums);
        for image in out.chunks_exact_mut(geometry.pixels() * filters) {
            Geometry::for_each_missing(shape, |pixel, tap| {
                add(
                    &tap_sums[tap * filters..][..filters],
                    &mut image[pixel * filters..][..filters],
                );
            });
        }
    }
}

/// Sums of the weights of every tap and filter, over the channels in order.
fn sum_taps(w: &[f32], channels: usize, filters: usize, sums: &mut [f32]) {
    sums.fill(0.0);
    for (row, source) in w.chunks_exact(filters).enumerate() {
        add(source, &mut sums[row / channels * filters..][..filters]);
    }
}

fn add(source: &[f32], target: &mut [f32]) {
    for (target, value) in target.iter_mut().zip(source) {
        *target += value;
    }
}

fn forward_strip<const V: usize>(
    shape: &ConvShape,
    tables: &[f32],
    nibbles: &[u8],
    offsets: &[u32],
    out: &mut [f32],
    first: usize,
    lanes: usize,
) {
    let filters = shape.filters as usize;
    let channel_groups = shape.groups();
    let mut row = first;
    let pixels = out.len() / filters;
    let mut windows = shape.windows();
    let mut next = || nibbles.as_ptr().wrapping_add(windows.advance() * channel_groups);
    // SAFETY: `Geometry::of` proved every window inside the padded buffer, whose length was checked; nibbles are written
    // by the packers alone, as nibble * 16.
    unsafe {
        for _ in 0..pixels / 2 {
            add_rows::<2, V>(tables, [next(), next()], offsets, out, [row, row + filters], lanes);
            row += 2 * filters;
        }
        if pixels % 2 == 1 {
            add_rows::<1, V>(tables, [next()], offsets, out, [row], lanes);
        }
    }
}

/// The gradient of the filters: `dw[k][o] = sum_p x[window(p)][k] dy[p][o]` with `x` in +-1 (0 outside the image unless
/// one-padded). `dy [images][oh][ow][N]`; `dw [K][N]` is overwritten; `scratch` has `scratch_floats` floats, `planes`
/// `4 * ceil(channels / 4) * plane_bytes` bytes.
pub fn fb_conv_backward_filter(
    shape: &ConvShape,
    nibbles: &[u8],
    dy: &[f32],
    dw: &mut [f32],
    scratch: &mut [f32],
    planes: &mut [u8],
) {
    let geometry = Geometry::of(shape);
    let filters = geometry.filters;
    let channel_groups = geometry.channels.div_ceil(4);
    let image_bytes = geometry.positions() * channel_groups;
    let plane = plane_bytes(shape);
    assert_eq!(nibbles.len(), geometry.images * image_bytes);
    assert_eq!(dy.len(), geometry.images * geometry.pixels() * filters);
    assert_eq!(dw.len(), geometry.rows() * filters);
    assert_eq!(planes.len(), 4 * channel_groups * plane);
    let (tables, missing) = split_scratch(shape, scratch);
    dw.fill(0.0);
    missing.fill(0.0);
    let row_groups = geometry.output[1].div_ceil(4);
    let groups = geometry.output[0] * row_groups;
    let size = block_size(groups);
    let mut offsets = [0; TABLES];
    for (image, gradients) in nibbles
        .chunks_exact(image_bytes)
        .zip(dy.chunks_exact(geometry.pixels() * filters))
    {
        gather_planes(image, channel_groups, geometry.stride[1], plane, planes);
        for start in (0..groups).step_by(size) {
            let count = size.min(groups - start);
            for first in (0..filters).step_by(STRIP) {
                let lanes = STRIP.min(filters - first);
                let numbered = (start..).zip(tables.chunks_exact_mut(TABLE));
                for ((group, table), offset) in numbered.zip(&mut offsets[..count]) {
                    let (y, x) = (group / row_groups, 4 * (group % row_groups));
                    *offset = (y * geometry.stride[0] * geometry.padded[1] + x * geometry.stride[1]) as u32;
                    let rows = core::array::from_fn(|i| {
                        let row = (y * geometry.output[1] + x + i) * filters + first;
                        if x + i < geometry.output[1] {
                            &gradients[row..row + lanes]
                        } else {
                            &[0.0; STRIP][..lanes]
                        }
                    });
                    build_table(rows, table);
                }
                let offsets = &offsets[..count];
                match lanes.div_ceil(4) {
                    1 => gradient_strip::<1>(&geometry, tables, planes, plane, offsets, dw, first, lanes),
                    2 => gradient_strip::<2>(&geometry, tables, planes, plane, offsets, dw, first, lanes),
                    3 => gradient_strip::<3>(&geometry, tables, planes, plane, offsets, dw, first, lanes),
                    _ => gradient_strip::<4>(&geometry, tables, planes, plane, offsets, dw, first, lanes),
                }
            }
        }
        if shape.pad_one == 0 {
            Geometry::for_each_missing(shape, |pixel, tap| {
                add(
                    &gradients[pixel * filters..][..filters],
                    &mut missing[tap * filters..][..filters],
                );
            });
        }
    }
    if shape.pad_one == 0 {
        for (row, target) in dw.chunks_exact_mut(filters).enumerate() {
            add(&missing[row / geometry.channels * filters..][..filters], target);
        }
    }
}

/// For every channel c and position q of one image: `planes[c][q]` = bits of c at q, q+stride, q+2 stride, q+3 stride,
/// as a nibble times 16. Positions past the image read as 0; no table row that counts is ever selected by them.
fn gather_planes(image: &[u8], channel_groups: usize, stride: usize, plane: usize, planes: &mut [u8]) {
    const LOW: u64 = 0x1010_1010_1010_1010;
    let positions = image.len() / channel_groups;
    for (group, four) in planes.chunks_exact_mut(4 * plane).enumerate() {
        let column = |from: usize| {
            let byte = |i: usize| {
                if from + i < positions {
                    image[(from + i) * channel_groups + group]
                } else {
                    0
                }
            };
            u64::from_le_bytes(core::array::from_fn(byte))
        };
        for first in (0..plane).step_by(8) {
            let words: [u64; 4] = core::array::from_fn(|j| column(first + j * stride));
            for channel in 0..4 {
                let bits = (0..4).map(|j| ((words[j] >> channel) & LOW) << j).fold(0, |a, b| a | b);
                four[channel * plane + first..][..8].copy_from_slice(&bits.to_le_bytes());
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn gradient_strip<const V: usize>(
    geometry: &Geometry,
    tables: &[f32],
    planes: &[u8],
    plane: usize,
    offsets: &[u32],
    dw: &mut [f32],
    first: usize,
    lanes: usize,
) {
    let (channels, filters) = (geometry.channels, geometry.filters);
    // Channels outside, taps inside: two planes serve all taps from the first-level cache.
    for channel in (0..channels).step_by(2) {
        for tap in 0..geometry.taps() {
            let place = tap / geometry.kernel[1] * geometry.padded[1] + tap % geometry.kernel[1];
            let bits = planes.as_ptr().wrapping_add(channel * plane + place);
            let row = (tap * channels + channel) * filters + first;
            // SAFETY: an offset plus a tap's place is the position of a tap of an output pixel, inside the plane.
            unsafe {
                if channel + 1 < channels {
                    let both = [bits, bits.wrapping_add(plane)];
                    add_rows::<2, V>(tables, both, offsets, dw, [row, row + filters], lanes);
                } else {
                    add_rows::<1, V>(tables, [bits], offsets, dw, [row], lanes);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naive::real::{
        assert_close, convolve, dense, filter_gradient, lengths, magnitudes, mixed_convolve_in_order,
        mixed_filter_gradient_in_order, nibbles, reals, shapes, signs,
    };
    use proptest::prelude::*;

    /// A zero-padded border is added as -1 and given back, so at most twice the products' magnitude is rounded.
    fn bound(shape: &ConvShape) -> ConvShape {
        ConvShape { pad_one: 1, ..*shape }
    }

    fn check_forward(shape: &ConvShape, seed: u64) {
        let [x, w, y] = lengths(shape);
        let (x, w) = (signs(x, seed), reals(w, seed + 1));
        let mut out = vec![f32::NAN; y];
        let mut scratch = vec![f32::NAN; scratch_floats(shape)];
        fb_conv(shape, &nibbles(shape, &x), &w, &mut out, &mut scratch);
        assert_eq!(out, mixed_convolve_in_order(shape, &x, &w));
        let magnitude: Vec<f64> = convolve(&bound(shape), &magnitudes(&x), &magnitudes(&w));
        let terms = 2 * Geometry::of(shape).rows();
        assert_close(&out, &convolve(shape, &x, &w), &magnitude, terms);
    }

    fn check_filter_gradient(shape: &ConvShape, seed: u64) {
        let [x, w, y] = lengths(shape);
        let (x, dy) = (signs(x, seed), reals(y, seed + 1));
        let mut dw = vec![f32::NAN; w];
        let mut scratch = vec![f32::NAN; scratch_floats(shape)];
        let mut planes = vec![0xff; 4 * (shape.channels as usize).div_ceil(4) * plane_bytes(shape)];
        fb_conv_backward_filter(shape, &nibbles(shape, &x), &dy, &mut dw, &mut scratch, &mut planes);
        assert_eq!(dw, mixed_filter_gradient_in_order(shape, &x, &dy));
        let magnitude: Vec<f64> = filter_gradient(&bound(shape), &magnitudes(&x), &magnitudes(&dy));
        let terms = 2 * shape.images as usize * Geometry::of(shape).pixels();
        assert_close(&dw, &filter_gradient(shape, &x, &dy), &magnitude, terms);
    }

    proptest! {
        #![proptest_config(crate::naive::cases(200))]

        #[test]
        fn forward_is_the_sum_in_order_bit_for_bit(shape in shapes(), seed in 0u64..1000) {
            check_forward(&shape, seed);
        }

        #[test]
        fn filter_gradient_is_the_sum_in_order_bit_for_bit(shape in shapes(), seed in 0u64..1000) {
            check_filter_gradient(&shape, seed);
        }
    }

    #[test]
    fn many_blocks_of_tables_and_dense_layers() {
        for (rows, k, n) in [(16, 500, 10), (1, 300, 33), (130, 17, 8), (67, 5, 4), (6, 1, 1)] {
            check_forward(&dense(rows, k, n), u64::from(k));
            check_filter_gradient(&dense(rows, k, n), u64::from(k));
        }
    }

    #[test]
    fn nibbles_past_the_channels_choose_nothing_that_counts() {
        let shape = dense(5, 6, 3);
        let (x, w) = (signs(30, 1), reals(18, 2));
        let mut bytes = nibbles(&shape, &x);
        bytes.iter_mut().skip(1).step_by(2).for_each(|byte| *byte |= 0xc0);
        let (mut out, mut scratch) = (vec![0.0; 15], vec![0.0; scratch_floats(&shape)]);
        fb_conv(&shape, &bytes, &w, &mut out, &mut scratch);
        assert_eq!(out, mixed_convolve_in_order(&shape, &x, &w));
    }
}
