//! Weights as bits: the form of the model file, and the layouts of the kernels.
//!
//! A kernel is the matrix `[K][N]`, `K = taps * channels`, `N` filters. Filters and groups that are not there are 0.
//!
//! - *File bits* are `[N][ceil(K / 8)]` bytes, lowest bit first, tail bits 0.
//! - *Look-up weights* are bytes, each the plain group (0 to 15) of 4 channels of one filter:
//!   `[panels of 64 filters][threes of groups][4][3][16]`, the groups of a window being `[taps][groups]`. The 16 filters of a
//!   block lie by turns, 0, 8, 1, 9 and so on (see [`crate::gemm::bb_lookup`]).
//! - *Codeword weights* are those of 3x3 kernels that are few different ones (see [`crate::gemm::bb_codewords`]).
//! - *Byte weights* are bytes, each 8 channels of one filter: `[panels][taps * ceil(channels / 8)][32]`; a panel is 32 filters,
//!   the last one 16 where that is enough.
//! - *Nibble weights* are bytes, each 4 channels of one filter: `[panels][taps * groups][32]`, panels as those of byte weights.
//! - *Word weights* are `u64` `[N, rounded up to 2][taps][words]`.

use crate::conv::binary::codewords::takes;
use crate::gemm::bb_codewords::{CODEWORDS, PATCHES, TABLE_BYTES, TAPS, patch_bit};
use crate::gemm::bb_lookup::{BLOCK_BYTES, PANEL};
use crate::shape::ConvShape;

/// Packs the signs of the real kernel `[k][n]` into file bits. True when a NaN was seen.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn pack_file_bits(kernel: &[f32], k: usize, n: usize, out: &mut [u8]) -> bool {
    let bytes = k.div_ceil(8);
    let out = &mut out[..n * bytes];
    out.fill(0);
    let mut nan = false;
    for (row, weights) in kernel[..k * n].chunks_exact(n.max(1)).enumerate() {
        for (filter, &weight) in weights.iter().enumerate() {
            nan |= weight.is_nan();
            out[filter * bytes + row / 8] |= u8::from(weight >= 0.0) << (row % 8);
        }
    }
    nan
}

/// Writes file bits as the real kernel `[k][n]` of +1 and -1.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn unpack_file_bits_real(bits: &[u8], k: usize, n: usize, out: &mut [f32]) {
    let bytes = k.div_ceil(8);
    let bits = &bits[..n * bytes];
    for (row, weights) in out[..k * n].chunks_exact_mut(n.max(1)).enumerate() {
        for (filter, weight) in weights.iter_mut().enumerate() {
            *weight = f32::from(bits[filter * bytes + row / 8] >> (row % 8) & 1) * 2.0 - 1.0;
        }
    }
}

/// File bits as look-up weights.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn pack_lookup_weights(shape: &ConvShape, bits: &[u8], out: &mut [u8]) {
    let bytes = shape.terms().div_ceil(8);
    lookup_weights(shape, out, |row, filter| {
        bits[filter * bytes + row / 8] >> (row % 8) & 1 == 1
    });
}

/// The signs of the real kernel `[K][N]` as look-up weights: what training does every step. True when a NaN was seen.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn sign_lookup_weights(shape: &ConvShape, kernel: &[f32], out: &mut [u8]) -> bool {
    let filters = shape.filters as usize;
    let kernel = &kernel[..shape.terms() * filters];
    lookup_weights(shape, out, |row, filter| kernel[row * filters + filter] >= 0.0);
    kernel.iter().fold(false, |nan, weight| nan | weight.is_nan())
}

/// File bits as byte weights.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn pack_byte_weights(shape: &ConvShape, bits: &[u8], out: &mut [u8]) {
    let bytes = shape.terms().div_ceil(8);
    panel_weights::<8>(shape, out, |row, filter| {
        bits[filter * bytes + row / 8] >> (row % 8) & 1 == 1
    });
}

/// File bits as nibble weights.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn pack_nibble_weights(shape: &ConvShape, bits: &[u8], out: &mut [u8]) {
    let bytes = shape.terms().div_ceil(8);
    panel_weights::<4>(shape, out, |row, filter| {
        bits[filter * bytes + row / 8] >> (row % 8) & 1 == 1
    });
}

/// The signs of the real kernel `[K][N]` as nibble weights. True when a NaN was seen.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn sign_nibble_weights(shape: &ConvShape, kernel: &[f32], out: &mut [u8]) -> bool {
    let filters = shape.filters as usize;
    let kernel = &kernel[..shape.terms() * filters];
    panel_weights::<4>(shape, out, |row, filter| kernel[row * filters + filter] >= 0.0);
    kernel.iter().fold(false, |nan, weight| nan | weight.is_nan())
}

/// Fills the look-up weights.
#[inline(always)]
fn lookup_weights(shape: &ConvShape, out: &mut [u8], positive: impl Fn(usize, usize) -> bool) {
    let (channels, groups, filters) = (shape.channels as usize, shape.groups(), shape.filters as usize);
    let (splits, all) = (shape.lookup_splits(), shape.taps() * groups);
    let out = &mut out[..shape.lookup_weight_bytes()];
    out.fill(0);
    for (panel, out) in out.chunks_exact_mut(splits * PANEL * BLOCK_BYTES).enumerate() {
        for (at, lanes) in out.chunks_exact_mut(16).enumerate() {
            let (split, block, third) = (at / 12, at / 3 % 4, at % 3);
            let group = 3 * split + third;
            if group >= all {
                continue;
            }
            let (tap, channel) = (group / groups, group % groups * 4);
            for bit in 0..(channels - channel).min(4) {
                let row = tap * channels + channel + bit;
                for (lane, byte) in lanes.iter_mut().enumerate() {
                    let filter = 64 * panel + 16 * block + lane / 2 + lane % 2 * 8;
                    if filter < filters {
                        *byte |= u8::from(positive(row, filter)) << bit;
                    }
                }
            }
        }
    }
}

/// File bits of 3x3 kernels as codeword weights. Past the sixteenth codeword they are those of the first.
///
/// # Panics
/// When a slice is shorter than its layout, or the shape is none of [`crate::conv::binary::codewords::takes`].
pub fn pack_codeword_weights(shape: &ConvShape, bits: &[u8], out: &mut [u8]) {
    assert!(takes(shape));
    let (channels, groups, filters) = (shape.channels as usize, shape.groups(), shape.filters as usize);
    let bytes = shape.terms().div_ceil(8);
    let (table, panels) = out[..shape.codeword_weight_bytes()].split_at_mut(TABLE_BYTES);
    panels.fill(0);
    let mut words = [0; CODEWORDS];
    let mut known = 0;
    for (filter, bits) in bits[..filters * bytes].chunks_exact(bytes).enumerate() {
        let lane = filter % 16;
        let lane = filter / 16 % PANEL * 16 + lane % 8 * 2 + lane / 8;
        for channel in 0..channels {
            let bit =
                |tap: usize| usize::from(bits[(tap * channels + channel) / 8] >> ((tap * channels + channel) % 8) & 1);
            let patch = (0..TAPS).fold(0, |patch, tap| patch | bit(tap) << patch_bit(tap));
            let word = words[..known]
                .iter()
                .position(|&word| word == patch)
                .unwrap_or_else(|| {
                    let word = known % CODEWORDS;
                    if known < CODEWORDS {
                        words[known] = patch;
                        known += 1;
                    }
                    word
                });
            let place = channel % 4 * groups + channel / 4;
            panels[(filter / (16 * PANEL) * channels + place) * 16 * PANEL + lane] = word as u8;
        }
    }
    let (first, second) = table.split_at_mut(PATCHES * CODEWORDS);
    for (at, (first, second)) in first.iter_mut().zip(second).enumerate() {
        *first = ((at / CODEWORDS) ^ words[at % CODEWORDS]).count_ones() as u8;
        *second = *first << 4;
    }
}

/// Fills panels of 32 filters, the last perhaps of 16, with groups of `GROUP` channels.
#[inline(always)]
fn panel_weights<const GROUP: usize>(shape: &ConvShape, out: &mut [u8], positive: impl Fn(usize, usize) -> bool) {
    let (channels, filters) = (shape.channels as usize, shape.filters as usize);
    let groups = channels.div_ceil(GROUP);
    let rows = shape.taps() * groups;
    let out = &mut out[..shape.filter_blocks() * rows * 16];
    for (panel, out) in out.chunks_mut(rows * 32).enumerate() {
        let lanes = out.len() / rows;
        for (at, lanes) in out.chunks_exact_mut(lanes).enumerate() {
            let (tap, channel) = (at / groups, at % groups * GROUP);
            lanes.fill(0);
            for bit in 0..(channels - channel).min(GROUP) {
                let row = tap * channels + channel + bit;
                for (filter, byte) in (32 * panel..filters).zip(lanes.iter_mut()) {
                    *byte |= u8::from(positive(row, filter)) << bit;
                }
            }
        }
    }
}

/// File bits as word weights.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn pack_word_weights(shape: &ConvShape, bits: &[u8], out: &mut [u64]) {
    let (channels, words, filters) = (shape.channels as usize, shape.words(), shape.filters as usize);
    let (bytes, taps) = (shape.terms().div_ceil(8), shape.taps());
    let out = &mut out[..filters.next_multiple_of(2) * taps * words];
    out.fill(0);
    for (filter, bits) in bits[..filters * bytes].chunks_exact(bytes.max(1)).enumerate() {
        for row in 0..shape.terms() {
            let (tap, channel) = (row / channels, row % channels);
            out[(filter * taps + tap) * words + channel / 64] |=
                u64::from(bits[row / 8] >> (row % 8) & 1) << (channel % 64);
        }
    }
}

/// The sums of weights over taps, `[kernel height][kernel width][N]`, from file bits. The entry of a tap adds up all taps
/// that stand no lower and no further right, itself included: a summed-area table (Crow, SIGGRAPH 1984). Any rectangle
/// of taps is then four entries. Taps on zero padding have their sums to get back.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn bb_correction(shape: &ConvShape, bits: &[u8], out: &mut [i32]) {
    let bytes = shape.terms().div_ceil(8);
    area_sums(shape, out, |row, filter| {
        bits[filter * bytes + row / 8] >> (row % 8) & 1 == 1
    });
}

/// The same from the signs of the real kernel `[K][N]`.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn bb_correction_real(shape: &ConvShape, kernel: &[f32], out: &mut [i32]) {
    let filters = shape.filters as usize;
    area_sums(shape, out, |row, filter| kernel[row * filters + filter] >= 0.0);
}

#[inline(always)]
fn area_sums(shape: &ConvShape, out: &mut [i32], positive: impl Fn(usize, usize) -> bool) {
    let (channels, filters) = (shape.channels as usize, shape.filters as usize);
    let (row_taps, row_sums) = (shape.kernel_width as usize, shape.kernel_width as usize * filters);
    let out = &mut out[..shape.taps() * filters];
    for tap in 0..shape.taps() {
        let (before, rest) = out.split_at_mut(tap * filters);
        let sums = &mut rest[..filters];
        // The taps of this row so far, which the entry to the left holds but for the rows above it.
        match tap.checked_sub(1).filter(|_| tap % row_taps > 0) {
            Some(left) => sums.copy_from_slice(&before[left * filters..]),
            None => sums.fill(0),
        }
        for row in tap * channels..(tap + 1) * channels {
            for (filter, sum) in sums.iter_mut().enumerate() {
                *sum += 2 * i32::from(positive(row, filter)) - 1;
            }
        }
    }
    for at in row_sums..out.len() {
        out[at] += out[at - row_sums];
    }
}
