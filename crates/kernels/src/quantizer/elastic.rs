//! The two numbers that an elastic map learns, and the gradients at them.
//!
//! Liu et al., "BiT: Robustly Binarized Multi-distilled Transformer", NeurIPS 2022, arXiv 2205.13016, section 3.2. The values are
//! alpha sign((x - offset) / alpha), or alpha round(clip((x - offset) / alpha, 0, 1)) with halves up. Rounding and sign are
//! straight through, and of the first map's alpha its value alone is told:
//!
//!   signs       dalpha = sum sign(x - offset) dy        doffset = -sum of dy on |x - offset| <= alpha
//!   levels      dalpha = sum (level - q) dy on 0 <= q <= 1, dy above, 0 below, q = (x - offset) / alpha;
//!               doffset = -sum of dy on 0 <= q <= 1
//!
//! alpha is no less than 1e-5 everywhere, as in an elastic matrix of attention. The ends of intervals and the jump between
//! levels are numbers of f32, rounded once, so that every definition decides the same.

use super::maps::Forward;
use crate::simd::floats::{F32x4, F64x2};

/// The least alpha.
const LEAST: f32 = 1e-5;

/// The size that an elastic map has by its alpha.
pub fn size_of(alpha: f32) -> f32 {
    ElasticSet::new(alpha, 0.0).alpha
}

/// alpha and offset, the former no less than it may be.
#[derive(Clone, Copy)]
pub(super) struct ElasticSet {
    pub alpha: f32,
    pub offset: f32,
}

impl ElasticSet {
    pub(super) fn new(alpha: f32, offset: f32) -> Self {
        // A NaN stays one.
        let alpha = if alpha < LEAST { LEAST } else { alpha };
        Self { alpha, offset }
    }

    /// The jump from 0 to alpha.
    pub(super) fn middle(self) -> f32 {
        self.offset + 0.5 * self.alpha
    }

    pub(super) fn sign_ends(self) -> [f32; 2] {
        [self.offset - self.alpha, self.offset + self.alpha]
    }

    pub(super) fn unit_ends(self) -> [f32; 2] {
        [self.offset, self.offset + self.alpha]
    }
}

/// The gradients at alpha and at offset of an elastic map, for those `dy` at its values of `x`. The factors are rounded to f32, the
/// products exact in f64. Panics for a map of another kind, and where the lengths differ.
pub fn elastic_gradients(map: Forward, x: &[f32], dy: &[f32]) -> [f32; 2] {
    let (one, zero) = (F32x4::splat(1.0), F32x4::splat(0.0));
    match map {
        Forward::ElasticSign { alpha, offset } => {
            let set = ElasticSet::new(alpha, offset);
            let jump = F32x4::splat(set.offset);
            let [low, high] = set.sign_ends().map(F32x4::splat);
            sums(x, dy, |x| {
                let inside = low.at_most(x).keep(x.at_most(high).keep(-one));
                [jump.at_most(x).select(one, -one), inside]
            })
        }
        Forward::ElasticUnit { alpha, offset } => {
            let set = ElasticSet::new(alpha, offset);
            let jump = F32x4::splat(set.middle());
            let [low, high] = set.unit_ends().map(F32x4::splat);
            let width = F32x4::splat(set.alpha);
            sums(x, dy, |x| {
                let level = jump.at_most(x).select(one, zero);
                let above = x.at_most(high).select(level - (x - low) / width, one);
                let inside = low.at_most(x).keep(x.at_most(high).keep(-one));
                [low.at_most(x).keep(above), inside]
            })
        }
        _ => panic!("a map that learns nothing"),
    }
}

/// The sums of both factors times `dy`. A lane's sums run over every fourth element, and the four are added in order.
#[inline(always)]
fn sums(x: &[f32], dy: &[f32], factors: impl Fn(F32x4) -> [F32x4; 2]) -> [f32; 2] {
    assert_eq!(x.len(), dy.len());
    let mut sums = [[F64x2::splat(0.0); 2]; 2];
    for (x, dy) in x.chunks(4).zip(dy.chunks(4)) {
        // Past the end dy is 0, and so is every term.
        let gradient = F32x4::load_up_to(dy).widen();
        for (sums, factor) in sums.iter_mut().zip(factors(F32x4::load_up_to(x))) {
            let factor = factor.widen();
            *sums = [sums[0] + factor[0] * gradient[0], sums[1] + factor[1] * gradient[1]];
        }
    }
    sums.map(|sums| {
        let mut lanes = [[0.0; 2]; 2];
        for (lanes, sum) in lanes.iter_mut().zip(sums) {
            sum.store(lanes);
        }
        (((lanes[0][0] + lanes[0][1]) + lanes[1][0]) + lanes[1][1]) as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{reals, seeds, sizes};
    use crate::quantizer::{Backward, Slope, quantize_backward, quantize_forward};
    use proptest::prelude::*;

    /// Value, slope, and the factors of dalpha and doffset by the paper's cases.
    fn twin(is_unit: bool, x: f32, alpha: f32, offset: f32) -> [f64; 4] {
        let alpha = alpha.max(1e-5);
        let (jump, low) = if is_unit {
            (offset + alpha / 2.0, offset)
        } else {
            (offset, offset - alpha)
        };
        let inside = f64::from(u8::from(low <= x && x <= offset + alpha));
        let a = f64::from(alpha);
        if !is_unit {
            let sign = if x >= jump { 1.0 } else { -1.0 };
            return [a * sign, inside, sign, -inside];
        }
        let q = (f64::from(x) - f64::from(offset)) / a;
        let level = f64::from(u8::from(x >= jump));
        let factor = if inside == 1.0 { level - q } else { level };
        [a * level, inside, factor, -inside]
    }

    fn maps(is_unit: bool, alpha: f32, offset: f32) -> (Forward<'static>, Backward<'static>) {
        if is_unit {
            (
                Forward::ElasticUnit { alpha, offset },
                Backward::ElasticUnitBox { alpha, offset },
            )
        } else {
            (
                Forward::ElasticSign { alpha, offset },
                Backward::ElasticBox { alpha, offset },
            )
        }
    }

    proptest! {
        #[test]
        fn values_and_gradients_are_those_of_the_paper(
            n in sizes(200), is_unit in any::<bool>(), alpha in prop_oneof![Just(-0.5f32), Just(0.0), 0.1f32..2.0],
            offset in -1.0f32..1.0, seed in seeds(),
        ) {
            let mut x: Vec<f32> = reals(n, seed).iter().map(|x| 3.0 * x).collect();
            let places = [offset, offset + alpha, offset - alpha, offset + alpha / 2.0];
            for (i, place) in places.into_iter().enumerate() {
                x[i * 7 % n] = place;
            }
            let dy = reals(n, seed + 1);
            let (forward, backward) = maps(is_unit, alpha, offset);
            let (mut y, mut dx) = (vec![f32::NAN; n], vec![f32::NAN; n]);
            prop_assert!(!quantize_forward(Forward::Identity, forward, &x, &mut y));
            let slope = Slope { proximal: Forward::Identity, map: backward };
            prop_assert!(!quantize_backward(slope, &x, &dy, false, &mut dx));
            let found = elastic_gradients(forward, &x, &dy);
            let mut wanted = [0.0; 2];
            for i in 0..n {
                let [value, slope, dalpha, doffset] = twin(is_unit, x[i], alpha, offset);
                prop_assert_eq!(f64::from(y[i]), value);
                prop_assert_eq!(f64::from(dx[i]), slope * f64::from(dy[i]));
                wanted[0] += dalpha * f64::from(dy[i]);
                wanted[1] += doffset * f64::from(dy[i]);
            }
            // q has two roundings, and is off by no more than that of x - offset over an alpha that is 0.1 at least.
            for (found, wanted) in found.into_iter().zip(wanted) {
                prop_assert!((f64::from(found) - wanted).abs() <= 40.0 * f64::from(f32::EPSILON) * n as f64);
            }
        }
    }

    #[test]
    fn far_away_numbers_and_tiny_alphas_give_finite_gradients() {
        let x = [f32::MAX, -f32::MAX, f32::INFINITY, f32::NEG_INFINITY, 0.0];
        let of = |is_unit| elastic_gradients(maps(is_unit, 0.0, 0.0).0, &x, &[1.0; 5]);
        assert_eq!(of(false), [1.0, -1.0]);
        assert_eq!(of(true), [2.0, -1.0]);
        assert_eq!(elastic_gradients(maps(true, 1.0, 0.0).0, &[], &[]), [0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "learns nothing")]
    fn other_maps_learn_nothing() {
        elastic_gradients(Forward::Sign, &[1.0], &[1.0]);
    }

    /// The gradients are difference quotients of the clipped line where rounding is straight through, and what the value
    /// adds to it.
    #[test]
    fn gradients_are_difference_quotients_of_the_straight_twin() {
        let (n, alpha, offset, h) = (60, 0.7_f64, -0.2_f64, 1e-6);
        let (x, dy) = (reals(n, 3), reals(n, 4));
        for is_unit in [false, true] {
            let low = if is_unit { 0.0 } else { -1.0 };
            let loss = |alpha: f64, offset: f64| -> f64 {
                let line = |x: f64| alpha * ((x - offset) / alpha).clamp(low, 1.0);
                x.iter().zip(&dy).map(|(&x, &dy)| f64::from(dy) * line(x.into())).sum()
            };
            // The way back has the level where the line has q. Of signs the line's own part is left out.
            let own: f64 = x
                .iter()
                .zip(&dy)
                .map(|(&x, &dy)| {
                    let q = ((f64::from(x) - offset) / alpha).clamp(low, 1.0);
                    let inside = (low..=1.0).contains(&((f64::from(x) - offset) / alpha));
                    let level = if is_unit {
                        f64::from(u8::from(q >= 0.5))
                    } else if q >= 0.0 {
                        1.0
                    } else {
                        -1.0
                    };
                    f64::from(dy) * if inside { level } else { 0.0 } - f64::from(dy) * if inside { q } else { 0.0 }
                })
                .sum();
            let straight: f64 = x
                .iter()
                .zip(&dy)
                .map(|(&x, &dy)| {
                    let q = (f64::from(x) - offset) / alpha;
                    if (low..=1.0).contains(&q) {
                        f64::from(dy) * q
                    } else {
                        0.0
                    }
                })
                .sum();
            let found = elastic_gradients(maps(is_unit, alpha as f32, offset as f32).0, &x, &dy);
            let quotient = (loss(alpha + h, offset) - loss(alpha - h, offset)) / (2.0 * h);
            // Outside of the interval the line is +-alpha, inside it is x - offset, whose slope by alpha is 0.
            let wanted = [
                quotient + own + if is_unit { 0.0 } else { straight },
                (loss(alpha, offset + h) - loss(alpha, offset - h)) / (2.0 * h),
            ];
            for (found, wanted) in found.into_iter().zip(wanted) {
                assert!(
                    (f64::from(found) - wanted).abs() < 1e-5,
                    "{is_unit}: {found} for {wanted}"
                );
            }
        }
    }
}
