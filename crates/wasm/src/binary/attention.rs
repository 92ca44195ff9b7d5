//! Attention whose queries and keys are signs. Its results have the bits that the kernels over reals give.

use crate::exports::{Maybe, optional};
use crate::memory::{read, write};
use proxbit_kernels::attention::bits::Signs;
use proxbit_kernels::attention::fused::{Inputs, Scratch, Values, attention_bits};
use proxbit_kernels::attention::matrix::{Kind, Matrix};
use proxbit_kernels::shape::sizes::{attention_column_bytes, attention_scratch_floats, groups, words};

/// The part that both layouts share.
struct Call<'a> {
    of: Matrix<'a>,
    images: usize,
    inputs: Inputs<'a>,
}

/// Runs the kernel in scratch of `attention_scratch_bytes`.
///
/// # Safety
/// As for an export: out and scratch are valid for the sizes of the call.
unsafe fn run(Call { of, images, inputs }: Call, out: *mut f32, scratch: *mut f32) {
    let floats = attention_scratch_floats(of.keys, inputs.value_width);
    let bytes = attention_column_bytes(of.keys, of.width, inputs.value_width);
    // SAFETY: the promises of the caller; the bytes follow the floats.
    let (out, scratch) = unsafe {
        let out = write(out, images * of.tokens * of.heads * inputs.value_width);
        let bytes = write(scratch.add(floats).cast(), bytes);
        let floats = write(scratch, floats);
        (out, Scratch { floats, bytes })
    };
    attention_bits(of, images, inputs, out, scratch);
}

exports! {
    /// out `f32 [images][tokens][heads * valueWidth]` = A V of queries `[images][tokens][heads * width]` and keys
    /// `[images][keys][heads * width]`, unpadded nibbles. The values are nibbles `[images][keys][heads * valueWidth]` or, where
    /// given, reals. A width is at most 252. Kinds and parameters as in `attention_matrix`; scratch of
    /// `attention_scratch_bytes(keys, width, value_width)`.
    only("layers")
    product(bb, "4x32", 4)
    fn attention_nibbles(
        kind: u32, images: usize, heads: usize, tokens: usize, keys: usize, width: usize, value_width: usize,
        queries: *const u8, key_bits: *const u8, value_bits: Maybe<*const u8>, values: Maybe<*const f32>,
        parameters: Maybe<*const f32>, out: *mut f32, scratch: *mut f32,
    ) {
        let (row, value_row) = (groups(heads * width), groups(heads * value_width));
        let values = match optional(values, images * keys * heads * value_width) {
            Some(reals) => Values::Reals(reals),
            None => Values::Signs(Signs::Nibbles(read(value_bits, images * keys * value_row))),
        };
        let queries = Signs::Nibbles(read(queries, images * tokens * row));
        let own = Signs::Nibbles(read(key_bits, images * keys * row));
        let parameters = optional(parameters, heads).unwrap_or_default();
        let of = Matrix { kind: Kind::of(kind), heads, tokens, keys, width, parameters };
        run(Call { of, images, inputs: Inputs { queries, keys: own, values, value_width } }, out, scratch);
        false
    }

    /// The same of words, which the popcount kernels read.
    only("layers")
    product(bb, "4x32", 4)
    fn attention_words(
        kind: u32, images: usize, heads: usize, tokens: usize, keys: usize, width: usize, value_width: usize,
        queries: *const u64, key_bits: *const u64, value_bits: Maybe<*const u64>, values: Maybe<*const f32>,
        parameters: Maybe<*const f32>, out: *mut f32, scratch: *mut f32,
    ) {
        let (row, value_row) = (words(heads * width), words(heads * value_width));
        let values = match optional(values, images * keys * heads * value_width) {
            Some(reals) => Values::Reals(reals),
            None => Values::Signs(Signs::Words(read(value_bits, images * keys * value_row))),
        };
        let queries = Signs::Words(read(queries, images * tokens * row));
        let own = Signs::Words(read(key_bits, images * keys * row));
        let parameters = optional(parameters, heads).unwrap_or_default();
        let of = Matrix { kind: Kind::of(kind), heads, tokens, keys, width, parameters };
        run(Call { of, images, inputs: Inputs { queries, keys: own, values, value_width } }, out, scratch);
        false
    }
}
