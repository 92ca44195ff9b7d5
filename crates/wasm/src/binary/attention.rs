//! Attention whose queries and keys are signs. Its results have the bits that the kernels over reals give.

use crate::exports::{Maybe, optional, optional_mut};
use crate::memory::{read, write};
use proxbit_kernels::attention::bits::Signs;
use proxbit_kernels::attention::fused::{
    Inputs, Kept, Scratch, SignSizes, Values, attention_bits, attention_bits_kept,
};
use proxbit_kernels::attention::gradients::{self, Forward, Gradients, attention_bits_backward};
use proxbit_kernels::attention::matrix::{Kind, Matrix};
use proxbit_kernels::quantizer::size_of;
use proxbit_kernels::shape::sizes::{
    attention_column_bytes, attention_gradient_floats, attention_row_bytes, attention_scratch_floats,
    attention_selector_bytes, attention_soft_floats, groups, words,
};

/// The sizes of signs, 1 where none is given.
///
/// # Safety
/// As for an export.
unsafe fn sizes_of(query: Maybe<*const f32>, key: Maybe<*const f32>, value: Maybe<*const f32>) -> SignSizes {
    // SAFETY: the promises of the caller.
    let [queries, keys, values] =
        [query, key, value].map(|alpha| unsafe { optional(alpha, 1) }.map_or(1.0, |alpha| size_of(alpha[0])));
    SignSizes { queries, keys, values }
}

/// The part that both layouts share.
struct Call<'a> {
    of: Matrix<'a>,
    images: usize,
    inputs: Inputs<'a>,
}

/// Runs the kernel in scratch of `attention_scratch_bytes`. True where a factor of the scores is not finite.
///
/// # Safety
/// As for an export: out and scratch are valid for the sizes of the call.
unsafe fn run(Call { of, images, inputs }: Call, kept: Option<Kept>, out: *mut f32, scratch: *mut f32) -> bool {
    let floats = attention_scratch_floats(of.keys, inputs.value_width);
    let bytes = attention_column_bytes(of.keys, of.width, inputs.value_width);
    // SAFETY: the promises of the caller; the bytes follow the floats.
    let (out, scratch) = unsafe {
        let out = write(out, images * of.tokens * of.heads * inputs.value_width);
        let bytes = write(scratch.add(floats).cast(), bytes);
        let floats = write(scratch, floats);
        (out, Scratch { floats, bytes })
    };
    match kept {
        Some(kept) => attention_bits_kept(of, images, inputs, out, scratch, kept),
        None => attention_bits(of, images, inputs, out, scratch),
    }
    !inputs.sizes.of_scores().is_finite()
}

exports! {
    /// out `f32 [images][tokens][heads * valueWidth]` = A V of queries `[images][tokens][heads * width]` and keys
    /// `[images][keys][heads * width]`, unpadded nibbles. The values are nibbles `[images][keys][heads * valueWidth]` or, where
    /// given, reals. A width is at most 252. Sizes `f32 [1]`, where given, are factors of the signs, no less than 1e-5. Kinds and parameters as in `attention_matrix`; scratch of
    /// `attention_scratch_bytes(keys, width, value_width)`.
    only("layers")
    product(bb, "4x32", 4)
    fn attention_nibbles(
        kind: u32, images: usize, heads: usize, tokens: usize, keys: usize, width: usize, value_width: usize,
        queries: *const u8, key_bits: *const u8, value_bits: Maybe<*const u8>, values: Maybe<*const f32>,
        parameters: Maybe<*const f32>, query_size: Maybe<*const f32>, key_size: Maybe<*const f32>,
        value_size: Maybe<*const f32>, out: *mut f32, scratch: *mut f32,
    ) {
        let sizes = sizes_of(query_size, key_size, value_size);
        let (row, value_row) = (groups(heads * width), groups(heads * value_width));
        let values = match optional(values, images * keys * heads * value_width) {
            Some(reals) => Values::Reals(reals),
            None => Values::Signs(Signs::Nibbles(read(value_bits, images * keys * value_row))),
        };
        let queries = Signs::Nibbles(read(queries, images * tokens * row));
        let own = Signs::Nibbles(read(key_bits, images * keys * row));
        let parameters = optional(parameters, heads).unwrap_or_default();
        let of = Matrix { kind: Kind::of(kind), heads, tokens, keys, width, parameters };
        run(Call { of, images, inputs: Inputs { queries, keys: own, values, value_width, sizes } }, None, out, scratch)
    }

    /// The same of words, which the popcount kernels read.
    only("layers")
    product(bb, "4x32", 4)
    fn attention_words(
        kind: u32, images: usize, heads: usize, tokens: usize, keys: usize, width: usize, value_width: usize,
        queries: *const u64, key_bits: *const u64, value_bits: Maybe<*const u64>, values: Maybe<*const f32>,
        parameters: Maybe<*const f32>, query_size: Maybe<*const f32>, key_size: Maybe<*const f32>,
        value_size: Maybe<*const f32>, out: *mut f32, scratch: *mut f32,
    ) {
        let sizes = sizes_of(query_size, key_size, value_size);
        let (row, value_row) = (words(heads * width), words(heads * value_width));
        let values = match optional(values, images * keys * heads * value_width) {
            Some(reals) => Values::Reals(reals),
            None => Values::Signs(Signs::Words(read(value_bits, images * keys * value_row))),
        };
        let queries = Signs::Words(read(queries, images * tokens * row));
        let own = Signs::Words(read(key_bits, images * keys * row));
        let parameters = optional(parameters, heads).unwrap_or_default();
        let of = Matrix { kind: Kind::of(kind), heads, tokens, keys, width, parameters };
        run(Call { of, images, inputs: Inputs { queries, keys: own, values, value_width, sizes } }, None, out, scratch)
    }

    /// `attention_nibbles` of three operands of nibbles, which also leaves what `attention_nibbles_backward` reads: soft,
    /// `attention_soft_floats(tokens, keys)` for each head of an image, and matrix, `attention_row_bytes(keys)` for each row.
    only("training")
    product(bb, "4x32", 4)
    fn attention_nibbles_kept(
        kind: u32, images: usize, heads: usize, tokens: usize, keys: usize, width: usize, value_width: usize,
        queries: *const u8, key_bits: *const u8, value_bits: *const u8, parameters: Maybe<*const f32>,
        query_size: Maybe<*const f32>, key_size: Maybe<*const f32>, value_size: Maybe<*const f32>, soft: *mut f32,
        matrix: *mut u8, out: *mut f32, scratch: *mut f32,
    ) {
        let sizes = sizes_of(query_size, key_size, value_size);
        let (row, value_row) = (groups(heads * width), groups(heads * value_width));
        let values = Values::Signs(Signs::Nibbles(read(value_bits, images * keys * value_row)));
        let queries = Signs::Nibbles(read(queries, images * tokens * row));
        let own = Signs::Nibbles(read(key_bits, images * keys * row));
        let parameters = optional(parameters, heads).unwrap_or_default();
        let of = Matrix { kind: Kind::of(kind), heads, tokens, keys, width, parameters };
        let rows = images * heads * tokens;
        let kept = Kept { soft: write(soft, images * heads * attention_soft_floats(tokens, keys)), bits: write(matrix, rows * attention_row_bytes(keys)) };
        run(Call { of, images, inputs: Inputs { queries, keys: own, values, value_width, sizes } }, Some(kept), out, scratch)
    }

    /// One lane's gradients at queries, keys, values and, where given, at the learned numbers `f32 [heads]`, out of that at the
    /// results. soft and matrix are those of `attention_nibbles_kept`; scratch of
    /// `attention_gradient_bytes(tokens, keys, width, value_width)`.
    only("training")
    product(fb, "3x16", 4)
    fn attention_nibbles_backward(
        kind: u32, images: usize, heads: usize, tokens: usize, keys: usize, width: usize, value_width: usize,
        queries: *const u8, key_bits: *const u8, value_bits: *const u8, parameters: Maybe<*const f32>,
        query_size: Maybe<*const f32>, key_size: Maybe<*const f32>, value_size: Maybe<*const f32>, soft: *const f32,
        matrix: *const u8, dy: *const f32, dqueries: *mut f32, dkeys: *mut f32, dvalues: *mut f32,
        dparameters: Maybe<*mut f32>, scratch: *mut f32,
    ) {
        let (row, value_row) = (groups(heads * width), groups(heads * value_width));
        let rows = images * heads * tokens;
        let forward = Forward {
            queries: Signs::Nibbles(read(queries, images * tokens * row)),
            keys: Signs::Nibbles(read(key_bits, images * keys * row)),
            values: Signs::Nibbles(read(value_bits, images * keys * value_row)),
            value_width,
            sizes: sizes_of(query_size, key_size, value_size),
            soft: read(soft, images * heads * attention_soft_floats(tokens, keys)),
            bits: read(matrix, rows * attention_row_bytes(keys)),
        };
        let parameters = optional(parameters, heads).unwrap_or_default();
        let of = Matrix { kind: Kind::of(kind), heads, tokens, keys, width, parameters };
        let onto = Gradients {
            queries: write(dqueries, rows * width),
            keys: write(dkeys, images * heads * keys * width),
            values: write(dvalues, images * heads * keys * value_width),
            parameters: optional_mut(dparameters, heads),
        };
        let floats = attention_gradient_floats(tokens, keys, width, value_width);
        let selectors = attention_selector_bytes(tokens, keys, width, value_width);
        let selectors = write(scratch.add(floats).cast(), selectors);
        let scratch = gradients::Scratch { floats: write(scratch, floats), selectors };
        attention_bits_backward(of, images, forward, read(dy, rows * value_width), onto, scratch)
    }
}
