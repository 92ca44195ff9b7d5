//! The convolution by counting bits: which windows and filters a tile meets, and where its counts go.
//!
//! Tiles run over output pixels across the ends of rows and images, with one window address a pixel, so a small map wastes
//! nothing. Where two or three pixels are left, a tile of four counts the last of them more than once.

use core::ops::Range;

use super::check;
use super::epilogue::Epilogue;
use super::pixels::{Pixel, Pixels};
use crate::SPECIALISED;
use crate::gemm::bb_counts::{Counts, MAX_PIXELS, NARROW_TERMS};
use crate::gemm::bb_popcnt8::{GROUP, PanelRuns, batch, panel_tile};
use crate::gemm::bb_popcnt64::word_tile;
use crate::shape::{ConvShape, Runs};
use crate::simd::bytes::{Ints, Shorts};

/// By `i8x16.popcnt`: `words` `[images][padded_height][padded_width][words]`, byte weights. `filters` as for
/// [`super::lookup::lookup_conv`].
///
/// # Safety
/// The epilogue must be made for `shape`.
///
/// # Panics
/// As for [`super::lookup::lookup_conv`].
pub unsafe fn popcnt8_conv<E: Epilogue>(
    shape: &ConvShape,
    words: &[u64],
    weights: &[u8],
    filters: Range<usize>,
    epilogue: &mut E,
) {
    let next = epilogue.next().copied();
    // SAFETY: the promises are the same, and the sink is the epilogue.
    unsafe { count_bytes(shape, words, weights, filters, next, epilogue) }
}

/// [`popcnt8_conv`], compiled once for all epilogues.
///
/// # Safety
/// As for [`popcnt8_conv`], with `sink` for the epilogue, whose next layer is `next`.
#[inline(never)]
unsafe fn count_bytes(
    shape: &ConvShape,
    words: &[u64],
    weights: &[u8],
    filters: Range<usize>,
    next: Option<ConvShape>,
    sink: &mut dyn Sink,
) {
    let pixel = 8 * shape.words();
    check(shape, words.len() >= shape.padded_pixels() * shape.words(), &filters);
    let runs = panel_runs(shape, pixel);
    let block = 16 * runs.rows * runs.columns * runs.length;
    assert!(weights.len() >= shape.filter_blocks() * block);
    let kernel = Panels {
        bits: words.as_ptr().cast(),
        pixel,
        runs,
        batch: batch(&runs),
        wide: shape.terms() > NARROW_TERMS,
        weights: weights.as_ptr(),
        block,
    };
    for filter in filters.step_by(32) {
        // SAFETY: the shape, the lengths and the range were checked above, and the caller's epilogue is made for the shape. A
        // second block is counted only where the shape has one.
        unsafe {
            if filter / 16 + 1 < shape.filter_blocks() {
                pass::<_, 2>(&kernel, shape, next.as_ref(), filter, sink);
            } else {
                pass::<_, 1>(&kernel, shape, next.as_ref(), filter, sink);
            }
        }
    }
}

/// By `i64.popcnt`: `words` `[images][padded_height][padded_width][words]`, word weights. `filters` as for
/// [`super::lookup::lookup_conv`].
///
/// # Safety
/// The epilogue must be made for `shape`.
///
/// # Panics
/// As for [`super::lookup::lookup_conv`].
pub unsafe fn popcnt64_conv<E: Epilogue>(
    shape: &ConvShape,
    words: &[u64],
    weights: &[u64],
    filters: Range<usize>,
    epilogue: &mut E,
) {
    let next = epilogue.next().copied();
    // SAFETY: the promises are the same, and the sink is the epilogue.
    unsafe { count_words(shape, words, weights, filters, next, epilogue) }
}

/// [`popcnt64_conv`], compiled once for all epilogues.
///
/// # Safety
/// As for [`popcnt64_conv`], with `sink` for the epilogue, whose next layer is `next`.
#[inline(never)]
unsafe fn count_words(
    shape: &ConvShape,
    words: &[u64],
    weights: &[u64],
    filters: Range<usize>,
    next: Option<ConvShape>,
    sink: &mut dyn Sink,
) {
    let pixel = shape.words();
    let all = shape.filters as usize;
    check(shape, words.len() >= shape.padded_pixels() * pixel, &filters);
    assert!(weights.len() >= all.next_multiple_of(2) * shape.taps() * pixel);
    let kernel = Words {
        words: words.as_ptr(),
        pixel,
        runs: shape.runs(pixel),
        filters: all,
        weights: weights.as_ptr(),
    };
    for filter in filters.step_by(16) {
        // SAFETY: the shape, the lengths and the range were checked above, and the caller's epilogue is made for the shape.
        unsafe { pass::<_, 1>(&kernel, shape, next.as_ref(), filter, sink) };
    }
}

/// The runs of a window: whole rows where their pixels are neighbours and every byte of one holds channels, else pixel by
/// pixel.
fn panel_runs(shape: &ConvShape, pixel: usize) -> PanelRuns {
    let (rows, columns) = (shape.kernel_height as usize, shape.kernel_width as usize);
    let used = (shape.channels as usize).div_ceil(GROUP);
    let dilation = shape.dilation_width as usize;
    let row = shape.dilation_height as usize * shape.padded_width as usize;
    let row_gap = (row - (columns - 1) * dilation) * pixel - used;
    if used == pixel && dilation == 1 {
        PanelRuns {
            rows,
            columns: 1,
            length: columns * pixel,
            column_gap: 0,
            row_gap,
        }
    } else {
        PanelRuns {
            rows,
            columns,
            length: used,
            column_gap: dilation * pixel - used,
            row_gap,
        }
    }
}

/// Counts windows against filters of the shape that it is made for.
trait Kernel {
    /// Counts `PIXELS` windows, given by their first pixel, with the `BLOCKS * 16` filters from `filter` on.
    ///
    /// # Safety
    /// Windows must be those of pixels of the shape. `filter` must be a multiple of 16, and all the blocks begin below the
    /// filters of the shape; for [`Panels`] a multiple of 32 where there are two.
    unsafe fn tile<const PIXELS: usize, const BLOCKS: usize>(
        &self,
        windows: [usize; PIXELS],
        filter: usize,
        counts: &mut Counts<BLOCKS>,
    );

    /// Are its counts 32-bit numbers?
    fn wide(&self) -> bool;
}

/// 16 filters a vector, weights in panels.
struct Panels {
    bits: *const u8,
    /// Bytes of a pixel.
    pixel: usize,
    runs: PanelRuns,
    batch: usize,
    wide: bool,
    weights: *const u8,
    /// Bytes of the weights of 16 filters.
    block: usize,
}

impl Kernel for Panels {
    #[inline(never)]
    unsafe fn tile<const PIXELS: usize, const BLOCKS: usize>(
        &self,
        windows: [usize; PIXELS],
        filter: usize,
        counts: &mut Counts<BLOCKS>,
    ) {
        // SAFETY: a consistent shape has its windows in the padded words, whose length was checked, and so was that of the
        // weights: `block` bytes for 16 filters.
        unsafe {
            let windows = windows.map(|window| self.bits.add(window * self.pixel));
            let weights = self.weights.add(filter / 16 * self.block);
            panel_tile::<PIXELS, BLOCKS>(windows, self.runs, self.batch, weights, self.wide, counts);
        }
    }

    fn wide(&self) -> bool {
        self.wide
    }
}

/// 64 channels a word, filters one by one.
struct Words {
    words: *const u64,
    /// Words of a pixel.
    pixel: usize,
    runs: Runs,
    filters: usize,
    weights: *const u64,
}

impl Kernel for Words {
    #[inline(never)]
    unsafe fn tile<const PIXELS: usize, const BLOCKS: usize>(
        &self,
        windows: [usize; PIXELS],
        filter: usize,
        counts: &mut Counts<BLOCKS>,
    ) {
        let filters = (self.filters - filter).min(16);
        let length = self.runs.count() * self.runs.length;
        // SAFETY: a consistent shape has its windows in the padded words, whose length was checked, and so was that of the
        // weights, whose filters are rounded up to 2, so that a pair of them is readable.
        unsafe {
            let windows = windows.map(|window| self.words.add(window * self.pixel));
            for pair in (0..filters).step_by(2) {
                let first = self.weights.add((filter + pair) * length);
                let sums = word_tile::<PIXELS, 2>(windows, self.runs, [first, first.add(length)]);
                for (pixel, sums) in sums.into_iter().enumerate() {
                    counts.wide_mut(pixel)[pair..pair + 2].copy_from_slice(&sums);
                }
            }
        }
    }

    fn wide(&self) -> bool {
        true
    }
}

/// The counts of a tile, a row of blocks a pixel, in 16 or 32 bits.
#[derive(Clone, Copy)]
enum TileCounts<'a> {
    Narrow(&'a [[Shorts; 2]]),
    Wide(&'a [[Ints; 4]]),
}

/// An epilogue that takes the counts of a tile, so that all before it need not know which one it is.
trait Sink {
    /// Takes the counts of the pixels with `blocks` blocks of filters from `filter` on.
    ///
    /// # Safety
    /// As for [`Epilogue::put`], for each pixel and each of the blocks.
    unsafe fn put_tile(&mut self, pixels: &[Pixel], filter: usize, blocks: usize, counts: TileCounts);
}

impl<E: Epilogue> Sink for E {
    unsafe fn put_tile(&mut self, pixels: &[Pixel], filter: usize, blocks: usize, counts: TileCounts) {
        for (p, pixel) in pixels.iter().enumerate() {
            for b in 0..blocks {
                // SAFETY: the pixel is one of the shape, and block `b` begins below the filters.
                unsafe {
                    match counts {
                        TileCounts::Narrow(counts) => self.put_narrow(pixel, filter + 16 * b, counts[p * blocks + b]),
                        TileCounts::Wide(counts) => self.put(pixel, filter + 16 * b, counts[p * blocks + b]),
                    }
                }
            }
        }
    }
}

/// All pixels for the `BLOCKS * 16` filters from `filter` on.
///
/// # Safety
/// The kernel and the epilogue must be made for `shape`, whose next layer is `next`, and filter and blocks be as
/// [`Kernel::tile`] asks.
unsafe fn pass<K: Kernel, const BLOCKS: usize>(
    kernel: &K,
    shape: &ConvShape,
    next: Option<&ConvShape>,
    filter: usize,
    sink: &mut dyn Sink,
) {
    let mut pixels = Pixels::new(shape, next);
    let mut left = shape.output_pixels();
    let mut counts = Counts::<BLOCKS>::ZERO;
    // SAFETY: every tile takes the windows of pixels of the shape, some of them more than once. The pixels that are put are
    // those of the shape and of the epilogue's next layer, because they add up to the pixels of the output.
    unsafe {
        while left > 0 {
            let tile = match left {
                5 if SPECIALISED => MAX_PIXELS,
                1 => 1,
                _ => left.min(4),
            };
            let mut of_tile = [Pixel::default(); MAX_PIXELS];
            of_tile[..tile].fill_with(|| pixels.advance());
            let window = |i: usize| of_tile[i.min(tile - 1)].window;
            if kernel.wide() {
                counts.clear_wide();
            }
            match tile {
                1 => kernel.tile::<1, BLOCKS>([window(0)], filter, &mut counts),
                5 if SPECIALISED => kernel.tile::<5, BLOCKS>(core::array::from_fn(window), filter, &mut counts),
                _ => kernel.tile::<4, BLOCKS>(core::array::from_fn(window), filter, &mut counts),
            }
            let counts = if kernel.wide() {
                TileCounts::Wide(counts.wide.as_flattened())
            } else {
                TileCounts::Narrow(counts.narrow.as_flattened())
            };
            sink.put_tile(&of_tile[..tile], filter, BLOCKS, counts);
            left -= tile;
        }
    }
}
