//! The gradients of LayerScale, `y = gamma x` with a gamma for each channel. Touvron, Cord, Sablayrolles, Synnaeve and Jégou,
//! "Going deeper with Image Transformers", ICCV 2021, section 2.2. The way forward is [`crate::norm::affine`] with a shift of 0.
//!
//! Gradients: `dx = gamma dy`, and `dgamma` is the sum of `x dy` over the rows. Products of two f32 are exact in f64; a lane's
//! sum runs over its rows in order and is rounded once.
//!
//! Layout: `x [rows][c]`, gamma `[c]`.

use crate::reduce::fold_columns;
use crate::simd::floats::F32x4;

/// The treatment of the gradient at the input.
const WRITE: u8 = 0;
const ADD: u8 = 1;
const NONE: u8 = 2;

/// The gradients of one lane: at the input, written to `dx` or added to it where `accumulate`, if it is asked for; and at
/// gamma, `dgamma [c]`.
pub fn layer_scale_backward(
    x: &[f32],
    dy: &[f32],
    gamma: &[f32],
    accumulate: bool,
    dx: Option<&mut [f32]>,
    dgamma: &mut [f32],
) {
    let c = gamma.len();
    assert!(c > 0 && dgamma.len() == c && x.len() == dy.len() && x.len().is_multiple_of(c));
    match dx {
        None => backward::<NONE>(x, dy, gamma, core::ptr::null_mut(), dgamma),
        Some(dx) => {
            assert_eq!(dx.len(), x.len());
            let pass = if accumulate { backward::<ADD> } else { backward::<WRITE> };
            pass(x, dy, gamma, dx.as_mut_ptr(), dgamma);
        }
    }
}

/// One pass over the rows. Unless `NONE` is asked for, `dx` must be as long as `x`.
fn backward<const MODE: u8>(x: &[f32], dy: &[f32], gamma: &[f32], dx: *mut f32, dgamma: &mut [f32]) {
    let c = gamma.len();
    fold_columns::<1>(
        x.len() / c,
        c,
        |row, first, lanes| {
            let at = row * c + first;
            // SAFETY: `fold_columns` asks for `lanes` columns from `first` on that exist, and all tensors have the rows of `x`.
            unsafe {
                let few = |values: *const f32| F32x4::load_lanes_at::<1>(values, lanes)[0];
                let (value, gradient) = (few(x.as_ptr().add(at)), few(dy.as_ptr().add(at)));
                if MODE != NONE {
                    let share = few(gamma.as_ptr().add(first)) * gradient;
                    let target = dx.add(at);
                    let share = if MODE == ADD { few(target) + share } else { share };
                    F32x4::store_lanes_at([share], target, lanes);
                }
                let (value, gradient) = (value.widen(), gradient.widen());
                [[value[0] * gradient[0], value[1] * gradient[1]]]
            }
        },
        |_, channel, sum| dgamma[channel] = sum as f32,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn gradients_are_those_of_the_definition(rows in 1usize..70, c in 1usize..75, seed in 0u64..1000) {
            let (x, dy, gamma) = (reals(rows * c, seed), reals(rows * c, seed + 1), reals(c, seed + 2));
            let before = reals(rows * c, seed + 3);
            let (mut dx, mut onto) = (vec![f32::NAN; rows * c], before.clone());
            let mut sums = [vec![f32::NAN; c], vec![f32::NAN; c], vec![f32::NAN; c]];
            layer_scale_backward(&x, &dy, &gamma, false, Some(&mut dx), &mut sums[0]);
            layer_scale_backward(&x, &dy, &gamma, true, Some(&mut onto), &mut sums[1]);
            layer_scale_backward(&x, &dy, &gamma, true, None, &mut sums[2]);
            for i in 0..rows * c {
                let share = gamma[i % c] * dy[i];
                prop_assert_eq!((dx[i], onto[i]), (share, before[i] + share));
            }
            let wanted: Vec<f32> = (0..c)
                .map(|channel| {
                    let terms = (0..rows).map(|row| row * c + channel);
                    terms.fold(0.0, |sum, i| sum + f64::from(x[i]) * f64::from(dy[i])) as f32
                })
                .collect();
            for sums in sums {
                prop_assert_eq!(&sums, &wanted);
            }
        }
    }
}
