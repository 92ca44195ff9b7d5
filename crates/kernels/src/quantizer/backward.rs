//! Backward maps, four lanes at a time, times the gradient that arrives.

use super::elastic::ElasticSet;
use super::elementwise::for_each_onto;
use super::error_decay_scale;
use super::forward::{SWISH_LIMIT, logistic};
use super::maps::Backward;
use super::normal::Normal;
use super::sampled::interpolate;
use crate::math::{Functions, exp_f64, ln_f64};
use crate::simd::floats::F32x4;

/// ReSTE's ends: the secant up to the first, nothing beyond the second.
const POWER_RANGE: [f32; 2] = [0.1, 1.5];
/// FDA's angular frequency w.
const FREQUENCY: f32 = 0.1;

/// `gx = gy * B(x)`, added to what is in `gx` where `accumulate`; true where an x or a gy is NaN.
pub(super) fn map_backward(map: Backward, x: &[f32], gy: &[f32], accumulate: bool, gx: &mut [f32]) -> bool {
    let (zero, one) = (F32x4::splat(0.0), F32x4::splat(1.0));
    let functions = Functions::load();
    match map {
        Backward::One => for_each_onto([x, gy], gx, accumulate, |[_, gy]| gy),
        Backward::Box => for_each_onto([x, gy], gx, accumulate, |[x, gy]| x.abs().at_most(one).keep(gy)),
        Backward::PolyPrime => for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
            let rest = one - x.abs().pseudo_min(one);
            gy * (rest + rest)
        }),
        Backward::SignSwishPrime { beta } => {
            let (beta, half) = (F32x4::splat(beta), F32x4::splat(0.5 * beta));
            for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
                let u = (half * x).clamp_magnitude(SWISH_LIMIT);
                let (tanh, sech2) = functions.tanh_and_sech2(u);
                gy * (beta * sech2 * (one - u * tanh))
            })
        }
        Backward::EdePrime { t } => scaled_sech2(t, error_decay_scale(t) * t, x, gy, accumulate, gx),
        Backward::TanhPrime { t } => scaled_sech2(t, t, x, gy, accumulate, gx),
        Backward::RbnnPrime { t } => {
            let (scale, t) = (F32x4::splat(error_decay_scale(t) * t), F32x4::splat(t));
            let root = F32x4::splat(core::f32::consts::SQRT_2);
            for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
                gy * (scale * (root - t * x.abs()).pseudo_max(zero))
            })
        }
        Backward::RestePrime { o } => power_prime(o, x, gy, accumulate, gx),
        Backward::FdaPrime { n } => fourier_prime(n as usize, x, gy, accumulate, gx),
        Backward::UnitBox => for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
            zero.at_most(x).keep(x.at_most(one).keep(gy))
        }),
        Backward::ClippedBox { width } => {
            let width = F32x4::splat(width);
            for_each_onto([x, gy], gx, accumulate, |[x, gy]| x.abs().at_most(width).keep(gy))
        }
        Backward::ReluPrime => for_each_onto([x, gy], gx, accumulate, |[x, gy]| zero.less(x).keep(gy)),
        Backward::Relu6Prime => {
            let six = F32x4::splat(6.0);
            for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
                zero.less(x).keep(x.at_most(six).keep(gy))
            })
        }
        Backward::SigmoidPrime => for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
            let [fading, other] = logistic(functions, x);
            gy * (fading * other * other)
        }),
        Backward::GeluPrime => {
            let normal = Normal::load();
            for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
                let [m, tail, density] = normal.tail_and_density(x);
                let below = tail - m * density;
                gy * x.less(zero).select(below, one - below)
            })
        }
        Backward::ElasticBox { alpha, offset } => {
            within(ElasticSet::new(alpha, offset).sign_ends(), x, gy, accumulate, gx)
        }
        Backward::ElasticUnitBox { alpha, offset } => {
            within(ElasticSet::new(alpha, offset).unit_ends(), x, gy, accumulate, gx)
        }
        Backward::Table(table) => for_each_onto([x, gy], gx, accumulate, |[x, gy]| gy * interpolate(table, x)),
    }
}

/// The gradient from the first end to the second, both included, and 0 elsewhere.
fn within(ends: [f32; 2], x: &[f32], gy: &[f32], accumulate: bool, gx: &mut [f32]) -> bool {
    let [low, high] = ends.map(F32x4::splat);
    for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
        low.at_most(x).keep(x.at_most(high).keep(gy))
    })
}

fn scaled_sech2(t: f32, scale: f32, x: &[f32], gy: &[f32], accumulate: bool, gx: &mut [f32]) -> bool {
    let functions = Functions::load();
    let (t, scale) = (F32x4::splat(t), F32x4::splat(scale));
    for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
        gy * (scale * functions.tanh_and_sech2(t * x).1)
    })
}

/// The power is `e^(p ln |x|)` with p = (1 - o)/o in `(-1, 0]`, the secant's slope a number of f64.
fn power_prime(o: f32, x: &[f32], gy: &[f32], accumulate: bool, gx: &mut [f32]) -> bool {
    let functions = Functions::load();
    let [low, high] = POWER_RANGE.map(F32x4::splat);
    let near = F32x4::splat((exp_f64(ln_f64(0.1) / f64::from(o)) * 10.0) as f32);
    let (power, scale) = (F32x4::splat((1.0 - o) / o), F32x4::splat(1.0 / o));
    for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
        let magnitude = x.abs();
        let logarithm = functions.ln_near_one(magnitude.pseudo_max(low).pseudo_min(high));
        let (grown, _) = functions.exp_and_expm1(power * logarithm);
        let slope = magnitude.at_most(low).select(near, scale * grown);
        gy * magnitude.at_most(high).keep(slope)
    })
}

/// With v = w x the cosines of v, 3 v, 5 v .. follow from c_{i+1} = c_i + d_{i+1}, d_{i+1} = d_i - 4 sin^2 v c_i,
/// c_0 = cos v, d_0 = 0 (Reinsch's form of the recurrence, which loses nothing at small angles). |v| <= 0.1, where the
/// series of cosine and sine are below 2^-24 after v^6 and v^5.
fn fourier_prime(n: usize, x: &[f32], gy: &[f32], accumulate: bool, gx: &mut [f32]) -> bool {
    let one = F32x4::splat(1.0);
    let frequency = F32x4::splat(FREQUENCY);
    let [half, fourth, sixth] = [-0.5, 1.0 / 24.0, -1.0 / 720.0].map(F32x4::splat);
    let [third, fifth] = [-1.0 / 6.0, 1.0 / 120.0].map(F32x4::splat);
    let scale = F32x4::splat(4.0 * FREQUENCY / core::f32::consts::PI);
    let four = F32x4::splat(4.0);
    for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
        let angle = frequency * x.clamp_magnitude(1.0);
        let square = angle * angle;
        let mut cosine = one + square * (half + square * (fourth + square * sixth));
        let sine = angle * (one + square * (third + square * fifth));
        let bend = four * (sine * sine);
        let (mut sum, mut difference) = (cosine, F32x4::splat(0.0));
        for _ in 0..n {
            difference = difference - bend * cosine;
            cosine = cosine + difference;
            sum = sum + cosine;
        }
        gy * x.abs().at_most(one).keep(scale * sum)
    })
}
