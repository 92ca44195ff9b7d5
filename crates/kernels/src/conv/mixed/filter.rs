//! The gradient of the filters. A group is 4 consecutive output pixels of a row: their rows of `dy` make a table, and the
//! bits of one channel at the pixels under one tap, gathered into [`super::planes`] image by image, select from it.
//!
//! Order of additions of an element: from 0, over images, then output rows, then groups of 4 pixels, each as
//! `(+-a +- b) + (+-c +- d)`; the correction of a zero-padded border comes last, the sum over the pixels in order.

use super::planes::Planes;
use super::{Geometry, add, by_length, by_vectors, split_tables};
use crate::gemm::fb::{STRIP, Segment, TABLE, TABLES, TILE, accumulate, block_size, build_table};
use crate::shape::ConvShape;
use crate::simd::floats::F32x4;

/// `dw[k][o] = sum_p x[window(p)][k] dy[p][o]` with `x` in +-1 (0 outside the image unless one-padded), `nibbles
/// [images][PH][PW][G]`, `dy [images][oh][ow][N]`; `dw [K][N]` is overwritten; `scratch` has `fb_table_floats` floats,
/// `planes` `fb_plane_bytes` bytes.
///
/// # Safety
/// The low half of every byte of `nibbles` must be 0.
///
/// # Panics
/// When a slice has another length than its layout, or the shape contradicts itself.
pub unsafe fn fb_conv_backward_filter(
    shape: &ConvShape,
    nibbles: &[u8],
    dy: &[f32],
    dw: &mut [f32],
    scratch: &mut [f32],
    planes: &mut [u8],
) {
    let geometry = Geometry::of(shape);
    let filters = geometry.filters;
    let image_bytes = geometry.positions() * shape.groups();
    assert_eq!(nibbles.len(), geometry.images * image_bytes);
    assert_eq!(dy.len(), shape.output_pixels() * filters);
    assert_eq!(dw.len(), geometry.rows() * filters);
    assert_eq!(scratch.len(), shape.fb_table_floats());
    assert_eq!(planes.len(), shape.fb_plane_bytes());
    let (tables, missing) = split_tables(scratch);
    let layout = Planes::of(shape);
    let (planes, lines) = planes.split_at_mut(layout.bytes());
    dw.fill(0.0);
    missing.fill(0.0);
    let groups = geometry.output[0] * geometry.output[1].div_ceil(4);
    let size = block_size(groups);
    let gradients = dy.chunks_exact(geometry.pixels() * filters);
    for (image, dy) in nibbles.chunks_exact(image_bytes).zip(gradients) {
        layout.gather(image, lines, planes);
        for start in (0..groups).step_by(size) {
            let block = start..groups.min(start + size);
            let mut segments = [Segment::default(); TABLES];
            let segments = segments_of(&geometry, &layout, block.clone(), &mut segments);
            for first in (0..filters).step_by(STRIP) {
                let lanes = STRIP.min(filters - first);
                for (group, table) in block.clone().zip(tables.chunks_exact_mut(TABLE)) {
                    build_table(gradient_rows(&geometry, dy, group, first, lanes), table);
                }
                // SAFETY: the shape was checked, the planes are those of nibbles that the caller has clean, and the segments are
                // those of the block, whose tables were built last.
                unsafe {
                    by_vectors!(
                        lanes,
                        add_block(&geometry, tables, planes, &layout, segments, dw, first, lanes)
                    );
                }
            }
        }
        if shape.pad_one == 0 {
            Geometry::for_each_missing(shape, |pixel, tap| {
                add(
                    &dy[pixel * filters..][..filters],
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

/// Filters `first..first + lanes` of the four pixels that group `group` is made of, zeros past the end of an output row.
fn gradient_rows<'a>(geometry: &Geometry, dy: &'a [f32], group: usize, first: usize, lanes: usize) -> [&'a [f32]; 4] {
    let width = geometry.output[1];
    let (y, x) = (group / width.div_ceil(4), 4 * (group % width.div_ceil(4)));
    core::array::from_fn(|i| {
        if x + i < width {
            &dy[(y * width + x + i) * geometry.filters + first..][..lanes]
        } else {
            &[0.0; STRIP][..lanes]
        }
    })
}

/// Where the groups of a block lie in a plane, under the first tap: a segment an output row.
fn segments_of<'a>(
    geometry: &Geometry,
    layout: &Planes,
    block: core::ops::Range<usize>,
    segments: &'a mut [Segment; TABLES],
) -> &'a [Segment] {
    let length = geometry.output[1].div_ceil(4);
    let rows = block.start / length..block.end.div_ceil(length);
    for (row, segment) in rows.clone().zip(&mut *segments) {
        let start = block.start.max(row * length);
        let end = block.end.min((row + 1) * length);
        *segment = Segment {
            table: start - block.start,
            offset: row * geometry.stride[0] * layout.phases * layout.columns + 4 * (start - row * length),
            length: end - start,
        };
    }
    &segments[..rows.len()]
}

/// Adds a block of tables to filters `first..first + lanes` of every row of the gradient.
///
/// # Safety
/// The planes must be those of the geometry, whose windows lie in the padded buffer, with nothing in the low halves of their
/// bytes. The segments must be those of [`segments_of`] for a block whose tables are in `tables`. `V` must be at most 4.
#[allow(clippy::too_many_arguments)]
unsafe fn add_block<const V: usize>(
    geometry: &Geometry,
    tables: &[f32],
    planes: &[u8],
    layout: &Planes,
    segments: &[Segment],
    dw: &mut [f32],
    first: usize,
    lanes: usize,
) {
    let length = segments[0].length;
    let equal = segments.iter().all(|segment| segment.length == length);
    // SAFETY: a length is handed on where all segments have it, and the rest is what the caller promises.
    unsafe {
        by_length!(
            if equal && V == 4 { length } else { 0 },
            add_segments::<V>(geometry, tables, planes, layout, segments, dw, first, lanes)
        );
    }
}

/// Adds segments of `LENGTH` tables, as in `accumulate`, to every row of the gradient.
///
/// # Safety
/// As for [`add_block`], and `LENGTH` must be 0 or the length of all segments.
#[allow(clippy::too_many_arguments)]
unsafe fn add_segments<const LENGTH: usize, const V: usize>(
    geometry: &Geometry,
    tables: &[f32],
    planes: &[u8],
    layout: &Planes,
    segments: &[Segment],
    dw: &mut [f32],
    first: usize,
    lanes: usize,
) {
    let (channels, filters) = (geometry.channels, geometry.filters);
    for tap in 0..geometry.taps() {
        let row = tap / geometry.kernel[1] * geometry.dilation[0];
        let column = tap % geometry.kernel[1] * geometry.dilation[1];
        let (phase, shift) = (column % layout.phases, column / layout.phases);
        let place = (row * layout.phases + phase) * layout.columns + shift;
        let plane = |channel: usize| planes.as_ptr().wrapping_add(channel * layout.pitch() + place);
        let row = |channel: usize| (tap * channels + channel) * filters + first;
        // SAFETY: a segment goes from pixel to pixel of an output row, four at a time. Its offset plus a tap's place is the
        // position of that tap under the first pixel of a group, which lies in the plane.
        unsafe {
            let whole = channels / TILE * TILE;
            for channel in (0..whole).step_by(TILE) {
                let tile: [usize; TILE] = core::array::from_fn(|i| channel + i);
                add_rows::<LENGTH, TILE, V>(tables, tile.map(plane), segments, dw, tile.map(row), lanes);
            }
            for channel in whole..channels {
                add_rows::<LENGTH, 1, V>(tables, [plane(channel)], segments, dw, [row(channel)], lanes);
            }
        }
    }
}

/// Adds to `lanes` floats of `dw` from each of `rows` on.
///
/// # Safety
/// As for [`accumulate`], with `planes` for selectors, four bytes apart.
#[inline(always)]
unsafe fn add_rows<const LENGTH: usize, const R: usize, const V: usize>(
    tables: &[f32],
    planes: [*const u8; R],
    segments: &[Segment],
    dw: &mut [f32],
    rows: [usize; R],
    lanes: usize,
) {
    let sums = rows.map(|row| F32x4::load_lanes(&dw[row..row + lanes]));
    // SAFETY: the promises are those of `accumulate`.
    let sums = unsafe { accumulate::<4, LENGTH, R, V>(tables.as_ptr(), planes, segments, sums) };
    for (sums, row) in sums.into_iter().zip(rows) {
        F32x4::store_lanes(sums, &mut dw[row..row + lanes]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::bound;
    use super::*;
    use crate::arbitrary::{cases, dense, reals, seeds, signs, small_shapes};
    use crate::naive::real::{
        assert_close, filter_gradient, lengths, magnitudes, mixed_filter_gradient_in_order, nibbles,
    };
    use proptest::prelude::*;

    fn check(shape: &ConvShape, seed: u64) {
        let [x, w, y] = lengths(shape);
        let (x, dy) = (signs(x, seed), reals(y, seed + 1));
        let mut dw = vec![f32::NAN; w];
        let mut scratch = vec![f32::NAN; shape.fb_table_floats()];
        let mut planes = vec![0xff; shape.fb_plane_bytes()];
        // SAFETY: `nibbles` leaves the low halves 0.
        unsafe { fb_conv_backward_filter(shape, &nibbles(shape, &x), &dy, &mut dw, &mut scratch, &mut planes) };
        assert_eq!(dw, mixed_filter_gradient_in_order(shape, &x, &dy));
        let magnitude: Vec<f64> = filter_gradient(&bound(shape), &magnitudes(&x), &magnitudes(&dy));
        assert_close(
            &dw,
            &filter_gradient(shape, &x, &dy),
            &magnitude,
            2 * shape.output_pixels(),
        );
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
    fn a_stride_beyond_an_image_of_one_pixel() {
        let shape = ConvShape {
            stride_width: 3,
            ..dense(1, 1, 1)
        };
        check(&shape, 0);
    }
}
