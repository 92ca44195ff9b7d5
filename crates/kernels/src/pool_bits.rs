//! Max-pooling over bits: the maximum of +1 and -1 is the bitwise or.
//!
//! Where the batch normalisation after the pool has a negative scale its bit is the negation of the pooled comparison, so
//! the flips are applied after the pool. A window that reaches past the image is clipped: padding never wins.

use crate::shape::ConvShape;
use crate::shared::Shared;
use crate::simd::bytes::Bytes;

/// Pools unpadded nibbles `[images][height][width][groups]`, applies `flips` `[groups]`, and writes the interior of the
/// consumer's padded nibbles, and touches no other byte of them.
///
/// # Panics
/// When memory is shorter than its layout, or when the consumer's input is not the pool's output.
pub fn max_pool_nibbles(pool: &ConvShape, bits: &[u8], flips: &[u8], consumer: &ConvShape, out: Shared<u8>) {
    max_pool(pool, pool.groups(), bits, flips, consumer, out);
}

/// Pools unpadded words `[images][height][width][words]`, applies `flips` `[words]`, and writes the interior of the consumer's
/// padded words, and touches no other word of them.
///
/// # Panics
/// When memory is shorter than its layout, or when the consumer's input is not the pool's output.
pub fn max_pool_words(pool: &ConvShape, bits: &[u64], flips: &[u64], consumer: &ConvShape, out: Shared<u64>) {
    max_pool(
        pool,
        8 * pool.words(),
        as_bytes(bits),
        as_bytes(flips),
        consumer,
        out.bytes(),
    );
}

fn as_bytes(words: &[u64]) -> &[u8] {
    // SAFETY: every u64 is eight initialised bytes, which the result borrows as `words` does.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

fn max_pool(pool: &ConvShape, pixel: usize, bits: &[u8], flips: &[u8], consumer: &ConvShape, out: Shared<u8>) {
    assert!(consumer.is_consistent() && consumer.channels == pool.channels);
    assert!(
        [consumer.images, consumer.height, consumer.width] == [pool.images, pool.out_height, pool.out_width],
        "the consumer reads what the pool writes"
    );
    let (height, width) = (pool.height as usize, pool.width as usize);
    for (row, (_, target)) in consumer.interior_rows().enumerate() {
        let (image, oy) = (row / pool.out_height as usize, row % pool.out_height as usize);
        let rows = clip(oy, pool.stride_height, pool.pad_top, pool.rows_inside(oy));
        for ox in 0..pool.out_width as usize {
            let columns = clip(ox, pool.stride_width, pool.pad_left, pool.columns_inside(ox));
            // SAFETY: a pixel inside the image, which only this call writes, one pixel after the other.
            let out = unsafe { out.slice((target + ox) * pixel, pixel) };
            out.fill(0);
            for y in rows.clone() {
                let line = (image * height + y) * width;
                for x in columns.clone() {
                    or_into(out, &bits[(line + x) * pixel..][..pixel]);
                }
            }
            for (byte, flip) in out.iter_mut().zip(&flips[..pixel]) {
                *byte ^= flip;
            }
        }
    }
}

/// The window's positions inside the image, as coordinates of the unpadded input.
fn clip(out: usize, stride: u32, pad: u32, inside: core::ops::Range<usize>) -> core::ops::Range<usize> {
    let start = (out * stride as usize).wrapping_sub(pad as usize);
    start.wrapping_add(inside.start)..start.wrapping_add(inside.end)
}

#[inline(always)]
fn or_into(out: &mut [u8], bits: &[u8]) {
    let mut vectors = out.chunks_exact_mut(16);
    let mut others = bits.chunks_exact(16);
    for (out, bits) in (&mut vectors).zip(&mut others) {
        // SAFETY: `chunks_exact` gives pieces of 16 bytes, of both slices.
        unsafe {
            Bytes::load(out.as_ptr())
                .or(Bytes::load(bits.as_ptr()))
                .store(out.as_mut_ptr())
        };
    }
    for (out, bits) in vectors.into_remainder().iter_mut().zip(others.remainder()) {
        *out |= bits;
    }
}

#[cfg(test)]
mod tests;
