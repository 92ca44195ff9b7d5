//! Softmax over each row, `y = e^(x - m) / sum e^(x - m)` with m the largest x of the row, so that nothing overflows
//! (Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 4.1).
//!
//! An x more than 87 below the largest gives 0. Exponentials are f32 (`math`), their sum f64 by [`sum_row`], rounded once.
//! Gradient: `dx = y (dy - sum dy y)`.
//!
//! Layout: `x [rows][c]`.

use crate::math::Functions;
use crate::reduce::{four, sum_row};
use crate::simd::floats::{F32x4, Mask};

/// Below this `e^x` is taken for 0.
const LOWEST: f32 = -87.0;

/// The largest of at least one value, in every lane.
#[inline(never)]
pub(crate) fn largest(x: &[f32]) -> F32x4 {
    let mut most = match x.last_chunk() {
        // The last four may overlap those before, which changes no maximum.
        Some(last) => F32x4::load(last),
        None => {
            let mut few = [x[0]; 4];
            few[..x.len()].copy_from_slice(x);
            F32x4::load(&few)
        }
    };
    for values in x.as_chunks().0 {
        most = most.pseudo_max(F32x4::load(values));
    }
    let [first, rest @ ..] = most.to_array().map(F32x4::splat);
    rest.into_iter().fold(first, F32x4::pseudo_max)
}

/// `e^((x - most) scale)` in the place of every x.
#[inline(never)]
pub(crate) fn exponentials(row: &mut [f32], most: F32x4, scale: f32) {
    let functions = Functions::load();
    let (lowest, zero, factor) = (F32x4::splat(LOWEST), F32x4::splat(0.0), F32x4::splat(scale));
    for at in (0..row.len()).step_by(4) {
        let below = (F32x4::load_up_to(&row[at..]) - most) * factor;
        let (power, _) = functions.exp_and_expm1(below);
        below.less(lowest).select(zero, power).store_up_to(&mut row[at..]);
    }
}

/// The sum of a row, rounded once.
#[inline(never)]
pub(crate) fn sum_of(row: &[f32]) -> f32 {
    // SAFETY: `sum_row` asks for elements of the row.
    sum_row(row.len(), |at, lanes| unsafe { four(row, at, lanes) }) as f32
}

/// Every value over the sum of the row. True where a result is NaN.
#[inline(never)]
pub(crate) fn shares(row: &mut [f32]) -> bool {
    let sum = F32x4::splat(sum_of(row));
    let mut nan = Mask::none();
    for at in (0..row.len()).step_by(4) {
        let value = F32x4::load_up_to(&row[at..]) / sum;
        nan = nan.or(value.is_nan());
        value.store_up_to(&mut row[at..]);
    }
    nan.any()
}

/// The softmax of `scale x`, in the place of a row. Distances from the largest x are taken before they are scaled. True where a
/// result is NaN.
pub(crate) fn softmax_row(row: &mut [f32], scale: f32) -> bool {
    let most = largest(row);
    exponentials(row, most, scale);
    shares(row)
}

/// The softmax of every row of `c` values. True where a y is NaN, as it is where an x is NaN or +infinity.
pub fn softmax_forward(x: &[f32], c: usize, y: &mut [f32]) -> bool {
    assert!(c > 0 && x.len() == y.len() && x.len().is_multiple_of(c));
    y.copy_from_slice(x);
    y.chunks_exact_mut(c)
        .fold(false, |nan, row| nan | softmax_row(row, 1.0))
}

/// `dx = y (dy - sum dy y)` row by row, added to what is in `dx` where `accumulate`.
pub fn softmax_backward(y: &[f32], dy: &[f32], c: usize, accumulate: bool, dx: &mut [f32]) {
    assert!(c > 0 && y.len() == dy.len() && y.len() == dx.len() && y.len().is_multiple_of(c));
    let rows = y.chunks_exact(c).zip(dy.chunks_exact(c));
    for ((y, dy), dx) in rows.zip(dx.chunks_exact_mut(c)) {
        let sum = sum_row(c, |at, lanes| {
            // SAFETY: `sum_row` asks for elements of the row.
            let (y, dy) = unsafe { (four(y, at, lanes), four(dy, at, lanes)) };
            [y[0] * dy[0], y[1] * dy[1]]
        });
        let mean = F32x4::splat(sum as f32);
        for at in (0..c).step_by(4) {
            let share = F32x4::load_up_to(&y[at..]) * (F32x4::load_up_to(&dy[at..]) - mean);
            let target = &mut dx[at..];
            let value = if accumulate {
                F32x4::load_up_to(target) + share
            } else {
                share
            };
            value.store_up_to(target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    const UNIT: f64 = f32::EPSILON as f64;

    /// The definition, over one row.
    fn twin(x: &[f64]) -> Vec<f64> {
        let most = x.iter().fold(f64::NEG_INFINITY, |most, &x| most.max(x));
        let sum: f64 = x.iter().map(|x| (x - most).exp()).sum();
        x.iter().map(|x| (x - most).exp() / sum).collect()
    }

    fn wide(values: &[f32]) -> Vec<f64> {
        values.iter().map(|&value| value.into()).collect()
    }

    proptest! {
        #[test]
        fn values_and_gradients_follow_the_definition(
            rows in 1usize..20, c in 1usize..75, spread in prop_oneof![Just(1f32), Just(20.0), Just(300.0)], seed in 0u64..1000,
        ) {
            let x: Vec<f32> = reals(rows * c, seed).iter().map(|x| spread * x - 3.0).collect();
            let (dy, before) = (reals(rows * c, seed + 1), reals(rows * c, seed + 2));
            let mut y = vec![f32::NAN; rows * c];
            prop_assert!(!softmax_forward(&x, c, &mut y));
            let (mut dx, mut onto) = (vec![f32::NAN; rows * c], before.clone());
            softmax_backward(&y, &dy, c, false, &mut dx);
            softmax_backward(&y, &dy, c, true, &mut onto);
            for row in 0..rows {
                let own = row * c..(row + 1) * c;
                let wanted = twin(&wide(&x[own.clone()]));
                let most = x[own.clone()].iter().fold(f32::MIN, |most, &x| most.max(x));
                let (mut sum, mut size, mut gradients) = (0.0, 0.0, Vec::new());
                // The exponential and that of the largest share are off by 1.4 units, a distance by half a unit.
                let far = x[own.clone()].iter().map(|x| f64::from(most - x).min(88.0)).fold(0.0, f64::max);
                let bound = (8.0 + far) * UNIT;
                for (j, i) in own.clone().enumerate() {
                    prop_assert!((f64::from(y[i]) - wanted[j]).abs() <= bound * wanted[j] + 2e-38, "{} {}", y[i], wanted[j]);
                    prop_assert!(most - x[i] <= 87.0 || y[i] == 0.0);
                    sum += f64::from(y[i]) * f64::from(dy[i]);
                    size += f64::from(y[i]) * f64::from(dy[i]).abs();
                    gradients.push(i);
                }
                prop_assert!((own.clone().map(|i| f64::from(y[i])).sum::<f64>() - 1.0).abs() <= 2.0 * UNIT);
                for i in gradients {
                    let gradient = f64::from(y[i]) * (f64::from(dy[i]) - sum);
                    let size = f64::from(y[i]) * (f64::from(dy[i]).abs() + size);
                    prop_assert!((f64::from(dx[i]) - gradient).abs() <= 2.0 * UNIT * size + 1e-45);
                    prop_assert_eq!(onto[i], before[i] + dx[i]);
                }
            }
        }
    }

    #[test]
    fn gradients_are_difference_quotients() {
        let (x, dy) = (reals(7, 1), reals(7, 2));
        let (mut y, mut dx) = ([0.0; 7], [0.0; 7]);
        softmax_forward(&x, 7, &mut y);
        softmax_backward(&y, &dy, 7, false, &mut dx);
        for (i, &found) in dx.iter().enumerate() {
            let loss = |by: f64| -> f64 {
                let mut moved = wide(&x);
                moved[i] += by;
                twin(&moved).iter().zip(&dy).map(|(y, &dy)| y * f64::from(dy)).sum()
            };
            let quotient = (loss(1e-5) - loss(-1e-5)) / 2e-5;
            assert!((quotient - f64::from(found)).abs() < 1e-6, "{i}: {found} {quotient}");
        }
    }

    #[test]
    fn the_ends_of_the_range_are_stable_and_nan_is_reported() {
        let mut y = [f32::NAN; 5];
        assert!(!softmax_forward(
            &[f32::MAX, f32::MIN, f32::NEG_INFINITY, 0.0, f32::MAX],
            5,
            &mut y
        ));
        assert_eq!(y, [0.5, 0.0, 0.0, 0.0, 0.5]);
        assert!(!softmax_forward(&[-1e38; 5], 5, &mut y));
        assert_eq!(y, [0.2; 5]);
        assert!(softmax_forward(&[f32::NEG_INFINITY; 5], 5, &mut y));
        for bad in [f32::NAN, f32::INFINITY] {
            for at in 0..5 {
                let mut x = [1.0, 2.0, 3.0, -4.0, 5.0];
                x[at] = bad;
                assert!(softmax_forward(&x, 5, &mut y), "{bad} at {at}");
            }
        }
    }
}
