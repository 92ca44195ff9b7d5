//! Attention from its definitions: products of slices by index, maps of the matrix in f64.

use super::real::Number;
use crate::attention::matrix::{Kind, Matrix};
use crate::attention::slices::{Layout, Slices};

/// The place of element `(row, column)` of an operand of `rows` x `columns` in its tensor.
pub fn place(
    heads: usize,
    layout: Layout,
    [image, head]: [usize; 2],
    [rows, columns]: [usize; 2],
    [row, column]: [usize; 2],
) -> usize {
    let ([y, x], [height, width]) = if layout.transposed {
        ([column, row], [columns, rows])
    } else {
        ([row, column], [rows, columns])
    };
    if layout.split {
        ((image * height + y) * heads + head) * width + x
    } else {
        ((image * heads + head) * height + y) * width + x
    }
}

/// The product of every slice, its terms added in order; `layouts` are those of a, b and the result.
pub fn products<T: Number>(sizes: Slices, layouts: [Layout; 3], a: &[f32], b: &[f32]) -> Vec<T> {
    let Slices {
        images,
        heads,
        rows,
        columns,
        terms,
    } = sizes;
    let mut out = vec![T::default(); images * heads * rows * columns];
    for number in 0..images * heads {
        let slice = [number / heads, number % heads];
        for row in 0..rows {
            for column in 0..columns {
                let mut sum = T::default();
                for term in 0..terms {
                    let left = a[place(heads, layouts[0], slice, [rows, terms], [row, term])];
                    let right = b[place(heads, layouts[1], slice, [terms, columns], [term, column])];
                    sum = sum + T::from(left) * T::from(right);
                }
                out[place(heads, layouts[2], slice, [rows, columns], [row, column])] = sum;
            }
        }
    }
    out
}

/// The product of every slice in the order of tables: four terms as `(t0 + t1) + (t2 + t3)`, and such groups in order.
pub fn grouped(sizes: Slices, layouts: [Layout; 3], a: &[f32], b: &[f32]) -> Vec<f32> {
    let Slices {
        images,
        heads,
        rows,
        columns,
        terms,
    } = sizes;
    let mut out = vec![0.0; images * heads * rows * columns];
    for number in 0..images * heads {
        let slice = [number / heads, number % heads];
        for row in 0..rows {
            for column in 0..columns {
                let term = |term: usize| {
                    if term >= terms {
                        return 0.0;
                    }
                    let left = a[place(heads, layouts[0], slice, [rows, terms], [row, term])];
                    left * b[place(heads, layouts[1], slice, [terms, columns], [term, column])]
                };
                let four = |t: usize| (term(t) + term(t + 1)) + (term(t + 2) + term(t + 3));
                let sum = (0..terms).step_by(4).fold(0.0, |sum: f32, t| sum + four(t));
                out[place(heads, layouts[2], slice, [rows, columns], [row, column])] = sum;
            }
        }
    }
    out
}

/// One row of scores gives the numbers that the way back reads, A, and the distance of A's nearest decision from the other way.
pub fn matrix_row(kind: Kind, width: usize, parameter: f64, scores: &[f64]) -> [Vec<f64>; 3] {
    let root = (width as f64).sqrt();
    let most = scores.iter().fold(f64::NEG_INFINITY, |most, &score| most.max(score));
    let powers: Vec<f64> = scores.iter().map(|score| ((score - most) / root).exp()).collect();
    let sum: f64 = powers.iter().sum();
    let shares: Vec<f64> = powers.iter().map(|power| power / sum).collect();
    let largest = 1.0 / sum;
    let soft = match kind {
        Kind::Boolean => scores.iter().map(|score| score / root).collect(),
        _ => shares.clone(),
    };
    let margins: Vec<f64> = soft
        .iter()
        .map(|&value| match kind {
            Kind::Softmax => f64::INFINITY,
            Kind::Threshold => value - largest / 4.0,
            Kind::Elastic => value / parameter - 0.5,
            Kind::Boolean => value,
            Kind::Sign => value - parameter,
        })
        .collect();
    let values = soft.iter().zip(&margins).map(|(&value, &margin)| match kind {
        Kind::Softmax => value,
        Kind::Threshold => f64::from(margin >= 0.0),
        Kind::Elastic | Kind::Boolean => f64::from(margin > 0.0),
        Kind::Sign => {
            if margin >= 0.0 {
                1.0
            } else {
                -1.0
            }
        }
    });
    [soft.clone(), values.collect(), margins]
}

/// The gradients at the scores of a row and at its learned number, from what the way forward kept and the gradient at A.
pub fn matrix_row_gradient(
    kind: Kind,
    width: usize,
    parameter: f64,
    soft: &[f64],
    gradient: &[f64],
) -> (Vec<f64>, f64) {
    let root = (width as f64).sqrt();
    let pairs = || soft.iter().zip(gradient);
    if kind == Kind::Boolean {
        return (
            pairs()
                .map(|(s, g)| if s.abs() < 1.0 { g / root } else { 0.0 })
                .collect(),
            0.0,
        );
    }
    let slope = |p: f64| match kind {
        Kind::Elastic => f64::from(p / parameter <= 1.0),
        Kind::Sign => (2.0 - 2.0 * (p - parameter).abs()).max(0.0),
        _ => 1.0,
    };
    let own = |p: f64| match kind {
        Kind::Elastic if p / parameter <= 1.0 => f64::from(p / parameter > 0.5) - p / parameter,
        Kind::Elastic => 1.0,
        Kind::Sign => -slope(p),
        _ => 0.0,
    };
    let mean: f64 = pairs().map(|(&p, g)| p * slope(p) * g).sum();
    (
        pairs().map(|(&p, g)| p * (slope(p) * g - mean) / root).collect(),
        pairs().map(|(&p, g)| own(p) * g).sum(),
    )
}

/// The learned number of a row of the matrix, or 0.
pub fn parameter_of(of: Matrix, row: usize) -> f64 {
    let head = row / of.tokens % of.heads;
    of.parameters.get(head).map_or(0.0, |&value| value.into())
}
