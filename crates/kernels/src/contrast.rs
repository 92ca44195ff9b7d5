//! InfoNCE within a batch (van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018), as CMIM
//! takes it between two embeddings of the same examples (Shang et al., ECCV 2022).
//!
//! With the unit vectors u of one embedding and v of the other and `s[i][j] = u[i] . v[j] / T` the loss is the sum over i of
//! `ln(sum_j exp(s[i][j])) - s[i][i]`. The example itself is the positive, all others of the batch are negatives. Rows are
//! split among lanes, and each sum is one of f64 in order, so that a lane's numbers do not depend on the cut.

use crate::math::{exp_f64, ln_f64};

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// `units[i] = x[i] / |x[i]|` and `inverses[i] = 1 / |x[i]|` of rows of `size`; a row of zeros stays, and its inverse is 0.
pub fn unit_rows(x: &[f32], size: usize, units: &mut [f32], inverses: &mut [f64]) {
    assert!(size > 0 && x.len() == units.len() && x.len() == size * inverses.len());
    for ((x, unit), inverse) in x.chunks_exact(size).zip(units.chunks_exact_mut(size)).zip(inverses) {
        let norm = dot(x, x).sqrt();
        *inverse = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        for (unit, &x) in unit.iter_mut().zip(x) {
            *unit = (f64::from(x) * *inverse) as f32;
        }
    }
}

/// The losses of the anchors `u`, whose first is the example `first` of the batch `v`, added up; `sums[i]` is the logarithm of
/// the sum of the anchor's exponentials.
pub fn contrast(u: &[f32], v: &[f32], first: usize, size: usize, temperature: f64, sums: &mut [f64]) -> f64 {
    let mut loss = 0.0;
    for (i, (u, sum)) in u.chunks_exact(size).zip(sums).enumerate() {
        // No product of unit vectors is larger than 1, so nothing overflows.
        let largest = 1.0 / temperature;
        let all: f64 = v
            .chunks_exact(size)
            .map(|v| exp_f64(dot(u, v) / temperature - largest))
            .sum();
        *sum = largest + ln_f64(all);
        loss += *sum - dot(u, &v[(first + i) * size..][..size]) / temperature;
    }
    loss
}

/// Whose rows gradients are wanted at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Side {
    /// The rows that are to tell their own candidate.
    Anchors,
    /// The rows among which anchors choose.
    Candidates,
}

/// A lane's rows, and all that the losses have of them.
#[derive(Clone, Copy, Debug)]
pub struct ContrastRows<'a> {
    /// Unit vectors of the rows.
    pub own: &'a [f32],
    /// 1 over the norms of the rows.
    pub inverses: &'a [f64],
    /// Unit vectors of the whole batch, of the other embedding.
    pub others: &'a [f32],
    /// `sums` of `contrast`, of the whole batch.
    pub sums: &'a [f64],
    /// The number of the first row in the batch.
    pub first: usize,
    /// Elements of a row.
    pub size: usize,
    /// T.
    pub temperature: f64,
    /// The embedding that the rows are of.
    pub side: Side,
}

/// `gradient[i] (+)= factor times the slopes at the rows before they were made unit vectors`; `scratch` has room for a number
/// of each example and each element of a row.
pub fn contrast_slopes(rows: ContrastRows, factor: f64, accumulate: bool, scratch: &mut [f64], gradient: &mut [f32]) {
    let ContrastRows {
        size,
        first,
        temperature,
        ..
    } = rows;
    let (weights, total) = scratch.split_at_mut(rows.sums.len());
    assert!(total.len() == size && rows.own.len() == gradient.len());
    for (i, (own, gradient)) in rows
        .own
        .chunks_exact(size)
        .zip(gradient.chunks_exact_mut(size))
        .enumerate()
    {
        let mut along = 0.0;
        total.fill(0.0);
        for (j, (other, weight)) in rows.others.chunks_exact(size).zip(weights.iter_mut()).enumerate() {
            let product = dot(own, other);
            let anchor = if rows.side == Side::Anchors { first + i } else { j };
            let share = exp_f64(product / temperature - rows.sums[anchor]);
            *weight = share - f64::from(u8::from(j == first + i));
            along += *weight * product;
            for (total, &other) in total.iter_mut().zip(other) {
                *total += *weight * f64::from(other);
            }
        }
        let scale = factor * rows.inverses[i] / temperature;
        for ((gradient, &total), &own) in gradient.iter_mut().zip(&*total).zip(own) {
            let slope = (scale * (total - f64::from(own) * along)) as f32;
            *gradient = if accumulate { *gradient + slope } else { slope };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    fn naive(a: &[f64], b: &[f64], size: usize, temperature: f64) -> f64 {
        let unit = |x: &[f64]| -> Vec<Vec<f64>> {
            x.chunks(size)
                .map(|x| {
                    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
                    x.iter().map(|x| x / norm).collect()
                })
                .collect()
        };
        let (u, v) = (unit(a), unit(b));
        let product = |i: usize, j: usize| u[i].iter().zip(&v[j]).map(|(a, b)| a * b).sum::<f64>() / temperature;
        (0..u.len())
            .map(|i| (0..v.len()).map(|j| product(i, j).exp()).sum::<f64>().ln() - product(i, i))
            .sum()
    }

    proptest! {
        #[test]
        fn it_is_that_of_its_definition_in_any_cut(
            rows in 1usize..7, size in 1usize..9, cut in 0usize..7, temperature in 0.2f64..2.0, seed in 0u64..1000,
        ) {
            let cut = cut.min(rows);
            let (a, b) = (reals(rows * size, seed), reals(rows * size, seed + 1));
            let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
            let (wide_a, wide_b) = (wide(&a), wide(&b));
            prop_assume!(a.chunks(size).chain(b.chunks(size)).all(|x| dot(x, x) > 0.01));
            let (mut u, mut v) = (vec![0.0; rows * size], vec![0.0; rows * size]);
            let (mut of_u, mut of_v) = (vec![0.0; rows], vec![0.0; rows]);
            unit_rows(&a, size, &mut u, &mut of_u);
            unit_rows(&b, size, &mut v, &mut of_v);
            let mut sums = vec![0.0; rows];
            let (low, high) = sums.split_at_mut(cut);
            let loss = contrast(&u[..cut * size], &v, 0, size, temperature, low)
                + contrast(&u[cut * size..], &v, cut, size, temperature, high);
            let wanted = naive(&wide_a, &wide_b, size, temperature);
            prop_assert!((loss - wanted).abs() <= 1e-5 * (1.0 + wanted), "{loss} and {wanted}");
            let mut scratch = vec![0.0; rows + size];
            for side in [Side::Anchors, Side::Candidates] {
                let (own, inverses, others, given) = match side {
                    Side::Anchors => (&u, &of_u, &v, &wide_a),
                    Side::Candidates => (&v, &of_v, &u, &wide_b),
                };
                let mut gradient = vec![0.5f32; rows * size];
                for (first, end) in [(0, cut), (cut, rows)] {
                    let lane = ContrastRows {
                        own: &own[first * size..end * size], inverses: &inverses[first..end], others, sums: &sums, first,
                        size, temperature, side,
                    };
                    contrast_slopes(lane, 2.0, true, &mut scratch, &mut gradient[first * size..end * size]);
                }
                for i in 0..rows * size {
                    let at = |step: f64| {
                        let mut moved = given.clone();
                        moved[i] += step;
                        match side {
                            Side::Anchors => 2.0 * naive(&moved, &wide_b, size, temperature),
                            Side::Candidates => 2.0 * naive(&wide_a, &moved, size, temperature),
                        }
                    };
                    let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                    let error = (f64::from(gradient[i]) - 0.5 - slope).abs();
                    prop_assert!(error <= 1e-4 * (1.0 + slope.abs()), "{side:?} {i}: {} and {slope}", gradient[i] - 0.5);
                }
            }
        }
    }

    #[test]
    fn a_row_of_zeros_has_no_direction_and_no_slope() {
        let (mut units, mut inverses) = ([1.0; 2], [1.0; 1]);
        unit_rows(&[0.0, 0.0], 2, &mut units, &mut inverses);
        assert_eq!((units, inverses), ([0.0; 2], [0.0; 1]));
    }
}
