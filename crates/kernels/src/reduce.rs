//! Sums and elementwise sums: of columns, of lanes, of two tensors.
//!
//! A batch is cut into a fixed number of lanes; what each lane computed is added in the order of the lanes, so the
//! number of workers changes no bit.

use crate::simd::floats::{F32x4, F64x2};

/// Accumulates `Q` quantities of every column in f64, rows in order. `quantities(row, first, values)` gives the `Q`
/// vectors of the columns `first..first + 4` of a row (for fewer columns the lanes past the end are dropped);
/// `finish(quantity, column, sum)` receives the results.
#[inline(always)]
pub fn fold_columns<const Q: usize>(
    rows: usize,
    columns: usize,
    quantities: impl Fn(usize, usize, usize) -> [[F64x2; 2]; Q],
    mut finish: impl FnMut(usize, usize, f64),
) {
    let mut first = 0;
    while first < columns {
        // Eight columns at a time fill the registers; the tail takes four or fewer.
        if columns - first >= 8 {
            let mut sums = [[[F64x2::splat(0.0); 2]; Q]; 2];
            for row in 0..rows {
                for (half, sums) in sums.iter_mut().enumerate() {
                    add(sums, quantities(row, first + 4 * half, 4));
                }
            }
            for (half, sums) in sums.iter().enumerate() {
                spread(sums, first + 4 * half, 4, &mut finish);
            }
            first += 8;
        } else {
            let lanes = 4.min(columns - first);
            let mut sums = [[F64x2::splat(0.0); 2]; Q];
            for row in 0..rows {
                add(&mut sums, quantities(row, first, lanes));
            }
            spread(&sums, first, lanes, &mut finish);
            first += lanes;
        }
    }
}

#[inline(always)]
fn add<const Q: usize>(sums: &mut [[F64x2; 2]; Q], values: [[F64x2; 2]; Q]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = [sum[0] + value[0], sum[1] + value[1]];
    }
}

#[inline(always)]
fn spread<const Q: usize>(
    sums: &[[F64x2; 2]; Q],
    first: usize,
    lanes: usize,
    finish: &mut impl FnMut(usize, usize, f64),
) {
    for (quantity, sum) in sums.iter().enumerate() {
        let mut wide = [[0.0; 2]; 2];
        sum[0].store(&mut wide[0]);
        sum[1].store(&mut wide[1]);
        for (lane, &value) in wide.as_flattened()[..lanes].iter().enumerate() {
            finish(quantity, first + lane, value);
        }
    }
}

/// Four values of a row from column `first` on, or `lanes` of them and zeros.
#[inline(always)]
pub fn four(values: &[f32], first: usize, lanes: usize) -> F32x4 {
    F32x4::load_up_to(&values[first..first + lanes])
}

/// `out[j] = sum_i x[i][j]` of `x [rows][out.len()]`: f64, rows in order, rounded once at the end.
pub fn column_sums(x: &[f32], out: &mut [f32]) {
    let columns = out.len();
    assert!(columns > 0 && x.len().is_multiple_of(columns));
    fold_columns::<1>(
        x.len() / columns,
        columns,
        |row, first, lanes| {
            let value = four(x, row * columns + first, lanes);
            [[value.widen_low(), value.widen_high()]]
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
    use crate::naive::real::reals;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn column_sums_are_f64_sums_in_order(rows in 0usize..30, columns in 1usize..27, seed in 0u64..1000) {
            let x = reals(rows * columns, seed);
            let mut out = vec![f32::NAN; columns];
            column_sums(&x, &mut out);
            for (column, sum) in out.iter().enumerate() {
                let expected = x.iter().skip(column).step_by(columns).fold(0.0, |sum, &x| sum + f64::from(x));
                prop_assert_eq!(*sum, expected as f32);
            }
        }

        #[test]
        fn lanes_are_added_in_order(lanes in 1usize..9, n in 1usize..20, gap in 0usize..5, seed in 0u64..1000) {
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
