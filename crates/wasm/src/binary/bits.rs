//! Signs of activations as bits, thresholds and pools. Layouts are those of `proxbit_kernels::bits`.
//!
//! A kernel that writes the interior of a padded buffer may be given some of its rows, while other threads write the rest.

use crate::exports::{Maybe, optional};
use crate::memory::{read, share, write};
use proxbit_kernels::shape::ConvShape;
use proxbit_kernels::shape::sizes::{groups, words};
use proxbit_kernels::{bits, pool_bits, threshold};

exports! {
    /// Signs of unpadded reals into the interior of padded nibbles.
    fn sign_nibbles(shape: *const ConvShape, x: *const f32, out: *mut u8) {
        let shape = &*shape;
        let x = read(x, shape.input_pixels() * shape.channels as usize);
        bits::sign_nibbles(shape, x, share(out, shape.padded_pixels() * shape.groups()))
    }

    /// Signs of unpadded reals into the interior of padded words.
    fn sign_words(shape: *const ConvShape, x: *const f32, out: *mut u64) {
        let shape = &*shape;
        let x = read(x, shape.input_pixels() * shape.channels as usize);
        bits::sign_words(shape, x, share(out, shape.padded_pixels() * shape.words()))
    }

    /// Fills the whole padded nibbles with the padding.
    once(size)
    fn fill_border_nibbles(shape: *const ConvShape, out: *mut u8) {
        let shape = &*shape;
        bits::fill_border_nibbles(shape, write(out, shape.padded_pixels() * shape.groups()));
        false
    }

    /// Fills the whole padded words with the padding.
    once(size)
    fn fill_border_words(shape: *const ConvShape, out: *mut u64) {
        let shape = &*shape;
        bits::fill_border_words(shape, write(out, shape.padded_pixels() * shape.words()));
        false
    }

    /// Max-pool over unpadded nibbles into the consumer's padded nibbles; `mask` has the bits of flipped channels set.
    fn max_pool_nibbles(
        pool: *const ConvShape, bits: *const u8, mask: *const u8, consumer: *const ConvShape, out: *mut u8,
    ) {
        let (pool, consumer) = (&*pool, &*consumer);
        let bits = read(bits, pool.input_pixels() * pool.groups());
        let out = share(out, consumer.padded_pixels() * consumer.groups());
        pool_bits::max_pool_nibbles(pool, bits, read(mask, pool.groups()), consumer, out);
        false
    }

    /// Max-pool over unpadded words into the consumer's padded words; `mask` has the bits of flipped channels set.
    fn max_pool_words(
        pool: *const ConvShape, bits: *const u64, mask: *const u64, consumer: *const ConvShape, out: *mut u64,
    ) {
        let (pool, consumer) = (&*pool, &*consumer);
        let bits = read(bits, pool.input_pixels() * pool.words());
        let out = share(out, consumer.padded_pixels() * consumer.words());
        pool_bits::max_pool_words(pool, bits, read(mask, pool.words()), consumer, out);
        false
    }

    /// Thresholds `i32 [channels]` and flips `u8 [channels]` of sums in `-bound..=bound`, which leave times factors
    /// `f32 [channels]` where those are given. The number that the bits begin at, `f32*`, is 0 where absent. An infinity is a
    /// bad number here too.
    once(size)
    fn fold_thresholds(
        scale: *const f32, shift: *const f32, channels: usize, bound: u32, thresholds: *mut i32, flips: *mut u8,
        factors: Maybe<*const f32>, middle: Maybe<*const f32>,
    ) {
        let (scale, shift) = (read(scale, channels), read(shift, channels));
        let (thresholds, flips) = (write(thresholds, channels), write(flips, channels));
        let (factors, middle) = (optional(factors, channels), optional(middle, 1).map_or(0.0, |middle| middle[0]));
        threshold::fold_thresholds(factors, scale, shift, middle, bound as i32, thresholds, flips)
    }

    /// Flips `u8 [channels]` as the bits of one pixel of nibbles: set where the byte is not 0.
    once(size)
    fn pack_flips_nibbles(flips: *const u8, channels: usize, out: *mut u8) {
        bits::pack_flips_nibbles(read(flips, channels), write(out, groups(channels)));
        false
    }

    /// Flips `u8 [channels]` as the bits of one pixel of words: set where the byte is not 0.
    once(size)
    fn pack_flips_words(flips: *const u8, channels: usize, out: *mut u64) {
        bits::pack_flips_words(read(flips, channels), write(out, words(channels)));
        false
    }
}
