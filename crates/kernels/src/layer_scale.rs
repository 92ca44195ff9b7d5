//! The gradients of LayerScale, `y = gamma x` with a gamma for each channel. Touvron, Cord, Sablayrolles, Synnaeve and Jégou,
//! "Going deeper with Image Transformers", ICCV 2021, section 2.2. The way forward is [`crate::norm::affine`] with a shift of 0.
//!
//! Gradients: `dx = gamma dy`, and `dgamma` is the sum of `x dy` over the rows. Products of two f32 are exact in f64; a lane's
//! sum runs over its rows in order and is rounded once.
//!
//! Layout: `x [rows][c]`, gamma `[c]`.

use crate::channel_gradients::{ChannelGradients, channel_gradients};

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
    let given = ChannelGradients {
        x,
        dy,
        numbers: gamma,
        accumulate,
    };
    channel_gradients(given, dx, dgamma, |_, gradient, gamma| gamma * gradient, |x| x);
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
