//! The product of two tensors, element by element: `y = a b`. Gradients: `da = dy b` and `db = dy a`.

use crate::quantizer::for_each_onto;
use crate::simd::floats::{F32x4, Mask};

/// `y = a * b`. True where a y is NaN.
pub fn multiply_forward(a: &[f32], b: &[f32], y: &mut [f32]) -> bool {
    assert!(a.len() == y.len() && b.len() == y.len());
    let mut nan = Mask::none();
    for ((a, b), y) in a.chunks(4).zip(b.chunks(4)).zip(y.chunks_mut(4)) {
        let product = F32x4::load_up_to(a) * F32x4::load_up_to(b);
        nan = nan.or(product.is_nan());
        product.store_up_to(y);
    }
    nan.any()
}

/// `dx = dy * other`, added to dx where `accumulate`. True where a number that is read is NaN.
pub fn multiply_backward(dy: &[f32], other: &[f32], accumulate: bool, dx: &mut [f32]) -> bool {
    for_each_onto([dy, other], dx, accumulate, |[dy, other]| dy * other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_and_gradients_are_products(n in 1usize..150, seed in 0u64..1000) {
            let (a, b) = (reals(n, seed), reals(n, seed + 1));
            let mut y = vec![f32::NAN; n];
            prop_assert!(!multiply_forward(&a, &b, &mut y));
            let before = reals(n, seed + 2);
            let (mut dx, mut onto) = (vec![f32::NAN; n], before.clone());
            prop_assert!(!multiply_backward(&a, &b, false, &mut dx));
            prop_assert!(!multiply_backward(&a, &b, true, &mut onto));
            for i in 0..n {
                let product = a[i] * b[i];
                prop_assert_eq!((y[i], dx[i], onto[i]), (product, product, before[i] + product));
            }
        }
    }

    #[test]
    fn nan_is_reported_wherever_it_comes_from() {
        for at in 0..5 {
            for bad in [f32::NAN, f32::INFINITY] {
                let (mut a, mut b) = ([1.0; 5], [2.0; 5]);
                assert!(!multiply_forward(&a, &b, &mut [0.0; 5]));
                // A product of infinity and 0 is NaN, too.
                (a[at], b[at]) = (bad, 0.0);
                assert!(multiply_forward(&a, &b, &mut [0.0; 5]));
                assert!(multiply_forward(&b, &a, &mut [0.0; 5]));
            }
            let mut bad = [1.0; 5];
            bad[at] = f32::NAN;
            assert!(multiply_backward(&bad, &[1.0; 5], false, &mut [0.0; 5]));
            assert!(multiply_backward(&[1.0; 5], &bad, true, &mut [0.0; 5]));
        }
    }
}
