//! Attention over real numbers: products over the slices of heads, and the maps of the matrix.

use crate::exports::{Flag, Maybe, optional, optional_mut};
use crate::memory::{read, write};
use proxbit_kernels::attention::matrix::{self, Kind, Matrix};
use proxbit_kernels::attention::slices::{Layout, Operand, Slices, Target, multiply_slices};
use proxbit_kernels::attention::whole::{self, Reals};
use proxbit_kernels::shape::sizes::{attention_real_scratch_floats, panel_floats};

exports! {
    /// out = a b for every head of every image, times alphas `f32 [heads]` where given, no less than 1e-5, added to out where
    /// `accumulate`. a is `[rows][terms]`, or `[terms][rows]` where transposed; b is `[terms][columns]`, or `[columns][terms]`.
    /// Slices are `[images][heads][height][width]`, or `[images][height][heads * width]` where split. scratch: the floats of
    /// `panel_floats(terms, columns)`.
    only("layers")
    product(ff, "4x8", 1)
    fn ff_slices(
        a: *const f32, b: *const f32, alphas: Maybe<*const f32>, images: usize, heads: usize, rows: usize, columns: usize,
        terms: usize, a_split: Flag, a_transposed: Flag, b_split: Flag, b_transposed: Flag, out_split: Flag,
        accumulate: Flag, out: *mut f32, scratch: *mut f32,
    ) {
        let sizes = Slices { images, heads, rows, columns, terms };
        let (slices, layout) = (images * heads, |split, transposed| Layout { split: split != 0, transposed: transposed != 0 });
        let a = Operand { values: read(a, slices * rows * terms), layout: layout(a_split, a_transposed) };
        let b = Operand { values: read(b, slices * terms * columns), layout: layout(b_split, b_transposed) };
        let values = write(out, slices * rows * columns);
        let target = Target { values, split: out_split != 0, accumulate: accumulate != 0 };
        multiply_slices(sizes, a, b, optional(alphas, heads), target, write(scratch, panel_floats(terms, columns)));
        false
    }

    /// The matrix A out of scores `f32 [images][heads][tokens][keys]` of heads of `width` features, by the kind: 0 softmax,
    /// 1 threshold, 2 elastic (parameters `f32 [heads]`: alpha; A is then 0 or 1, and alpha the products' factor), 3 boolean,
    /// 4 sign (parameters: offsets). A goes to matrix, and the scores become what the way back reads; without matrix A
    /// stands in the place of the scores.
    only("training")
    fn attention_matrix(
        kind: u32, images: usize, heads: usize, tokens: usize, keys: usize, width: usize, parameters: Maybe<*const f32>,
        scores: *mut f32, matrix: Maybe<*mut f32>,
    ) {
        let length = images * heads * tokens * keys;
        let parameters = optional(parameters, heads).unwrap_or_default();
        let of = Matrix { kind: Kind::of(kind), heads, tokens, keys, width, parameters };
        matrix::matrix_forward(of, write(scores, length), optional_mut(matrix, length))
    }

    /// out `f32 [images][tokens][heads * valueWidth]` = A V of queries `[images][tokens][heads * width]`, keys
    /// `[images][keys][heads * width]` and values `[images][keys][heads * valueWidth]`, four rows of the matrix at a time: the
    /// bits of the three kernels one after the other. Kinds and parameters as in `attention_matrix`. scratch: the floats of
    /// `attention_real_scratch_floats(keys, width, value_width)`.
    only("layers")
    product(ff, "4x8", 1)
    fn attention_reals(
        kind: u32, images: usize, heads: usize, tokens: usize, keys: usize, width: usize, value_width: usize,
        queries: *const f32, key_values: *const f32, values: *const f32, parameters: Maybe<*const f32>, out: *mut f32,
        scratch: *mut f32,
    ) {
        let parameters = optional(parameters, heads).unwrap_or_default();
        let of = Matrix { kind: Kind::of(kind), heads, tokens, keys, width, parameters };
        let inputs = Reals {
            queries: read(queries, images * tokens * heads * width),
            keys: read(key_values, images * keys * heads * width),
            values: read(values, images * keys * heads * value_width),
            value_width,
        };
        let out = write(out, images * tokens * heads * value_width);
        let scratch = write(scratch, attention_real_scratch_floats(keys, width, value_width));
        whole::attention_reals(of, images, inputs, out, scratch)
    }

    /// One lane's gradients. gradient is that at A (at alpha A for the elastic kind) and becomes that at the scores; soft is
    /// what `attention_matrix` left in the place of the scores. dparameters `f32 [heads]`, where given: at alpha or offset.
    only("training")
    fn attention_matrix_backward(
        kind: u32, images: usize, heads: usize, tokens: usize, keys: usize, width: usize, parameters: Maybe<*const f32>,
        soft: *const f32, gradient: *mut f32, dparameters: Maybe<*mut f32>,
    ) {
        let length = images * heads * tokens * keys;
        let parameters = optional(parameters, heads).unwrap_or_default();
        let of = Matrix { kind: Kind::of(kind), heads, tokens, keys, width, parameters };
        let dparameters = optional_mut(dparameters, heads);
        matrix::matrix_backward(of, read(soft, length), write(gradient, length), dparameters)
    }
}
