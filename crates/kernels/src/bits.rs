//! Signs as bits: of activations here, of weights in [`weights`].
//!
//! Bit 1 is +1, bit 0 is -1; `sign(0) = sign(-0.0) = +1`; NaN has no sign and is reported. Channels are packed lowest bit
//! first and the bits past the last channel are 0. Two layouts, both of padded buffers:
//!
//! - *nibbles* `[images][padded_height][padded_width][groups]`, one byte for 4 channels: the group times 16;
//! - *words* `[images][padded_height][padded_width][words]`, one `u64` for 64 channels.

use crate::shape::ConvShape;
use crate::shape::sizes::{groups, words};
use crate::shared::Shared;
use crate::simd::bytes::Bytes;

pub mod weights;

/// Packs the signs of `x` `[images][height][width][channels]` into the interior of the padded nibbles, and touches no other
/// byte of them. True when a NaN was seen.
///
/// # Panics
/// When a slice is shorter than its layout or the shape contradicts itself.
pub fn sign_nibbles(shape: &ConvShape, x: &[f32], out: Shared<u8>) -> bool {
    sign_rows(shape, 4, x, out, |reals, out| {
        let mut nans = Bytes::ZERO;
        let (whole, rest) = reals.as_chunks::<4>();
        let (out, last) = out.split_at_mut(whole.len());
        let (fours, whole) = whole.as_chunks::<4>();
        let (fours_out, out) = out.as_chunks_mut::<4>();
        for (four, bytes) in fours.iter().zip(fours_out) {
            let signs = (0..4).fold(0, |signs, i| signs | quartet_signs(&four[i], &mut nans) << (8 * i));
            *bytes = (signs << 4).to_le_bytes();
        }
        for (quartet, byte) in whole.iter().zip(out) {
            *byte = (quartet_signs(quartet, &mut nans) << 4) as u8;
        }
        if let Some(byte) = last.first_mut() {
            *byte = (tail_signs(rest, &mut nans) << 4) as u8;
        }
        nans.any()
    })
}

/// Packs flips, a byte a channel, as one pixel of nibbles: a bit is set where the byte is not 0.
///
/// # Panics
/// When `out` has not a byte for every 4 channels.
pub fn pack_flips_nibbles(flips: &[u8], out: &mut [u8]) {
    assert_eq!(out.len(), groups(flips.len()));
    for (quartet, byte) in flips.chunks(4).zip(out) {
        *byte = quartet
            .iter()
            .rev()
            .fold(0, |bits, &flip| 2 * bits + u8::from(flip != 0))
            << 4;
    }
}

/// Packs flips, a byte a channel, as one pixel of words: a bit is set where the byte is not 0.
///
/// # Panics
/// When `out` has not a word for every 64 channels.
pub fn pack_flips_words(flips: &[u8], out: &mut [u64]) {
    assert_eq!(out.len(), words(flips.len()));
    for (flips, word) in flips.chunks(64).zip(out) {
        *word = flips
            .iter()
            .rev()
            .fold(0, |bits, &flip| bits << 1 | u64::from(flip != 0));
    }
}

/// Packs the signs of `x` `[images][height][width][channels]` into the interior of the padded words, and touches no other
/// word of them. True when a NaN was seen.
///
/// # Panics
/// When a slice is shorter than its layout or the shape contradicts itself.
pub fn sign_words(shape: &ConvShape, x: &[f32], out: Shared<u64>) -> bool {
    sign_rows(shape, 64, x, out, |reals, out| {
        let mut nans = Bytes::ZERO;
        for (reals, word) in reals.chunks(64).zip(out) {
            let (whole, rest) = reals.as_chunks::<4>();
            *word = whole.iter().enumerate().fold(0, |word, (i, quartet)| {
                word | u64::from(quartet_signs(quartet, &mut nans)) << (4 * i)
            });
            if !rest.is_empty() {
                *word |= u64::from(tail_signs(rest, &mut nans)) << (4 * whole.len());
            }
        }
        nans.any()
    })
}

/// Walks over pieces of `x` whose elements are `unit` channels and whose packing is contiguous: rows where the channels fill
/// their elements, else pixels.
fn sign_rows<T>(
    shape: &ConvShape,
    unit: usize,
    x: &[f32],
    out: Shared<T>,
    pack: impl Fn(&[f32], &mut [T]) -> bool,
) -> bool {
    assert!(shape.is_consistent());
    let channels = shape.channels as usize;
    let elements = channels.div_ceil(unit);
    let width = shape.width as usize;
    let (pieces, pixels) = if channels.is_multiple_of(unit) {
        (1, width)
    } else {
        (width, 1)
    };
    let mut nan = false;
    for (source, target) in shape.interior_rows() {
        for piece in 0..pieces {
            let x = &x[(source + piece) * channels..][..pixels * channels];
            // SAFETY: a piece is pixels inside the image, which only this call writes, one piece after the other.
            nan |= pack(x, unsafe { out.slice((target + piece) * elements, pixels * elements) });
        }
    }
    nan
}

/// The signs of four reals; the lanes of `nans` remember every NaN.
#[inline(always)]
fn quartet_signs(reals: &[f32; 4], nans: &mut Bytes) -> u32 {
    // SAFETY: `reals` is a reference to four floats, which are 16 bytes.
    let reals = unsafe { Bytes::load(reals.as_ptr().cast()) };
    *nans = nans.or(reals.real_nans());
    reals.real_signs()
}

/// The signs of fewer than four reals.
fn tail_signs(reals: &[f32], nans: &mut Bytes) -> u32 {
    let mut quartet = [-1.0; 4];
    quartet[..reals.len()].copy_from_slice(reals);
    quartet_signs(&quartet, nans)
}

/// Fills the whole padded nibbles with the padding: bits 0 for zeros, which the convolution corrects, all channels +1 else.
///
/// # Panics
/// When `out` is shorter than its layout.
pub fn fill_border_nibbles(shape: &ConvShape, out: &mut [u8]) {
    let groups = shape.groups();
    fill_border(shape, &mut out[..shape.padded_pixels() * groups], groups, |group| {
        low_ones(shape.channels as usize - 4 * group, 4) as u8 * 16
    });
}

/// Fills the whole padded words with the padding: bits 0 for zeros, which the convolution corrects, all channels +1 else.
///
/// # Panics
/// When `out` is shorter than its layout.
pub fn fill_border_words(shape: &ConvShape, out: &mut [u64]) {
    let words = shape.words();
    fill_border(shape, &mut out[..shape.padded_pixels() * words], words, |word| {
        low_ones(shape.channels as usize - 64 * word, 64)
    });
}

fn fill_border<T: Copy + Default>(shape: &ConvShape, out: &mut [T], elements: usize, ones: impl Fn(usize) -> T) {
    out.fill(T::default());
    if shape.pad_one != 0 {
        for pixel in out.chunks_exact_mut(elements) {
            for (element, value) in pixel.iter_mut().enumerate() {
                *value = ones(element);
            }
        }
    }
}

/// The `channels` lowest bits set, at most `limit`.
fn low_ones(channels: usize, limit: usize) -> u64 {
    u64::MAX >> (64 - channels.min(limit))
}

#[cfg(test)]
mod tests;
