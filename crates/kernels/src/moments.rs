//! The kurtosis of weights, and the slope of its squared distance from a target (BD-BNN).
//!
//! With `z = (w - mean) / deviation` and the deviation of a sample, whose square is the sum of squares over `n - 1`, the
//! kurtosis is the mean of `z^4`. Sums are in f64: four of them each take every fourth element, in order; at the end
//! `(s[0] + s[1]) + (s[2] + s[3])`. The mean comes first, then all moments around it.

/// The moments of a tensor, of its standardised elements from the third on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The mean of the elements.
    pub mean: f64,
    /// 1 over the deviation of the sample.
    pub scale: f64,
    /// The mean of `z^3`.
    pub third: f64,
    /// The mean of `z^4`.
    pub kurtosis: f64,
}

/// The sum of `value(w)` over all elements.
fn fold(w: &[f32], value: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; 4];
    for four in w.chunks(4) {
        for (sum, &w) in sums.iter_mut().zip(four) {
            *sum += value(f64::from(w));
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// The moments of at least two elements; not finite where all are equal.
pub fn moments(w: &[f32]) -> Moments {
    let count = w.len() as f64;
    let mean = fold(w, |w| w) / count;
    let squares = fold(w, |w| (w - mean) * (w - mean));
    let scale = 1.0 / (squares / (count - 1.0)).sqrt();
    let cubes = fold(w, |w| (w - mean) * (w - mean) * (w - mean));
    let fourths = fold(w, |w| (w - mean) * (w - mean) * ((w - mean) * (w - mean)));
    Moments {
        mean,
        scale,
        third: cubes / count * (scale * scale * scale),
        kurtosis: fourths / count * (scale * scale * (scale * scale)),
    }
}

/// `y[i] += factor d/dw[i] (kurtosis - target)^2` for elements of a tensor of `size` with these moments. The slope of the
/// kurtosis is `4 scale ((z^3 - third) / size - kurtosis z / (size - 1))`. It is in f64, and rounded once before the addition.
pub fn add_kurtosis_slopes(w: &[f32], moments: Moments, size: usize, target: f64, factor: f64, y: &mut [f32]) {
    assert_eq!(w.len(), y.len());
    let Moments {
        mean,
        scale,
        third,
        kurtosis,
    } = moments;
    let count = size as f64;
    let all = factor * 2.0 * (kurtosis - target) * 4.0 * scale;
    for (y, &w) in y.iter_mut().zip(w) {
        let z = (f64::from(w) - mean) * scale;
        *y += (all * ((z * z * z - third) / count - kurtosis * z / (count - 1.0))) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    /// The kurtosis from its definition, one sum after the other.
    fn naive_kurtosis(w: &[f64]) -> f64 {
        let n = w.len() as f64;
        let mean = w.iter().sum::<f64>() / n;
        let variance = w.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / (n - 1.0);
        w.iter().map(|w| ((w - mean) / variance.sqrt()).powi(4)).sum::<f64>() / n
    }

    proptest! {
        #[test]
        fn the_kurtosis_is_that_of_its_definition(n in 2usize..70, seed in 0u64..1000) {
            let w = reals(n, seed);
            let wide: Vec<f64> = w.iter().map(|&w| f64::from(w)).collect();
            let found = moments(&w);
            // The mean is rounded, which counts for more where weights lie close together.
            let largest = wide.iter().fold(0.0, |most: f64, w| most.max(w.abs()));
            let most = 1e-13 * (10.0 + largest * found.scale) * found.kurtosis;
            prop_assert!((found.kurtosis - naive_kurtosis(&wide)).abs() <= most);
        }

        #[test]
        fn slopes_are_those_that_differences_come_to(
            n in 3usize..40, first in 0usize..3, target in 1.0f64..4.0, factor in 0.1f64..3.0, seed in 0u64..1000,
        ) {
            let w = reals(n, seed);
            let mut y = vec![0.5; n - first];
            add_kurtosis_slopes(&w[first..], moments(&w), n, target, factor, &mut y);
            let wide: Vec<f64> = w.iter().map(|&w| f64::from(w)).collect();
            let loss = |at: usize, step: f64| {
                let mut moved = wide.clone();
                moved[at] += step;
                factor * (naive_kurtosis(&moved) - target).powi(2)
            };
            for (i, y) in y.iter().enumerate() {
                let step = 1e-5 / moments(&w).scale;
                let slope = (loss(first + i, step) - loss(first + i, -step)) / (2.0 * step);
                let most = factor * moments(&w).scale * 64.0;
                prop_assert!((f64::from(*y) - 0.5 - slope).abs() <= 1e-6 * (1.0 + most), "{y} and {slope}");
            }
        }
    }

    #[test]
    fn known_distributions_have_known_kurtosis() {
        let two = moments(&[-1.0, 1.0, -1.0, 1.0]);
        assert_eq!(two.mean, 0.0);
        // The deviation of the sample makes it ((n - 1) / n)^2 of the two points' 1.
        assert!((two.kurtosis - 0.5625).abs() < 1e-15);
        let even: Vec<f32> = (0..4000).map(|i| i as f32 / 4000.0).collect();
        assert!((moments(&even).kurtosis - 1.8).abs() < 1e-3);
        assert!(!moments(&[0.25; 5]).kurtosis.is_finite());
    }
}
