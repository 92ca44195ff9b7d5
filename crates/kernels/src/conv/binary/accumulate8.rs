//! The convolution of +-1 activations with +-1 kernels whose sums live in 8 bits, as on hardware with narrow accumulators.
//!
//! A window is walked tap by tap, rows first, and in a tap by groups of four channels, the last of them perhaps shorter. The
//! exact sum of a group, -4 to 4, is added to a signed byte, which stays at -128 or 127 or wraps round. A tap on zero padding
//! is left out. So the order of the groups decides what saturates, and no other may be taken.
//!
//! A group `a` of a pixel selects a constant vector, byte `j` of which is the sum of the group's products with the weights
//! `j`; one swizzle of it by the weights of 16 filters gives 16 sums, and one addition adds them up. A tile is up to four
//! pixels of a row times 32 filters.

#![allow(clippy::needless_range_loop)] // Indexed loops over constants unroll into registers; iterators do not.

use core::ops::Range;

use super::check;
use crate::SPECIALISED;
use crate::shape::ConvShape;
use crate::shared::Shared;
use crate::simd::bytes::Bytes;
use crate::simd::floats::F32x4;

/// What becomes of a sum that 8 bits do not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// It stays at -128 or 127.
    Saturate,
    /// It is taken modulo 256.
    Wrap,
}

/// For groups of 1 to 4 channels: byte `16 a + j` is `channels - 2 popcount(a xor j)`.
static SUMS: Tables = Tables([sums(1), sums(2), sums(3), sums(4)]);

#[repr(align(1024))]
struct Tables([[u8; 256]; 4]);

const fn sums(channels: i8) -> [u8; 256] {
    let mut table = [0; 256];
    let mut entry = 0;
    while entry < 256 {
        let (a, j) = ((entry >> 4) & 15, entry & 15);
        table[entry] = (channels - 2 * (a ^ j).count_ones() as i8) as u8;
        entry += 1;
    }
    table
}

/// Pixels of a tile.
const PIXELS: usize = 4;

/// Writes the sums of `nibbles` `[images][padded_height][padded_width][groups]` with nibble weights as reals,
/// `[pixels][filters]`. `filters` is the range to work on, as for [`super::lookup::lookup_conv`]; no other sum is touched.
///
/// # Safety
/// The low half of every byte of `nibbles` must be 0.
///
/// # Panics
/// When memory is shorter than its layout, the shape contradicts itself, or the range starts or ends elsewhere.
pub unsafe fn accumulate8_conv(
    shape: &ConvShape,
    nibbles: &[u8],
    weights: &[u8],
    overflow: Overflow,
    filters: Range<usize>,
    out: Shared<f32>,
) {
    // SAFETY: the promises are the same.
    unsafe { convolve::<SPECIALISED>(shape, nibbles, weights, overflow, filters, out) };
}

/// [`accumulate8_conv`] with or without tiles of 32 filters.
///
/// # Safety
/// As for [`accumulate8_conv`].
pub(super) unsafe fn convolve<const SPECIAL: bool>(
    shape: &ConvShape,
    nibbles: &[u8],
    weights: &[u8],
    overflow: Overflow,
    filters: Range<usize>,
    out: Shared<f32>,
) {
    check(shape, nibbles.len() >= shape.padded_pixels() * shape.groups(), &filters);
    assert!(weights.len() >= shape.nibble_weight_bytes());
    assert!(out.length() >= shape.output_pixels() * shape.filters as usize);
    let kernel = Kernel::new(shape, nibbles, weights, out);
    // SAFETY: the shape, the lengths and the range were checked above, and the caller has the nibbles clean.
    unsafe {
        match overflow {
            Overflow::Saturate => kernel.run::<SPECIAL, true>(filters),
            Overflow::Wrap => kernel.run::<SPECIAL, false>(filters),
        }
    }
}

/// A convolution with what its loops need.
struct Kernel<'a> {
    shape: &'a ConvShape,
    nibbles: *const u8,
    weights: *const u8,
    out: Shared<'a, f32>,
    groups: usize,
    /// Groups of four channels, and the channels of a shorter one behind them.
    whole: usize,
    rest: usize,
}

/// 32 filters, or the last 16.
#[derive(Clone, Copy)]
struct Panel {
    /// The first filter.
    first: usize,
    /// Bytes of the weights of a group of a tap.
    lanes: usize,
    /// The block of 16 filters to begin with.
    block: usize,
}

/// The taps of a window that add something.
struct Inside {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl<'a> Kernel<'a> {
    fn new(shape: &'a ConvShape, nibbles: &[u8], weights: &[u8], out: Shared<'a, f32>) -> Self {
        let channels = shape.channels as usize;
        Self {
            shape,
            nibbles: nibbles.as_ptr(),
            weights: weights.as_ptr(),
            out,
            groups: shape.groups(),
            whole: channels / 4,
            rest: channels % 4,
        }
    }

    /// All pixels for the filters of a range.
    ///
    /// # Safety
    /// The shape must be consistent and its windows not empty, and nibbles, weights and output must have its lengths. The low
    /// halves of the nibbles must be 0. The range must start at a multiple of 32 and end at one or at the last filter.
    unsafe fn run<const SPECIAL: bool, const SATURATES: bool>(&self, filters: Range<usize>) {
        let shape = self.shape;
        let (out_height, out_width) = (shape.out_height as usize, shape.out_width as usize);
        let pads_one = shape.pad_one != 0;
        let full = if pads_one { 0..out_width } else { shape.full_columns() };
        for first in filters.clone().step_by(32) {
            for row in 0..shape.images as usize * out_height {
                let y = row % out_height;
                let rows = if pads_one {
                    0..shape.kernel_height as usize
                } else {
                    shape.rows_inside(y)
                };
                let mut x = 0;
                while x < out_width {
                    let (columns, pixels) = if full.contains(&x) {
                        (0..shape.kernel_width as usize, PIXELS.min(full.end - x))
                    } else {
                        (shape.columns_inside(x), 1)
                    };
                    let inside = Inside {
                        rows: rows.clone(),
                        columns,
                    };
                    // SAFETY: `x + pixels` is at most the width, and pixels are taken together inside the full columns only,
                    // where all taps are inside.
                    unsafe { self.pixels::<SPECIAL, SATURATES>(row, x, pixels, &inside, first) };
                    x += pixels;
                }
            }
        }
    }

    /// `pixels` pixels of an output row from `x` on, one by one where they do not fill a tile.
    ///
    /// # Safety
    /// As for [`Kernel::run`]; the pixels must lie in output row `row` and have the taps `inside`, `first` must be a multiple
    /// of 32 below the filters.
    unsafe fn pixels<const SPECIAL: bool, const SATURATES: bool>(
        &self,
        row: usize,
        x: usize,
        pixels: usize,
        inside: &Inside,
        first: usize,
    ) {
        let is_wide = self.shape.filter_blocks() > first / 16 + 1;
        let panel = Panel {
            first,
            lanes: if is_wide { 32 } else { 16 },
            block: 0,
        };
        // SAFETY: every tile takes pixels out of the range, and a second block only where the shape has one.
        unsafe {
            match (pixels, is_wide) {
                (4, true) if SPECIAL => self.tile::<SATURATES, 4, 2>(row, x, inside, panel),
                (pixels, true) if SPECIAL => {
                    for x in x..x + pixels {
                        self.tile::<SATURATES, 1, 2>(row, x, inside, panel);
                    }
                }
                (pixels, is_wide) => {
                    for block in 0..=usize::from(is_wide) {
                        let panel = Panel { block, ..panel };
                        if pixels == 4 {
                            self.tile::<SATURATES, 4, 1>(row, x, inside, panel);
                            continue;
                        }
                        for x in x..x + pixels {
                            self.tile::<SATURATES, 1, 1>(row, x, inside, panel);
                        }
                    }
                }
            }
        }
    }

    /// The sums of `P` pixels from `x` on and `BLOCKS` blocks of 16 filters of a panel.
    ///
    /// # Safety
    /// As for [`Kernel::pixels`], and all the blocks from the panel's `block` on must begin below the filters. Its lanes must be
    /// 32 where the shape has a second block there, else 16.
    #[inline(never)]
    unsafe fn tile<const SATURATES: bool, const P: usize, const BLOCKS: usize>(
        &self,
        row: usize,
        x: usize,
        inside: &Inside,
        Panel { first, lanes, block }: Panel,
    ) {
        let (shape, groups) = (self.shape, self.groups);
        let (out_height, out_width) = (shape.out_height as usize, shape.out_width as usize);
        let (kernel_width, padded_width) = (shape.kernel_width as usize, shape.padded_width as usize);
        let (image, y) = (row / out_height, row % out_height);
        let padded_row = image * shape.padded_height as usize + y * shape.stride_height as usize;
        let stride = shape.stride_width as usize;
        let panel = first * shape.taps() * groups + 16 * block;
        let [down, right] = [shape.dilation_height as usize, shape.dilation_width as usize];
        // Neighbouring taps of a row whose groups are all whole lie one after the other, as one long tap.
        let (taps, length) = if self.rest == 0 && right == 1 {
            (1, inside.columns.len() * groups)
        } else {
            (inside.columns.len(), self.whole)
        };
        let mut sums = [[Bytes::ZERO; BLOCKS]; P];
        // SAFETY: a consistent shape has its windows in the padded nibbles, and the taps inside a window are part of it.
        // The weights of the first block begin at `panel`, and a group of a tap has `lanes` bytes. An output pixel has a row
        // of sums, of which the last block writes those that are there.
        unsafe {
            for ky in inside.rows.clone() {
                let column = inside.columns.start;
                let at = (padded_row + ky * down) * padded_width + x * stride + column * right;
                let mut pixels = self.nibbles.add(at * groups);
                let mut weights = self.weights.add(panel + (ky * kernel_width + column) * groups * lanes);
                for _ in 0..taps {
                    for _ in 0..length {
                        add_group::<SATURATES, P, BLOCKS>(&SUMS.0[3], pixels, stride * groups, weights, &mut sums);
                        pixels = pixels.add(1);
                        weights = weights.add(lanes);
                    }
                    if self.rest > 0 {
                        let table = &SUMS.0[self.rest - 1];
                        add_group::<SATURATES, P, BLOCKS>(table, pixels, stride * groups, weights, &mut sums);
                        pixels = pixels.add(1);
                        weights = weights.add(lanes);
                    }
                    // Past the last tap there may be nothing.
                    pixels = pixels.wrapping_add((right - 1) * groups);
                }
            }
            let filters = shape.filters as usize;
            for p in 0..P {
                for b in 0..BLOCKS {
                    let filter = first + 16 * (block + b);
                    let lanes = 16.min(filters - filter);
                    let to = self.out.at((row * out_width + x + p) * filters + filter, lanes);
                    F32x4::store_lanes_at(sums[p][b].signed_reals(), to, lanes);
                }
            }
        }
    }
}

/// Adds the sums of a group: of the pixels at `pixels` and every `stride` bytes on, with the weights of `BLOCKS` blocks.
///
/// # Safety
/// `pixels` must be readable at the place of each of the `P` pixels, a nibble in the high half of its byte and nothing in the
/// low one; `weights` for 16 bytes a block.
#[inline(always)]
unsafe fn add_group<const SATURATES: bool, const P: usize, const BLOCKS: usize>(
    table: &[u8; 256],
    pixels: *const u8,
    stride: usize,
    weights: *const u8,
    sums: &mut [[Bytes; BLOCKS]; P],
) {
    // SAFETY: the caller has the bytes readable. A nibble times 16 is the place of 16 bytes in a table of 256.
    unsafe {
        let weights: [Bytes; BLOCKS] = core::array::from_fn(|b| Bytes::load(weights.add(16 * b)));
        for p in 0..P {
            let place = usize::from(*pixels.add(p * stride));
            let table = Bytes::load(table.as_ptr().add(place));
            for b in 0..BLOCKS {
                let group = table.lookup(weights[b]);
                sums[p][b] = if SATURATES {
                    sums[p][b].add_saturating(group)
                } else {
                    sums[p][b].add(group)
                };
            }
        }
    }
}
