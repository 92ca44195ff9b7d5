//! Batch normalisation over channels, in two passes that lanes of a batch can share (Ioffe, Szegedy 2015).
//!
//! Every lane writes partial sums in f64; every lane then reduces all lanes' partials in order, so all see the same
//! statistics. `mean = S/n`, `var = max(0, Q/n - mean^2)` with S, Q the sums of x and x^2 (exact products in f64).
//! `y = x * scale + shift`, `scale = gamma / sqrt(var + eps)`, `shift = beta - mean * scale`. Gradient:
//! `dx = scale ((dy - mean(dy)) - xhat mean(dy xhat))`, `xhat = (x - mean) / sqrt(var + eps)`.
//! A lane's sum runs over its rows in order; cutting the rows otherwise rounds otherwise, so the cut is fixed.
//!
//! Layout: `x [rows][c]`, partials `f64 [lanes][2][c]`, saved `f32 [2][c]` = (mean, 1/sqrt(var + eps)),
//! running `f32 [2][c]` = (mean, variance).

mod backward;
mod forward;

pub use backward::{NormGradients, norm_backward, norm_backward_partial};
pub use forward::{affine, normalize};

use crate::reduce::{fold_columns, four};

/// Rows whose channels are gone through block by block: they stay in the first-level cache meanwhile.
const ROWS: usize = 32;

/// Sums of x and of x^2 for one lane: `x [rows][c]`, `partial [2][c]`.
pub fn norm_partial(x: &[f32], c: usize, partial: &mut [f64]) {
    assert!(c > 0 && x.len().is_multiple_of(c) && partial.len() == 2 * c);
    fold_columns::<2>(
        x.len() / c,
        c,
        |row, first, lanes| {
            // SAFETY: `x` has whole rows of `c`, and `fold_columns` asks for columns of its rows only.
            let [low, high] = unsafe { four(x, row * c + first, lanes) };
            [[low, high], [low * low, high * high]]
        },
        |quantity, channel, sum| partial[quantity * c + channel] = sum,
    );
}

/// One channel's two sums over all lanes, in order.
fn reduce(partials: &[f64], c: usize, channel: usize) -> [f64; 2] {
    partials.chunks_exact(2 * c).fold([0.0; 2], |sums, lane| {
        [sums[0] + lane[channel], sums[1] + lane[c + channel]]
    })
}

/// What stays the same from row to row while a batch is normalised.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Partial sums of all lanes, `f64 [lanes][2][c]`.
    pub partials: &'a [f64],
    /// Rows of all lanes together.
    pub total_rows: usize,
    /// Scale per channel.
    pub gamma: &'a [f32],
}

/// What a batch's statistics become: `saved [2][c]` for the gradient, `scale [c]` and `shift [c]` for the values.
#[derive(Debug)]
pub struct Statistics<'a> {
    /// Mean and 1/sqrt(var + eps).
    pub saved: &'a mut [f32],
    /// gamma / sqrt(var + eps).
    pub scale: &'a mut [f32],
    /// beta - mean * scale.
    pub shift: &'a mut [f32],
}

/// The statistics of a batch from its partial sums; if given, also updates `running` with the momentum m:
/// `running = running (1 - m) + m batch`, the variance unbiased (n/(n-1)). True where mean or variance is not finite.
pub fn norm_statistics(
    batch: Batch,
    beta: &[f32],
    epsilon: f32,
    statistics: Statistics,
    running: Option<(&mut [f32], f32)>,
) -> bool {
    let c = batch.gamma.len();
    let Statistics { saved, scale, shift } = statistics;
    assert!(c > 0 && beta.len() == c && saved.len() == 2 * c && scale.len() == c && shift.len() == c);
    assert!(batch.partials.len().is_multiple_of(2 * c) && batch.total_rows > 0);
    let rows = batch.total_rows as f64;
    let mut bad = false;
    let (means, deviations) = saved.split_at_mut(c);
    let mut running = running;
    for channel in 0..c {
        let [sum, squares] = reduce(batch.partials, c, channel);
        let mean = sum / rows;
        let variance = squares / rows - mean * mean;
        // In f32, for that is what is kept: an f64 variance may lie beyond it.
        bad |= !((mean as f32).is_finite() && (variance as f32).is_finite());
        let variance = variance.max(0.0);
        means[channel] = mean as f32;
        deviations[channel] = (1.0 / (variance + f64::from(epsilon)).sqrt()) as f32;
        scale[channel] = batch.gamma[channel] * deviations[channel];
        shift[channel] = beta[channel] - means[channel] * scale[channel];
        if let Some((running, momentum)) = &mut running {
            let unbiased = if rows > 1.0 {
                variance * (rows / (rows - 1.0))
            } else {
                variance
            };
            for (slot, value) in [(channel, mean), (c + channel, unbiased)] {
                running[slot] = running[slot] * (1.0 - *momentum) + *momentum * value as f32;
            }
        }
    }
    bad
}

/// `scale`, `shift` of the running statistics (f32 `[2][c]`), for inference: scale = gamma / sqrt(variance + eps),
/// shift = beta - mean scale. True where one is not finite.
pub fn norm_fold(
    gamma: &[f32],
    beta: &[f32],
    running: &[f32],
    epsilon: f32,
    scale: &mut [f32],
    shift: &mut [f32],
) -> bool {
    let c = gamma.len();
    assert!(beta.len() == c && running.len() == 2 * c && scale.len() == c && shift.len() == c);
    let mut bad = false;
    for channel in 0..c {
        let deviation = (f64::from(running[c + channel]) + f64::from(epsilon)).sqrt();
        scale[channel] = gamma[channel] * (1.0 / deviation) as f32;
        shift[channel] = beta[channel] - running[channel] * scale[channel];
        bad |= !(scale[channel].is_finite() && shift[channel].is_finite());
    }
    bad
}

#[cfg(test)]
mod tests;
