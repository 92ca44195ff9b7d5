//! RBNN's weights (Lin et al., "Rotated Binary Neural Network", NeurIPS 2020): `w3 = w2 + |sin beta| (R^T w2 - w2)`, the
//! rotated weight a constant on the way back. So the factor from w3 to w2 is `1 - |sin beta|`.
//!
//! Weights are `w [k][n]`, a column a filter, `k = a b`. A filter is the matrix `X [a][b]`, row by row, and its rotation
//! `R1^T X R2` with `R1 [a][a]` and `R2 [b][b]`. Sums are f64 in order.

use crate::math::sin_and_cos_f64;

/// The two rotations of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Rotations<'a> {
    /// R1.
    pub left: &'a [f32],
    /// R2.
    pub right: &'a [f32],
    /// Rows of a filter as a matrix.
    pub a: usize,
    /// Its columns.
    pub b: usize,
}

/// `out = w3`, `apart = R^T w2 - w2`, with the angle `beta` of each filter. `slopes [n]` are turned from those of w2 into those
/// of w3, times `1 - |sin beta|`. `room [a b]`. True where a result is not finite.
pub fn rotate_filters(
    w: &[f32],
    rotations: Rotations<'_>,
    angles: &[f32],
    room: &mut [f64],
    slopes: &mut [f32],
    apart: &mut [f32],
    out: &mut [f32],
) -> bool {
    let Rotations { left, right, a, b } = rotations;
    let n = angles.len();
    assert!(left.len() == a * a && right.len() == b * b && room.len() == a * b && w.len() == a * b * n);
    assert!(slopes.len() == n && apart.len() == w.len() && out.len() == w.len());
    let mut bad = false;
    for (filter, (&angle, slope)) in angles.iter().zip(slopes).enumerate() {
        let at = |row: usize, column: usize| (row * b + column) * n + filter;
        // R1^T X.
        for (row, room) in room.chunks_exact_mut(b).enumerate() {
            for (column, sum) in room.iter_mut().enumerate() {
                *sum = (0..a).fold(0.0, |sum, i| {
                    sum + f64::from(left[i * a + row]) * f64::from(w[at(i, column)])
                });
            }
        }
        let share = sin_and_cos_f64(f64::from(angle)).0.abs();
        *slope = (f64::from(*slope) * (1.0 - share)) as f32;
        bad |= !angle.is_finite() || !slope.is_finite();
        for (row, room) in room.chunks_exact(b).enumerate() {
            for column in 0..b {
                let rotated = room
                    .iter()
                    .enumerate()
                    .fold(0.0, |sum, (i, &value)| sum + value * f64::from(right[i * b + column]));
                let own = f64::from(w[at(row, column)]);
                apart[at(row, column)] = (rotated - own) as f32;
                let value = (own + share * (rotated - own)) as f32;
                out[at(row, column)] = value;
                bad |= !value.is_finite();
            }
        }
    }
    bad
}

/// The gradient at the angles, `sign(sin beta) cos beta sum_k dw[k] apart[k]`, from `dw [k][n]` at w3; sign(0) = +1. True where
/// one is not finite.
pub fn angle_gradients(dw: &[f32], apart: &[f32], angles: &[f32], out: &mut [f32]) -> bool {
    let n = angles.len();
    assert!(dw.len() == apart.len() && out.len() == n && dw.len().is_multiple_of(n));
    let mut bad = false;
    for (filter, (out, &angle)) in out.iter_mut().zip(angles).enumerate() {
        let columns = dw.iter().zip(apart).skip(filter).step_by(n);
        let sum = columns.fold(0.0, |sum, (&dw, &apart)| sum + f64::from(dw) * f64::from(apart));
        let (sine, cosine) = sin_and_cos_f64(f64::from(angle));
        let toward = if sine >= 0.0 { cosine } else { -cosine };
        *out = (toward * sum) as f32;
        bad |= !out.is_finite();
    }
    bad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{cases, reals, seeds, sizes};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(cases(100))]

        #[test]
        fn filters_are_turned_toward_their_rotation(
            a in 1usize..6, b in 1usize..6, n in sizes(9), seed in seeds(),
        ) {
            let (w, angles) = (reals(a * b * n, seed), reals(n, seed + 1));
            let (left, right) = (reals(a * a, seed + 2), reals(b * b, seed + 3));
            let before = reals(n, seed + 4);
            let (mut room, mut slopes) = (vec![0.0; a * b], before.clone());
            let (mut apart, mut out) = (vec![0.0; w.len()], vec![0.0; w.len()]);
            let rotations = Rotations { left: &left, right: &right, a, b };
            prop_assert!(!rotate_filters(&w, rotations, &angles, &mut room, &mut slopes, &mut apart, &mut out));
            for filter in 0..n {
                let share = f64::from(angles[filter]).sin().abs();
                let slope = f64::from(before[filter]) * (1.0 - share);
                prop_assert!((f64::from(slopes[filter]) - slope).abs() <= 2e-7 * f64::from(before[filter]).abs());
                for row in 0..a {
                    for column in 0..b {
                        let mut rotated = 0.0;
                        let mut height = 0.0;
                        for i in 0..a {
                            for j in 0..b {
                                let term = f64::from(left[i * a + row])
                                    * f64::from(w[(i * b + j) * n + filter])
                                    * f64::from(right[j * b + column]);
                                rotated += term;
                                height += term.abs();
                            }
                        }
                        let place = (row * b + column) * n + filter;
                        let own = f64::from(w[place]);
                        let expected = own + share * (rotated - own);
                        let allowed = 2e-7 * (height + own.abs() + 1e-30);
                        prop_assert!((f64::from(apart[place]) - (rotated - own)).abs() <= allowed);
                        prop_assert!((f64::from(out[place]) - expected).abs() <= allowed);
                    }
                }
            }
        }

        #[test]
        fn angles_have_the_gradient_of_a_line(k in 1usize..12, n in sizes(9), seed in seeds()) {
            let (dw, apart, angles) = (reals(k * n, seed), reals(k * n, seed + 1), reals(n, seed + 2));
            let mut out = vec![f32::NAN; n];
            prop_assert!(!angle_gradients(&dw, &apart, &angles, &mut out));
            for filter in 0..n {
                let term = |row: usize| f64::from(dw[row * n + filter]) * f64::from(apart[row * n + filter]);
                let (sum, height): (f64, f64) = ((0..k).map(term).sum(), (0..k).map(|row| term(row).abs()).sum());
                let angle = f64::from(angles[filter]);
                let expected = angle.cos() * if angle.sin() >= 0.0 { sum } else { -sum };
                prop_assert!((f64::from(out[filter]) - expected).abs() <= 2e-7 * height + 1e-30);
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_reported() {
        let rotations = Rotations {
            left: &[1.0],
            right: &[1.0],
            a: 1,
            b: 1,
        };
        assert!(rotate_filters(
            &[f32::NAN],
            rotations,
            &[0.5],
            &mut [0.0],
            &mut [1.0],
            &mut [0.0],
            &mut [0.0]
        ));
        let (mut slopes, mut apart, mut out) = ([1.0], [0.0], [0.0]);
        assert!(rotate_filters(
            &[1.0],
            rotations,
            &[f32::INFINITY],
            &mut [0.0],
            &mut slopes,
            &mut apart,
            &mut out
        ));
        assert!(angle_gradients(&[f32::INFINITY], &[1.0], &[0.5], &mut [0.0]));
    }
}
