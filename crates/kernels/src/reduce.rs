//! Sums and elementwise sums: of columns, of lanes, of two tensors.
//!
//! A batch is cut into a fixed number of lanes; what each lane computed is added in the order of the lanes, so the
//! number of workers changes no bit.

use crate::simd::floats::{F32x4, F64x2};
use core::array::from_fn;

/// Columns whose sums are kept together: a row of them is a few cache lines.
const COLUMNS: usize = 64;
/// Rows that pass by before the sums go back to memory: their columns stay in the first-level cache.
const ROWS: usize = 32;

/// Accumulates `Q` quantities of every column in f64, rows in order. `quantities(row, first, lanes)` gives the `Q`
/// vectors of the columns `first..first + lanes` of a row (lanes past the end are dropped; `lanes` is at most 4);
/// `finish(quantity, column, sum)` receives the results.
#[inline(always)]
pub fn fold_columns<const Q: usize>(
    rows: usize,
    columns: usize,
    quantities: impl Fn(usize, usize, usize) -> [[F64x2; 2]; Q],
    mut finish: impl FnMut(usize, usize, f64),
) {
    for first in (0..columns).step_by(COLUMNS) {
        let count = COLUMNS.min(columns - first);
        let mut sums = [[[F64x2::splat(0.0); 2]; COLUMNS / 4]; Q];
        for start in (0..rows).step_by(ROWS) {
            let rows = start..rows.min(start + ROWS);
            let mut at = 0;
            while count - at >= 8 {
                fold_block::<Q, 2>(rows.clone(), first, at, 4, &quantities, &mut sums);
                at += 8;
            }
            while at < count {
                fold_block::<Q, 1>(rows.clone(), first, at, 4.min(count - at), &quantities, &mut sums);
                at += 4;
            }
        }
        for (quantity, sums) in sums.iter().enumerate() {
            for column in 0..count {
                let mut pair = [0.0; 2];
                sums[column / 4][column / 2 % 2].store(&mut pair);
                finish(quantity, first + column, pair[column % 2]);
            }
        }
    }
}

/// Adds rows to the sums of `4 V` columns, or of `lanes` where `V` is 1: they stay in registers meanwhile.
#[inline(always)]
fn fold_block<const Q: usize, const V: usize>(
    rows: core::ops::Range<usize>,
    first: usize,
    at: usize,
    lanes: usize,
    quantities: &impl Fn(usize, usize, usize) -> [[F64x2; 2]; Q],
    sums: &mut [[[F64x2; 2]; COLUMNS / 4]; Q],
) {
    let mut own: [[[F64x2; 2]; Q]; V] = from_fn(|v| from_fn(|q| sums[q][at / 4 + v]));
    for row in rows {
        for (v, own) in own.iter_mut().enumerate() {
            let values = quantities(row, first + at + 4 * v, lanes);
            for (sum, value) in own.iter_mut().zip(values) {
                *sum = [sum[0] + value[0], sum[1] + value[1]];
            }
        }
    }
    for (v, own) in own.iter().enumerate() {
        for (sums, own) in sums.iter_mut().zip(own) {
            sums[at / 4 + v] = *own;
        }
    }
}

/// Four values from `first` on as f64, or `lanes` of them and zeros.
///
/// # Safety
/// `first + lanes` must be at most the length of `values`, and `lanes` at most 4.
#[inline(always)]
pub unsafe fn four(values: &[f32], first: usize, lanes: usize) -> [F64x2; 2] {
    debug_assert!(first + lanes <= values.len() && lanes <= 4);
    // SAFETY: the range lies in the slice, so four floats follow `first` where there are four lanes. `few` has four.
    unsafe {
        if lanes == 4 {
            let start = values.as_ptr().add(first);
            [F64x2::widen(start), F64x2::widen(start.add(2))]
        } else {
            let few = F32x4::load_up_to(values.get_unchecked(first..first + lanes)).to_array();
            [F64x2::widen(few.as_ptr()), F64x2::widen(few.as_ptr().add(2))]
        }
    }
}

/// The sum of a row's terms in f64: every fourth one after the other, then the four in order. `terms(at, lanes)` gives those
/// of the elements `at..at + lanes` of the row; lanes past the end are dropped, and `lanes` is at most 4.
#[inline(always)]
pub fn sum_row(length: usize, terms: impl Fn(usize, usize) -> [F64x2; 2]) -> f64 {
    let whole = length & !3;
    let mut sums = [F64x2::splat(0.0); 2];
    for at in (0..whole).step_by(4) {
        let terms = terms(at, 4);
        sums = [sums[0] + terms[0], sums[1] + terms[1]];
    }
    let mut lanes = [0.0; 4];
    let mut rest = [0.0; 4];
    store(sums, &mut lanes);
    if whole < length {
        store(terms(whole, length - whole), &mut rest);
    }
    for (sum, term) in lanes.iter_mut().zip(&rest[..length - whole]) {
        *sum += term;
    }
    ((lanes[0] + lanes[1]) + lanes[2]) + lanes[3]
}

/// Writes the four lanes of two vectors.
#[inline(always)]
fn store(vectors: [F64x2; 2], target: &mut [f64; 4]) {
    for (vector, target) in vectors.into_iter().zip(target.as_chunks_mut().0) {
        vector.store(target);
    }
}

/// `out[j] = sum_i x[i][j]` of `x [rows][out.len()]`: f64, rows in order, rounded once at the end.
pub fn column_sums(x: &[f32], out: &mut [f32]) {
    let columns = out.len();
    assert!(columns > 0 && x.len().is_multiple_of(columns));
    fold_columns::<1>(
        x.len() / columns,
        columns,
        |row, first, lanes| {
            // SAFETY: `x` has whole rows of `columns`, and `fold_columns` asks for columns of its rows only.
            [unsafe { four(x, row * columns + first, lanes) }]
        },
        |_, column, sum| out[column] = sum as f32,
    );
}

/// `out[i] = ((p[0][i] + p[1][i]) + p[2][i]) + ...` over the lanes in order; lane l starts at `partials[l * stride]`.
/// True where a sum is not finite.
pub fn sum_lanes(partials: &[f32], lanes: usize, stride: usize, out: &mut [f32]) -> bool {
    assert!(lanes > 0 && partials.len() >= (lanes - 1) * stride + out.len());
    out.copy_from_slice(&partials[..out.len()]);
    for lane in 1..lanes {
        add_into(out, &partials[lane * stride..][..out.len()]);
    }
    out.iter().fold(false, |bad, value| bad | !value.is_finite())
}

/// `y[i] = a[i] + b[i]`.
pub fn add_tensors(a: &[f32], b: &[f32], y: &mut [f32]) {
    assert!(a.len() == y.len() && b.len() == y.len());
    for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
        *y = a + b;
    }
}

/// `y[i] += x[i]`.
pub fn add_into(y: &mut [f32], x: &[f32]) {
    assert_eq!(x.len(), y.len());
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{reals, seeds, sizes};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn column_sums_are_f64_sums_in_order(rows in 0usize..30, columns in sizes(140), seed in seeds()) {
            let x = reals(rows * columns, seed);
            let mut out = vec![f32::NAN; columns];
            column_sums(&x, &mut out);
            for (column, sum) in out.iter().enumerate() {
                let expected = x.iter().skip(column).step_by(columns).fold(0.0, |sum, &x| sum + f64::from(x));
                prop_assert_eq!(*sum, expected as f32);
            }
        }

        #[test]
        fn row_sums_are_f64_sums_of_every_fourth_term_without_what_lies_past_the_end(n in 0usize..40, seed in seeds()) {
            let x = reals(n, seed);
            let found = sum_row(n, |at, lanes| {
                // SAFETY: `sum_row` asks for elements of `x`.
                let [low, high] = unsafe { four(&x, at, lanes) };
                let one = F64x2::splat(1.0);
                [low + one, high + one]
            });
            let every_fourth = |first: usize| x.iter().skip(first).step_by(4).fold(0.0, |sum, &x| sum + (f64::from(x) + 1.0));
            let [a, b, c, d] = [0, 1, 2, 3].map(every_fourth);
            prop_assert_eq!(found, ((a + b) + c) + d);
        }

        #[test]
        fn lanes_are_added_in_order(lanes in 1usize..9, n in sizes(20), gap in 0usize..5, seed in seeds()) {
            let partials = reals(lanes * (n + gap), seed);
            let mut out = vec![f32::NAN; n];
            prop_assert!(!sum_lanes(&partials, lanes, n + gap, &mut out));
            for (i, sum) in out.iter().enumerate() {
                let expected = (1..lanes).fold(partials[i], |sum, lane| sum + partials[lane * (n + gap) + i]);
                prop_assert_eq!(*sum, expected);
            }
        }
    }

    #[test]
    fn sums_that_are_not_finite_are_reported() {
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(sum_lanes(&[0.0, 1.0, 2.0, bad], 2, 2, &mut [0.0; 2]));
        }
        assert!(sum_lanes(&[f32::MAX, f32::MAX], 2, 1, &mut [0.0]));
    }

    #[test]
    fn tensors_are_added_element_by_element() {
        let (a, b) = (reals(7, 1), reals(7, 2));
        let mut y = vec![0.0; 7];
        add_tensors(&a, &b, &mut y);
        let mut into = a.clone();
        add_into(&mut into, &b);
        for i in 0..7 {
            assert_eq!((y[i], into[i]), (a[i] + b[i], a[i] + b[i]));
        }
    }
}
