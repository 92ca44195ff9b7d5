//! The convolution of +-1 activations with +-1 kernels: exact integer sums, `[images][out_height][out_width][filters]`.
//!
//! Tiles run over output pixels across the ends of rows and images, with one window address a pixel, so a small map wastes
//! nothing. A zero padding is stored as bits 0, that is read as -1. A missing tap `t` has therefore given `-sum_c w[t][c][o]`
//! where it should have given 0; the windows that touch the border get that sum back from `correction`,
//! `[taps][filters]`. A padding with +1 is stored as such and needs no correction.

pub mod border;
pub mod epilogue;
pub mod lookup;
pub mod pixels;
pub mod tiles;

use crate::gemm::bb_popcnt::PopcntTile;
use crate::shape::ConvShape;

/// Sums by nibble look-up.
///
/// # Panics
/// When a slice is shorter than its layout or the shape contradicts itself.
pub fn lookup_conv_4x32(shape: &ConvShape, nibbles: &[u8], weights: &[u8], correction: &[i32], out: &mut [i32]) {
    let filters = shape.filters as usize;
    let mut epilogue = epilogue::IntegerSums::new(shape, out);
    lookup::lookup_conv(shape, nibbles, weights, 0..filters, &mut epilogue);
    correct_border(shape, correction, out);
}

/// Sums by counting bits, 4 pixels times 2 filters a tile.
///
/// `words` `[images][padded_height][padded_width][words]`, `weights` `[filters, rounded up to 2][taps][words]`.
///
/// # Panics
/// When a slice is shorter than its layout or the shape contradicts itself.
pub fn popcnt_conv_4x2<Tile: PopcntTile>(
    shape: &ConvShape,
    words: &[u64],
    weights: &[u64],
    correction: &[i32],
    out: &mut [i32],
) {
    let (pixel, filters, terms) = (shape.words(), shape.filters as usize, shape.terms() as i32);
    let filter = shape.taps() * pixel;
    assert!(shape.is_consistent() && words.len() >= shape.padded_pixels() * pixel);
    assert!(weights.len() >= filters.next_multiple_of(2) * filter);
    let out = &mut out[..shape.output_pixels() * filters];
    let runs = shape.runs(pixel);
    for first in (0..filters).step_by(2) {
        let weights = weights[first * filter..].as_ptr();
        let mut windows = shape.windows();
        let put = |sums: &mut [i32], counts: [i32; 2]| {
            for (sum, count) in sums[first..].iter_mut().zip(counts) {
                *sum = terms - 2 * count;
            }
        };
        // SAFETY: windows stay inside the padded buffer since the shape is consistent; the lengths are checked above.
        unsafe {
            let weights = [weights, weights.add(filter)];
            let mut next = || words.as_ptr().add(windows.advance() * pixel);
            let mut tiles = out.chunks_exact_mut(4 * filters);
            for tile in &mut tiles {
                let counts = Tile::disagreements([next(), next(), next(), next()], runs, weights);
                for (sums, counts) in tile.chunks_exact_mut(filters).zip(counts) {
                    put(sums, counts);
                }
            }
            for sums in tiles.into_remainder().chunks_exact_mut(filters) {
                let [counts] = Tile::disagreements([next()], runs, weights);
                put(sums, counts);
            }
        }
    }
    correct_border(shape, correction, out);
}

/// Gives back the taps that fell on zero padding, on the windows that touch it.
fn correct_border(shape: &ConvShape, correction: &[i32], out: &mut [i32]) {
    let (out_width, filters) = (shape.out_width as usize, shape.filters as usize);
    let (full_rows, full_columns) = (shape.full_rows(), shape.full_columns());
    let nothing_missing = full_rows.len() == shape.out_height as usize && full_columns.len() == out_width;
    if shape.pad_one != 0 || nothing_missing {
        return;
    }
    assert!(correction.len() >= shape.taps() * filters);
    for row in 0..shape.images as usize * shape.out_height as usize {
        let y = row % shape.out_height as usize;
        let inner = if full_rows.contains(&y) {
            full_columns.clone()
        } else {
            0..0
        };
        for x in (0..inner.start).chain(inner.end..out_width) {
            let sums = &mut out[(row * out_width + x) * filters..][..filters];
            let (rows, columns) = (shape.rows_inside(y), shape.columns_inside(x));
            for tap in 0..shape.taps() {
                let (ky, kx) = (tap / shape.kernel_width as usize, tap % shape.kernel_width as usize);
                if !(rows.contains(&ky) && columns.contains(&kx)) {
                    for (sum, missing) in sums.iter_mut().zip(&correction[tap * filters..]) {
                        *sum += missing;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod fused_tests;
#[cfg(test)]
mod tests;
