//! The forward and backward maps of ProxConnect++ (Lu, Yu, Li, Partovi Nia, NeurIPS 2023, arXiv 2402.17710), elementwise.
//!
//! Forward `y = F(x)`, backward `gx = gy * B(x)`. With `u = beta x / 2` the SignSwish pair is written with tanh and
//! sech^2, which overflow nowhere: `SS(x) = tanh u + u sech^2 u`, `SS'(x) = beta sech^2 u (1 - u tanh u)`; `u` is clamped
//! to +-40, beyond which SS is +-1 to the last bit and SS' below 1e-32 beta. sign(0) and sign(-0) are +1.
//!
//! Both directions return 1 (true) where an input is NaN; the values then mean nothing.

use crate::math::Functions;
use crate::simd::floats::{F32x4, Mask};

/// A forward map F, numbered as in the boundary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Forward {
    /// 0: F(x) = x.
    Identity,
    /// 1: +1 where x >= 0, -1 elsewhere.
    Sign,
    /// 2: L, the proximal map of ProxConnect: sign(x) where |x| >= 1 - rho, elsewhere
    /// sign(x) (varrho + (1 - varrho) |x| / (1 - rho)).
    PiecewiseLinear {
        /// Half width of the flat step around +-1; from 1 on, L is the sign.
        rho: f32,
        /// Half height of the jump at 0, in `[0, 1]`.
        varrho: f32,
    },
    /// 3: x clipped to `[-1, 1]`.
    HardTanh,
    /// 4: SS(x) = tanh u + u sech^2 u, u = beta x / 2 (BNN+ and BNN++).
    SignSwish {
        /// Sharpness.
        beta: f32,
    },
    /// 5: c (2 - |c|) with c = x clipped to `[-1, 1]` (Bi-Real's polynomial).
    Polynomial,
    /// 6: k tanh(t x), k = max(1/t, 1) (IR-Net's error decay estimator).
    ErrorDecay {
        /// Sharpness.
        t: f32,
    },
}

/// A backward map B, numbered as in the boundary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backward {
    /// 0: 1, straight through.
    One,
    /// 1: 1 where |x| <= 1, 0 elsewhere.
    Box,
    /// 2: max(0, 2 - 2 |x|).
    PolynomialPrime,
    /// 3: beta sech^2 u (1 - u tanh u), u = beta x / 2.
    SignSwishPrime {
        /// Sharpness.
        beta: f32,
    },
    /// 4: k t sech^2(t x), k = max(1/t, 1).
    ErrorDecayPrime {
        /// Sharpness.
        t: f32,
    },
}

impl Forward {
    /// The map of this number; `parameters` are those its fields name, in order.
    pub fn from_number(number: u32, parameters: &[f32]) -> Option<Self> {
        let parameter = |i: usize| parameters.get(i).copied();
        Some(match number {
            0 => Self::Identity,
            1 => Self::Sign,
            2 => Self::PiecewiseLinear {
                rho: parameter(0)?,
                varrho: parameter(1)?,
            },
            3 => Self::HardTanh,
            4 => Self::SignSwish { beta: parameter(0)? },
            5 => Self::Polynomial,
            6 => Self::ErrorDecay { t: parameter(0)? },
            _ => return None,
        })
    }

    /// How many parameters the map of this number has.
    pub fn parameters(number: u32) -> usize {
        match number {
            2 => 2,
            4 | 6 => 1,
            _ => 0,
        }
    }
}

impl Backward {
    /// The map of this number; `parameters` are those its fields name, in order.
    pub fn from_number(number: u32, parameters: &[f32]) -> Option<Self> {
        Some(match number {
            0 => Self::One,
            1 => Self::Box,
            2 => Self::PolynomialPrime,
            3 => Self::SignSwishPrime {
                beta: parameters.first().copied()?,
            },
            4 => Self::ErrorDecayPrime {
                t: parameters.first().copied()?,
            },
            _ => return None,
        })
    }

    /// How many parameters the map of this number has.
    pub fn parameters(number: u32) -> usize {
        usize::from(number == 3 || number == 4)
    }
}

/// Beyond this |u|, sech^2 u is no longer seen beside 1.
const SWISH_LIMIT: f32 = 40.0;

#[inline(always)]
fn sign(x: F32x4) -> F32x4 {
    x.less(F32x4::splat(0.0)).select(F32x4::splat(-1.0), F32x4::splat(1.0))
}

/// Applies `map` four lanes at a time; the last lanes are computed as a vector filled up with zeros, to the same bits.
/// True where an input is NaN.
#[inline(always)]
pub(crate) fn for_each<const N: usize>(
    inputs: [&[f32]; N],
    output: &mut [f32],
    map: impl Fn([F32x4; N]) -> F32x4,
) -> bool {
    apply::<N, false>(inputs, output, map)
}

/// [`for_each`], whose results are added to what `output` holds where `accumulate`.
#[inline(always)]
pub(crate) fn for_each_onto<const N: usize>(
    inputs: [&[f32]; N],
    output: &mut [f32],
    accumulate: bool,
    map: impl Fn([F32x4; N]) -> F32x4,
) -> bool {
    if accumulate {
        apply::<N, true>(inputs, output, map)
    } else {
        apply::<N, false>(inputs, output, map)
    }
}

#[inline(always)]
fn apply<const N: usize, const ADD: bool>(
    inputs: [&[f32]; N],
    output: &mut [f32],
    map: impl Fn([F32x4; N]) -> F32x4,
) -> bool {
    let length = output.len();
    assert!(inputs.iter().all(|input| input.len() == length));
    let whole = length & !3;
    let mut nan = Mask::none();
    for at in (0..whole).step_by(4) {
        // SAFETY: `at + 4 <= length`, the length of every slice.
        let values = inputs.map(|input| unsafe { F32x4::read(input.as_ptr().add(at)) });
        nan = values.iter().fold(nan, |nan, value| nan.or(value.is_nan()));
        // SAFETY: as above.
        unsafe {
            let target = output.as_mut_ptr().add(at);
            let value = map(values);
            if ADD { F32x4::read(target) + value } else { value }.write(target);
        }
    }
    if whole < length {
        let values = inputs.map(|input| F32x4::load_up_to(&input[whole..]));
        nan = values.iter().fold(nan, |nan, value| nan.or(value.is_nan()));
        let (value, target) = (map(values), &mut output[whole..]);
        if ADD { F32x4::load_up_to(target) + value } else { value }.store_up_to(target);
    }
    nan.any()
}

/// `y = F(x)`; true where an x is NaN.
pub fn quantize_forward(map: Forward, x: &[f32], y: &mut [f32]) -> bool {
    let one = F32x4::splat(1.0);
    let functions = Functions::load();
    match map {
        Forward::Identity => for_each([x], y, |[x]| x),
        Forward::Sign => for_each([x], y, |[x]| sign(x)),
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
        Forward::HardTanh => for_each([x], y, |[x]| x.clamp_magnitude(1.0)),
        Forward::SignSwish { beta } => {
            let half = F32x4::splat(0.5 * beta);
            for_each([x], y, |[x]| {
                let u = (half * x).clamp_magnitude(SWISH_LIMIT);
                let (tanh, sech2) = functions.tanh_and_sech2(u);
                tanh + u * sech2
            })
        }
        Forward::Polynomial => for_each([x], y, |[x]| {
            let c = x.clamp_magnitude(1.0);
            c * (F32x4::splat(2.0) - c.abs())
        }),
        Forward::ErrorDecay { t } => {
            let (t, k) = (F32x4::splat(t), F32x4::splat(error_decay_scale(t)));
            for_each([x], y, |[x]| k * functions.tanh_and_sech2(t * x).0)
        }
    }
}

/// `gx = gy * B(x)`, added to what is in `gx` where `accumulate`; true where an x or a gy is NaN.
pub fn quantize_backward(map: Backward, x: &[f32], gy: &[f32], accumulate: bool, gx: &mut [f32]) -> bool {
    let one = F32x4::splat(1.0);
    let functions = Functions::load();
    match map {
        Backward::One => for_each_onto([x, gy], gx, accumulate, |[_, gy]| gy),
        Backward::Box => for_each_onto([x, gy], gx, accumulate, |[x, gy]| x.abs().at_most(one).keep(gy)),
        Backward::PolynomialPrime => for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
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
        Backward::ErrorDecayPrime { t } => {
            let (scale, t) = (F32x4::splat(error_decay_scale(t) * t), F32x4::splat(t));
            for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
                gy * (scale * functions.tanh_and_sech2(t * x).1)
            })
        }
    }
}

/// k = max(1/t, 1).
fn error_decay_scale(t: f32) -> f32 {
    (1.0 / t).max(1.0)
}

#[cfg(test)]
mod tests;
