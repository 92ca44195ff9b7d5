//! The gradients of batch normalisation: the sums of a lane, and one pass over its rows.

use super::{Batch, ROWS, reduce};
use crate::reduce::{fold_columns, four};
use crate::simd::floats::F32x4;
use core::array::from_fn;
use core::ops::Range;

/// Channels handled per pass over the rows: their factors stay on the stack.
const BLOCK: usize = 128;

/// Sums of dy and of dy * xhat for one lane, in f64: `x`, `dy` `[rows][c]`, `partial [2][c]`. The second is
/// `(sum(dy x) - mean sum(dy)) / sqrt(var + eps)`: products of two f32 are exact in f64.
pub fn norm_backward_partial(x: &[f32], dy: &[f32], saved: &[f32], partial: &mut [f64]) {
    let c = saved.len() / 2;
    assert!(c > 0 && saved.len() == 2 * c && partial.len() == 2 * c);
    assert!(x.len() == dy.len() && x.len().is_multiple_of(c));
    let (means, deviations) = saved.split_at(c);
    let (sums, products) = partial.split_at_mut(c);
    fold_columns::<2>(
        x.len() / c,
        c,
        |row, first, lanes| {
            let at = row * c + first;
            // SAFETY: `x` and `dy` have whole rows of `c`, and `fold_columns` asks for columns of their rows only.
            let (value, gradient) = unsafe { (four(x, at, lanes), four(dy, at, lanes)) };
            [gradient, [gradient[0] * value[0], gradient[1] * value[1]]]
        },
        |quantity, channel, sum| match quantity {
            0 => sums[channel] = sum,
            _ => {
                let centred = sum - f64::from(means[channel]) * sums[channel];
                products[channel] = centred * f64::from(deviations[channel]);
            }
        },
    );
}

/// The places of the gradients of one lane's rows.
#[derive(Debug)]
pub struct NormGradients<'a> {
    /// At the input, `[rows][c]`.
    pub dx: &'a mut [f32],
    /// Whether `dx` is added to what is there.
    pub accumulate: bool,
    /// At gamma, of the whole batch, if asked for.
    pub dgamma: Option<&'a mut [f32]>,
    /// At beta, of the whole batch, if asked for.
    pub dbeta: Option<&'a mut [f32]>,
}

/// Gradients of one lane's rows, from the sums of all lanes:
/// `dx = scale (dy - mean(dy)) - (scale mean(dy xhat) / sqrt(var + eps)) (x - mean)`. True where a sum is not finite.
pub fn norm_backward(x: &[f32], dy: &[f32], saved: &[f32], batch: Batch, gradients: NormGradients) -> bool {
    let c = batch.gamma.len();
    let NormGradients {
        dx,
        accumulate,
        mut dgamma,
        mut dbeta,
    } = gradients;
    assert!(c > 0 && saved.len() == 2 * c && batch.partials.len().is_multiple_of(2 * c) && batch.total_rows > 0);
    assert!(x.len() == dy.len() && x.len() == dx.len() && x.len().is_multiple_of(c));
    let (means, deviations) = saved.split_at(c);
    let rows = batch.total_rows as f64;
    let mut bad = false;
    for first in (0..c).step_by(BLOCK) {
        let count = BLOCK.min(c - first);
        let mut factors = [[[0.0; 4]; 4]; BLOCK / 4];
        for i in 0..count {
            let channel = first + i;
            let [sum, product] = reduce(batch.partials, c, channel);
            bad |= !(sum.is_finite() && product.is_finite());
            let scale = batch.gamma[channel] * deviations[channel];
            let slope = scale * (product / rows) as f32 * deviations[channel];
            let own = [scale, (sum / rows) as f32, slope, means[channel]];
            for (factors, factor) in factors[i / 4].iter_mut().zip(own) {
                factors[i % 4] = factor;
            }
            if let Some(dgamma) = &mut dgamma {
                dgamma[channel] = product as f32;
            }
            if let Some(dbeta) = &mut dbeta {
                dbeta[channel] = sum as f32;
            }
        }
        let factors = &factors[..count.div_ceil(4)];
        if accumulate {
            gradient_rows::<true>(x, dy, c, first, count, factors, dx);
        } else {
            gradient_rows::<false>(x, dy, c, first, count, factors, dx);
        }
    }
    bad
}

/// The channels `first..first + count` of all rows; `factors` are scale, mean(dy), slope and mean of four channels each.
fn gradient_rows<const ADD: bool>(
    x: &[f32],
    dy: &[f32],
    c: usize,
    first: usize,
    count: usize,
    factors: &[[[f32; 4]; 4]],
    dx: &mut [f32],
) {
    for start in (0..x.len() / c).step_by(ROWS) {
        let rows = start..(start + ROWS).min(x.len() / c);
        let mut at = 0;
        while at < count {
            let factors = &factors[at / 4..];
            let place = first + at;
            // SAFETY: the channels that a block takes from `place` on are below `first + count`, so they lie in every row. All
            // three tensors have these rows, because their lengths were checked.
            unsafe {
                if at + 8 <= count {
                    gradient_block::<ADD, 2>(x, dy, c, rows.clone(), place, factors, dx);
                    at += 8;
                } else if at + 4 <= count {
                    gradient_block::<ADD, 1>(x, dy, c, rows.clone(), place, factors, dx);
                    at += 4;
                } else {
                    for row in rows.clone() {
                        let tail = row * c + place..row * c + first + count;
                        let [x, dy] = [x, dy].map(|values| F32x4::load_up_to(&values[tail.clone()]));
                        let target = &mut dx[tail];
                        let value = input_gradient(factors[0].map(|factor| F32x4::load(&factor)), x, dy);
                        if ADD { F32x4::load_up_to(target) + value } else { value }.store_up_to(target);
                    }
                    at = count;
                }
            }
        }
    }
}

/// The channels `place..place + 4 V` of some rows, whose factors stay in registers.
///
/// # Safety
/// `place + 4 V` must be at most `c`, and the rows must lie in `x`, `dy` and `dx`, which have `c` floats a row.
#[inline(always)]
unsafe fn gradient_block<const ADD: bool, const V: usize>(
    x: &[f32],
    dy: &[f32],
    c: usize,
    rows: Range<usize>,
    place: usize,
    factors: &[[[f32; 4]; 4]],
    dx: &mut [f32],
) {
    let factors: [[F32x4; 4]; V] = from_fn(|v| factors[v].map(|factor| F32x4::load(&factor)));
    for row in rows {
        let at = row * c + place;
        for (v, &factors) in factors.iter().enumerate() {
            // SAFETY: the four channels lie in this row, which the three tensors have.
            unsafe {
                let x = F32x4::read_at(x.as_ptr().add(at), 4 * v);
                let dy = F32x4::read_at(dy.as_ptr().add(at), 4 * v);
                let value = input_gradient(factors, x, dy);
                let target = dx.as_mut_ptr().add(at + 4 * v);
                if ADD { F32x4::read(target) + value } else { value }.write(target);
            }
        }
    }
}

#[inline(always)]
fn input_gradient([scale, mean_dy, slope, mean]: [F32x4; 4], x: F32x4, dy: F32x4) -> F32x4 {
    scale * (dy - mean_dy) - slope * (x - mean)
}
