//! Attention over reals four rows of the matrix at a time, for inference: the matrix never leaves the cache.
//!
//! Every result has the bits that the kernels of `slices` and `matrix` give one after the other, since rows of the matrix do
//! not depend on each other, and every product is the same chain.

use super::matrix::{Kind, Matrix, alpha_of, forward_row};
use super::slices::{Layout, Slice, Slices, multiply_slice, pack};
use crate::shape::sizes::{attention_real_scratch_floats, panel_floats};

/// Rows of the matrix at a time.
const ROWS: usize = 4;

/// Queries `[images][tokens][heads * width]`, keys `[images][keys][heads * width]`, values
/// `[images][keys][heads * value_width]`.
#[derive(Clone, Copy, Debug)]
pub struct Reals<'a> {
    /// The queries.
    pub queries: &'a [f32],
    /// The keys.
    pub keys: &'a [f32],
    /// The values.
    pub values: &'a [f32],
    /// Features of a head of the values.
    pub value_width: usize,
}

/// `out [images][tokens][heads * value_width] = A V`, times alpha for the elastic kind, in scratch of
/// [`attention_real_scratch_floats`]. True where a NaN was met, as by `matrix_forward`.
pub fn attention_reals(of: Matrix, images: usize, inputs: Reals, out: &mut [f32], scratch: &mut [f32]) -> bool {
    let Matrix {
        kind,
        heads,
        tokens,
        keys,
        width,
        ..
    } = of;
    let Reals { value_width, .. } = inputs;
    of.check(images * heads * tokens * keys);
    assert!(value_width > 0 && inputs.queries.len() == images * tokens * heads * width);
    assert!(inputs.keys.len() == images * keys * heads * width);
    assert!(inputs.values.len() == images * keys * heads * value_width);
    assert_eq!(out.len(), images * tokens * heads * value_width);
    assert_eq!(scratch.len(), attention_real_scratch_floats(keys, width, value_width));
    let (key_panels, rest) = scratch.split_at_mut(panel_floats(width, keys));
    let (value_panels, block) = rest.split_at_mut(panel_floats(keys, value_width));
    let [split, across] = [false, true].map(|transposed| Layout {
        split: true,
        transposed,
    });
    let scores = Slices {
        images,
        heads,
        rows: tokens,
        columns: keys,
        terms: width,
    };
    let mix = Slices {
        columns: value_width,
        terms: keys,
        ..scores
    };
    let own = Slice {
        start: 0,
        down: keys,
        right: 1,
    };
    let mut nan = false;
    for number in 0..images * heads {
        let place = [number / heads, number % heads];
        let parameter = of.parameter(place[1]);
        let factor = if kind == Kind::Elastic {
            alpha_of(parameter)
        } else {
            1.0
        };
        pack(
            inputs.keys,
            scores.slice(across, place, [width, keys]),
            width,
            keys,
            key_panels,
        );
        pack(
            inputs.values,
            mix.slice(split, place, [keys, value_width]),
            keys,
            value_width,
            value_panels,
        );
        let (from, onto) = (
            scores.slice(split, place, [tokens, width]),
            mix.slice(split, place, [tokens, value_width]),
        );
        for first in (0..tokens).step_by(ROWS) {
            let rows = ROWS.min(tokens - first);
            let block = &mut block[..rows * keys];
            let below = |slice: Slice| Slice {
                start: slice.start + first * slice.down,
                ..slice
            };
            let [scores, mix] = [scores, mix].map(|sizes| Slices { rows, ..sizes });
            multiply_slice(scores, inputs.queries, below(from), key_panels, 1.0, block, own, false);
            for row in block.chunks_exact_mut(keys) {
                nan |= forward_row(kind, width, parameter, row, None);
            }
            multiply_slice(mix, block, own, value_panels, factor, out, below(onto), false);
        }
    }
    nan
}
