//! Layer normalisation (Ba, Kiros, Hinton, "Layer Normalization", 2016, section 3, equation 3): each row has its own
//! statistics, so that neither the batch nor a running average plays a part.
//!
//! `y = xhat gamma + beta`, `xhat = (x - mean) / sqrt(var + eps)`, with the mean of the row and its mean squared distance
//! from it. Gradients: `dgamma` and `dbeta` are the sums of `dy xhat` and of `dy` over the rows, and with `g = dy gamma`
//! `dx = ((g - mean(g)) - xhat mean(g xhat)) / sqrt(var + eps)`.
//!
//! Statistics are sums in f64, by [`sum_row`], and rounded once; sums over the rows of a lane run in order.
//!
//! Layout: `x [rows][c]`, gamma and beta `[c]`, saved `[rows][2]` = (mean, 1/sqrt(var + eps)).

use crate::reduce::{fold_columns, four, sum_row};
use crate::simd::floats::{F32x4, F64x2, Mask};

/// Mean and 1/sqrt(var + eps) of a row.
#[inline(always)]
fn statistics(x: &[f32], epsilon: f32) -> [f32; 2] {
    let count = x.len() as f64;
    // SAFETY: `sum_row` asks for elements of `x`.
    let mean = sum_row(x.len(), |at, lanes| unsafe { four(x, at, lanes) }) / count;
    let centre = F64x2::splat(mean);
    let squares = sum_row(x.len(), |at, lanes| {
        // SAFETY: as above.
        let [low, high] = unsafe { four(x, at, lanes) }.map(|value| value - centre);
        [low * low, high * high]
    });
    [
        mean as f32,
        (1.0 / (squares / count + f64::from(epsilon)).sqrt()) as f32,
    ]
}

/// `y = xhat gamma + beta`, every operation rounded; and the statistics of each row, where asked for. True where a y is
/// NaN.
pub fn layer_norm_forward(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
    y: &mut [f32],
    mut saved: Option<&mut [f32]>,
) -> bool {
    let c = gamma.len();
    assert!(c > 0 && beta.len() == c && x.len() == y.len() && x.len().is_multiple_of(c));
    assert!(saved.as_ref().is_none_or(|saved| saved.len() == x.len() / c * 2));
    let mut nan = Mask::none();
    for (row, (x, y)) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)).enumerate() {
        let own = statistics(x, epsilon);
        if let Some(saved) = &mut saved {
            saved[2 * row..][..2].copy_from_slice(&own);
        }
        let [mean, inverse] = own.map(F32x4::splat);
        let mut at = 0;
        while at < c {
            let [x, gamma, beta] = [x, gamma, beta].map(|values| F32x4::load_up_to(&values[at..]));
            let value = (x - mean) * inverse * gamma + beta;
            nan = nan.or(value.is_nan());
            value.store_up_to(&mut y[at..]);
            at += 4;
        }
    }
    nan.any()
}

/// The places of the gradients of one lane's rows.
#[derive(Debug)]
pub struct LayerNormGradients<'a> {
    /// At the input, `[rows][c]`, if asked for.
    pub dx: Option<&'a mut [f32]>,
    /// True where `dx` is added to what is there.
    pub accumulate: bool,
    /// At gamma, of these rows.
    pub dgamma: &'a mut [f32],
    /// At beta, of these rows.
    pub dbeta: &'a mut [f32],
}

/// The gradients of one lane, from the statistics that the way forward has saved.
pub fn layer_norm_backward(x: &[f32], dy: &[f32], gamma: &[f32], saved: &[f32], gradients: LayerNormGradients) {
    let c = gamma.len();
    let LayerNormGradients {
        dx,
        accumulate,
        dgamma,
        dbeta,
    } = gradients;
    assert!(c > 0 && x.len() == dy.len() && x.len().is_multiple_of(c) && saved.len() == x.len() / c * 2);
    assert!(dgamma.len() == c && dbeta.len() == c);
    if let Some(dx) = dx {
        assert_eq!(dx.len(), x.len());
        let rows = x.chunks_exact(c).zip(dy.chunks_exact(c)).zip(dx.chunks_exact_mut(c));
        for (((x, dy), dx), own) in rows.zip(saved.chunks_exact(2)) {
            input_gradient(Row { x, dy, gamma, own }, accumulate, dx);
        }
    }
    fold_columns::<2>(
        x.len() / c,
        c,
        |row, first, lanes| {
            let at = row * c + first;
            let [mean, inverse] = [saved[2 * row], saved[2 * row + 1]].map(F32x4::splat);
            let [low, high] = ((F32x4::load_up_to(&x[at..at + lanes]) - mean) * inverse).widen();
            // SAFETY: rows and columns are those of `dy`.
            let gradient = unsafe { four(dy, at, lanes) };
            [[gradient[0] * low, gradient[1] * high], gradient]
        },
        |quantity, channel, sum| match quantity {
            0 => dgamma[channel] = sum as f32,
            _ => dbeta[channel] = sum as f32,
        },
    );
}

/// A row on the way back.
struct Row<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    gamma: &'a [f32],
    /// Its mean, and 1/sqrt(var + eps).
    own: &'a [f32],
}

/// The gradient at a row of the input.
#[inline(always)]
fn input_gradient(Row { x, dy, gamma, own }: Row, accumulate: bool, dx: &mut [f32]) {
    let c = x.len();
    let [mean, inverse] = [own[0], own[1]].map(F32x4::splat);
    let unit = |at: usize| (F32x4::load_up_to(&x[at..]) - mean) * inverse;
    let through = |at: usize, lanes: usize| {
        // SAFETY: `sum_row` asks for elements of the row.
        let (dy, gamma) = unsafe { (four(dy, at, lanes), four(gamma, at, lanes)) };
        [dy[0] * gamma[0], dy[1] * gamma[1]]
    };
    let level = sum_row(c, through) / c as f64;
    let slope = sum_row(c, |at, lanes| {
        let ([low, high], g) = (unit(at).widen(), through(at, lanes));
        [g[0] * low, g[1] * high]
    }) / c as f64;
    let [level, slope] = [level, slope].map(|mean| F32x4::splat(mean as f32));
    let mut at = 0;
    while at < c {
        let g = F32x4::load_up_to(&dy[at..]) * F32x4::load_up_to(&gamma[at..]);
        let share = ((g - level) - unit(at) * slope) * inverse;
        let target = &mut dx[at..];
        let value = if accumulate {
            F32x4::load_up_to(target) + share
        } else {
            share
        };
        value.store_up_to(target);
        at += 4;
    }
}

#[cfg(test)]
mod tests;
