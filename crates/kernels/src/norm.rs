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

use crate::reduce::{fold_columns, four};
use crate::simd::floats::{F32x4, F64x2, Mask};

/// Channels handled per pass over the rows: their constants stay on the stack.
const BLOCK: usize = 128;

/// Sums of x and of x^2 for one lane: `x [rows][c]`, `partial [2][c]`.
pub fn norm_partial(x: &[f32], c: usize, partial: &mut [f64]) {
    assert!(c > 0 && x.len().is_multiple_of(c) && partial.len() == 2 * c);
    fold_columns::<2>(
        x.len() / c,
        c,
        |row, first, lanes| {
            let value = four(x, row * c + first, lanes);
            let (low, high) = (value.widen_low(), value.widen_high());
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

/// Normalises one lane's rows: writes `y`, `saved`, and, if given, updates `running` with the momentum m:
/// `running = running (1 - m) + m batch`, the variance unbiased (n/(n-1)). True where mean or variance is not finite.
pub fn norm_forward(
    x: &[f32],
    batch: Batch,
    beta: &[f32],
    epsilon: f32,
    y: &mut [f32],
    saved: &mut [f32],
    running: Option<(&mut [f32], f32)>,
) -> bool {
    let c = batch.gamma.len();
    assert!(c > 0 && beta.len() == c && saved.len() == 2 * c && x.len() == y.len() && x.len().is_multiple_of(c));
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
    for first in (0..c).step_by(BLOCK) {
        let count = BLOCK.min(c - first);
        let (mut scale, mut shift) = ([0.0; BLOCK], [0.0; BLOCK]);
        for i in 0..count {
            let channel = first + i;
            scale[i] = batch.gamma[channel] * deviations[channel];
            shift[i] = beta[channel] - means[channel] * scale[i];
        }
        bad |= affine_block(x, c, first, &scale[..count], &shift[..count], y);
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

/// `y = x * scale + shift` per channel, product rounded, then added. True where a y is NaN.
pub fn affine(x: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32]) -> bool {
    let c = scale.len();
    assert!(c > 0 && shift.len() == c && x.len() == y.len() && x.len().is_multiple_of(c));
    affine_block(x, c, 0, scale, shift, y)
}

fn affine_block(x: &[f32], c: usize, first: usize, scale: &[f32], shift: &[f32], y: &mut [f32]) -> bool {
    let count = scale.len();
    let mut nan = Mask::none();
    for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
        let (x, y) = (&x[first..first + count], &mut y[first..first + count]);
        for at in (0..count & !3).step_by(4) {
            // SAFETY: `at + 4 <= count`, the length of all four slices.
            unsafe {
                let read = |values: &[f32]| F32x4::read(values.as_ptr().add(at));
                let value = read(x) * read(scale) + read(shift);
                nan = nan.or(value.is_nan());
                value.write(y.as_mut_ptr().add(at));
            }
        }
        for at in count & !3..count {
            y[at] = x[at] * scale[at] + shift[at];
            nan = nan.or(F32x4::splat(y[at]).is_nan());
        }
    }
    nan.any()
}

/// Sums of dy and of dy * xhat for one lane, in f64: `x`, `dy` `[rows][c]`, `partial [2][c]`.
pub fn norm_backward_partial(x: &[f32], dy: &[f32], saved: &[f32], partial: &mut [f64]) {
    let c = saved.len() / 2;
    assert!(c > 0 && saved.len() == 2 * c && partial.len() == 2 * c);
    assert!(x.len() == dy.len() && x.len().is_multiple_of(c));
    let (means, deviations) = saved.split_at(c);
    let (sums, products) = partial.split_at_mut(c);
    // The products are taken with x - mean; 1/sqrt(var + eps) is a common factor and multiplies their sum.
    fold_columns::<2>(
        x.len() / c,
        c,
        |row, first, lanes| {
            let (value, gradient) = (four(x, row * c + first, lanes), four(dy, row * c + first, lanes));
            let mean = four(means, first, lanes);
            let widen = |value: F32x4| -> [F64x2; 2] { [value.widen_low(), value.widen_high()] };
            let ([value, mean], gradient) = ([widen(value), widen(mean)], widen(gradient));
            [
                gradient,
                [gradient[0] * (value[0] - mean[0]), gradient[1] * (value[1] - mean[1])],
            ]
        },
        |quantity, channel, sum| match quantity {
            0 => sums[channel] = sum,
            _ => products[channel] = sum * f64::from(deviations[channel]),
        },
    );
}

/// Gradients of one lane's rows: `dx [rows][c]`, and, if given, `dgamma [c]` and `dbeta [c]` of the whole batch.
/// True where a sum is not finite.
pub fn norm_backward(
    x: &[f32],
    dy: &[f32],
    saved: &[f32],
    batch: Batch,
    dx: &mut [f32],
    mut dgamma: Option<&mut [f32]>,
    mut dbeta: Option<&mut [f32]>,
) -> bool {
    let c = batch.gamma.len();
    assert!(c > 0 && saved.len() == 2 * c && batch.partials.len().is_multiple_of(2 * c) && batch.total_rows > 0);
    assert!(x.len() == dy.len() && x.len() == dx.len() && x.len().is_multiple_of(c));
    let (means, deviations) = saved.split_at(c);
    let rows = batch.total_rows as f64;
    let mut bad = false;
    for first in (0..c).step_by(BLOCK) {
        let count = BLOCK.min(c - first);
        let (mut scale, mut mean_dy, mut mean_product) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        for i in 0..count {
            let channel = first + i;
            let [sum, product] = reduce(batch.partials, c, channel);
            bad |= !(sum.is_finite() && product.is_finite());
            scale[i] = batch.gamma[channel] * deviations[channel];
            mean_dy[i] = (sum / rows) as f32;
            mean_product[i] = (product / rows) as f32;
            if let Some(dgamma) = &mut dgamma {
                dgamma[channel] = product as f32;
            }
            if let Some(dbeta) = &mut dbeta {
                dbeta[channel] = sum as f32;
            }
        }
        let lanes = first..first + count;
        let (means, deviations) = (&means[lanes.clone()], &deviations[lanes.clone()]);
        for ((x, dy), dx) in x.chunks_exact(c).zip(dy.chunks_exact(c)).zip(dx.chunks_exact_mut(c)) {
            let (x, dy, dx) = (&x[lanes.clone()], &dy[lanes.clone()], &mut dx[lanes.clone()]);
            let (scale, mean_dy, mean_product) = (&scale[..count], &mean_dy[..count], &mean_product[..count]);
            for i in 0..count {
                let normalised = (x[i] - means[i]) * deviations[i];
                dx[i] = scale[i] * ((dy[i] - mean_dy[i]) - normalised * mean_product[i]);
            }
        }
    }
    bad
}

#[cfg(test)]
mod tests;
