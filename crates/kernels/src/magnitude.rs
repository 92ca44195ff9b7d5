//! SiMaN's weights (Lin et al., "SiMaN: Sign-to-Magnitude Network Binarization", TPAMI 2022): a weight is +1 where its distance
//! from the mean of its filter belongs to the larger half, else -1.
//!
//! Weights are `w [k][n]`, a column a filter. All is done in f64, rows in order, and rounded once. So a definition in f64
//! finds the very same halves.

/// Added to the variance of the magnitudes: it keeps a filter of equal magnitudes finite.
pub const VARIANCE_FLOOR: f64 = 1e-8;

/// Let `a = |w - mean|`, and `c` be `a` within the `percentile`-th and the (100 - `percentile`)-th percentile of the filter,
/// order statistics joined by lines. Then `w' = (c - t) / deviation of c`. The threshold `t` lies half-way between the least
/// of the ceil(k / 2) largest magnitudes and the largest of the rest; with one row it is the magnitude itself.
///
/// `w' >= 0` for exactly ceil(k / 2) rows: of equal magnitudes at the threshold those of earlier rows.
///
/// `slopes = sign(w - mean) / deviation` where `a` is within the percentiles, ends included, and 0 beyond. That is the way
/// back with mean, percentiles, threshold and deviation held constant; sign(0) = +1.
///
/// `percentile` in [0, 25]. `sorted` has room for k numbers. Returns true where a result is not finite.
pub fn standardize_magnitudes(
    w: &[f32],
    percentile: f32,
    sorted: &mut [f64],
    out: &mut [f32],
    slopes: &mut [f32],
) -> bool {
    let k = sorted.len();
    assert!(k > 0 && w.len().is_multiple_of(k) && out.len() == w.len() && slopes.len() == w.len());
    let n = w.len() / k;
    let share = f64::from(percentile) / 100.0;
    let mut bad = false;
    for filter in 0..n {
        let column = || w.iter().skip(filter).step_by(n).map(|&w| f64::from(w));
        let mean = column().sum::<f64>() / k as f64;
        for (a, w) in sorted.iter_mut().zip(column()) {
            *a = (w - mean).abs();
        }
        sorted.sort_unstable_by(f64::total_cmp);
        let (lowest, highest) = (quantile(sorted, share), quantile(sorted, 1.0 - share));
        let least = sorted[k / 2];
        let threshold = if k == 1 {
            least
        } else {
            (sorted[k / 2 - 1] + least) / 2.0
        };
        let within = |w: f64| (w - mean).abs().max(lowest).min(highest);
        let centre = column().map(within).sum::<f64>() / k as f64;
        let variance = column()
            .map(|w| (within(w) - centre) * (within(w) - centre))
            .sum::<f64>()
            / k as f64;
        let deviation = (variance + VARIANCE_FLOOR).sqrt();
        // Of the magnitudes equal to the least of the larger half, as many as belong to that half.
        let mut equal = sorted[k / 2..].iter().take_while(|&&a| a == least).count();
        let rows = out.iter_mut().skip(filter).step_by(n);
        for ((out, slope), w) in rows.zip(slopes.iter_mut().skip(filter).step_by(n)).zip(column()) {
            let a = (w - mean).abs();
            let is_large = a > least || (a == least && equal > 0);
            if a == least {
                equal = equal.saturating_sub(1);
            }
            let value = ((within(w) - threshold) / deviation) as f32;
            // A tie, or what rounds to 0, stays on its side.
            *out = if is_large {
                value.max(0.0)
            } else {
                value.min(-f32::MIN_POSITIVE)
            };
            let toward = if w - mean >= 0.0 { 1.0 } else { -1.0 };
            *slope = if lowest <= a && a <= highest {
                (toward / deviation) as f32
            } else {
                0.0
            };
            bad |= !(a.is_finite() && value.is_finite());
        }
    }
    bad
}

/// The order statistic at `share (k - 1)`, on the line between its neighbours.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests;
