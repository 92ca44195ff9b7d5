//! The convolution of +-1 activations with +-1 kernels: exact integer sums, `[images][out_height][out_width][filters]`.
//!
//! Tiles run over output pixels across the ends of rows and images, with one window address a pixel, so a small map wastes
//! nothing. A zero padding is stored as bits 0, that is read as -1. A missing tap `t` has therefore given `-sum_c w[t][c][o]`
//! where it should have given 0; the windows that touch the border get that sum back from `correction`,
//! `[taps][filters]`. A padding with +1 is stored as such and needs no correction.

pub mod border;
pub mod epilogue;
pub mod pixels;
pub mod tiles;

use core::mem::MaybeUninit;

use crate::gemm::bb_lookup::{batch, lookup_tile};
use crate::gemm::bb_popcnt::PopcntTile;
use crate::shape::ConvShape;

/// Sums by nibble look-up, 4 pixels times 32 filters a tile.
///
/// `nibbles` `[images][padded_height][padded_width][groups]`, `weights` in panels of 32 filters (the last may be
/// 16): `[panels][taps * groups][32]`.
///
/// # Panics
/// When a slice is shorter than its layout or the shape contradicts itself.
pub fn lookup_conv_4x32(shape: &ConvShape, nibbles: &[u8], weights: &[u8], correction: &[i32], out: &mut [i32]) {
    let (groups, filters) = (shape.groups(), shape.filters as usize);
    let block = shape.taps() * groups * 16;
    assert!(shape.terms() > 0, "a window must not be empty");
    assert!(shape.is_consistent() && nibbles.len() >= shape.padded_pixels() * groups);
    assert!(weights.len() >= shape.filter_blocks() * block && out.len() >= shape.output_pixels() * filters);
    for first in (0..shape.filter_blocks()).step_by(2) {
        let weights = weights[first * block..].as_ptr();
        // SAFETY: windows stay inside the padded buffer since the shape is consistent; the lengths are checked above.
        unsafe {
            if first + 1 < shape.filter_blocks() {
                lookup_blocks::<2>(shape, nibbles, weights, 16 * first, out);
            } else {
                lookup_blocks::<1>(shape, nibbles, weights, 16 * first, out);
            }
        }
    }
    correct_border(shape, correction, out);
}

/// All pixels for the `BLOCKS * 16` filters from `filter` on.
///
/// # Safety
/// The lengths asserted in [`lookup_conv_4x32`].
unsafe fn lookup_blocks<const BLOCKS: usize>(
    shape: &ConvShape,
    nibbles: &[u8],
    weights: *const u8,
    filter: usize,
    out: &mut [i32],
) {
    let filters = (shape.filters as usize - filter).min(16 * BLOCKS);
    let mut pass = LookupPass::<BLOCKS> {
        shape,
        windows: shape.windows(),
        nibbles: nibbles.as_ptr(),
        weights,
        out: unsafe { out.as_mut_ptr().add(filter) },
        filters,
        batch: batch(&shape.runs(shape.groups())),
    };
    let mut pixels = shape.output_pixels();
    // SAFETY: every tile takes as many windows as it has pixels, and they add up to the pixels of the output.
    unsafe {
        while pixels > 5 || pixels == 4 {
            pass.tile::<4>();
            pixels -= 4;
        }
        match pixels {
            0 => (),
            1 => pass.tile::<1>(),
            2 => pass.tile::<2>(),
            3 => pass.tile::<3>(),
            _ => pass.tile::<5>(),
        }
    }
}

/// One way through the pixels of the output.
struct LookupPass<'a, const BLOCKS: usize> {
    shape: &'a ConvShape,
    windows: crate::shape::Windows,
    nibbles: *const u8,
    weights: *const u8,
    /// The first sum of the next pixel.
    out: *mut i32,
    /// Filters to write: fewer than the blocks hold in the last pass.
    filters: usize,
    /// Groups counted at a time.
    batch: usize,
}

impl<const BLOCKS: usize> LookupPass<'_, BLOCKS> {
    /// The next `PIXELS` pixels.
    ///
    /// # Safety
    /// There must be as many pixels left.
    #[inline(always)]
    unsafe fn tile<const PIXELS: usize>(&mut self) {
        let (shape, groups) = (self.shape, self.shape.groups());
        let (terms, stride) = (shape.terms() as i32, shape.filters as usize);
        let windows = [(); PIXELS].map(|()| unsafe { self.nibbles.add(self.windows.advance() * groups) });
        let (runs, batch, weights) = (shape.runs(groups), self.batch, self.weights);
        if self.filters == 16 * BLOCKS {
            unsafe { lookup_tile::<PIXELS, BLOCKS>(windows, runs, batch, weights, terms, self.out, stride) };
        } else {
            // Full blocks would overwrite the next pixel.
            let mut sums = MaybeUninit::<[[[i32; 16]; BLOCKS]; PIXELS]>::uninit();
            let sums: *mut i32 = sums.as_mut_ptr().cast();
            unsafe {
                lookup_tile::<PIXELS, BLOCKS>(windows, runs, batch, weights, terms, sums, 16 * BLOCKS);
                for pixel in 0..PIXELS {
                    let out = self.out.add(pixel * stride);
                    out.copy_from_nonoverlapping(sums.add(pixel * 16 * BLOCKS), self.filters);
                }
            }
        }
        self.out = self.out.wrapping_add(PIXELS * self.shape.filters as usize);
    }
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
