//! What a quantizer does to latent weights before its maps read them, `w' = S(w)` with the factor `dS` of the way back, and
//! the scale of a layer. Statistics are constants on the way back.
//!
//! Weights are `w [k][n]`, a column a filter. Means are sums in f64, rows in order, rounded once.
//!
//! Every function returns true where a result is not finite.

use crate::math::{Functions, ln_f64, sin_and_cos_f64};
use crate::quantizer::for_each;
use crate::reduce::{fold_columns, four};
use crate::simd::floats::{F32x4, F64x2};

/// Added to every variance: it keeps a filter of equal weights finite.
pub const VARIANCE_FLOOR: f64 = 1e-8;

/// The least maximum that [`standardize_tanh`] divides by: weights that are all 0 stay 0.
pub const MAXIMUM_FLOOR: f32 = 1e-6;

/// Beyond it an angle has no phase in f32: neighbouring weights are more than a period apart.
pub const LARGEST_ANGLE: f64 = 1e8;

/// `mean |w|`: of every filter (XNOR-Net), or of the whole kernel in every place of `out [n]` (ReSTE, DoReFa).
pub fn weight_scale(w: &[f32], whole: bool, out: &mut [f32]) -> bool {
    let total = column_means(w, out, |w, _| w.map(F64x2::abs));
    if whole {
        out.fill((total / w.len() as f64) as f32);
    }
    any_bad(out)
}

/// `w' = (w - mean) gain / deviation` by filter: ReCU's with a gain of 2 sqrt 2, AdaBin's with 1. `statistics [3][n]` are
/// the factor `gain / deviation`, which is dS, the deviation, and the mean.
pub fn standardize_filters(w: &[f32], gain: f32, out: &mut [f32], statistics: &mut [f32]) -> bool {
    let n = statistics.len() / 3;
    assert!(n > 0 && statistics.len() == 3 * n && out.len() == w.len());
    let (slopes, rest) = statistics.split_at_mut(n);
    let (deviations, means) = rest.split_at_mut(n);
    column_means(w, means, |w, _| w);
    column_means(w, deviations, |w, first| {
        let lanes = 4.min(n - first);
        // SAFETY: `first + lanes` is at most `n`, the length of the means, and `lanes` at most 4.
        let mean = unsafe { four(means, first, lanes) };
        let apart = [w[0] - mean[0], w[1] - mean[1]];
        apart.map(|distance| distance * distance)
    });
    for (slope, deviation) in slopes.iter_mut().zip(deviations.iter_mut()) {
        let root = (f64::from(*deviation) + VARIANCE_FLOOR).sqrt();
        *deviation = root as f32;
        *slope = (f64::from(gain) / root) as f32;
    }
    let (slopes, means) = (&*slopes, &*means);
    let mut bad = any_bad(means) | any_bad(deviations);
    for (w, out) in w.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
        bad |= for_each([w, means, slopes], out, |[w, mean, slope]| (w - mean) * slope);
    }
    bad
}

/// `w' = tanh w / max |tanh w|` over the whole kernel, `slopes = (1 - tanh^2 w) / max` (DoReFa-Net, equation 9).
pub fn standardize_tanh(w: &[f32], out: &mut [f32], slopes: &mut [f32]) -> bool {
    let functions = Functions::load();
    let mut bad = for_each([w], out, |[w]| functions.tanh_and_sech2(w).0);
    bad |= for_each([w], slopes, |[w]| functions.tanh_and_sech2(w).1);
    let mut largest = F32x4::splat(MAXIMUM_FLOOR);
    for four in out.chunks(4) {
        largest = largest.pseudo_max(F32x4::load_up_to(four).abs());
    }
    let [a, b, c, d] = largest.to_array().map(F32x4::splat);
    let [largest, ..] = a.pseudo_max(b).pseudo_max(c.pseudo_max(d)).to_array();
    for value in out.iter_mut().chain(slopes) {
        *value /= largest;
    }
    bad
}

/// `w' = sin(omega w)`, `slopes = omega cos(omega w)` (BiPer). An angle beyond [`LARGEST_ANGLE`] counts as not finite.
pub fn standardize_sine(w: &[f32], omega: f32, out: &mut [f32], slopes: &mut [f32]) -> bool {
    assert!(out.len() == w.len() && slopes.len() == w.len());
    let omega = f64::from(omega);
    let mut bad = false;
    for ((w, out), slope) in w.iter().zip(out).zip(slopes) {
        let angle = omega * f64::from(*w);
        bad |= angle.is_nan() || angle.abs() > LARGEST_ANGLE;
        let (sine, cosine) = sin_and_cos_f64(angle);
        *out = sine as f32;
        *slope = (omega * cosine) as f32;
    }
    bad
}

/// The live parameters with ReCU's width in the place of tau: `-mean |w'| ln(2 - 2 tau)` over the whole kernel, the
/// tau-quantile of a Laplace distribution around 0. `1/2 <= tau < 1`.
pub fn quantile_width(standardized: &[f32], parameters: &[f32], place: usize, out: &mut [f32]) -> bool {
    out.copy_from_slice(parameters);
    let mut sums = [0.0; 4];
    let total = column_means(standardized, &mut sums[..1], |w, _| w.map(F64x2::abs));
    let mean = total / standardized.len() as f64;
    out[place] = (-mean * ln_f64(2.0 - 2.0 * f64::from(parameters[place]))) as f32;
    any_bad(out)
}

/// `y[i] *= factors[(first + i) mod n]`: a part of a kernel from its element `first` on, by filter; or with as many factors
/// as elements, one by one.
pub fn multiply_columns(y: &mut [f32], factors: &[f32], first: usize) {
    let n = factors.len();
    let mut rest = y;
    let mut at = first % n;
    while !rest.is_empty() {
        let count = rest.len().min(n - at);
        let (row, behind) = rest.split_at_mut(count);
        for (y, factor) in row.iter_mut().zip(&factors[at..]) {
            *y *= factor;
        }
        (rest, at) = (behind, 0);
    }
}

/// The means of `term(weights, first column)` by column, rows in order, each rounded once; returns the sum of all terms.
fn column_means(w: &[f32], out: &mut [f32], term: impl Fn([F64x2; 2], usize) -> [F64x2; 2]) -> f64 {
    let n = out.len();
    assert!(n > 0 && w.len().is_multiple_of(n));
    let rows = w.len() / n;
    let mut total = 0.0;
    fold_columns::<1>(
        rows,
        n,
        |row, first, lanes| {
            // SAFETY: `w` has whole rows of `n`, and `fold_columns` asks for columns of its rows only.
            [term(unsafe { four(w, row * n + first, lanes) }, first)]
        },
        |_, column, sum| {
            total += sum;
            out[column] = (sum / rows as f64) as f32;
        },
    );
    total
}

fn any_bad(values: &[f32]) -> bool {
    values.iter().fold(false, |bad, value| bad | !value.is_finite())
}

#[cfg(test)]
mod tests;
