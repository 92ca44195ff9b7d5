//! The divergence of the distribution that weights make from that of a teacher's weights, and its slopes (BD-BNN).
//!
//! With q = softmax(w / T) and p = softmax(t / T) over all elements of a tensor it is `sum p (ln p - ln q)`, whose slope at
//! w is `(q - p) / T`. Sums are in f64, elements in order.

use crate::math::{exp_f64, ln_f64};
use crate::target_loss::first_maximum;

/// The largest element of either tensor, and the sum of `exp((x - largest) / T)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalizers {
    /// Those of the own weights.
    pub own: [f64; 2],
    /// Those of the teacher's.
    pub teacher: [f64; 2],
}

fn normalizer(x: &[f32], temperature: f64) -> [f64; 2] {
    let largest = f64::from(x[first_maximum(x)]);
    let sum = x.iter().map(|&x| exp_f64((f64::from(x) - largest) / temperature)).sum();
    [largest, sum]
}

/// The divergence of `own` from `teacher`, of one length from 1, with what the slopes need.
pub fn divergence(own: &[f32], teacher: &[f32], temperature: f64) -> (f64, Normalizers) {
    assert!(own.len() == teacher.len() && !own.is_empty());
    let found = Normalizers {
        own: normalizer(own, temperature),
        teacher: normalizer(teacher, temperature),
    };
    let [[largest, sum], [top, all]] = [found.own, found.teacher];
    let rest = ln_f64(sum) - ln_f64(all);
    let mut total = 0.0;
    for (&w, &t) in own.iter().zip(teacher) {
        let (w, t) = (
            (f64::from(w) - largest) / temperature,
            (f64::from(t) - top) / temperature,
        );
        total += exp_f64(t) / all * (t - w + rest);
    }
    (total, found)
}

/// `y[i] += factor (q[i] - p[i]) / T`, rounded once before the addition.
pub fn add_divergence_slopes(
    own: &[f32],
    teacher: &[f32],
    normalizers: Normalizers,
    temperature: f64,
    factor: f64,
    y: &mut [f32],
) {
    assert!(own.len() == teacher.len() && own.len() == y.len());
    let share = |x: f32, [largest, sum]: [f64; 2]| exp_f64((f64::from(x) - largest) / temperature) / sum;
    for ((y, &w), &t) in y.iter_mut().zip(own).zip(teacher) {
        let difference = share(w, normalizers.own) - share(t, normalizers.teacher);
        *y += (factor * difference / temperature) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    fn softmax(x: &[f64], temperature: f64) -> Vec<f64> {
        let sum: f64 = x.iter().map(|x| (x / temperature).exp()).sum();
        x.iter().map(|x| (x / temperature).exp() / sum).collect()
    }

    fn naive(own: &[f64], teacher: &[f64], temperature: f64) -> f64 {
        let (q, p) = (softmax(own, temperature), softmax(teacher, temperature));
        p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum()
    }

    proptest! {
        #[test]
        fn it_is_that_of_its_definition(n in 1usize..40, temperature in 0.3f64..5.0, seed in 0u64..1000) {
            let (w, t) = (reals(n, seed), reals(n, seed + 1));
            let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
            let (own, teacher) = (wide(&w), wide(&t));
            let (found, normalizers) = divergence(&w, &t, temperature);
            prop_assert!((found - naive(&own, &teacher, temperature)).abs() <= 1e-12 * (1.0 + found));
            let mut y = vec![0.25; n];
            add_divergence_slopes(&w, &t, normalizers, temperature, 3.0, &mut y);
            for i in 0..n {
                let at = |step: f64| {
                    let mut moved = own.clone();
                    moved[i] += step;
                    3.0 * naive(&moved, &teacher, temperature)
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                prop_assert!((f64::from(y[i]) - 0.25 - slope).abs() <= 1e-6);
            }
        }

        #[test]
        fn it_is_nothing_between_equal_weights(n in 1usize..40, seed in 0u64..1000) {
            let w = reals(n, seed);
            let (found, normalizers) = divergence(&w, &w, 4.0);
            prop_assert!(found.abs() <= 1e-14);
            let mut y = vec![0.5; n];
            add_divergence_slopes(&w, &w, normalizers, 4.0, 1.0, &mut y);
            prop_assert_eq!(y, vec![0.5; n]);
        }
    }
}
