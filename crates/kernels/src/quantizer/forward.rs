//! Forward maps, four lanes at a time.

#![cfg_attr(not(feature = "maps"), allow(dead_code, unused_imports))]

use super::elastic::ElasticSet;
use super::elementwise::for_each;
use super::error_decay_scale;
use super::maps::Forward;
use super::normal::Normal;
use super::sampled::{Table, interpolate};
use crate::math::Functions;
use crate::simd::floats::F32x4;

/// Beyond this |u|, sech^2 u is no longer seen beside 1.
pub(super) const SWISH_LIMIT: f32 = 40.0;

/// 2^23: adding it to a number from 0 to 2^22 rounds that to a whole one, halves to even; taking it away leaves this.
const WHOLE: f32 = 8_388_608.0;

#[inline(always)]
fn sign(x: F32x4) -> F32x4 {
    x.less(F32x4::splat(0.0)).select(F32x4::splat(-1.0), F32x4::splat(1.0))
}

/// max(x, 0); 0 where x is -0 or NaN.
#[inline(always)]
fn rectified(x: F32x4) -> F32x4 {
    let zero = F32x4::splat(0.0);
    zero.less(x).select(x, zero)
}

/// e = e^-|x| and 1 / (1 + e), of which the logistic function and its slope are made without a difference.
#[inline(always)]
pub(super) fn logistic(functions: Functions, x: F32x4) -> [F32x4; 2] {
    let (fading, _) = functions.exp_and_expm1(-x.abs());
    let one = F32x4::splat(1.0);
    [fading, one / (one + fading)]
}

/// The nearest whole number of a v from 0 to 2^22; a half goes to the even one.
#[inline(always)]
fn nearest(v: F32x4) -> F32x4 {
    (v + F32x4::splat(WHOLE)) - F32x4::splat(WHOLE)
}

/// `y = F(x)`; true where an x is NaN.
pub(super) fn map_forward(map: Forward, x: &[f32], y: &mut [f32]) -> bool {
    match map {
        Forward::HardTanh => for_each([x], y, |[x]| x.clamp_magnitude(1.0)),
        Forward::Relu => for_each([x], y, |[x]| rectified(x)),
        other => other_map(other, x, y),
    }
}

/// A small core has none but the maps above, and its callers ask for no others.
#[cfg(not(feature = "maps"))]
fn other_map(_: Forward, _: &[f32], _: &mut [f32]) -> bool {
    panic!("this core lacks the map")
}

/// All other maps.
#[cfg(feature = "maps")]
#[inline(always)]
fn other_map(map: Forward, x: &[f32], y: &mut [f32]) -> bool {
    let one = F32x4::splat(1.0);
    let functions = Functions::load();
    match map {
        Forward::Identity => for_each([x], y, |[x]| x),
        Forward::Sign => for_each([x], y, |[x]| sign(x)),
        Forward::Relu6 => for_each([x], y, |[x]| rectified(x).pseudo_min(F32x4::splat(6.0))),
        Forward::PiecewiseLinear { rho, .. } if rho >= 1.0 => for_each([x], y, |[x]| sign(x)),
        Forward::PiecewiseLinear { rho, varrho } => {
            let (end, base, slope) = (
                F32x4::splat(1.0 - rho),
                F32x4::splat(varrho),
                F32x4::splat(1.0 - varrho),
            );
            for_each([x], y, |[x]| {
                let inner = base + slope * x.abs() / end;
                let magnitude = end.at_most(x.abs()).select(one, inner);
                magnitude.copy_sign(sign(x))
            })
        }
        Forward::SignSwish { beta } => {
            let half = F32x4::splat(0.5 * beta);
            for_each([x], y, |[x]| {
                let u = (half * x).clamp_magnitude(SWISH_LIMIT);
                let (tanh, sech2) = functions.tanh_and_sech2(u);
                tanh + u * sech2
            })
        }
        Forward::Poly => for_each([x], y, |[x]| {
            let c = x.clamp_magnitude(1.0);
            c * (F32x4::splat(2.0) - c.abs())
        }),
        Forward::Ede { t } => scaled_tanh(t, error_decay_scale(t), x, y),
        Forward::Tanh { t } => scaled_tanh(t, 1.0, x, y),
        Forward::ProxQuant { lambda } => for_each([x], y, |[x]| {
            let excess = x.abs() - one;
            (one + (excess - excess.clamp_magnitude(lambda))).copy_sign(sign(x))
        }),
        Forward::UnitLevels { levels } => {
            let levels = F32x4::splat(levels);
            for_each([x], y, |[x]| {
                let c = x.pseudo_max(F32x4::splat(0.0)).pseudo_min(one);
                nearest(c * levels) / levels
            })
        }
        Forward::SymmetricLevels { levels } => {
            let (levels, half) = (F32x4::splat(levels), F32x4::splat(0.5));
            for_each([x], y, |[x]| {
                let level = nearest((x.clamp_magnitude(1.0) * half + half) * levels);
                (level + level) / levels - one
            })
        }
        Forward::Sigmoid => for_each([x], y, |[x]| {
            let [fading, other] = logistic(functions, x);
            x.less(F32x4::splat(0.0)).select(fading * other, other)
        }),
        Forward::Gelu => {
            let normal = Normal::load();
            for_each([x], y, |[x]| {
                let [m, tail, _] = normal.tail_and_density(x);
                rectified(x) - m * tail
            })
        }
        Forward::ElasticSign { alpha, offset } => {
            let ElasticSet { alpha, offset } = ElasticSet::new(alpha, offset);
            two_levels(offset, [-alpha, alpha], x, y)
        }
        Forward::ElasticUnit { alpha, offset } => {
            let set = ElasticSet::new(alpha, offset);
            two_levels(set.middle(), [0.0, set.alpha], x, y)
        }
        Forward::Table(table) => sampled(table, x, y),
        Forward::HardTanh | Forward::Relu => unreachable!(),
    }
}

#[cfg(feature = "maps")]
fn scaled_tanh(t: f32, scale: f32, x: &[f32], y: &mut [f32]) -> bool {
    let functions = Functions::load();
    let (t, scale) = (F32x4::splat(t), F32x4::splat(scale));
    for_each([x], y, |[x]| scale * functions.tanh_and_sech2(t * x).0)
}

/// The second level from `jump` on, the first below.
#[cfg(feature = "maps")]
fn two_levels(jump: f32, levels: [f32; 2], x: &[f32], y: &mut [f32]) -> bool {
    let jump = F32x4::splat(jump);
    let [low, high] = levels.map(F32x4::splat);
    for_each([x], y, |[x]| jump.at_most(x).select(high, low))
}

#[cfg(feature = "maps")]
fn sampled(table: Table, x: &[f32], y: &mut [f32]) -> bool {
    for_each([x], y, |[x]| interpolate(table, x))
}
