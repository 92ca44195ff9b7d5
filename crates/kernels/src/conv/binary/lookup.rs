//! The convolution by nibble look-up.
//!
//! Pixels are taken in *strips*, across the ends of rows and images, so a small map wastes nothing. For the pairs of a strip the
//! groups of their windows become places in the table, once for all filters. Then batches of splits go over all pairs of the
//! strip, so that the weights of a batch and a panel of 64 filters, 4 KiB, are read from the first level of the cache.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::check;
use super::epilogue::Epilogue;
use super::pixels::{Pixel, Pixels};
use crate::gemm::bb_counts::{NARROW_TERMS, PanelCounts, ints};
use crate::gemm::bb_lookup::{BATCH, BLOCK_BYTES, PANEL, SPLIT, lookup_batch, pair_groups};
use crate::shape::{ConvShape, Runs};
use crate::simd::bytes::Ints;

/// The most pairs of pixels in a strip.
pub(super) const PAIRS: usize = 8;
/// Places that a strip has room for.
const ROOM: usize = 1 << 14;
/// Splits that are counted in 16 bits.
const CHUNK: usize = NARROW_TERMS / 4 / SPLIT;

/// The products of `nibbles` `[images][padded_height][padded_width][groups]` with look-up weights go to the epilogue. `filters`
/// is the range to work on; it starts at a multiple of 32 and ends at one or after the last filter.
///
/// # Safety
/// 1. The low half of every byte of `nibbles` must be 0.
/// 2. The epilogue must be made for `shape`.
///
/// # Panics
/// When a slice is shorter than its layout, the shape contradicts itself, or the range starts or ends elsewhere.
pub unsafe fn lookup_conv<E: Epilogue>(
    shape: &ConvShape,
    nibbles: &[u8],
    weights: &[u8],
    filters: Range<usize>,
    epilogue: &mut E,
) {
    let next = epilogue.next().copied();
    // SAFETY: the promises are the same, and the sink is the epilogue.
    unsafe { convolve(shape, nibbles, weights, filters, next, epilogue) }
}

/// [`lookup_conv`], compiled once for all epilogues.
///
/// # Safety
/// As for [`lookup_conv`], with `sink` for the epilogue, whose next layer is `next`.
#[inline(never)]
unsafe fn convolve(
    shape: &ConvShape,
    nibbles: &[u8],
    weights: &[u8],
    filters: Range<usize>,
    next: Option<ConvShape>,
    sink: &mut dyn Sink,
) {
    check(shape, nibbles.len() >= shape.padded_pixels() * shape.groups(), &filters);
    assert!(weights.len() >= shape.lookup_weight_bytes());
    let splits = shape.lookup_splits();
    let mut pixels = Pixels::new(shape, next.as_ref());
    let mut strip = Strip::new(shape, nibbles.as_ptr());
    let most = (2 * PAIRS).min(ROOM / (SPLIT * splits.min(CHUNK)) * 2);
    let mut left = shape.output_pixels();
    while left > 0 {
        strip.used = left.min(most);
        strip.pixels[..strip.used].fill_with(|| pixels.advance());
        left -= strip.used;
        // SAFETY: the shape, the lengths and the range were checked above, the pixels are those of the shape and of the
        // epilogue's next layer, and the rest is promised by the caller under 1 and 2.
        unsafe {
            if splits <= CHUNK {
                strip.place(0..splits);
            }
            let mut filter = filters.start;
            while filter < filters.end {
                let end = (filter / (16 * PANEL) + 1) * 16 * PANEL;
                let blocks = (end.min(filters.end) - filter).div_ceil(16);
                strip.panel(weights.as_ptr(), filter, blocks, sink);
                filter = end;
            }
        }
    }
}

/// An epilogue that takes the counts of a strip, so that all before it need not know which one it is.
pub(super) trait Sink {
    /// Takes the counts of the pixels with some blocks of filters from `filter` on.
    ///
    /// # Safety
    /// As for [`Epilogue::put`] for each pixel and each of the blocks, which are at most [`PANEL`]. There must be counts for
    /// the pixels, two in each of `counts`.
    unsafe fn put_strip(&mut self, pixels: &[Pixel], filter: usize, blocks: usize, counts: &[PanelCounts]);

    /// The same for counts of 32 bits.
    ///
    /// # Safety
    /// As for [`Sink::put_strip`], with one of `counts` for each pixel.
    unsafe fn put_wide(&mut self, pixels: &[Pixel], filter: usize, blocks: usize, counts: &[[[Ints; 4]; PANEL]]);
}

impl<E: Epilogue> Sink for E {
    unsafe fn put_strip(&mut self, pixels: &[Pixel], filter: usize, blocks: usize, counts: &[PanelCounts]) {
        for (i, pixel) in pixels.iter().enumerate() {
            let counts = &counts[i / 2].0[i % 2];
            // SAFETY: every block begins below the filters, the last one of a panel too.
            unsafe {
                if blocks == PANEL {
                    self.put_panel(pixel, filter, counts);
                } else {
                    for (block, counts) in counts[..blocks].iter().enumerate() {
                        self.put_narrow(pixel, filter + 16 * block, *counts);
                    }
                }
            }
        }
    }

    unsafe fn put_wide(&mut self, pixels: &[Pixel], filter: usize, blocks: usize, counts: &[[[Ints; 4]; PANEL]]) {
        for (pixel, counts) in pixels.iter().zip(counts) {
            for (block, counts) in counts[..blocks].iter().enumerate() {
                // SAFETY: the block begins below the filters, and the pixel is one of the shape.
                unsafe { self.put(pixel, filter + 16 * block, *counts) };
            }
        }
    }
}

/// Some pixels, with their groups as places in the table. The shape is consistent and its windows are not empty.
struct Strip<'a> {
    shape: &'a ConvShape,
    nibbles: *const u8,
    runs: Runs,
    pixels: [Pixel; 2 * PAIRS],
    used: usize,
    places: MaybeUninit<[u16; ROOM]>,
    /// Places of a pair.
    stride: usize,
    counts: [PanelCounts; PAIRS],
}

impl<'a> Strip<'a> {
    fn new(shape: &'a ConvShape, nibbles: *const u8) -> Self {
        Self {
            shape,
            nibbles,
            runs: shape.runs(shape.groups()),
            pixels: [Pixel::default(); 2 * PAIRS],
            used: 0,
            places: MaybeUninit::uninit(),
            stride: 0,
            counts: [PanelCounts::ZERO; PAIRS],
        }
    }

    /// Writes the places of some splits of all pairs. Where a pixel has no partner it is its own; past the last group stands
    /// the place whose counts are 0 for weights that are 0.
    ///
    /// # Safety
    /// The first `used` pixels must be those of the shape, and the nibbles have its length. There must be no more than
    /// [`CHUNK`] splits, and room for those of all pairs.
    unsafe fn place(&mut self, splits: Range<usize>) {
        let groups = self.shape.groups();
        let all = self.runs.count() * self.runs.length;
        self.stride = SPLIT * splits.len();
        for pair in 0..self.used.div_ceil(2) {
            let window = |pixel: usize| self.pixels[pixel.min(self.used - 1)].window * groups;
            let (a, b) = (window(2 * pair), window(2 * pair + 1));
            let first = SPLIT * splits.start;
            let (mut run, mut from) = (first / self.runs.length, first % self.runs.length);
            let mut left = self.stride.min(all - first);
            // SAFETY: a consistent shape has the window of every pixel in its padded nibbles, and a run is a part of one. All
            // pairs have room, and at most `stride` places are written for each.
            unsafe {
                let mut out = self.places.as_mut_ptr().cast::<u16>().add(pair * self.stride);
                out.add(left).write_bytes(0, self.stride - left);
                while left > 0 {
                    let length = (self.runs.length - from).min(left);
                    let at = self.runs.start(run) + from;
                    pair_groups(self.nibbles.add(a + at), self.nibbles.add(b + at), length, out);
                    (out, left) = (out.add(length), left - length);
                    (run, from) = (run + 1, 0);
                }
            }
        }
    }

    /// All splits of the `blocks * 16` filters from `filter` on, and their epilogue.
    ///
    /// # Safety
    /// As for [`lookup_conv`] and [`Strip::place`], whose places must have been written unless there are more than [`CHUNK`]
    /// splits. `weights` must have the length of the shape. The blocks, at most [`PANEL`], must begin below the filters and
    /// lie in one panel; `filter` is a multiple of 16.
    unsafe fn panel(&mut self, weights: *const u8, filter: usize, blocks: usize, sink: &mut dyn Sink) {
        let splits = self.shape.lookup_splits();
        if splits > CHUNK {
            // SAFETY: the promises are the same.
            unsafe { self.wide_panel(weights, filter, blocks, sink) };
            return;
        }
        // SAFETY: the places of all splits have been written, and the epilogue is made for the pixels and filters.
        unsafe {
            self.count(weights, filter, blocks, 0..splits);
            sink.put_strip(&self.pixels[..self.used], filter, blocks, &self.counts);
        }
    }

    /// Counts some splits.
    ///
    /// # Safety
    /// As for [`Strip::panel`] but for the epilogue, and the places of these splits must have been written last.
    unsafe fn count(&mut self, weights: *const u8, filter: usize, blocks: usize, splits: Range<usize>) {
        let (panel, block) = (filter / 16 / PANEL, filter / 16 % PANEL);
        let split = panel * self.shape.lookup_splits() + splits.start;
        let batch = splits.len().div_ceil(splits.len().div_ceil(BATCH));
        let counts = &mut self.counts[..self.used.div_ceil(2)];
        for from in (0..splits.len()).step_by(batch) {
            let length = batch.min(splits.len() - from);
            // SAFETY: every pair has a place for each group of the splits, `stride` numbers from one pair to the next. The
            // weights have a piece for each split of a panel, in which those of `blocks` blocks lie from `block` on.
            unsafe {
                let places = self.places.as_ptr().cast::<u16>().add(SPLIT * from);
                let weights = weights.add(((split + from) * PANEL + block) * BLOCK_BYTES);
                match blocks {
                    1 => lookup_batch::<1>(places, self.stride, weights, length, from == 0, counts),
                    2 => lookup_batch::<2>(places, self.stride, weights, length, from == 0, counts),
                    3 => lookup_batch::<3>(places, self.stride, weights, length, from == 0, counts),
                    _ => lookup_batch::<PANEL>(places, self.stride, weights, length, from == 0, counts),
                }
            }
        }
    }

    /// The same as [`Strip::panel`] where counts need 32 bits: chunk by chunk.
    ///
    /// # Safety
    /// As for [`Strip::panel`]. No place needs to have been written.
    #[cold]
    unsafe fn wide_panel(&mut self, weights: *const u8, filter: usize, blocks: usize, sink: &mut dyn Sink) {
        let splits = self.shape.lookup_splits();
        let mut wide = [[[Ints::ZERO; 4]; PANEL]; 2 * PAIRS];
        for from in (0..splits).step_by(CHUNK) {
            let chunk = from..splits.min(from + CHUNK);
            // SAFETY: a strip has room for the places of a chunk, which are written before they are counted.
            unsafe {
                self.place(chunk.clone());
                self.count(weights, filter, blocks, chunk);
            }
            let narrow = self.counts.iter().flat_map(|pair| &pair.0);
            for (wide, narrow) in wide.iter_mut().zip(narrow) {
                for (wide, narrow) in wide.iter_mut().zip(narrow) {
                    let narrow = ints(*narrow);
                    *wide = core::array::from_fn(|q| wide[q].add(narrow[q]));
                }
            }
        }
        // SAFETY: the blocks begin below the filters, and the pixels are those of the shape.
        unsafe { sink.put_wide(&self.pixels[..self.used], filter, blocks, &wide) };
    }
}
