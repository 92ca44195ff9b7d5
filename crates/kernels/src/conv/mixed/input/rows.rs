//! One output row of the input's gradient: tables of its pixels, and what every tap and channel adds of them to the sums.

use super::ring::{MOST_STRIPS, Ring};
use crate::SPECIALISED;
use crate::conv::mixed::{by_length, by_vectors};
use crate::gemm::fb::{STRIP, Segment, TABLE, TILE, accumulate, build_column_transposed};
use crate::simd::floats::F32x4;

/// Adds what the gradients of output row `oy` contribute to the sums in the ring.
///
/// # Safety
/// `weights` must have `fb_input_weight_bytes` bytes of the ring's shape, the low half of each 0.
pub unsafe fn add_output_row(ring: &Ring, weights: &[u8], dy: &[f32], oy: usize, tables: &mut [f32], sums: &mut [f32]) {
    let geometry = &ring.geometry;
    let groups = geometry.filters.div_ceil(4);
    let size = ring.block;
    let all_lanes = geometry.output[1] * ring.images;
    for block in (0..groups).step_by(size) {
        let block = block..groups.min(block + size);
        for first in (0..all_lanes).step_by(STRIP) {
            let lanes = STRIP.min(all_lanes - first);
            // Tables of strips that are needed again lie in a ring of their own.
            let slot = first / STRIP % ring.strips * block.len();
            build_strip(ring, dy, oy, first, lanes, block.clone(), &mut tables[slot * TABLE..]);
            if !SPECIALISED || ring.strips == 1 {
                // SAFETY: the tables of the block were built last, from the first one on, and weights are as promised here.
                unsafe { by_vectors!(lanes, scatter(ring, weights, &block, oy, first, tables, sums)) };
            } else {
                // SAFETY: the tables of the last `ring.strips` columns are kept, and weights are as promised here.
                unsafe { gather(ring, weights, &block, oy, first / STRIP, tables, sums) };
            }
        }
        if SPECIALISED && ring.strips > 1 {
            // The columns that only the last output columns reach.
            let last = geometry.output[1];
            for column in last..last + ring.strips - 1 {
                // SAFETY: as above.
                unsafe { gather(ring, weights, &block, oy, column, tables, sums) };
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
    // The images are far apart, often by a power of two: so all that is needed of four pixels is read at a time.
    for (vector, pixels) in pixels[..lanes].chunks(4).enumerate() {
        for (group, table) in block.clone().zip(tables.chunks_exact_mut(TABLE)) {
            let columns = 4.min(geometry.filters - 4 * group);
            build_column_transposed(&dy[4 * group..], pixels, columns, vector, table);
        }
    }
}

/// Lets every tap and channel add rows of the tables of lanes `first..first + 4 V` of output row `oy` to its sums.
///
/// # Safety
/// As for [`add_output_row`]; the first tables must be those of the block's filters, and `V` at most 4.
unsafe fn scatter<const V: usize>(
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
            let column = kx * geometry.dilation[1];
            let (phase, shift) = (column % geometry.stride[1], column / geometry.stride[1]);
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
            let target = &mut sums[ring.place(row, phase, lane)..];
            // SAFETY: a tap has a row of weights for each channel, a byte a group. The block lies in it, and its tables are there.
            unsafe { add_channels::<0, V>(tables, weights, &[segment], target, ring) };
        }
    }
}

/// Adds to the sums of the input columns that output column `last` is the last to reach, where 16 images lie side by side: the
/// tables of the output columns before it that reach them are still there. So a sum is fetched once for all of them.
///
/// # Safety
/// As for [`add_output_row`]; there must be tables of the block's filters for `ring.strips` columns.
unsafe fn gather(
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
    let (stride, dilation) = (geometry.stride[1], geometry.dilation[1]);
    for phase in 0..stride.min(geometry.extent(1)) {
        if !ring.inside(phase).contains(&last) {
            continue;
        }
        let mut segments = [Segment::default(); MOST_STRIPS];
        let mut count = 0;
        // The last tap first: so the columns are added in order.
        for kx in (0..geometry.kernel[1]).rev() {
            if kx * dilation % stride != phase {
                continue;
            }
            let Some(column) = last
                .checked_sub(kx * dilation / stride)
                .filter(|&column| column < geometry.output[1])
            else {
                continue;
            };
            segments[count] = Segment {
                table: column % ring.strips * block.len(),
                offset: kx * channels * groups + block.start,
                length: block.len(),
            };
            count += 1;
        }
        for (ky, row) in ring.kernel_rows(oy) {
            let weights = &weights[ky * geometry.kernel[1] * channels * groups..];
            let target = &mut sums[ring.place(row, phase, last * STRIP)..];
            // SAFETY: a tap has a row of weights for each channel, a byte a group. The block lies in it, and its tables are there
            // for each of the columns.
            unsafe {
                by_length!(
                    block.len(),
                    add_channels::<4>(tables, weights, &segments[..count], target, ring)
                )
            };
        }
    }
}

/// Adds table rows to `4 V` lanes of every channel, from the start of `target` on.
///
/// # Safety
/// As for [`accumulate`], with a row of `weights` for each channel, as many bytes as there are groups of filters apart, for
/// selectors.
///
/// # Panics
/// When `target` does not hold the lanes of all channels.
#[inline(always)]
unsafe fn add_channels<const LENGTH: usize, const V: usize>(
    tables: &[f32],
    weights: &[u8],
    segments: &[Segment],
    target: &mut [f32],
    ring: &Ring,
) {
    let (channels, groups) = (ring.geometry.channels, ring.geometry.filters.div_ceil(4));
    let whole = channels / TILE * TILE;
    let target = &mut target[..(channels - 1) * ring.pitch + 4 * V];
    // SAFETY: `target` was just cut where the lanes of the last channel end, and selectors are as promised here.
    unsafe {
        let (weights, target) = (weights.as_ptr(), target.as_mut_ptr());
        for channel in (0..whole).step_by(TILE) {
            let rows: [_; TILE] = core::array::from_fn(|i| target.add((channel + i) * ring.pitch));
            let selectors = core::array::from_fn(|i| weights.add((channel + i) * groups));
            add_rows::<LENGTH, TILE, V>(tables, selectors, segments, rows);
        }
        for channel in whole..channels {
            let row = target.add(channel * ring.pitch);
            add_rows::<LENGTH, 1, V>(tables, [weights.add(channel * groups)], segments, [row]);
        }
    }
}

/// Adds table rows to `4 V` lanes from each of `rows` on.
///
/// # Safety
/// As for [`accumulate`], and each of `rows` must be readable and writable for `4 V` floats.
#[inline(always)]
unsafe fn add_rows<const LENGTH: usize, const R: usize, const V: usize>(
    tables: &[f32],
    selectors: [*const u8; R],
    segments: &[Segment],
    rows: [*mut f32; R],
) {
    // SAFETY: the rows have their lanes, and the rest is what `accumulate` asks for.
    unsafe {
        let sums = rows.map(|row| core::array::from_fn(|v| F32x4::read(row.add(4 * v))));
        let sums = accumulate::<1, LENGTH, R, V>(tables.as_ptr(), selectors, segments, sums);
        for (sums, row) in sums.into_iter().zip(rows) {
            for (v, sum) in sums.into_iter().enumerate() {
                sum.write(row.add(4 * v));
            }
        }
    }
}
