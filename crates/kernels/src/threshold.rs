//! Batch normalisation followed by sign, as one integer comparison a channel.
//!
//! For an integer sum `s` the bit is the sign of `v(s) = s * scale + shift`, in f32, a product and then an addition. Both
//! roundings are monotone, so `v` is monotone in `s` and there is one integer where the sign changes. It is found by
//! bisection on the very same expression, so that the fused bit equals the unfused one for every sum, ties and rounding
//! included. A channel is `(s >= threshold) xor flip`; flips are set where `scale` is negative. `v(s) = 0` gives +1.

use crate::shape::ConvShape;
use crate::simd::bytes::Ints;

/// Thresholds and flips (0 or 1, one byte a channel) for sums in `-bound..=bound`. True when a scale or shift is NaN or
/// infinite; such a channel is left constant.
///
/// A threshold lies in `-bound..=bound + 1`, or is `i32::MIN` (always) or `i32::MAX` (never) where the scale is zero.
///
/// # Panics
/// When the slices differ in length.
pub fn fold_thresholds(scale: &[f32], shift: &[f32], bound: i32, thresholds: &mut [i32], flips: &mut [u8]) -> bool {
    let channels = scale.len();
    assert!([shift.len(), thresholds.len(), flips.len()] == [channels; 3]);
    let mut bad = false;
    for channel in 0..channels {
        let (scale, shift) = (scale[channel], shift[channel]);
        bad |= !(scale.is_finite() && shift.is_finite());
        let value = |sum: i32| sum as f32 * scale + shift;
        flips[channel] = u8::from(scale < 0.0);
        thresholds[channel] = if scale > 0.0 {
            first_where(bound, |sum| value(sum) >= 0.0)
        } else if scale < 0.0 {
            first_where(bound, |sum| value(sum) < 0.0)
        } else if shift >= 0.0 {
            i32::MIN
        } else {
            i32::MAX
        };
    }
    bad
}

/// The first sum in `-bound..=bound` where the monotone `holds` is true, `bound + 1` when there is none.
fn first_where(bound: i32, holds: impl Fn(i32) -> bool) -> i32 {
    let (mut low, mut high) = (-bound, bound + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The bits of `sums` `[images][height][width][channels]` into the interior of the consumer's padded nibbles. `shape` is the
/// consumer's, `flips` `[groups]` its masks in the nibble layout, bits past the last channel 0.
///
/// # Panics
/// When a slice is shorter than its layout or the shape contradicts itself.
pub fn threshold_nibbles(shape: &ConvShape, sums: &[i32], thresholds: &[i32], flips: &[u8], out: &mut [u8]) {
    threshold_pixels(shape, 4, sums, out, |sums, out| {
        let (whole, rest) = sums.as_chunks::<4>();
        let (limits, last_limits) = thresholds[..sums.len()].as_chunks::<4>();
        let (out, last) = out.split_at_mut(whole.len());
        for (((sums, limits), flip), out) in whole.iter().zip(limits).zip(flips).zip(out) {
            *out = (quartet_bits(sums, limits) << 4) as u8 ^ flip;
        }
        if let (Some(out), Some(flip)) = (last.first_mut(), flips.get(whole.len())) {
            *out = (tail_bits(rest, last_limits) << 4) as u8 ^ flip;
        }
    });
}

/// The bits of `sums` `[images][height][width][channels]` into the interior of the consumer's padded words. `shape` is the
/// consumer's, `flips` `[words]` its masks, bits past the last channel 0.
///
/// # Panics
/// When a slice is shorter than its layout or the shape contradicts itself.
pub fn threshold_words(shape: &ConvShape, sums: &[i32], thresholds: &[i32], flips: &[u64], out: &mut [u64]) {
    threshold_pixels(shape, 64, sums, out, |sums, out| {
        let thresholds = thresholds[..sums.len()].chunks(64);
        for (((sums, thresholds), flip), out) in sums.chunks(64).zip(thresholds).zip(flips).zip(out) {
            let (whole, rest) = sums.as_chunks::<4>();
            let (limits, last_limits) = thresholds.as_chunks::<4>();
            *out = whole
                .iter()
                .zip(limits)
                .enumerate()
                .fold(*flip, |word, (i, (sums, limits))| {
                    word ^ u64::from(quartet_bits(sums, limits)) << (4 * i)
                });
            if !rest.is_empty() {
                *out ^= u64::from(tail_bits(rest, last_limits)) << (4 * whole.len());
            }
        }
    });
}

fn threshold_pixels<T>(shape: &ConvShape, unit: usize, sums: &[i32], out: &mut [T], bits: impl Fn(&[i32], &mut [T])) {
    assert!(shape.is_consistent());
    let (channels, width) = (shape.channels as usize, shape.width as usize);
    let elements = channels.div_ceil(unit);
    for (source, target) in shape.interior_rows() {
        let sums = sums[source * channels..][..width * channels].chunks_exact(channels);
        let out = out[target * elements..][..width * elements].chunks_exact_mut(elements);
        for (sums, out) in sums.zip(out) {
            bits(sums, out);
        }
    }
}

/// The comparisons of four sums.
#[inline(always)]
fn quartet_bits(sums: &[i32; 4], thresholds: &[i32; 4]) -> u32 {
    // SAFETY: four numbers each.
    unsafe { Ints::load(sums.as_ptr()).at_least(Ints::load(thresholds.as_ptr())) }
}

/// The comparisons of fewer than four sums.
fn tail_bits(sums: &[i32], thresholds: &[i32]) -> u32 {
    let pairs = sums.iter().zip(thresholds).enumerate();
    pairs.fold(0, |bits, (i, (sum, threshold))| bits | u32::from(sum >= threshold) << i)
}

/// Sums as reals, in place: the bits of each become those of the nearest f32, exact below 2^24.
pub fn to_real(sums: &mut [i32]) {
    for sum in sums {
        *sum = (*sum as f32).to_bits() as i32;
    }
}

#[cfg(test)]
mod tests;
