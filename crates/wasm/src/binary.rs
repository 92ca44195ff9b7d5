//! Exports of the binary kernels. Layouts and meanings are those of `proxbit_kernels::{bits, threshold, pool_bits}`; this
//! file turns addresses into slices whose lengths follow from the descriptor.
//!
//! Every function returns a status: 0, or 1 when a NaN (for `fold_thresholds` also an infinity) was met.
//!
//! # Safety
//! For every function: each address must be valid for the length that its layout has under the given shape, aligned to its
//! element, and an output must not overlap any other argument.
#![allow(clippy::missing_safety_doc)]

use crate::memory::{read, write};
use proxbit_kernels::bits::{self, weights};
use proxbit_kernels::shape::ConvShape;
use proxbit_kernels::{pool_bits, threshold};

fn file_bytes(shape: &ConvShape) -> usize {
    shape.filters as usize * shape.terms().div_ceil(8)
}

fn word_weights(shape: &ConvShape) -> usize {
    (shape.filters as usize).next_multiple_of(2) * shape.taps() * shape.words()
}

/// Signs of unpadded reals into the interior of padded nibbles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sign_nibbles(shape: *const ConvShape, x: *const f32, out: *mut u8) -> u32 {
    unsafe {
        let shape = &*shape;
        u32::from(bits::sign_nibbles(
            shape,
            read(x, shape.input_pixels() * shape.channels as usize),
            write(out, shape.padded_pixels() * shape.groups()),
        ))
    }
}

/// Signs of unpadded reals into the interior of padded words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sign_words(shape: *const ConvShape, x: *const f32, out: *mut u64) -> u32 {
    unsafe {
        let shape = &*shape;
        u32::from(bits::sign_words(
            shape,
            read(x, shape.input_pixels() * shape.channels as usize),
            write(out, shape.padded_pixels() * shape.words()),
        ))
    }
}

/// Fills the whole padded nibbles with the padding.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fill_border_nibbles(shape: *const ConvShape, out: *mut u8) -> u32 {
    unsafe {
        let shape = &*shape;
        bits::fill_border_nibbles(shape, write(out, shape.padded_pixels() * shape.groups()));
        0
    }
}

/// Fills the whole padded words with the padding.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fill_border_words(shape: *const ConvShape, out: *mut u64) -> u32 {
    unsafe {
        let shape = &*shape;
        bits::fill_border_words(shape, write(out, shape.padded_pixels() * shape.words()));
        0
    }
}

/// Signs of the real kernel `[k][n]` as file bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pack_file_bits(w: *const f32, k: usize, n: usize, out: *mut u8) -> u32 {
    unsafe {
        u32::from(weights::pack_file_bits(
            read(w, k * n),
            k,
            n,
            write(out, n * k.div_ceil(8)),
        ))
    }
}

/// File bits as the real kernel `[k][n]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unpack_file_bits_real(bits: *const u8, k: usize, n: usize, out: *mut f32) -> u32 {
    unsafe {
        weights::unpack_file_bits_real(read(bits, n * k.div_ceil(8)), k, n, write(out, k * n));
        0
    }
}

/// File bits as look-up weights.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pack_lookup_weights(shape: *const ConvShape, bits: *const u8, out: *mut u8) -> u32 {
    unsafe {
        let shape = &*shape;
        weights::pack_lookup_weights(
            shape,
            read(bits, file_bytes(shape)),
            write(out, shape.lookup_weight_bytes()),
        );
        0
    }
}

/// File bits as byte weights.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pack_byte_weights(shape: *const ConvShape, bits: *const u8, out: *mut u8) -> u32 {
    unsafe {
        let shape = &*shape;
        let bytes = shape.filter_blocks() * shape.taps() * (shape.channels as usize).div_ceil(8) * 16;
        weights::pack_byte_weights(shape, read(bits, file_bytes(shape)), write(out, bytes));
        0
    }
}

/// File bits as word weights.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pack_word_weights(shape: *const ConvShape, bits: *const u8, out: *mut u64) -> u32 {
    unsafe {
        let shape = &*shape;
        weights::pack_word_weights(shape, read(bits, file_bytes(shape)), write(out, word_weights(shape)));
        0
    }
}

/// File bits as nibble weights.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pack_nibble_weights(shape: *const ConvShape, bits: *const u8, out: *mut u8) -> u32 {
    unsafe {
        let shape = &*shape;
        let bits = read(bits, file_bytes(shape));
        weights::pack_nibble_weights(shape, bits, write(out, shape.nibble_weight_bytes()));
        0
    }
}

/// Signs of the real kernel as nibble weights.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sign_nibble_weights(shape: *const ConvShape, w: *const f32, out: *mut u8) -> u32 {
    unsafe {
        let shape = &*shape;
        let kernel = read(w, shape.terms() * shape.filters as usize);
        let out = write(out, shape.nibble_weight_bytes());
        u32::from(weights::sign_nibble_weights(shape, kernel, out))
    }
}

/// Signs of the real kernel as look-up weights.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sign_lookup_weights(shape: *const ConvShape, w: *const f32, out: *mut u8) -> u32 {
    unsafe {
        let shape = &*shape;
        u32::from(weights::sign_lookup_weights(
            shape,
            read(w, shape.terms() * shape.filters as usize),
            write(out, shape.lookup_weight_bytes()),
        ))
    }
}

/// Sums of the weights of every tap, from file bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bb_correction(shape: *const ConvShape, bits: *const u8, out: *mut i32) -> u32 {
    unsafe {
        let shape = &*shape;
        weights::bb_correction(
            shape,
            read(bits, file_bytes(shape)),
            write(out, shape.taps() * shape.filters as usize),
        );
        0
    }
}

/// Sums of the weight signs of every tap, from the real kernel.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bb_correction_real(shape: *const ConvShape, w: *const f32, out: *mut i32) -> u32 {
    unsafe {
        let shape = &*shape;
        weights::bb_correction_real(
            shape,
            read(w, shape.terms() * shape.filters as usize),
            write(out, shape.taps() * shape.filters as usize),
        );
        0
    }
}

/// Max-pool over unpadded nibbles into the consumer's padded nibbles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn max_pool_nibbles(
    pool: *const ConvShape,
    bits: *const u8,
    flips: *const u8,
    consumer: *const ConvShape,
    out: *mut u8,
) -> u32 {
    unsafe {
        let pool = &*pool;
        let consumer = &*consumer;
        pool_bits::max_pool_nibbles(
            pool,
            read(bits, pool.input_pixels() * pool.groups()),
            read(flips, pool.groups()),
            consumer,
            write(out, consumer.padded_pixels() * consumer.groups()),
        );
        0
    }
}

/// Max-pool over unpadded words into the consumer's padded words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn max_pool_words(
    pool: *const ConvShape,
    bits: *const u64,
    flips: *const u64,
    consumer: *const ConvShape,
    out: *mut u64,
) -> u32 {
    unsafe {
        let pool = &*pool;
        let consumer = &*consumer;
        pool_bits::max_pool_words(
            pool,
            read(bits, pool.input_pixels() * pool.words()),
            read(flips, pool.words()),
            consumer,
            write(out, consumer.padded_pixels() * consumer.words()),
        );
        0
    }
}

/// Thresholds and flips of `c` channels for sums in `-bound..=bound`, which leave times factors `f32 [c]`, or 0 for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fold_thresholds(
    scale: *const f32,
    shift: *const f32,
    c: usize,
    bound: u32,
    thresholds: *mut i32,
    flips: *mut u8,
    factors: *const f32,
) -> u32 {
    unsafe {
        u32::from(threshold::fold_thresholds(
            (!factors.is_null()).then(|| read(factors, c)),
            read(scale, c),
            read(shift, c),
            bound as i32,
            write(thresholds, c),
            write(flips, c),
        ))
    }
}
