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

/// SiMaN's `w'` and its slope: the rank of every magnitude in its filter decides the side.
pub fn standardize_magnitudes(w: &[f32], n: usize, percentile: f32) -> Vec<[f64; 2]> {
    let mut found = vec![[0.0; 2]; w.len()];
    for filter in 0..n {
        let values = column(w, n, filter);
        let (k, centre) = (values.len(), mean(&values));
        let distances: Vec<f64> = values.iter().map(|w| (w - centre).abs()).collect();
        let mut order: Vec<usize> = (0..k).collect();
        order.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]).then(a.cmp(&b)));
        let at = |share: f64| {
            let place = share * (k - 1) as f64;
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            let ascending = |rank: usize| distances[order[k - 1 - rank]];
            ascending(below) + (place - place.floor()) * (ascending(above) - ascending(below))
        };
        let share = f64::from(percentile) / 100.0;
        let (lowest, highest) = (at(share), at(1.0 - share));
        let clipped: Vec<f64> = distances.iter().map(|a| a.clamp(lowest, highest)).collect();
        let middle = mean(&clipped);
        let squares: Vec<f64> = clipped.iter().map(|c| (c - middle).powi(2)).collect();
        let deviation = (mean(&squares) + VARIANCE_FLOOR).sqrt();
        let half = k.div_ceil(2);
        let least = distances[order[half - 1]];
        let threshold = if k == 1 {
            least
        } else {
            f64::midpoint(distances[order[half]], least)
        };
        for (rank, &row) in order.iter().enumerate() {
            let value = (clipped[row] - threshold) / deviation;
            let side = if rank < half {
                value.max(0.0)
            } else {
                value.min(-f64::from(f32::MIN_POSITIVE))
            };
            let passes = (lowest..=highest).contains(&distances[row]);
            let toward = if values[row] >= centre { 1.0 } else { -1.0 };
            found[row * n + filter] = [side, if passes { toward / deviation } else { 0.0 }];
        }
    }
    found
}
