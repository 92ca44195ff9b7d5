//! Leaky ReLU (Maas, Hannun, Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", ICML 2013, section 2.1):
//! `y = x` where `x > 0`, elsewhere `slope x`, with one slope that is given. Its gradient at 0 is the slope, as ReLU's is 0.
//!
//! Every function returns true where an input is NaN.

use crate::quantizer::{for_each, for_each_onto};
use crate::simd::floats::F32x4;

/// `y = x` where `x > 0`, `slope * x` elsewhere.
pub fn leaky_relu_forward(x: &[f32], slope: f32, y: &mut [f32]) -> bool {
    let (zero, slope) = (F32x4::splat(0.0), F32x4::splat(slope));
    for_each([x], y, |[x]| zero.less(x).select(x, slope * x))
}

/// `dx = dy` where `x > 0`, `slope * dy` elsewhere; added to what is in `dx` where `accumulate`.
pub fn leaky_relu_backward(x: &[f32], dy: &[f32], slope: f32, accumulate: bool, dx: &mut [f32]) -> bool {
    let (zero, slope) = (F32x4::splat(0.0), F32x4::splat(slope));
    for_each_onto([x, dy], dx, accumulate, |[x, dy]| zero.less(x).select(dy, slope * dy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    /// The definition, element by element.
    fn twin(x: f32, at: f32, slope: f32) -> f32 {
        if at > 0.0 { x } else { slope * x }
    }

    proptest! {
        #[test]
        fn values_and_gradients_are_those_of_the_definition(n in 1usize..200, slope in 0f32..2.0, seed in 0u64..1000) {
            let mut x = reals(n, seed);
            for (i, value) in x.iter_mut().enumerate().filter(|(i, _)| i % 7 == 0) {
                *value = if i % 2 == 0 { 0.0 } else { -0.0 };
            }
            let (dy, before) = (reals(n, seed + 1), reals(n, seed + 2));
            let (mut y, mut dx, mut onto) = (vec![f32::NAN; n], vec![f32::NAN; n], before.clone());
            prop_assert!(!leaky_relu_forward(&x, slope, &mut y));
            prop_assert!(!leaky_relu_backward(&x, &dy, slope, false, &mut dx));
            prop_assert!(!leaky_relu_backward(&x, &dy, slope, true, &mut onto));
            for i in 0..n {
                prop_assert_eq!(y[i].to_bits(), twin(x[i], x[i], slope).to_bits());
                prop_assert_eq!(dx[i].to_bits(), twin(dy[i], x[i], slope).to_bits());
                prop_assert_eq!(onto[i], before[i] + dx[i]);
            }
        }
    }

    #[test]
    fn nan_is_reported() {
        let (good, mut y) = ([-1.0, 0.0, 1.0, 2.0, -3.0], [0.0; 5]);
        for at in 0..5 {
            let mut bad = good;
            bad[at] = f32::NAN;
            assert!(leaky_relu_forward(&bad, 0.3, &mut y) && y[at].is_nan());
            assert!(leaky_relu_backward(&bad, &good, 0.3, false, &mut y));
            assert!(leaky_relu_backward(&good, &bad, 0.3, true, &mut y));
        }
    }
}
