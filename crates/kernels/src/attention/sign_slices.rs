//! Products of two operands of signs over slices, and their way back: `c = a b`, a `[rows][terms]`, b `[terms][columns]` or,
//! where transposed, `[columns][terms]`.
//!
//! A sum is `terms - 2 h`, h the signs that disagree, by look-up (`counts`). On the way back the other operand is of signs, and
//! tables sum the product with dy (`signed`):
//!
//!   da = dy b^T, db = a^T dy, or dy^T a where b is transposed

use super::bits::{HeadSigns, PANEL, Signs};
use super::counts::{Counted, ROWS, Table, multiply_counts};
use super::signed::{Onto, Real, multiply_signs, turn};
use super::slices::Slices;
use crate::gemm::fb::{TABLE, TABLES};
use crate::shape::sizes::{groups, sign_gradient_floats, sign_gradient_selectors, sign_slice_bytes};

/// The most terms: their counts fit 16 bits.
pub const MOST_TERMS: usize = 65535;

/// An operand whose rows follow each other, slice after slice.
#[derive(Clone, Copy, Debug)]
pub struct SignSlices<'a> {
    /// Rows of whole bytes or words.
    pub signs: Signs<'a>,
    /// The rows are columns of the product's second operand.
    pub transposed: bool,
}

/// The matrix `[rows][features]` of a slice.
fn slice_of(signs: Signs, number: usize, [rows, features]: [usize; 2]) -> HeadSigns {
    HeadSigns {
        signs,
        skip: number * rows,
        features,
        first: 0,
        count: features,
    }
}

/// `out [images * heads][rows][columns]` = a b, whole numbers; scratch of [`sign_slice_bytes`].
pub fn multiply_sign_slices(sizes: Slices, a: Signs, b: SignSlices, out: &mut [f32], scratch: &mut [u8]) {
    let Slices {
        images,
        heads,
        rows,
        columns,
        terms,
    } = sizes;
    assert!(rows > 0 && columns > 0 && terms > 0 && terms <= MOST_TERMS);
    assert_eq!(out.len(), images * heads * rows * columns);
    assert_eq!(scratch.len(), sign_slice_bytes(columns, terms));
    let bytes = groups(terms);
    let (panels, lines) = scratch.split_at_mut(columns.next_multiple_of(PANEL) * bytes);
    for (number, out) in out.chunks_exact_mut(rows * columns).enumerate() {
        if b.transposed {
            slice_of(b.signs, number, [columns, terms]).tokens_as_columns(columns, panels);
        } else {
            slice_of(b.signs, number, [terms, columns]).features_as_columns(terms, panels);
        }
        let own = slice_of(a, number, [rows, terms]);
        for (block, out) in out.chunks_mut(ROWS * columns).enumerate() {
            let count = out.len() / columns;
            for (row, line) in lines.chunks_exact_mut(bytes).enumerate().take(count) {
                own.row(ROWS * block + row, 0, line);
            }
            let counted = Counted {
                table: &Table::XOR,
                rows: lines,
                stride: bytes,
                panels,
                groups: bytes,
                columns,
            };
            multiply_counts(counted, &[terms as f32; ROWS][..count], [-2.0, 1.0], out, columns);
        }
    }
}

/// The scratch of a way back, of [`sign_gradient_floats`] and [`sign_gradient_selectors`].
#[derive(Debug)]
pub struct Scratch<'a> {
    /// Tables, and a product whose rows are columns.
    pub floats: &'a mut [f32],
    /// Rows of the operand of signs.
    pub selectors: &'a mut [u8],
}

/// `out` = da `[images * heads][rows][terms]` out of dy `[images * heads][rows][columns]` and the signs of b.
pub fn first_gradient(sizes: Slices, b: SignSlices, dy: &[f32], out: &mut [f32], mut scratch: Scratch) {
    let Slices {
        rows, columns, terms, ..
    } = sizes;
    check(sizes, dy, out, rows, &scratch);
    for (number, out) in out.chunks_exact_mut(rows * terms).enumerate() {
        if b.transposed {
            slice_of(b.signs, number, [columns, terms]).features_as_rows(columns, scratch.selectors);
        } else {
            let own = slice_of(b.signs, number, [terms, columns]);
            let lines = scratch.selectors.chunks_exact_mut(groups(columns));
            for (term, line) in lines.enumerate().take(terms) {
                own.row(term, 0, line);
            }
        }
        let dy = Real {
            values: dy,
            start: number * rows * columns,
            down: columns,
            turned: true,
            terms: columns,
            lanes: rows,
        };
        multiply_turned(dy, terms, out, &mut scratch);
    }
}

/// `out` = db, in the layout of b, out of dy and the signs of a.
pub fn second_gradient(sizes: Slices, a: Signs, transposed: bool, dy: &[f32], out: &mut [f32], mut scratch: Scratch) {
    let Slices {
        rows, columns, terms, ..
    } = sizes;
    check(sizes, dy, out, columns, &scratch);
    for (number, out) in out.chunks_exact_mut(terms * columns).enumerate() {
        slice_of(a, number, [rows, terms]).features_as_rows(rows, scratch.selectors);
        let dy = Real {
            values: dy,
            start: number * rows * columns,
            down: columns,
            turned: false,
            terms: rows,
            lanes: columns,
        };
        if transposed {
            multiply_turned(dy, terms, out, &mut scratch);
        } else {
            let tables = &mut scratch.floats[..TABLES * TABLE];
            multiply_signs::<true>(dy, scratch.selectors, terms, tables, &mut Onto::rows(out, columns));
        }
    }
}

/// `out [lanes][terms]` of a product whose rows are its columns.
fn multiply_turned(dy: Real, terms: usize, out: &mut [f32], scratch: &mut Scratch) {
    let stride = dy.lanes.next_multiple_of(4);
    let (tables, product) = scratch.floats.split_at_mut(TABLES * TABLE);
    multiply_signs::<true>(dy, scratch.selectors, terms, tables, &mut Onto::rows(product, stride));
    turn(product, stride, [dy.lanes, terms], out, 0, terms);
}

fn check(sizes: Slices, dy: &[f32], out: &[f32], lanes: usize, scratch: &Scratch) {
    let Slices {
        images,
        heads,
        rows,
        columns,
        terms,
    } = sizes;
    assert!(rows > 0 && columns > 0 && terms > 0);
    assert_eq!(dy.len(), images * heads * rows * columns);
    assert_eq!(out.len(), images * heads * lanes * terms);
    assert_eq!(scratch.floats.len(), sign_gradient_floats(rows, columns, terms));
    assert_eq!(scratch.selectors.len(), sign_gradient_selectors(rows, columns, terms));
}

#[cfg(test)]
mod tests;
