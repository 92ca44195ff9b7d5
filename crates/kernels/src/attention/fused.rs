//! Attention whose queries and keys are signs, four rows of the matrix at a time, so that the matrix never leaves the cache.
//!
//! The score of two tokens is `d - 2 h`, h their Hamming distance by look-up. A row's exponentials come from a table of
//! d + 1, which holds the bits of `matrix`. All kinds but the softmax then set a bit where h is at most a limit of the row.
//! If the values are signs too, a result is `2 popcount(a and v) - popcount(a)`, or `keys - 2 popcount(a xor v)` for a
//! matrix of +-1. Otherwise it is the chain of `slices`. Every result has the bits that the kernels over reals give.
//!
//! Signs may have sizes, which are factors: a score is then `a b (d - 2 h)`, and a result the one above times the values' size.
//! Over reals such sums are rounded term by term, unless the sizes are powers of two.

use super::bits::{HeadSigns, PANEL, Signs};
use super::counts::{Counted, ROWS, Table, WIDEST, multiply_counts};
use super::matrix::{Kind, Matrix, alpha_of, scale_of};
use super::rows::{Rows, distances, matrix_rows};
use super::slices::{Layout, Slice, Slices, multiply_slice, pack};
use crate::shape::sizes::{
    attention_column_bytes, attention_row_bytes, attention_scratch_floats, attention_soft_floats, panel_floats,
};
use crate::simd::floats::F32x4;
use crate::softmax::exponentials;
use core::array::from_fn;

/// The values of all images.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// As signs.
    Signs(Signs<'a>),
    /// As reals `[images][keys][heads * value_width]`.
    Reals(&'a [f32]),
}

/// The sizes a of operands of -a and +a.
#[derive(Clone, Copy, Debug)]
pub struct SignSizes {
    /// That of the queries.
    pub queries: f32,
    /// That of the keys.
    pub keys: f32,
    /// That of the values, 1 where they are reals.
    pub values: f32,
}

impl SignSizes {
    /// Plain signs.
    pub const ONE: Self = Self {
        queries: 1.0,
        keys: 1.0,
        values: 1.0,
    };

    /// The factor of the scores.
    pub fn of_scores(self) -> f32 {
        self.queries * self.keys
    }
}

/// The operands of attention.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Signs `[images][tokens][heads * width]`.
    pub queries: Signs<'a>,
    /// Signs `[images][keys][heads * width]`.
    pub keys: Signs<'a>,
    /// The values, `value_width` features a head.
    pub values: Values<'a>,
    /// Features of a head of the values.
    pub value_width: usize,
    /// The sizes of the signs.
    pub sizes: SignSizes,
}

/// The scratch of one call, of [`attention_scratch_floats`] and [`attention_column_bytes`].
#[derive(Debug)]
pub struct Scratch<'a> {
    /// Panels of values and four rows of the matrix.
    pub floats: &'a mut [f32],
    /// Columns of keys and values, and four rows of distances and of bits.
    pub bytes: &'a mut [u8],
}

/// The numbers that the way back reads.
#[derive(Debug, Default)]
pub struct Kept<'a> {
    /// p, or the scaled scores of the boolean kind, a row for each key: `[images][heads]` blocks of [`attention_soft_floats`].
    pub soft: &'a mut [f32],
    /// The bits of A in nibbles, `[images][heads][tokens]` rows of [`attention_row_bytes`]; of softmax, which has none, anything.
    pub bits: &'a mut [u8],
}

/// The pieces of the scratch.
struct Pieces<'a> {
    panels: &'a mut [f32],
    keys: &'a mut [u8],
    values: &'a mut [u8],
    rows: Rows<'a>,
}

/// `out [images][tokens][heads * value_width] = A V`, times alpha for the elastic kind. `of.width` is at most [`WIDEST`].
pub fn attention_bits(of: Matrix, images: usize, inputs: Inputs, out: &mut [f32], scratch: Scratch) {
    run::<false>(of, images, inputs, out, scratch, Kept::default());
}

/// The same, which also leaves what the way back reads.
pub fn attention_bits_kept(of: Matrix, images: usize, inputs: Inputs, out: &mut [f32], scratch: Scratch, kept: Kept) {
    assert_eq!(
        kept.soft.len(),
        images * of.heads * attention_soft_floats(of.tokens, of.keys)
    );
    assert_eq!(
        kept.bits.len(),
        images * of.heads * of.tokens * attention_row_bytes(of.keys)
    );
    run::<true>(of, images, inputs, out, scratch, kept);
}

fn run<const KEEP: bool>(of: Matrix, images: usize, inputs: Inputs, out: &mut [f32], scratch: Scratch, mut kept: Kept) {
    let Inputs { value_width, sizes, .. } = inputs;
    let Matrix {
        heads,
        tokens,
        keys,
        width,
        ..
    } = of;
    of.check(images * heads * tokens * keys);
    assert!(width <= WIDEST && value_width > 0 && keys < 4 * 16384);
    assert_eq!(out.len(), images * tokens * heads * value_width);
    assert_eq!(scratch.floats.len(), attention_scratch_floats(keys, value_width));
    assert_eq!(scratch.bytes.len(), attention_column_bytes(keys, width, value_width));
    let padded = keys.next_multiple_of(PANEL);
    let (panels, reals) = scratch.floats.split_at_mut(panel_floats(keys, value_width));
    let (columns, rest) = scratch.bytes.split_at_mut(padded * width.div_ceil(4));
    let (distances, rest) = rest.split_at_mut(ROWS * padded);
    let (bits, values) = rest.split_at_mut(padded);
    let mut pieces = Pieces {
        panels,
        keys: columns,
        values,
        rows: Rows { distances, bits, reals },
    };
    let scale = scale_of(width) * sizes.of_scores();
    let mut powers = [0.0; WIDEST + 4];
    for (distance, power) in powers.iter_mut().enumerate() {
        *power = -2.0 * distance as f32;
    }
    if KEEP && of.kind == Kind::Boolean {
        for (distance, score) in powers.iter_mut().enumerate() {
            *score = (width as f32 - 2.0 * distance as f32) * scale;
        }
    } else {
        exponentials(&mut powers, F32x4::splat(0.0), scale);
    }
    for number in 0..images * heads {
        attend::<KEEP>(
            of,
            [number / heads, number % heads],
            inputs,
            &powers,
            &mut pieces,
            out,
            &mut kept,
        );
    }
}

/// One head of an image.
#[inline(never)]
fn attend<const KEEP: bool>(
    of: Matrix,
    [image, head]: [usize; 2],
    inputs: Inputs,
    powers: &[f32; WIDEST + 4],
    pieces: &mut Pieces,
    out: &mut [f32],
    kept: &mut Kept,
) {
    let Matrix {
        kind,
        heads,
        tokens,
        keys,
        width,
        ..
    } = of;
    let Inputs {
        queries,
        values,
        value_width,
        sizes: signs,
        ..
    } = inputs;
    let part = |signs, tokens: usize, width: usize| HeadSigns {
        signs,
        skip: image * tokens,
        features: heads * width,
        first: head * width,
        count: width,
    };
    let queries = part(queries, tokens, width);
    part(inputs.keys, keys, width).tokens_as_columns(keys, pieces.keys);
    let sizes = Slices {
        images: 1,
        heads,
        rows: tokens,
        columns: value_width,
        terms: keys,
    };
    let split = Layout {
        split: true,
        transposed: false,
    };
    let counts = match values {
        Values::Signs(signs) if kind != Kind::Softmax => {
            part(signs, keys, value_width).features_as_columns(keys, pieces.values);
            true
        }
        Values::Signs(signs) => {
            part(signs, keys, value_width).features_as_reals(keys, pieces.panels);
            false
        }
        Values::Reals(reals) => {
            let slice = sizes.slice(split, [image, head], [keys, value_width]);
            pack(reals, slice, keys, value_width, pieces.panels);
            false
        }
    };
    let onto = sizes.slice(split, [image, head], [tokens, value_width]);
    let parameter = of.parameter(head);
    let factor = signs.values
        * if kind == Kind::Elastic {
            alpha_of(parameter)
        } else {
            1.0
        };
    for first in (0..tokens).step_by(ROWS) {
        let rows = ROWS.min(tokens - first);
        let onto = Slice {
            start: onto.start + first * onto.down,
            ..onto
        };
        distances(queries, first, rows, pieces.keys, keys, pieces.rows.distances);
        let set = matrix_rows::<KEEP>(
            of,
            [parameter, signs.of_scores()],
            rows,
            powers,
            counts,
            &mut pieces.rows,
        );
        if KEEP {
            let number = image * heads + head;
            let size = attention_soft_floats(tokens, keys);
            let soft = &mut kept.soft[number * size..][..size];
            keep_rows(&pieces.rows.reals[..rows * keys], keys, soft, size / keys, first);
            let bytes = attention_row_bytes(keys);
            let place = (number * tokens + first) * bytes;
            kept.bits[place..][..rows * bytes].copy_from_slice(&pieces.rows.bits[..rows * bytes]);
        }
        if counts {
            mix_counts(
                of,
                set,
                factor,
                value_width,
                pieces,
                &mut out[onto.start..],
                onto.down,
                rows,
            );
        } else {
            let from = Slice {
                start: 0,
                down: keys,
                right: 1,
            };
            let sizes = Slices { rows, ..sizes };
            multiply_slice(sizes, pieces.rows.reals, from, pieces.panels, factor, out, onto, false);
        }
    }
}

/// Writes up to four rows as columns from `first` on, of rows `stride` floats apart.
#[inline(never)]
fn keep_rows(rows: &[f32], keys: usize, soft: &mut [f32], stride: usize, first: usize) {
    for key in (0..keys).step_by(4) {
        let block = from_fn(|i| match rows.get(i * keys + key..(i + 1) * keys) {
            Some(row) => F32x4::load_up_to(row),
            None => F32x4::splat(0.0),
        });
        for (vector, key) in F32x4::transpose(block).into_iter().zip(key..keys) {
            vector.store_up_to(&mut soft[key * stride + first..]);
        }
    }
}

/// The results of up to four rows from their bits, a row `down` floats after the one before.
#[allow(clippy::too_many_arguments)]
#[inline(never)]
fn mix_counts(
    of: Matrix,
    set: [u32; ROWS],
    factor: f32,
    value_width: usize,
    pieces: &Pieces,
    out: &mut [f32],
    down: usize,
    rows: usize,
) {
    let signed = of.kind == Kind::Sign;
    let counted = Counted {
        table: if signed { &Table::XOR } else { &Table::AND },
        rows: pieces.rows.bits,
        stride: attention_row_bytes(of.keys),
        panels: pieces.values,
        groups: of.keys.div_ceil(4),
        columns: value_width,
    };
    let (bases, slope) = if signed {
        ([of.keys as f32; ROWS], -2.0)
    } else {
        (set.map(|count| -(count as f32)), 2.0)
    };
    multiply_counts(counted, &bases[..rows], [slope, factor], out, down);
}

#[cfg(test)]
mod tests;
