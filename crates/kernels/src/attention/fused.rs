//! Attention whose queries and keys are signs, four rows of the matrix at a time, so that the matrix never leaves the cache.
//!
//! The score of two tokens is `d - 2 h`, h their Hamming distance by look-up. A row's exponentials come from a table of
//! d + 1, which holds the bits of `matrix`. All kinds but the softmax then set a bit where h is at most a limit of the row.
//! Where the values are signs too, a result is `2 popcount(a and v) - popcount(a)`, or `keys - 2 popcount(a xor v)` for a
//! matrix of +-1. Otherwise it is the chain of `slices`. Every result has the bits that the kernels over reals give.

use super::bits::{HeadSigns, PANEL, Signs};
use super::counts::{NARROW, ROWS, Table, narrow_tile, wide_tile};
use super::matrix::{Kind, Matrix, divisor_of, exponentials, reach_of, scale_of, shares, sum_of};
use super::slices::{Layout, Slice, Slices, multiply_slice, pack};
use crate::shape::sizes::{attention_column_bytes, attention_scratch_floats, panel_floats};
use crate::simd::bytes::Bytes;
use crate::simd::floats::F32x4;

/// The most features of a head: their distances fit a byte, with one to spare.
pub const WIDEST: usize = 4 * NARROW;

/// Larger than every distance.
const FAR: u8 = 255;

/// The values of all images.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// As signs.
    Signs(Signs<'a>),
    /// As reals `[images][keys][heads * value_width]`.
    Reals(&'a [f32]),
}

/// What attention is made of.
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
}

/// The scratch of one call, of [`attention_scratch_floats`] and [`attention_column_bytes`].
#[derive(Debug)]
pub struct Scratch<'a> {
    /// Panels of values and four rows of the matrix.
    pub floats: &'a mut [f32],
    /// Columns of keys and values, and four rows of distances and of bits.
    pub bytes: &'a mut [u8],
}

/// The pieces of the scratch.
struct Pieces<'a> {
    panels: &'a mut [f32],
    reals: &'a mut [f32],
    keys: &'a mut [u8],
    values: &'a mut [u8],
    distances: &'a mut [u8],
    bits: &'a mut [u8],
}

/// `out [images][tokens][heads * value_width] = A V`, times alpha for the elastic kind. `of.width` is at most [`WIDEST`].
pub fn attention_bits(of: Matrix, images: usize, inputs: Inputs, out: &mut [f32], scratch: Scratch) {
    let Inputs { value_width, .. } = inputs;
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
        reals,
        keys: columns,
        values,
        distances,
        bits,
    };
    let mut powers = [0.0; WIDEST + 4];
    for (distance, power) in powers.iter_mut().enumerate() {
        *power = -2.0 * distance as f32;
    }
    exponentials(&mut powers, F32x4::splat(0.0), scale_of(width));
    for number in 0..images * heads {
        attend(of, [number / heads, number % heads], inputs, &powers, &mut pieces, out);
    }
}

/// One head of an image.
fn attend(of: Matrix, [image, head]: [usize; 2], inputs: Inputs, powers: &[f32], pieces: &mut Pieces, out: &mut [f32]) {
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
    let factor = (kind == Kind::Elastic).then_some(parameter);
    for first in (0..tokens).step_by(ROWS) {
        let rows = ROWS.min(tokens - first);
        let onto = Slice {
            start: onto.start + first * onto.down,
            ..onto
        };
        distances(queries, first, rows, keys, pieces);
        let set = matrix_rows(of, parameter, rows, powers, counts, pieces);
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
            multiply_slice(sizes, pieces.reals, from, pieces.panels, factor, out, onto, false);
        }
    }
}

/// The distances of up to four queries from `first` on to all keys, [`FAR`] past the last key.
fn distances(queries: HeadSigns, first: usize, rows: usize, keys: usize, pieces: &mut Pieces) {
    let groups = queries.count.div_ceil(4);
    let mut nibbles = [[0; NARROW]; ROWS];
    for (row, nibbles) in nibbles.iter_mut().enumerate().take(rows) {
        queries.row(first + row, 0, &mut nibbles[..groups]);
    }
    let padded = keys.next_multiple_of(PANEL);
    let table = core::hint::black_box(&Table::XOR);
    for (panel, columns) in pieces.keys.chunks_exact(groups * PANEL).enumerate() {
        let rows = [0, 1, 2, 3].map(|row| nibbles[row].as_ptr());
        // SAFETY: rows and columns hold the groups of a head, at most `NARROW`.
        let counts = unsafe { narrow_tile(table, rows, columns.as_ptr(), groups) };
        for (counts, row) in counts.iter().zip(pieces.distances.chunks_exact_mut(padded)) {
            for (count, target) in counts.iter().zip(row[PANEL * panel..][..PANEL].chunks_exact_mut(16)) {
                // SAFETY: sixteen bytes are written into sixteen.
                unsafe { count.store(target.as_mut_ptr()) };
            }
        }
    }
    for row in pieces.distances.chunks_exact_mut(padded) {
        row[keys..].fill(FAR);
    }
}

/// A of up to four rows: as bits where `counts`, with how many are set, else as reals.
fn matrix_rows(
    of: Matrix,
    parameter: f32,
    rows: usize,
    powers: &[f32],
    counts: bool,
    pieces: &mut Pieces,
) -> [u32; ROWS] {
    let Matrix { kind, keys, width, .. } = of;
    let padded = keys.next_multiple_of(PANEL);
    let mut set = [0; ROWS];
    let all = pieces
        .distances
        .chunks_exact(padded)
        .zip(pieces.reals.chunks_exact_mut(keys));
    for (row, ((distances, reals), bits)) in all.zip(pieces.bits.chunks_exact_mut(padded / 4)).enumerate().take(rows) {
        let least = least(distances);
        if !matches!(kind, Kind::Threshold | Kind::Boolean) {
            for (real, &distance) in reals.iter_mut().zip(distances) {
                *real = powers[usize::from(distance - least)];
            }
        }
        // How many distances from the least on set a bit.
        let limit = match kind {
            Kind::Softmax => {
                shares(reals);
                continue;
            }
            Kind::Threshold => usize::from(least) + (reach_of(width) / 2.0) as usize + 1,
            Kind::Boolean => width.div_ceil(2),
            Kind::Elastic | Kind::Sign => {
                let (sum, divisor) = (sum_of(reals), divisor_of(parameter));
                usize::from(least)
                    + powers[..=width].partition_point(|power| match kind {
                        Kind::Elastic => 0.5 < power / sum / divisor,
                        _ => parameter <= power / sum,
                    })
            }
        };
        // No key is farther than the width.
        let last = limit.min(width + 1) as i32 - 1;
        if counts {
            set[row] = bits_within(distances, last, bits);
        } else {
            let below = if kind == Kind::Sign { -1.0 } else { 0.0 };
            for (real, &distance) in reals.iter_mut().zip(distances) {
                *real = if i32::from(distance) <= last { 1.0 } else { below };
            }
        }
    }
    set
}

/// The least of the distances.
fn least(distances: &[u8]) -> u8 {
    let mut least = Bytes::splat(FAR);
    for sixteen in distances.as_chunks::<16>().0 {
        // SAFETY: sixteen bytes are readable.
        least = least.min(unsafe { Bytes::load(sixteen.as_ptr()) });
    }
    let mut lanes = [0; 16];
    // SAFETY: sixteen bytes are writable.
    unsafe { least.store(lanes.as_mut_ptr()) };
    lanes.into_iter().fold(FAR, u8::min)
}

/// Nibbles times 16 whose bits are set where a distance is at most `last`; returns how many are.
fn bits_within(distances: &[u8], last: i32, bits: &mut [u8]) -> u32 {
    if last < 0 {
        bits.fill(0);
        return 0;
    }
    let last = Bytes::splat(last as u8);
    let mut set = 0;
    for (sixteen, bits) in distances.as_chunks::<16>().0.iter().zip(bits.as_chunks_mut::<4>().0) {
        // SAFETY: sixteen bytes are readable.
        let mask = unsafe { Bytes::load(sixteen.as_ptr()) }.at_most(last);
        set += mask.count_ones();
        *bits = [mask << 4, mask, mask >> 4, mask >> 8].map(|mask| mask as u8 & 0xf0);
    }
    set
}

/// The results of up to four rows from their bits, a row `down` floats after the one before.
#[allow(clippy::too_many_arguments)]
fn mix_counts(
    of: Matrix,
    set: [u32; ROWS],
    factor: Option<f32>,
    value_width: usize,
    pieces: &Pieces,
    out: &mut [f32],
    down: usize,
    rows: usize,
) {
    let groups = of.keys.div_ceil(4);
    let row_bytes = of.keys.next_multiple_of(PANEL) / 4;
    let signed = of.kind == Kind::Sign;
    let table = core::hint::black_box(if signed { &Table::XOR } else { &Table::AND });
    let bits = [0, 1, 2, 3].map(|row: usize| pieces.bits[row.min(rows - 1) * row_bytes..].as_ptr());
    for (panel, columns) in pieces.values.chunks_exact(groups * PANEL).enumerate() {
        // SAFETY: a row of bits and a panel hold all groups, whose number `attention_bits` has bounded.
        let counts = unsafe { wide_tile(table, bits, columns.as_ptr(), groups) };
        let first = panel * PANEL;
        let lanes = PANEL.min(value_width - first);
        for (row, counts) in counts.iter().enumerate().take(rows) {
            let (set, keys) = (F32x4::splat(set[row] as f32), F32x4::splat(of.keys as f32));
            let target = &mut out[row * down + first..][..lanes];
            let eights = counts.iter().flatten().flat_map(|counts| counts.widen());
            for (count, target) in eights.zip(target.chunks_mut(4)) {
                let count = count.to_reals();
                let sum = if signed {
                    keys - (count + count)
                } else {
                    (count + count) - set
                };
                factor
                    .map_or(sum, |factor| sum * F32x4::splat(factor))
                    .store_up_to(target);
            }
        }
    }
}

#[cfg(test)]
mod tests;
