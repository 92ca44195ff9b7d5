//! PReLU with a slope for each channel (He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", ICCV 2015, section 2.1), the
//! middle of ReActNet's RPReLU (Liu et al., ECCV 2020, section 4.2): `y = x` where `x >= 0`, elsewhere `y = a x`.
//!
//! Gradients: `dx = dy` where `x >= 0`, elsewhere `a dy`; `da` is the sum of `min(x, 0) dy` over the rows. Products of two
//! f32 are exact in f64; a lane's sum runs over its rows in order and is rounded once.
//!
//! Layout: `x [rows][c]`, slopes `[c]`.

use crate::channel_gradients::{ChannelGradients, channel_gradients};
use crate::simd::floats::{F32x4, Mask};

/// `x` where it is at least zero (-0 is), `slope * x` elsewhere.
#[inline(always)]
fn bent(x: F32x4, at: F32x4, slope: F32x4) -> F32x4 {
    F32x4::splat(0.0).at_most(at).select(x, slope * x)
}

/// `y = x` where `x >= 0`, `slopes[channel] * x` elsewhere. True where a y is NaN.
pub fn prelu_forward(x: &[f32], slopes: &[f32], y: &mut [f32]) -> bool {
    let c = slopes.len();
    assert!(c > 0 && x.len() == y.len() && x.len().is_multiple_of(c));
    let mut nan = Mask::none();
    for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
        let mut at = 0;
        while at + 4 <= c {
            // SAFETY: four channels from `at` on lie in the row and in the slopes.
            unsafe {
                let value = F32x4::read(x.as_ptr().add(at));
                let value = bent(value, value, F32x4::read(slopes.as_ptr().add(at)));
                nan = nan.or(value.is_nan());
                value.write(y.as_mut_ptr().add(at));
            }
            at += 4;
        }
        if at < c {
            let value = F32x4::load_up_to(&x[at..]);
            let value = bent(value, value, F32x4::load_up_to(&slopes[at..]));
            nan = nan.or(value.is_nan());
            value.store_up_to(&mut y[at..]);
        }
    }
    nan.any()
}

/// The gradients of one lane: at the input, written to `dx` or added to it where `accumulate`, if it is asked for; and at
/// the slopes, `dslopes [c]`.
pub fn prelu_backward(
    x: &[f32],
    dy: &[f32],
    slopes: &[f32],
    accumulate: bool,
    dx: Option<&mut [f32]>,
    dslopes: &mut [f32],
) {
    let given = ChannelGradients {
        x,
        dy,
        numbers: slopes,
        accumulate,
    };
    channel_gradients(
        given,
        dx,
        dslopes,
        |x, gradient, slope| bent(gradient, x, slope),
        |x| x.less(F32x4::splat(0.0)).keep(x),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    /// The definition, element by element.
    fn twin(x: f32, slope: f32) -> f32 {
        if x >= 0.0 { x } else { slope * x }
    }

    proptest! {
        #[test]
        fn values_and_gradients_are_those_of_the_definition(rows in 1usize..70, c in 1usize..75, seed in 0u64..1000) {
            let mut x = reals(rows * c, seed);
            for (i, value) in x.iter_mut().enumerate().filter(|(i, _)| i % 7 == 0) {
                *value = if i % 2 == 0 { 0.0 } else { -0.0 };
            }
            let (dy, slopes) = (reals(rows * c, seed + 1), reals(c, seed + 2));
            let mut y = vec![f32::NAN; rows * c];
            prop_assert!(!prelu_forward(&x, &slopes, &mut y));
            let before = reals(rows * c, seed + 3);
            let (mut dx, mut onto) = (vec![f32::NAN; rows * c], before.clone());
            let mut sums = [vec![f32::NAN; c], vec![f32::NAN; c], vec![f32::NAN; c]];
            prelu_backward(&x, &dy, &slopes, false, Some(&mut dx), &mut sums[0]);
            prelu_backward(&x, &dy, &slopes, true, Some(&mut onto), &mut sums[1]);
            prelu_backward(&x, &dy, &slopes, true, None, &mut sums[2]);
            for i in 0..rows * c {
                prop_assert_eq!(y[i].to_bits(), twin(x[i], slopes[i % c]).to_bits());
                let share = if x[i] >= 0.0 { dy[i] } else { slopes[i % c] * dy[i] };
                prop_assert_eq!((dx[i], onto[i]), (share, before[i] + share));
            }
            let wanted: Vec<f32> = (0..c)
                .map(|channel| {
                    let terms = (0..rows).map(|row| row * c + channel);
                    terms.fold(0.0, |sum, i| sum + f64::from(x[i].min(0.0)) * f64::from(dy[i])) as f32
                })
                .collect();
            for sums in sums {
                prop_assert_eq!(&sums, &wanted);
            }
        }
    }

    #[test]
    fn nan_is_reported() {
        for at in 0..5 {
            let mut x = [-1.0, 0.0, 1.0, 2.0, -3.0];
            assert!(!prelu_forward(&x, &[0.25; 5], &mut [0.0; 5]));
            x[at] = f32::NAN;
            assert!(prelu_forward(&x, &[0.25; 5], &mut [0.0; 5]));
        }
    }

    #[test]
    fn slopes_have_the_gradient_of_difference_quotients() {
        let (rows, c) = (6, 5);
        let (x, dy, slopes) = (reals(rows * c, 1), reals(rows * c, 2), reals(c, 3));
        let mut dslopes = vec![0.0; c];
        prelu_backward(&x, &dy, &slopes, false, None, &mut dslopes);
        let loss = |slopes: &[f64]| -> f64 {
            (0..rows * c)
                .map(|i| {
                    let x = f64::from(x[i]);
                    f64::from(dy[i]) * if x >= 0.0 { x } else { slopes[i % c] * x }
                })
                .sum()
        };
        let exact: Vec<f64> = slopes.iter().map(|&slope| slope.into()).collect();
        for channel in 0..c {
            let moved = |by: f64| {
                let mut slopes = exact.clone();
                slopes[channel] += by;
                loss(&slopes)
            };
            let quotient = (moved(0.5) - moved(-0.5)) / 1.0;
            assert!((quotient - f64::from(dslopes[channel])).abs() < 1e-6);
        }
    }
}
