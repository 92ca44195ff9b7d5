//! Squared distances of two tensors, or of one from zero, sums of magnitudes, and their gradients: what loss terms over values
//! and over weights are made of.
//!
//! A distance is a sum in f64. Four sums each take every fourth element, in order; at the end
//! `(s[0] + s[1]) + (s[2] + s[3])`. The gradient is rounded after the difference, after the factor, and after the addition.

use crate::reduce::four;
use crate::simd::floats::F64x2;

/// `sum_i (a[i] - b[i])^2`; without `b` that of the squares of `a`.
pub fn squared_distance(a: &[f32], b: Option<&[f32]>) -> f64 {
    match b {
        Some(b) => {
            assert_eq!(a.len(), b.len());
            fold_fours(a.len(), |first, lanes| {
                // SAFETY: `fold_fours` stays below the length, which is that of both.
                let (a, b) = unsafe { (four(a, first, lanes), four(b, first, lanes)) };
                [a[0] - b[0], a[1] - b[1]]
            })
        }
        // SAFETY: `fold_fours` stays below the length.
        None => fold_fours(a.len(), |first, lanes| unsafe { four(a, first, lanes) }),
    }
}

/// Sums of the squares of `value(first, lanes)`, the elements from `first` on: four of them, or `lanes` and zeros.
#[inline(always)]
fn fold_fours(count: usize, value: impl Fn(usize, usize) -> [F64x2; 2]) -> f64 {
    let mut sums = [F64x2::splat(0.0); 2];
    for first in (0..count).step_by(4) {
        let value = value(first, 4.min(count - first));
        for (sum, value) in sums.iter_mut().zip(value) {
            *sum = *sum + value * value;
        }
    }
    let [mut low, mut high] = [[0.0; 2]; 2];
    sums[0].store(&mut low);
    sums[1].store(&mut high);
    (low[0] + low[1]) + (high[0] + high[1])
}

/// `y[i] = factor * (a[i] - b[i])`, added to what is there where `accumulate`; without `b` it counts as zeros.
pub fn add_difference(a: &[f32], b: Option<&[f32]>, factor: f32, accumulate: bool, y: &mut [f32]) {
    assert!(a.len() == y.len() && b.is_none_or(|b| b.len() == y.len()));
    if !accumulate {
        // -0.0 + x is x for every x; 0.0 + x is not where x is -0.0.
        y.fill(-0.0);
    }
    match b {
        Some(b) => {
            for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
                *y += factor * (a - b);
            }
        }
        None => {
            for (y, a) in y.iter_mut().zip(a) {
                *y += factor * a;
            }
        }
    }
}

/// `sum_i |a[i]|`, in the order of additions of a distance.
pub fn absolute_sum(a: &[f32]) -> f64 {
    let mut sums = [0.0; 4];
    for four in a.chunks(4) {
        for (sum, a) in sums.iter_mut().zip(four) {
            *sum += f64::from(a.abs());
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// `y[i] += factor * sign(a[i])`, with sign(0) = 0: the gradient of a sum of magnitudes.
pub fn add_signs(a: &[f32], factor: f32, y: &mut [f32]) {
    assert_eq!(a.len(), y.len());
    for (y, &a) in y.iter_mut().zip(a) {
        *y += if a == 0.0 { 0.0 } else { factor.copysign(a) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    /// The sum from its definition, of `(a, b)` one after the other, in the order that the module tells.
    fn naive_distance(a: &[f32], b: &[f32]) -> f64 {
        let mut sums = [0.0; 4];
        for (i, (&a, &b)) in a.iter().zip(b).enumerate() {
            sums[i % 4] += (f64::from(a) - f64::from(b)) * (f64::from(a) - f64::from(b));
        }
        (sums[0] + sums[1]) + (sums[2] + sums[3])
    }

    proptest! {
        #[test]
        fn distances_are_sums_of_squares(n in 0usize..40, seed in 0u64..1000) {
            let (a, b) = (reals(n, seed), reals(n, seed + 1));
            prop_assert_eq!(squared_distance(&a, Some(&b)), naive_distance(&a, &b));
            prop_assert_eq!(squared_distance(&a, None), naive_distance(&a, &vec![0.0; n]));
        }

        #[test]
        fn magnitudes_are_summed_and_their_signs_added(n in 0usize..40, factor in 0.0f32..3.0, seed in 0u64..1000) {
            let (mut a, before) = (reals(n, seed), reals(n, seed + 1));
            for (i, a) in a.iter_mut().enumerate().step_by(5) {
                *a = if i % 2 == 0 { 0.0 } else { -0.0 };
            }
            let mut sums = [0.0; 4];
            for (i, a) in a.iter().enumerate() {
                sums[i % 4] += f64::from(*a).abs();
            }
            prop_assert_eq!(absolute_sum(&a), (sums[0] + sums[1]) + (sums[2] + sums[3]));
            let mut added = before.clone();
            add_signs(&a, factor, &mut added);
            for i in 0..n {
                let sign = if a[i] > 0.0 { factor } else if a[i] < 0.0 { -factor } else { 0.0 };
                prop_assert_eq!(added[i], before[i] + sign);
            }
        }

        #[test]
        fn differences_are_scaled_and_added(n in 0usize..40, factor in -3.0f32..3.0, seed in 0u64..1000) {
            let (a, b, before) = (reals(n, seed), reals(n, seed + 1), reals(n, seed + 2));
            let zeros = vec![0.0; n];
            for (given, b) in [(Some(b.as_slice()), &b), (None, &zeros)] {
                let mut written = vec![f32::NAN; n];
                add_difference(&a, given, factor, false, &mut written);
                let mut added = before.clone();
                add_difference(&a, given, factor, true, &mut added);
                for i in 0..n {
                    let share = factor * (a[i] - b[i]);
                    prop_assert_eq!((written[i], added[i]), (share, before[i] + share));
                }
            }
        }
    }
}
