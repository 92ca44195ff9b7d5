//! The attention matrix A, made of scores s = q k: a map of each row, with the scale 1/sqrt(d) of the scores, d the
//! features of a head.
//!
//! | kind | A | way back |
//! |---|---|---|
//! | softmax | p = softmax(s / sqrt(d)) | that of the softmax |
//! | threshold | 1 where p >= max p / 4, else 0 (BiViT) | identity, then that of the softmax |
//! | elastic | clamp(round(q), 0, 1), q = p / alpha, a learned alpha a head (BiT, BinaryViT) | `dp = g` where `q <= 1` |
//! | boolean | 1 where s > 0, else 0, without a softmax (BiBERT) | slope 1 where `abs(s / sqrt(d)) < 1` |
//! | sign | +1 where p >= a learned offset of the head, else -1 (Bi-ViT) | `dp = max(0, 2 - 2 abs(p - offset)) g` |
//!
//! The factor alpha of the elastic kind is the product's: `A V` and `A^T dO` are multiplied by it (`slices`). g is the gradient
//! at alpha A, and `dalpha` the sum of `(round(q) - q) g` where `q <= 1` and of g elsewhere (Liu et al., "BiT", NeurIPS 2022,
//! section 2.2). A half rounds to even, hence to 0. q divides by at least 1e-5, as BiT does. Bi-ViT names no slope for A: ours is
//! Bi-Real's polynomial, which it has elsewhere. There `doffset` is the sum of `-max(0, 2 - 2 abs(p - offset)) g`.
//!
//! The exponentials are those of `(s - m) / sqrt(d)`, m the largest score, so whole scores give few different ones: kernels
//! over bits look them up and get the same bits. `p >= max p / 4` is `m - s <= sqrt(d) ln 4`, which needs no exponential.

use crate::simd::floats::{F32x4, Mask};
use crate::softmax::{largest, softmax_row};

mod backward;

pub(super) use backward::Turned;
pub use backward::matrix_backward;

/// The least divisor of the elastic kind.
const LEAST_ALPHA: f32 = 1e-5;

/// A map of rows of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Softmax alone.
    Softmax,
    /// {0, 1} by a quarter of the row's largest share.
    Threshold,
    /// {0, 1} by a learned scale.
    Elastic,
    /// {0, 1} by the sign of the score.
    Boolean,
    /// {-1, 1} by a learned offset.
    Sign,
}

impl Kind {
    /// The kind by its number at the boundary, 0 to 4 in the order of the kinds.
    ///
    /// # Panics
    /// When there is no such kind.
    pub fn of(number: u32) -> Self {
        match number {
            0 => Self::Softmax,
            1 => Self::Threshold,
            2 => Self::Elastic,
            3 => Self::Boolean,
            4 => Self::Sign,
            _ => panic!("there is no such kind"),
        }
    }

    /// True where slopes are 0 or 1, so that gradients are kept back and not multiplied.
    pub fn holds_gradients(self) -> bool {
        matches!(self, Self::Elastic | Self::Boolean)
    }

    /// True where every head has a number that is learned.
    pub fn has_parameter(self) -> bool {
        matches!(self, Self::Elastic | Self::Sign)
    }
}

/// The scale of the scores, 1/sqrt(d).
pub(super) fn scale_of(width: usize) -> f32 {
    (1.0 / (width as f64).sqrt()) as f32
}

/// The farthest below the largest score that a quarter of its share reaches: sqrt(d) ln 4.
pub(super) fn reach_of(width: usize) -> f32 {
    ((width as f64).sqrt() * (2.0 * core::f64::consts::LN_2)) as f32
}

/// The alpha of the elastic kind by the learned number: divisor and factor, no less than 1e-5.
pub(super) fn alpha_of(alpha: f32) -> f32 {
    if alpha < LEAST_ALPHA { LEAST_ALPHA } else { alpha }
}

/// A matrix and its map.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// The map of its rows.
    pub kind: Kind,
    /// Heads of an image.
    pub heads: usize,
    /// Rows of a head, the queries' tokens.
    pub tokens: usize,
    /// Columns, the keys' tokens.
    pub keys: usize,
    /// Features of a head, d.
    pub width: usize,
    /// alpha or offset `[heads]`, where the kind has one.
    pub parameters: &'a [f32],
}

impl Matrix<'_> {
    pub(super) fn check(&self, length: usize) {
        let Self {
            kind,
            heads,
            tokens,
            keys,
            width,
            parameters,
        } = *self;
        assert!(heads > 0 && tokens > 0 && keys > 0 && width > 0);
        assert!(length.is_multiple_of(heads * tokens * keys));
        assert_eq!(parameters.len(), if kind.has_parameter() { heads } else { 0 });
    }

    /// The learned number of a head, or 0.
    pub(super) fn parameter(&self, head: usize) -> f32 {
        self.parameters.get(head).copied().unwrap_or(0.0)
    }
}

/// The matrix out of the scores `[images][heads][tokens][keys]`. Where `matrix` is given it receives A, and the scores become
/// what the way back reads: p, or s / sqrt(d) for the boolean kind. Otherwise A stands in the place of the scores.
/// True where a NaN was met, as it is where a score is NaN or the largest one is infinite.
pub fn matrix_forward(of: Matrix, scores: &mut [f32], mut matrix: Option<&mut [f32]>) -> bool {
    of.check(scores.len());
    assert!(matrix.as_ref().is_none_or(|matrix| matrix.len() == scores.len()));
    let mut nan = false;
    for (number, row) in scores.chunks_exact_mut(of.keys).enumerate() {
        let parameter = of.parameter(number / of.tokens % of.heads);
        let target = matrix.as_mut().map(|matrix| &mut matrix[number * of.keys..][..of.keys]);
        nan |= forward_row(of.kind, of.width, parameter, row, target);
    }
    nan
}

/// The map of one row; see [`matrix_forward`].
pub(super) fn forward_row(
    kind: Kind,
    width: usize,
    parameter: f32,
    row: &mut [f32],
    target: Option<&mut [f32]>,
) -> bool {
    let (one, zero) = (F32x4::splat(1.0), F32x4::splat(0.0));
    let keeps = target.is_some();
    match kind {
        Kind::Softmax => {
            let nan = softmax_row(row, scale_of(width));
            if let Some(target) = target {
                target.copy_from_slice(row);
            }
            nan
        }
        Kind::Threshold => {
            let (most, reach) = (largest(row), F32x4::splat(reach_of(width)));
            let nan = quantize(row, target, |score| {
                let below = most - score;
                (below.at_most(reach).keep(one), below.is_nan(), score)
            });
            nan | (keeps && softmax_row(row, scale_of(width)))
        }
        Kind::Elastic => {
            let (divisor, half) = (F32x4::splat(alpha_of(parameter)), F32x4::splat(0.5));
            let nan = softmax_row(row, scale_of(width));
            nan | quantize(row, target, |p| (half.less(p / divisor).keep(one), Mask::none(), p))
        }
        Kind::Boolean => {
            let scale = F32x4::splat(scale_of(width));
            quantize(row, target, |score| {
                (zero.less(score).keep(one), score.is_nan(), score * scale)
            })
        }
        Kind::Sign => {
            let offset = F32x4::splat(parameter);
            let nan = softmax_row(row, scale_of(width));
            nan | quantize(row, target, |p| (offset.at_most(p).select(one, -one), Mask::none(), p))
        }
    }
}

/// Maps every value of a row to one of A, a mask of what is NaN, and what is kept. A goes to `target`, or onto the row.
#[inline(always)]
fn quantize(row: &mut [f32], mut target: Option<&mut [f32]>, map: impl Fn(F32x4) -> (F32x4, Mask, F32x4)) -> bool {
    let mut nan = Mask::none();
    for at in (0..row.len()).step_by(4) {
        let (value, bad, kept) = map(F32x4::load_up_to(&row[at..]));
        nan = nan.or(bad);
        match &mut target {
            Some(target) => {
                value.store_up_to(&mut target[at..]);
                kept.store_up_to(&mut row[at..]);
            }
            None => value.store_up_to(&mut row[at..]),
        }
    }
    nan.any()
}

#[cfg(test)]
mod tests;
