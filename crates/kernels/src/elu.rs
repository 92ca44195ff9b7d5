//! The exponential linear unit (Clevert, Unterthiner, Hochreiter, "Fast and Accurate Deep Network Learning by Exponential
//! Linear Units (ELUs)", ICLR 2016, section 3, equation 16): `y = x` where `x > 0`, elsewhere `alpha (e^x - 1)`. On the way
//! back `dx = dy` where `x > 0`, elsewhere `dy alpha e^x`.
//!
//! Exponentials are those of `math`, whose argument ends at -87. Every function returns true where an input is NaN.

use crate::math::Functions;
use crate::quantizer::{for_each, for_each_onto};
use crate::simd::floats::F32x4;

/// `y = x` where `x > 0`, `alpha * (e^x - 1)` elsewhere.
pub fn elu_forward(x: &[f32], alpha: f32, y: &mut [f32]) -> bool {
    let functions = Functions::load();
    let (zero, alpha) = (F32x4::splat(0.0), F32x4::splat(alpha));
    for_each([x], y, |[x]| {
        let (_, less_one) = functions.exp_and_expm1(x);
        zero.less(x).select(x, alpha * less_one)
    })
}

/// `dx = dy` where `x > 0`, `dy * (alpha * e^x)` elsewhere; added to what is in `dx` where `accumulate`.
pub fn elu_backward(x: &[f32], dy: &[f32], alpha: f32, accumulate: bool, dx: &mut [f32]) -> bool {
    let functions = Functions::load();
    let (zero, alpha) = (F32x4::splat(0.0), F32x4::splat(alpha));
    for_each_onto([x, dy], dx, accumulate, |[x, dy]| {
        let (power, _) = functions.exp_and_expm1(x);
        zero.less(x).select(dy, dy * (alpha * power))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    /// Value and slope by the definition in f64.
    fn twin(x: f32, alpha: f32) -> [f64; 2] {
        let (x, alpha) = (f64::from(x), f64::from(alpha));
        if x > 0.0 {
            [x, 1.0]
        } else {
            [alpha * x.exp_m1(), alpha * x.exp()]
        }
    }

    proptest! {
        #[test]
        fn values_and_gradients_are_those_of_the_definition(
            n in 1usize..200, alpha in 0f32..2.0, spread in prop_oneof![Just(1e-3f32), Just(1.0), Just(200.0)], seed in 0u64..1000,
        ) {
            let mut x: Vec<f32> = reals(n, seed).iter().map(|x| spread * x).collect();
            x[seed as usize % n] = 0.0;
            let (dy, before) = (reals(n, seed + 1), reals(n, seed + 2));
            let (mut y, mut dx, mut onto) = (vec![f32::NAN; n], vec![f32::NAN; n], before.clone());
            prop_assert!(!elu_forward(&x, alpha, &mut y));
            prop_assert!(!elu_backward(&x, &dy, alpha, false, &mut dx));
            prop_assert!(!elu_backward(&x, &dy, alpha, true, &mut onto));
            for i in 0..n {
                let [value, slope] = twin(x[i], alpha);
                let gradient = f64::from(dy[i]) * slope;
                // The functions of `math` are within 2e-7; there is a rounding after them, and two on the way back. Powers end
                // at e^-87.
                let (near, least) = (4e-7, 4e-38);
                prop_assert!((f64::from(y[i]) - value).abs() <= near * value.abs() + 1e-45, "{} {}", y[i], value);
                prop_assert!((f64::from(dx[i]) - gradient).abs() <= near * gradient.abs() + least, "{} {}", dx[i], gradient);
                prop_assert!(x[i] <= 0.0 || (y[i] == x[i] && dx[i] == dy[i]));
                prop_assert_eq!(onto[i], before[i] + dx[i]);
            }
        }
    }

    #[test]
    fn gradients_are_difference_quotients() {
        for (x, alpha) in [(-2.0, 1.0), (-0.5, 0.3), (0.25, 1.0), (3.0, 2.0)] {
            let mut dx = [0.0];
            elu_backward(&[x], &[1.0], alpha, false, &mut dx);
            let at = |by: f64| {
                let x = f64::from(x) + by;
                if x > 0.0 { x } else { f64::from(alpha) * x.exp_m1() }
            };
            let quotient = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((quotient - f64::from(dx[0])).abs() < 1e-6, "{x}: {quotient} {}", dx[0]);
        }
    }

    #[test]
    fn nan_is_reported_and_the_ends_of_the_range_are_not() {
        let (good, mut y) = ([f32::NEG_INFINITY, f32::MIN, 0.0, f32::MAX, f32::INFINITY], [0.0; 5]);
        assert!(!elu_forward(&good, 2.0, &mut y));
        assert_eq!(y, [-2.0, -2.0, 0.0, f32::MAX, f32::INFINITY]);
        for at in 0..5 {
            let mut bad = good;
            bad[at] = f32::NAN;
            assert!(elu_forward(&bad, 1.0, &mut y) && y[at].is_nan());
            assert!(elu_backward(&bad, &[1.0; 5], 1.0, false, &mut y));
            assert!(elu_backward(&[1.0; 5], &bad, 1.0, true, &mut y));
        }
    }
}
