//! AdaBin's activations (Tu, Chen, Ren, Wang, "AdaBin: Improving Binary Neural Networks with Adaptive Binary Sets", ECCV
//! 2022, section 3.2): two learned numbers for a whole tensor, the distance alpha and the centre beta of the two values
//! that an activation may take, `y = a sign(u) + beta`, `u = (x - beta) / a`, `a = |alpha|`.
//!
//! On the way back sign' is Bi-Real's `B(u) = max(0, 2 - 2 |u|)`, and the chain rule does the rest: `dx = B(u) dy`;
//! `dalpha` is the sum of `(sign(u) - u B(u)) dy`, with the sign of alpha, `dbeta` the sum of `(1 - B(u)) dy`. The factors are
//! rounded to f32, the products exact in f64; a lane's sums run over every fourth element, and the four are added in order.

use crate::simd::floats::{F32x4, F64x2, Mask};

/// The two numbers that are learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptiveSet {
    /// Half the distance of the two values; its sign does not matter.
    pub alpha: f32,
    /// The middle between them.
    pub beta: f32,
}

/// `y = beta + |alpha|` where `x >= beta`, `beta - |alpha|` elsewhere. True where an x is NaN.
pub fn adaptive_sign_forward(x: &[f32], set: AdaptiveSet, y: &mut [f32]) -> bool {
    assert_eq!(x.len(), y.len());
    let (alpha, beta) = (set.alpha.abs(), F32x4::splat(set.beta));
    let (high, low) = (F32x4::splat(set.beta + alpha), F32x4::splat(set.beta - alpha));
    let mut nan = Mask::none();
    for (x, y) in x.chunks(4).zip(y.chunks_mut(4)) {
        let x = F32x4::load_up_to(x);
        nan = nan.or(x.is_nan());
        beta.at_most(x).select(high, low).store_up_to(y);
    }
    nan.any()
}

/// The gradients of one lane: at the input, written to `dx` or added to it where `accumulate`, if it is asked for. Returns
/// those at alpha and beta.
pub fn adaptive_sign_backward(
    x: &[f32],
    dy: &[f32],
    set: AdaptiveSet,
    accumulate: bool,
    mut dx: Option<&mut [f32]>,
) -> [f32; 2] {
    assert!(x.len() == dy.len() && dx.as_ref().is_none_or(|dx| dx.len() == x.len()));
    let (alpha, beta) = (F32x4::splat(set.alpha.abs()), F32x4::splat(set.beta));
    let (one, two) = (F32x4::splat(1.0), F32x4::splat(2.0));
    let mut sums = [[F64x2::splat(0.0); 2]; 2];
    for (number, (x, dy)) in x.chunks(4).zip(dy.chunks(4)).enumerate() {
        // Past the end dy is 0, and so is every term.
        let (x, gradient) = (F32x4::load_up_to(x), F32x4::load_up_to(dy));
        // Where |u| > 1, B is 0 and u does not matter: bounded, it cannot be infinite.
        let u = ((x - beta) / alpha).clamp_magnitude(1.0);
        let slope = two - two * u.abs();
        let sign = beta.at_most(x).select(one, -one);
        let wide = gradient.widen();
        for (sums, factor) in sums.iter_mut().zip([sign - u * slope, one - slope]) {
            let factor = factor.widen();
            *sums = [sums[0] + factor[0] * wide[0], sums[1] + factor[1] * wide[1]];
        }
        if let Some(dx) = &mut dx {
            let target = &mut dx[4 * number..][..dy.len()];
            let share = slope * gradient;
            if accumulate {
                F32x4::load_up_to(target) + share
            } else {
                share
            }
            .store_up_to(target);
        }
    }
    let [dalpha, dbeta] = sums.map(|sums| {
        let mut lanes = [[0.0; 2]; 2];
        for (lanes, sum) in lanes.iter_mut().zip(sums) {
            sum.store(lanes);
        }
        ((lanes[0][0] + lanes[0][1]) + lanes[1][0]) + lanes[1][1]
    });
    [dalpha as f32 * 1f32.copysign(set.alpha), dbeta as f32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{reals, seeds, sizes};
    use proptest::prelude::*;

    /// Value, B, and the factors of dalpha and dbeta, from the definition in f64.
    fn twin(x: f32, set: AdaptiveSet) -> [f64; 4] {
        let (x, alpha, beta) = (f64::from(x), f64::from(set.alpha.abs()), f64::from(set.beta));
        let u = (x - beta) / alpha;
        let sign = if u >= 0.0 { 1.0 } else { -1.0 };
        let slope = (2.0 - 2.0 * u.abs()).max(0.0);
        [alpha * sign + beta, slope, sign - u * slope, 1.0 - slope]
    }

    proptest! {
        #[test]
        fn values_and_gradients_are_those_of_the_definition(
            n in sizes(200), alpha in prop_oneof![-2.0f32..-0.1, 0.1f32..2.0], beta in -1.0f32..1.0, seed in seeds(),
        ) {
            let set = AdaptiveSet { alpha, beta };
            let mut x: Vec<f32> = reals(n, seed).iter().map(|x| 3.0 * x).collect();
            for (i, place) in [beta, beta + alpha, beta - alpha].into_iter().enumerate() {
                x[i * 7 % n] = place;
            }
            let (dy, before) = (reals(n, seed + 1), reals(n, seed + 2));
            let mut y = vec![f32::NAN; n];
            prop_assert!(!adaptive_sign_forward(&x, set, &mut y));
            let (mut dx, mut onto) = (vec![f32::NAN; n], before.clone());
            let sums = adaptive_sign_backward(&x, &dy, set, false, Some(&mut dx));
            prop_assert_eq!(adaptive_sign_backward(&x, &dy, set, true, Some(&mut onto)), sums);
            prop_assert_eq!(adaptive_sign_backward(&x, &dy, set, true, None), sums);
            let unit = f64::from(f32::EPSILON);
            let mut wanted = [0.0; 2];
            for i in 0..n {
                let [value, slope, dalpha, dbeta] = twin(x[i], set);
                prop_assert!((f64::from(y[i]) - value).abs() <= 2.0 * unit);
                let share = slope * f64::from(dy[i]);
                // u is off by a unit of |u| <= 1 and of the difference, which alpha may make ten times as much.
                prop_assert!((f64::from(dx[i]) - share).abs() <= 100.0 * unit);
                prop_assert_eq!(onto[i], before[i] + dx[i]);
                wanted[0] += dalpha * f64::from(dy[i]) * f64::from(1f32.copysign(alpha));
                wanted[1] += dbeta * f64::from(dy[i]);
            }
            for (sum, wanted) in sums.into_iter().zip(wanted) {
                prop_assert!((f64::from(sum) - wanted).abs() <= 100.0 * unit * n as f64);
            }
        }
    }

    #[test]
    fn nan_is_reported_and_what_is_far_away_is_not() {
        let set = AdaptiveSet {
            alpha: 1e-30,
            beta: 0.0,
        };
        let x = [f32::MAX, -1.0, 0.0, -0.0, 1e-30];
        let mut y = [0.0; 5];
        assert!(!adaptive_sign_forward(&x, set, &mut y));
        assert_eq!(y, [1e-30, -1e-30, 1e-30, 1e-30, 1e-30]);
        let mut dx = [f32::NAN; 5];
        assert_eq!(
            adaptive_sign_backward(&x, &[1.0; 5], set, false, Some(&mut dx)),
            [3.0, 1.0]
        );
        assert_eq!(dx, [0.0, 0.0, 2.0, 2.0, 0.0]);
        assert!(adaptive_sign_forward(&[0.0, 1.0, 2.0, 3.0, f32::NAN], set, &mut y));
    }

    /// The definition is the derivative of Bi-Real's polynomial put in place of the sign.
    #[test]
    fn gradients_are_difference_quotients_of_the_smooth_twin() {
        let (n, alpha, beta) = (40, 0.7, -0.2);
        let (x, dy) = (reals(n, 1), reals(n, 2));
        let poly = |u: f64| u.clamp(-1.0, 1.0) * (2.0 - u.clamp(-1.0, 1.0).abs());
        let loss = |alpha: f64, beta: f64| -> f64 {
            let term = |x: f64| alpha * poly((x - beta) / alpha) + beta;
            x.iter().zip(&dy).map(|(&x, &dy)| f64::from(dy) * term(x.into())).sum()
        };
        let set = AdaptiveSet {
            alpha: alpha as f32,
            beta: beta as f32,
        };
        let [dalpha, dbeta] = adaptive_sign_backward(&x, &dy, set, false, None);
        let h = 1e-6;
        // The way back has sign(u) where the smooth twin has poly(u): the difference belongs to the value, not to the slope.
        let values: f64 = x
            .iter()
            .zip(&dy)
            .map(|(&x, &dy)| {
                let u = (f64::from(x) - beta) / alpha;
                f64::from(dy) * (if u >= 0.0 { 1.0 } else { -1.0 } - poly(u))
            })
            .sum();
        let quotients = [
            (loss(alpha + h, beta) - loss(alpha - h, beta)) / (2.0 * h) + values,
            (loss(alpha, beta + h) - loss(alpha, beta - h)) / (2.0 * h),
        ];
        for (given, quotient) in [dalpha, dbeta].into_iter().zip(quotients) {
            assert!((f64::from(given) - quotient).abs() < 1e-5, "{given} {quotient}");
        }
    }
}
