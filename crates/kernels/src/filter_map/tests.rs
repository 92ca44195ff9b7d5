use super::*;
use crate::arbitrary::{cases, reals, seeds};
use proptest::prelude::*;

/// `t` from the definition, in f64.
fn mapped(w: &[f64], n: usize, mapping: &[f64]) -> Vec<f64> {
    let k = w.len() / n;
    let mut t = w.to_vec();
    for unit in mapping.chunks_exact(2 * k + 1) {
        for f in 0..n {
            let sum: f64 = (0..k).map(|row| unit[row] * w[row * n + f]).sum();
            for row in 0..k {
                t[row * n + f] += unit[k + 1 + row] * (sum + unit[k]).tanh();
            }
        }
    }
    t
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// The slope of `loss` at `at[i]`.
fn difference(at: &[f64], i: usize, loss: impl Fn(&[f64]) -> f64) -> f64 {
    let (mut above, mut below) = (at.to_vec(), at.to_vec());
    above[i] += 1e-5;
    below[i] -= 1e-5;
    (loss(&above) - loss(&below)) / 2e-5
}

fn unbiased(w: f64, t: f64, [plus, minus]: [f64; 2]) -> f64 {
    let y: f64 = if w >= 0.0 { 1.0 } else { -1.0 };
    let (own, other) = if y > 0.0 { (plus, minus) } else { (minus, plus) };
    ((1.0 - other) * (t - y).powi(2) - own * (t + y).powi(2)) / (1.0 - plus - minus)
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn the_map_and_its_way_back_are_those_of_the_definition(
        k in 1usize..7, n in 1usize..9, units in 1usize..4, seed in seeds(),
    ) {
        let (w, mapping) = (reals(k * n, seed), reals(units * (2 * k + 1), seed + 1));
        let dt = reals(k * n, seed + 2);
        let (mut hidden, mut t) = (vec![9.0; units * n], vec![9.0; k * n]);
        prop_assert!(!map_filters(&w, n, &mapping, &mut hidden, &mut t));
        let allowed = 1e-6 * ((k + 2) * (units + 1)) as f64;
        for (found, wanted) in t.iter().zip(mapped(&wide(&w), n, &wide(&mapping))) {
            prop_assert!((f64::from(*found) - wanted).abs() <= allowed);
        }
        let (mut room, mut d_mapping, mut dw) = (vec![9.0; n], vec![9.0; mapping.len()], vec![9.0; k * n]);
        map_filters_backward([&w, &mapping, &hidden, &dt], n, &mut room, &mut d_mapping, &mut dw);
        let (w, mapping, dt) = (wide(&w), wide(&mapping), wide(&dt));
        let loss = |t: Vec<f64>| t.iter().zip(&dt).map(|(t, dt)| t * dt).sum::<f64>();
        let allowed = 2e-5 * (k * n * units) as f64;
        for (i, found) in dw.iter().enumerate() {
            let wanted = difference(&w, i, |w| loss(mapped(w, n, &mapping)));
            prop_assert!((f64::from(*found) - wanted).abs() <= allowed, "dw {i}: {found} {wanted}");
        }
        for (i, found) in d_mapping.iter().enumerate() {
            let wanted = difference(&mapping, i, |mapping| loss(mapped(&w, n, mapping)));
            prop_assert!((f64::from(*found) - wanted).abs() <= allowed, "mapping {i}: {found} {wanted}");
        }
    }

    #[test]
    fn the_loss_of_noisy_signs_is_that_of_the_definition(
        count in 0usize..40, plus in 0.0f64..0.49, minus in 0.0f64..0.49, factor in 0.0f64..3.0, seed in seeds(),
    ) {
        let (w, t) = (reals(count, seed), reals(count, seed + 1));
        let mut dt = vec![9.0; count];
        let rates = [plus, minus];
        let sum = supervise_signs(&w, &t, rates, factor, &mut dt);
        let wanted: f64 = (0..count).map(|i| unbiased(f64::from(w[i]), f64::from(t[i]), rates)).sum();
        prop_assert!((sum - wanted).abs() <= 1e-9 * (1.0 + count as f64) / (1.0 - plus - minus));
        for i in 0..count {
            let slope = difference(&[f64::from(t[i])], 0, |t| factor * unbiased(f64::from(w[i]), t[0], rates));
            prop_assert!((f64::from(dt[i]) - slope).abs() <= 1e-4 / (1.0 - plus - minus));
        }
    }

    #[test]
    fn over_flips_of_labels_its_mean_is_the_loss_of_the_true_one(
        t in -2.0f64..2.0, plus in 0.0f64..0.49, minus in 0.0f64..0.49,
    ) {
        for (truth, rate) in [(1.0, plus), (-1.0, minus)] {
            let mean = (1.0 - rate) * unbiased(truth, t, [plus, minus]) + rate * unbiased(-truth, t, [plus, minus]);
            prop_assert!((mean - (t - truth).powi(2)).abs() <= 1e-9 / (1.0 - plus - minus).powi(2));
        }
    }
}

#[test]
fn a_map_of_zeros_is_none_and_what_is_not_finite_is_told() {
    let (mut hidden, mut t) = ([0.0; 2], [0.0; 4]);
    let mut mapping = [0.5, -1.0, 0.25, 0.0, 0.0];
    assert!(!map_filters(&[1.0, -2.0, 3.0, -0.0], 2, &mapping, &mut hidden, &mut t));
    assert_eq!(t, [1.0, -2.0, 3.0, -0.0]);
    mapping[4] = f32::INFINITY;
    assert!(map_filters(&[1.0, -2.0, 3.0, -0.0], 2, &mapping, &mut hidden, &mut t));
}
