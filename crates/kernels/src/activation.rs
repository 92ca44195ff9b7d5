//! Activations of the real layers: relu and hard tanh, elementwise, and their gradients.
//!
//! Every function returns true where an input is NaN.

use crate::quantizer::{for_each, for_each_onto};
use crate::simd::floats::F32x4;

/// An activation, numbered as in the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// 0: max(x, 0); its gradient passes where x > 0.
    Relu,
    /// 1: x clipped to `[-1, 1]`; its gradient passes where |x| <= 1.
    HardTanh,
}

impl Activation {
    /// The activation of this number.
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Relu),
            1 => Some(Self::HardTanh),
            _ => None,
        }
    }
}

/// `y = f(x)`.
pub fn activation_forward(kind: Activation, x: &[f32], y: &mut [f32]) -> bool {
    match kind {
        Activation::Relu => for_each([x], y, |[x]| {
            let zero = F32x4::splat(0.0);
            zero.less(x).select(x, zero)
        }),
        Activation::HardTanh => for_each([x], y, |[x]| x.clamp_magnitude(1.0)),
    }
}

/// `gx = gy * f'(x)`, added to what is in `gx` where `accumulate`.
pub fn activation_backward(kind: Activation, x: &[f32], gy: &[f32], accumulate: bool, gx: &mut [f32]) -> bool {
    match kind {
        Activation::Relu => for_each_onto([x, gy], gx, accumulate, |[x, gy]| F32x4::splat(0.0).less(x).keep(gy)),
        Activation::HardTanh => for_each_onto([x, gy], gx, accumulate, |[x, gy]| {
            x.abs().at_most(F32x4::splat(1.0)).keep(gy)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: [f32; 9] = [-2.0, -1.0, -0.5, -0.0, 0.0, 0.25, 1.0, 1.5, f32::INFINITY];

    #[test]
    fn forward_values_at_kinks_and_tails() {
        let mut y = [0.0; 9];
        assert!(!activation_forward(Activation::Relu, &X, &mut y));
        assert_eq!(y, [0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 1.0, 1.5, f32::INFINITY]);
        assert!(!activation_forward(Activation::HardTanh, &X, &mut y));
        assert_eq!(y, [-1.0, -1.0, -0.5, 0.0, 0.0, 0.25, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn gradients_pass_where_the_forward_map_moves() {
        let gy = [3.0; 9];
        let mut gx = [9.0; 9];
        assert!(!activation_backward(Activation::Relu, &X, &gy, false, &mut gx));
        assert_eq!(gx, [0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 3.0, 3.0, 3.0]);
        assert!(!activation_backward(Activation::HardTanh, &X, &gy, true, &mut gx));
        // On top of the gradient of relu.
        assert_eq!(gx, [0.0, 3.0, 3.0, 3.0, 3.0, 6.0, 6.0, 3.0, 3.0]);
    }

    #[test]
    fn nan_is_reported() {
        for kind in [Activation::Relu, Activation::HardTanh] {
            let mut y = [0.0; 5];
            let bad = [0.0, 1.0, 2.0, 3.0, f32::NAN];
            assert!(activation_forward(kind, &bad, &mut y));
            assert!(activation_backward(kind, &bad, &[1.0; 5], false, &mut y));
            assert!(activation_backward(kind, &[1.0; 5], &bad, true, &mut y));
        }
    }
}
