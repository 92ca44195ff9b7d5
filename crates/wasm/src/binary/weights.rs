//! Weights of the products of bits, out of file bits or of the real kernel `f32 [k][n]`. Layouts are those of
//! `proxbit_kernels::bits::weights`.

use crate::memory::{read, write};
use proxbit_kernels::bits::weights;
use proxbit_kernels::shape::ConvShape;
use proxbit_kernels::shape::sizes::file_bytes;

fn bits_of(shape: &ConvShape) -> usize {
    file_bytes(shape.terms(), shape.filters as usize)
}

exports! {
    /// Signs of the real kernel as file bits.
    only("training")
    fn pack_file_bits(kernel: *const f32, k: usize, n: usize, out: *mut u8) {
        weights::pack_file_bits(read(kernel, k * n), k, n, write(out, file_bytes(k, n)))
    }

    /// File bits as the real kernel.
    once(size)
    fn unpack_file_bits_real(bits: *const u8, k: usize, n: usize, out: *mut f32) {
        weights::unpack_file_bits_real(read(bits, file_bytes(k, n)), k, n, write(out, k * n));
        false
    }

    /// File bits as look-up weights.
    once(size)
    fn pack_lookup_weights(shape: *const ConvShape, bits: *const u8, out: *mut u8) {
        let shape = &*shape;
        let out = write(out, shape.lookup_weight_bytes());
        weights::pack_lookup_weights(shape, read(bits, bits_of(shape)), out);
        false
    }

    /// File bits of 3x3 kernels as codeword weights.
    only("layers")
    once(size)
    fn pack_codeword_weights(shape: *const ConvShape, bits: *const u8, out: *mut u8) {
        let shape = &*shape;
        let out = write(out, shape.codeword_weight_bytes());
        weights::pack_codeword_weights(shape, read(bits, bits_of(shape)), out);
        false
    }

    /// File bits as byte weights.
    once(size)
    fn pack_byte_weights(shape: *const ConvShape, bits: *const u8, out: *mut u8) {
        let shape = &*shape;
        let out = write(out, shape.byte_weight_bytes());
        weights::pack_byte_weights(shape, read(bits, bits_of(shape)), out);
        false
    }

    /// File bits as word weights.
    only("layers")
    once(size)
    fn pack_word_weights(shape: *const ConvShape, bits: *const u8, out: *mut u64) {
        let shape = &*shape;
        let out = write(out, shape.word_weight_bytes() / 8);
        weights::pack_word_weights(shape, read(bits, bits_of(shape)), out);
        false
    }

    /// File bits as nibble weights.
    only("layers")
    once(size)
    fn pack_nibble_weights(shape: *const ConvShape, bits: *const u8, out: *mut u8) {
        let shape = &*shape;
        let out = write(out, shape.nibble_weight_bytes());
        weights::pack_nibble_weights(shape, read(bits, bits_of(shape)), out);
        false
    }

    /// Signs of the real kernel as nibble weights.
    only("training")
    fn sign_nibble_weights(shape: *const ConvShape, kernel: *const f32, out: *mut u8) {
        let shape = &*shape;
        let kernel = read(kernel, shape.terms() * shape.filters as usize);
        weights::sign_nibble_weights(shape, kernel, write(out, shape.nibble_weight_bytes()))
    }

    /// Signs of the real kernel as look-up weights.
    only("training")
    fn sign_lookup_weights(shape: *const ConvShape, kernel: *const f32, out: *mut u8) {
        let shape = &*shape;
        let kernel = read(kernel, shape.terms() * shape.filters as usize);
        weights::sign_lookup_weights(shape, kernel, write(out, shape.lookup_weight_bytes()))
    }

    /// Sums of the weights over taps `i32 [taps][n]`, a summed-area table, from file bits.
    once(size)
    fn bb_correction(shape: *const ConvShape, bits: *const u8, out: *mut i32) {
        let shape = &*shape;
        let out = write(out, shape.taps() * shape.filters as usize);
        weights::bb_correction(shape, read(bits, bits_of(shape)), out);
        false
    }

    /// Sums of the weight signs over taps `i32 [taps][n]`, a summed-area table, from the real kernel.
    only("training")
    fn bb_correction_real(shape: *const ConvShape, kernel: *const f32, out: *mut i32) {
        let shape = &*shape;
        let kernel = read(kernel, shape.terms() * shape.filters as usize);
        weights::bb_correction_real(shape, kernel, write(out, shape.taps() * shape.filters as usize));
        false
    }
}
