//! The forward product. A group is 4 channels of one tap: their 4 rows of `w [K][N]` make a table, and the nibble of those
//! channels in the padded buffer `[images][PH][PW][G]` selects from it; the groups of a run of the window are contiguous there.
//!
//! Order of additions of an element: from 0, over taps, then groups of 4 channels, each as `(+-a +- b) + (+-c +- d)`; the
//! corrections of a zero-padded border come last, in order of taps, each the sum over the tap's channels in order.

use super::{Geometry, add, by_vectors, split_tables};
use crate::SPECIALISED;
use crate::gemm::fb::{STRIP, Segment, TABLE, TABLES, TILE, accumulate, block_size, build_table};
use crate::shape::ConvShape;
use crate::simd::floats::F32x4;

/// `nibbles [images][PH][PW][G]` (padded), `w [K][N]`, `out [images][oh][ow][N]`; `scratch` has `fb_table_floats` floats.
///
/// # Safety
/// The low half of every byte of `nibbles` must be 0.
///
/// # Panics
/// When a slice has another length than its layout, or the shape contradicts itself.
pub unsafe fn fb_conv(shape: &ConvShape, nibbles: &[u8], w: &[f32], out: &mut [f32], scratch: &mut [f32]) {
    // SAFETY: the promises are the same.
    unsafe { with_form::<SPECIALISED>(shape, nibbles, w, out, scratch) };
}

/// [`fb_conv`] with or without loops for strips of fewer vectors.
///
/// # Safety
/// As for [`fb_conv`].
unsafe fn with_form<const SPECIAL: bool>(
    shape: &ConvShape,
    nibbles: &[u8],
    w: &[f32],
    out: &mut [f32],
    scratch: &mut [f32],
) {
    let geometry = Geometry::of(shape);
    let filters = geometry.filters;
    assert_eq!(nibbles.len(), shape.padded_pixels() * shape.groups());
    assert_eq!(w.len(), geometry.rows() * filters);
    assert_eq!(out.len(), shape.output_pixels() * filters);
    assert_eq!(scratch.len(), shape.fb_table_floats());
    let (tables, tap_sums) = split_tables(scratch);
    let groups = shape.taps() * shape.groups();
    let size = block_size(groups);
    for first in (0..filters).step_by(STRIP) {
        let lanes = STRIP.min(filters - first);
        for start in (0..groups).step_by(size) {
            let block = start..groups.min(start + size);
            for (group, table) in block.clone().zip(tables.chunks_exact_mut(TABLE)) {
                build_table(weight_rows(shape, w, group, first, lanes), table);
            }
            let mut segments = [Segment::default(); TABLES];
            let segments = segments_of(shape, block, &mut segments);
            // SAFETY: the shape and the lengths were checked, the segments are those of the block, whose tables were built
            // last, and the caller has the nibbles clean.
            unsafe {
                if SPECIAL {
                    by_vectors!(
                        lanes,
                        add_block(shape, tables, nibbles, segments, out, first, lanes, start == 0)
                    );
                } else {
                    // Lanes that are not there may hold anything, and are not written.
                    add_block::<4>(shape, tables, nibbles, segments, out, first, lanes, start == 0);
                }
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

/// Filters `first..first + lanes` of the four rows of the kernel that group `group` is made of, zeros past the channels.
fn weight_rows<'a>(shape: &ConvShape, w: &'a [f32], group: usize, first: usize, lanes: usize) -> [&'a [f32]; 4] {
    let (channels, filters) = (shape.channels as usize, shape.filters as usize);
    let (tap, channel) = (group / shape.groups(), 4 * (group % shape.groups()));
    core::array::from_fn(|i| {
        if channel + i < channels {
            &w[(tap * channels + channel + i) * filters + first..][..lanes]
        } else {
            &[0.0; STRIP][..lanes]
        }
    })
}

/// The pieces of a window, from its first nibble on, that the groups of a block select by: one a run.
fn segments_of<'a>(
    shape: &ConvShape,
    block: core::ops::Range<usize>,
    segments: &'a mut [Segment; TABLES],
) -> &'a [Segment] {
    let runs = shape.runs(shape.groups());
    let all = block.start / runs.length..block.end.div_ceil(runs.length);
    for (run, segment) in all.clone().zip(&mut *segments) {
        let start = block.start.max(run * runs.length);
        let end = block.end.min((run + 1) * runs.length);
        *segment = Segment {
            table: start - block.start,
            offset: runs.start(run) + start - run * runs.length,
            length: end - start,
        };
    }
    &segments[..all.len()]
}

/// Adds a block of tables to filters `first..first + lanes` of all output pixels; sets them where it is the first block.
///
/// # Safety
/// The shape must be consistent, and `nibbles` have its length and nothing in the low halves of its bytes. The segments must
/// be those of [`segments_of`] for a block whose tables are in `tables`. `V` must be at most 4.
#[allow(clippy::too_many_arguments)]
unsafe fn add_block<const V: usize>(
    shape: &ConvShape,
    tables: &[f32],
    nibbles: &[u8],
    segments: &[Segment],
    out: &mut [f32],
    first: usize,
    lanes: usize,
    set: bool,
) {
    let filters = shape.filters as usize;
    let pixels = out.len() / filters;
    let mut windows = shape.windows();
    let mut next = || nibbles.as_ptr().wrapping_add(windows.advance() * shape.groups());
    // SAFETY: there are as many windows as pixels, and a consistent shape has them in its padded nibbles. A segment is a piece
    // of a run of a window, and its tables are those of the block.
    unsafe {
        let whole = pixels / TILE * TILE;
        for pixel in (0..whole).step_by(TILE) {
            let rows = core::array::from_fn(|i| (pixel + i) * filters + first);
            add_pixels::<TILE, V>(
                tables,
                core::array::from_fn(|_| next()),
                segments,
                out,
                rows,
                lanes,
                set,
            );
        }
        for pixel in whole..pixels {
            add_pixels::<1, V>(tables, [next()], segments, out, [pixel * filters + first], lanes, set);
        }
    }
}

/// Adds to `lanes` floats of `out` from each of `rows` on.
///
/// # Safety
/// As for [`accumulate`], with `windows` for selectors, one byte apart.
#[inline(always)]
unsafe fn add_pixels<const R: usize, const V: usize>(
    tables: &[f32],
    windows: [*const u8; R],
    segments: &[Segment],
    out: &mut [f32],
    rows: [usize; R],
    lanes: usize,
    set: bool,
) {
    let sums = rows.map(|row| {
        if set {
            [F32x4::splat(0.0); V]
        } else {
            F32x4::load_lanes(&out[row..row + lanes])
        }
    });
    // SAFETY: the promises are those of `accumulate`.
    let sums = unsafe { accumulate::<1, 0, R, V>(tables.as_ptr(), windows, segments, sums) };
    for (sums, row) in sums.into_iter().zip(rows) {
        F32x4::store_lanes(sums, &mut out[row..row + lanes]);
    }
}

/// Sums of the weights of every tap and filter, over the channels in order.
fn sum_taps(w: &[f32], channels: usize, filters: usize, sums: &mut [f32]) {
    sums.fill(0.0);
    for (row, source) in w.chunks_exact(filters).enumerate() {
        add(source, &mut sums[row / channels * filters..][..filters]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::bound;
    use super::*;
    use crate::arbitrary::{cases, dense, reals, seeds, signs, small_shapes};
    use crate::naive::real::{assert_close, convolve, lengths, magnitudes, mixed_convolve_in_order, nibbles};
    use proptest::prelude::*;

    fn check(shape: &ConvShape, seed: u64) {
        let [x, w, y] = lengths(shape);
        let (x, w) = (signs(x, seed), reals(w, seed + 1));
        let mut out = vec![f32::NAN; y];
        let mut scratch = vec![f32::NAN; shape.fb_table_floats()];
        // SAFETY: `nibbles` leaves the low halves 0.
        unsafe { with_form::<false>(shape, &nibbles(shape, &x), &w, &mut out, &mut scratch) };
        assert_eq!(out, mixed_convolve_in_order(shape, &x, &w));
        out.fill(f32::NAN);
        // SAFETY: as above.
        unsafe { with_form::<true>(shape, &nibbles(shape, &x), &w, &mut out, &mut scratch) };
        assert_eq!(out, mixed_convolve_in_order(shape, &x, &w));
        let magnitude: Vec<f64> = convolve(&bound(shape), &magnitudes(&x), &magnitudes(&w));
        assert_close(&out, &convolve(shape, &x, &w), &magnitude, 2 * shape.terms());
    }

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn is_the_sum_in_order_bit_for_bit(shape in small_shapes(), seed in seeds()) {
            check(&shape, seed);
        }
    }

    #[test]
    fn many_blocks_of_tables_and_dense_layers() {
        for (rows, k, n) in [(16, 500, 10), (1, 300, 33), (130, 17, 8), (67, 5, 4), (6, 1, 1)] {
            check(&dense(rows, k, n), u64::from(k));
        }
    }

    #[test]
    fn nibbles_past_the_channels_choose_nothing_that_counts() {
        let shape = dense(5, 6, 3);
        let (x, w) = (signs(30, 1), reals(18, 2));
        let mut bytes = nibbles(&shape, &x);
        bytes.iter_mut().skip(1).step_by(2).for_each(|byte| *byte |= 0xc0);
        let (mut out, mut scratch) = (vec![0.0; 15], vec![0.0; shape.fb_table_floats()]);
        // SAFETY: only high halves were set.
        unsafe { fb_conv(&shape, &bytes, &w, &mut out, &mut scratch) };
        assert_eq!(out, mixed_convolve_in_order(&shape, &x, &w));
    }
}
