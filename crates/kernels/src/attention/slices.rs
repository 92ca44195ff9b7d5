//! Real products over slices: `c = a b` for every head of every image, with either operand transposed.
//!
//! A slice is a matrix of its own (`[images][heads][rows][columns]`), or *split*: its columns are features beside those of
//! the other heads (`[images][rows][heads * columns]`). Every element is one chain `((0 + a_0 b_0) + a_1 b_1) + ...` over
//! the terms in order, each product rounded before it is added, then times the head's factor. So sums of whole numbers
//! below 2^24 are exact, and the bits do not depend on how many rows are computed together.

use super::matrix::alpha_of;
use crate::SPECIALISED;
use crate::gemm::ff::{PANEL, tile};
use crate::shape::Runs;
use crate::simd::floats::F32x4;
use core::array::from_fn;

/// The places of an operand's slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The columns of the heads lie side by side in a row of the tensor.
    pub split: bool,
    /// The rows of the tensor are the columns of the product's operand.
    pub transposed: bool,
}

/// The sizes of a product: `c [rows][columns]`, `a [rows][terms]`, `b [terms][columns]` for every head of every image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slices {
    /// Images.
    pub images: usize,
    /// Heads of an image.
    pub heads: usize,
    /// Rows of a slice of the result.
    pub rows: usize,
    /// Columns of a slice of the result.
    pub columns: usize,
    /// Products that are summed into an element.
    pub terms: usize,
}

/// A slice of a tensor: where it begins, and the distances from row to row and from column to column.
#[derive(Clone, Copy)]
pub(super) struct Slice {
    pub start: usize,
    pub down: usize,
    pub right: usize,
}

impl Slices {
    /// The slice of a head of an image, as the product's operand of `rows` x `columns`.
    pub(super) fn slice(&self, layout: Layout, [image, head]: [usize; 2], [rows, columns]: [usize; 2]) -> Slice {
        let [height, width] = if layout.transposed {
            [columns, rows]
        } else {
            [rows, columns]
        };
        let (start, stride) = if layout.split {
            ((image * height * self.heads + head) * width, self.heads * width)
        } else {
            ((image * self.heads + head) * height * width, width)
        };
        let [down, right] = if layout.transposed { [1, stride] } else { [stride, 1] };
        Slice { start, down, right }
    }
}

/// An operand of a product.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// All its slices.
    pub values: &'a [f32],
    /// Their places.
    pub layout: Layout,
}

/// The place of a product.
#[derive(Debug)]
pub struct Target<'a> {
    /// All slices.
    pub values: &'a mut [f32],
    /// The columns of the heads lie side by side.
    pub split: bool,
    /// The product is added to what is there.
    pub accumulate: bool,
}

/// `c = alpha a b` for every head of every image, alpha by the learned numbers `alphas [heads]`, or 1 without any. `scratch` is the panels of one
/// slice of b, `ceil(columns / 8) * 8 * terms` floats.
pub fn multiply_slices(
    sizes: Slices,
    a: Operand,
    b: Operand,
    alphas: Option<&[f32]>,
    target: Target,
    scratch: &mut [f32],
) {
    let Slices {
        images,
        heads,
        rows,
        columns,
        terms,
    } = sizes;
    let count = images * heads;
    assert!(heads > 0 && rows > 0 && columns > 0 && terms > 0);
    assert!(a.values.len() == count * rows * terms && b.values.len() == count * terms * columns);
    assert!(target.values.len() == count * rows * columns && scratch.len() == columns.next_multiple_of(PANEL) * terms);
    assert!(alphas.is_none_or(|alphas| alphas.len() == heads));
    let out = Layout {
        split: target.split,
        transposed: false,
    };
    for number in 0..count {
        let place = [number / heads, number % heads];
        let [from, onto] = [
            sizes.slice(a.layout, place, [rows, terms]),
            sizes.slice(out, place, [rows, columns]),
        ];
        pack(
            b.values,
            sizes.slice(b.layout, place, [terms, columns]),
            terms,
            columns,
            scratch,
        );
        let factor = alphas.map_or(1.0, |alphas| alpha_of(alphas[place[1]]));
        multiply_slice(
            sizes,
            a.values,
            from,
            scratch,
            factor,
            target.values,
            onto,
            target.accumulate,
        );
    }
}

/// Arranges a slice `[terms][columns]` as panels `[ceil(columns/8)][terms][8]`; columns past the last hold anything.
#[inline(never)]
pub(super) fn pack(values: &[f32], slice: Slice, terms: usize, columns: usize, panels: &mut [f32]) {
    for (panel, rows) in panels.chunks_exact_mut(terms * PANEL).enumerate() {
        let first = panel * PANEL;
        let lanes = PANEL.min(columns - first);
        let start = slice.start + first * slice.right;
        if slice.right == 1 {
            for (term, target) in rows.chunks_exact_mut(PANEL).enumerate() {
                let source = &values[start + term * slice.down..][..lanes];
                match source.first_chunk::<PANEL>() {
                    Some(eight) => target.copy_from_slice(eight),
                    None => target[..lanes].copy_from_slice(source),
                }
            }
        } else {
            for at in (0..lanes).step_by(4) {
                let right = slice.right;
                pack_across(values, start + at * right, right, 4.min(lanes - at), terms, rows, at);
            }
        }
    }
}

/// Four columns of a panel whose terms are contiguous: `lanes` of them, and the last one again.
fn pack_across(values: &[f32], start: usize, right: usize, lanes: usize, terms: usize, rows: &mut [f32], at: usize) {
    let columns: [&[f32]; 4] = from_fn(|lane| &values[start + lane.min(lanes - 1) * right..][..terms]);
    for first in (0..terms).step_by(4) {
        let block = columns.map(|column| F32x4::load_up_to(&column[first..]));
        let rows = rows[first * PANEL..].chunks_mut(PANEL);
        for (vector, row) in F32x4::transpose(block).iter().zip(rows) {
            vector.store_up_to(&mut row[at..]);
        }
    }
}

/// One slice: its panels one after the other, each with four rows at a time. A factor of 1 changes no bit.
#[allow(clippy::too_many_arguments)]
#[inline(never)]
pub(super) fn multiply_slice(
    sizes: Slices,
    a: &[f32],
    from: Slice,
    panels: &[f32],
    factor: f32,
    out: &mut [f32],
    onto: Slice,
    accumulate: bool,
) {
    let Slices {
        rows, columns, terms, ..
    } = sizes;
    // A strided row is a run of one element a term.
    let contiguous = SPECIALISED && from.right == 1;
    let runs = Runs {
        rows: if contiguous { 1 } else { terms },
        columns: 1,
        length: if contiguous { terms } else { 1 },
        stride: from.right,
        step: 0,
    };
    assert!(from.start + (rows - 1) * from.down + (terms - 1) * from.right < a.len());
    for (panel, weights) in panels.chunks_exact(terms * PANEL).enumerate() {
        let first = panel * PANEL;
        let lanes = PANEL.min(columns - first);
        for row in (0..rows).step_by(4) {
            let count = 4.min(rows - row);
            // Rows past the end repeat the last one.
            let place = from_fn(|p| {
                a.as_ptr()
                    .wrapping_add(from.start + (row + p.min(count - 1)) * from.down)
            });
            // SAFETY: the last element of the last row lies in `a`, and rows have `terms` elements at the distances of the runs.
            // The panel is a whole one.
            let sums = unsafe {
                match (contiguous, lanes > 4 || !SPECIALISED) {
                    (true, true) => tile::<4, 2, 0, false>(place, runs, weights.as_ptr()),
                    (true, false) => widened(tile::<4, 1, 0, false>(place, runs, weights.as_ptr())),
                    (false, true) => tile::<4, 2, 1, false>(place, runs, weights.as_ptr()),
                    (false, false) => widened(tile::<4, 1, 1, false>(place, runs, weights.as_ptr())),
                }
            };
            for (p, &sums) in sums[..count].iter().enumerate() {
                let target = &mut out[onto.start + (row + p) * onto.down + first..][..lanes];
                store(sums, factor, accumulate, target);
            }
        }
    }
}

/// A tile of four columns as one of eight, of which the last four are dropped.
#[inline(always)]
fn widened(sums: [[F32x4; 1]; 4]) -> [[F32x4; 2]; 4] {
    sums.map(|[low]| [low, low])
}

/// Writes a row of a tile, times the factor, onto what is there where `accumulate`.
#[inline(always)]
fn store(sums: [F32x4; 2], factor: f32, accumulate: bool, target: &mut [f32]) {
    let mut sums = sums.map(|sum| sum * F32x4::splat(factor));
    if accumulate {
        let [low, high] = F32x4::load_lanes::<2>(target);
        sums = [low + sums[0], high + sums[1]];
    }
    F32x4::store_lanes::<2>(sums, target);
}

#[cfg(test)]
mod tests;
