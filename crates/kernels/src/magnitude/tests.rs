//! SiMaN's weights against their definition in f64, and the rules of ties and odd counts.

use super::*;
use crate::arbitrary::{cases, reals, seeds, sizes};
use crate::naive::weights as naive;
use proptest::prelude::*;

const PERCENTILES: [f32; 4] = [0.0, 5.0, 15.0, 25.0];

struct Found {
    bad: bool,
    out: Vec<f32>,
    slopes: Vec<f32>,
}

fn magnitudes(w: &[f32], k: usize, percentile: f32) -> Found {
    let (mut out, mut slopes) = (vec![f32::NAN; w.len()], vec![f32::NAN; w.len()]);
    let bad = standardize_magnitudes(w, percentile, &mut vec![0.0; k], &mut out, &mut slopes);
    Found { bad, out, slopes }
}

/// The places of a filter whose signs are +1, sign(-0) = +1.
fn large(out: &[f32]) -> Vec<bool> {
    out.iter().map(|&value| value >= 0.0).collect()
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn weights_are_magnitudes_about_their_middle(
        k in sizes(40), n in sizes(12), seed in seeds(), place in 0usize..4, coarse: bool,
    ) {
        let percentile = PERCENTILES[place];
        // Weights of few values have many ties.
        let w: Vec<f32> = reals(k * n, seed)
            .iter()
            .map(|w| if coarse { (w * 2.0).round() / 2.0 } else { w + 0.25 })
            .collect();
        let found = magnitudes(&w, k, percentile);
        prop_assert!(!found.bad);
        for (i, [value, slope]) in naive::standardize_magnitudes(&w, n, percentile).into_iter().enumerate() {
            prop_assert_eq!(f64::from(found.out[i]), f64::from(value as f32));
            prop_assert_eq!(f64::from(found.slopes[i]), f64::from(slope as f32));
        }
        for filter in 0..n {
            let column: Vec<f32> = found.out.iter().skip(filter).step_by(n).copied().collect();
            prop_assert_eq!(large(&column).iter().filter(|&&large| large).count(), k.div_ceil(2));
        }
    }
}

#[test]
fn of_equal_magnitudes_earlier_rows_are_large() {
    // The mean is 0.
    let found = magnitudes(&[1.0, -1.0, 1.0, -1.0, 0.0], 5, 0.0);
    assert_eq!(large(&found.out), [true, true, true, false, false]);
    assert_eq!(large(&magnitudes(&[0.5; 4], 4, 15.0).out), [true, true, false, false]);
    assert_eq!(large(&magnitudes(&[0.5], 1, 15.0).out), [true]);
    // The second of two that are as far from their mean.
    assert_eq!(large(&magnitudes(&[3.0, 7.0], 2, 15.0).out), [true, false]);
}

#[test]
fn odd_counts_have_one_more_large_weight() {
    // The mean is 0, and the threshold lies between 2 and 3.
    let found = magnitudes(&[1.0, 2.0, -3.0, 3.0, -3.0], 5, 0.0);
    assert_eq!(large(&found.out), [false, false, true, true, true]);
    assert_eq!(found.out[2], found.out[3]);
    assert_eq!(found.out[2], -found.out[1]);
}

#[test]
fn nothing_passes_beyond_the_percentiles() {
    // The mean is 0, and the 25th and 75th percentile of the magnitudes 1, 2, 2, 3, 4 are 2 and 3.
    let w = [1.0, -2.0, 3.0, -4.0, 2.0];
    let (some, all) = (magnitudes(&w, 5, 25.0).slopes, magnitudes(&w, 5, 0.0).slopes);
    assert_eq!(
        some.iter().map(|&s| s != 0.0).collect::<Vec<_>>(),
        [false, true, true, false, true]
    );
    assert_eq!(
        all.iter().map(|&s| s > 0.0).collect::<Vec<_>>(),
        [true, false, true, false, true]
    );
}

#[test]
fn what_is_not_finite_is_reported() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for at in 0..6 {
            let mut w = [0.5, 0.25, -0.5, 1.0, 0.0, 2.0];
            w[at] = bad;
            assert!(magnitudes(&w, 3, 15.0).bad);
        }
    }
}
