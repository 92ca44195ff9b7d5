//! What quantizers do to latent weights before their maps, in f64, from the definitions. Weights are `w [k][n]`.

use crate::standardize::{MAXIMUM_FLOOR, VARIANCE_FLOOR};

fn column(w: &[f32], n: usize, filter: usize) -> Vec<f64> {
    w.iter().skip(filter).step_by(n).map(|&w| f64::from(w)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// mean |w| of every filter, or of all weights for every filter.
pub fn weight_scale(w: &[f32], n: usize, whole: bool) -> Vec<f64> {
    let of = |values: Vec<f64>| mean(&values.iter().map(|w| w.abs()).collect::<Vec<_>>());
    (0..n)
        .map(|filter| of(if whole { column(w, 1, 0) } else { column(w, n, filter) }))
        .collect()
}

/// Mean and deviation of every filter.
pub fn moments(w: &[f32], n: usize) -> Vec<[f64; 2]> {
    (0..n)
        .map(|filter| {
            let values = column(w, n, filter);
            let centre = mean(&values);
            let squares: Vec<f64> = values.iter().map(|w| (w - centre).powi(2)).collect();
            [centre, (mean(&squares) + VARIANCE_FLOOR).sqrt()]
        })
        .collect()
}

/// tanh w / m and (1 - tanh^2 w) / m, m = max |tanh w|.
pub fn standardize_tanh(w: &[f32]) -> Vec<[f64; 2]> {
    let tanh = |w: &f32| f64::from(*w).tanh();
    let most = w
        .iter()
        .map(tanh)
        .fold(f64::from(MAXIMUM_FLOOR), |most, w| most.max(w.abs()));
    w.iter()
        .map(|w| [tanh(w) / most, (1.0 - tanh(w).powi(2)) / most])
        .collect()
}
