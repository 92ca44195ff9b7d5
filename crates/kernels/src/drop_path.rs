//! Stochastic depth: a whole example of a branch is 0 with probability `rate`, and `x / (1 - rate)` else. Huang, Sun, Liu,
//! Sedra and Weinberger, "Deep Networks with Stochastic Depth", ECCV 2016, section 3, with the scaling of dropout. The way back
//! is the same map of the gradient.
//!
//! An example's draw is that of dropout's element of the same number ([`crate::dropout`]).

use crate::dropout::Draws;

/// Drops examples of `x`, each `size` floats long, the first of which is number `first` of the batch. Results are added to `y`
/// where `accumulate`. True where an x is NaN.
pub fn drop_path(
    x: &[f32],
    size: usize,
    first: usize,
    rate: f64,
    draws: Draws,
    accumulate: bool,
    y: &mut [f32],
) -> bool {
    assert!(x.len() == y.len() && size > 0 && x.len().is_multiple_of(size) && (0.0..1.0).contains(&rate));
    let least = (rate * 4_294_967_296.0) as u32;
    let scale = (1.0 / (1.0 - rate)) as f32;
    let mut nan = false;
    for (i, (x, y)) in x.chunks_exact(size).zip(y.chunks_exact_mut(size)).enumerate() {
        let stays = draws.word(first + i) >= least;
        for (&x, y) in x.iter().zip(y) {
            nan |= x.is_nan();
            let value = if stays { x * scale } else { 0.0 };
            *y = if accumulate { *y + value } else { value };
        }
    }
    nan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use crate::dropout::dropout;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_example_is_dropped_as_the_element_of_its_number(
            images in 1usize..20, size in 1usize..40, first in 0usize..50, rate in 0.0..0.95f64, seed in 0u64..1000,
        ) {
            let draws = Draws::from_floats([seed as f32, 77.0, 1000.0 + seed as f32]);
            let mut factors = vec![f32::NAN; images];
            dropout(&vec![1.0; images], first, rate, draws, false, &mut factors);
            let (x, before) = (reals(images * size, seed), reals(images * size, seed + 1));
            let (mut y, mut onto) = (vec![f32::NAN; images * size], before.clone());
            prop_assert!(!drop_path(&x, size, first, rate, draws, false, &mut y));
            prop_assert!(!drop_path(&x, size, first, rate, draws, true, &mut onto));
            for i in 0..images * size {
                let factor = factors[i / size];
                let value = if factor == 0.0 { 0.0 } else { x[i] * factor };
                prop_assert_eq!((y[i], onto[i]), (value, before[i] + value));
            }
        }
    }

    #[test]
    fn nan_is_reported() {
        let draws = Draws { key: [1, 2], update: 3 };
        for at in 0..6 {
            let mut x = [1.0; 6];
            x[at] = f32::NAN;
            assert!(drop_path(&x, 2, 0, 0.5, draws, false, &mut [0.0; 6]));
        }
    }
}
