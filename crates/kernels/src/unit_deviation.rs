//! Activations divided by the deviation of their image, as ReCU and BiPer (Vargas et al., CVPR 2024) do while they train:
//! `y = x / s`, `s = sqrt(var + epsilon)`, the variance over all elements of an image with n - 1 below it. Gradient:
//! `dx = dy / s - (x - mean) sum(dy x) / ((n - 1) s^3)`. The mean is not taken away.
//!
//! Layout: `x [images][n]`. Sums are f64, element by element, rounded once. `saved [images][2]` is (mean, 1 / s). With one
//! element the variance is 0.

/// Returns true where a deviation is not finite.
pub fn unit_deviation_forward(x: &[f32], n: usize, epsilon: f32, y: &mut [f32], saved: &mut [f32]) -> bool {
    assert!(n > 0 && x.len() == y.len() && x.len() == n * (saved.len() / 2));
    let mut bad = false;
    for ((x, y), saved) in x
        .chunks_exact(n)
        .zip(y.chunks_exact_mut(n))
        .zip(saved.chunks_exact_mut(2))
    {
        let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
        let squares = x
            .iter()
            .map(|&x| (f64::from(x) - mean) * (f64::from(x) - mean))
            .sum::<f64>();
        let variance = squares / (n - 1).max(1) as f64;
        let inverse = (1.0 / (variance + f64::from(epsilon)).sqrt()) as f32;
        saved.copy_from_slice(&[mean as f32, inverse]);
        bad |= !(variance.is_finite() && inverse.is_finite());
        for (y, x) in y.iter_mut().zip(x) {
            *y = x * inverse;
        }
    }
    bad
}

/// `dx` of `dy`, added to what is there where `accumulate`; `saved` as the way forward left it.
pub fn unit_deviation_backward(x: &[f32], dy: &[f32], n: usize, saved: &[f32], accumulate: bool, dx: &mut [f32]) {
    assert!(n > 0 && x.len() == dy.len() && x.len() == dx.len() && x.len() == n * (saved.len() / 2));
    let images = x.chunks_exact(n).zip(dy.chunks_exact(n)).zip(saved.chunks_exact(2));
    for (dx, ((x, dy), saved)) in dx.chunks_exact_mut(n).zip(images) {
        let (mean, inverse) = (f64::from(saved[0]), f64::from(saved[1]));
        let product = x
            .iter()
            .zip(dy)
            .map(|(&x, &dy)| f64::from(x) * f64::from(dy))
            .sum::<f64>();
        let factor = product * inverse * inverse * inverse / (n - 1).max(1) as f64;
        for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
            let gradient = (f64::from(dy) * inverse - (f64::from(x) - mean) * factor) as f32;
            *dx = if accumulate { *dx + gradient } else { gradient };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{cases, reals, seeds, sizes};
    use proptest::prelude::*;

    const EPSILON: f32 = 1e-5;

    /// One image from the definition.
    fn divided(x: &[f64]) -> Vec<f64> {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let squares = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        let deviation = (squares / (x.len() - 1).max(1) as f64 + f64::from(EPSILON)).sqrt();
        x.iter().map(|x| x / deviation).collect()
    }

    proptest! {
        #![proptest_config(cases(100))]

        #[test]
        fn images_have_a_deviation_of_one(images in 1usize..4, n in sizes(40), seed in seeds()) {
            let x = reals(images * n, seed);
            let (mut y, mut saved) = (vec![f32::NAN; images * n], vec![f32::NAN; 2 * images]);
            prop_assert!(!unit_deviation_forward(&x, n, EPSILON, &mut y, &mut saved));
            for (image, found) in x.chunks(n).zip(y.chunks(n)) {
                let wide: Vec<f64> = image.iter().map(|&x| f64::from(x)).collect();
                for (found, expected) in found.iter().zip(divided(&wide)) {
                    prop_assert!((f64::from(*found) - expected).abs() <= 2e-7 * expected.abs());
                }
            }
        }

        #[test]
        fn gradients_are_differences(n in 2usize..12, seed in seeds()) {
            let (x, dy, before) = (reals(n, seed), reals(n, seed + 1), reals(n, seed + 2));
            let (mut y, mut saved) = (vec![0.0; n], vec![0.0; 2]);
            prop_assert!(!unit_deviation_forward(&x, n, EPSILON, &mut y, &mut saved));
            let (mut dx, mut onto) = (vec![f32::NAN; n], before.clone());
            unit_deviation_backward(&x, &dy, n, &saved, false, &mut dx);
            unit_deviation_backward(&x, &dy, n, &saved, true, &mut onto);
            let loss = |x: &[f64]| -> f64 { divided(x).iter().zip(&dy).map(|(y, &dy)| y * f64::from(dy)).sum() };
            for i in 0..n {
                let moved = |step: f64| {
                    let mut wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                    wide[i] += step;
                    loss(&wide)
                };
                let slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
                let height = f64::from(saved[1]).powi(3).max(1.0);
                prop_assert!((f64::from(dx[i]) - slope).abs() <= 1e-4 * height, "{} for {slope}", dx[i]);
                prop_assert_eq!(onto[i], before[i] + dx[i]);
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_reported() {
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(unit_deviation_forward(
                &[1.0, bad, 2.0],
                3,
                EPSILON,
                &mut [0.0; 3],
                &mut [0.0; 2]
            ));
        }
        assert!(!unit_deviation_forward(&[3.0], 1, EPSILON, &mut [0.0], &mut [0.0; 2]));
    }
}
