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
use crate::shape::ConvShape;
use crate::simd::floats::{F32x4, Mask};
use core::array::from_fn;
use core::ops::Range;

/// Channels handled per pass over the rows: their constants stay on the stack.
const BLOCK: usize = 128;
/// Rows whose channels are gone through block by block: they stay in the first-level cache meanwhile.
const ROWS: usize = 32;

/// Sums of x and of x^2 for one lane: `x [rows][c]`, `partial [2][c]`.
pub fn norm_partial(x: &[f32], c: usize, partial: &mut [f64]) {
    assert!(c > 0 && x.len().is_multiple_of(c) && partial.len() == 2 * c);
    fold_columns::<2>(
        x.len() / c,
        c,
        |row, first, lanes| {
            // SAFETY: rows and columns are those of `x`.
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

/// `y = x * scale + shift` per channel, product rounded, then added. True where a y is NaN.
pub fn affine(x: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32]) -> bool {
    normalize(x, scale, shift, None, y, None)
}

/// `y = (x * scale + shift) + residual` per channel, every operation rounded; and, if asked for, the signs of y as the
/// padded nibbles of the next layer's input (see [`crate::bits`]), whose border is left alone. True where a y is NaN.
pub fn normalize(
    x: &[f32],
    scale: &[f32],
    shift: &[f32],
    residual: Option<&[f32]>,
    y: &mut [f32],
    signs: Option<(&ConvShape, &mut [u8])>,
) -> bool {
    let c = scale.len();
    assert!(c > 0 && shift.len() == c && x.len() == y.len() && x.len().is_multiple_of(c));
    assert!(residual.is_none_or(|residual| residual.len() == x.len()));
    let pass = Pass {
        x: x.as_ptr(),
        residual: residual.map_or(x.as_ptr(), <[f32]>::as_ptr),
        y: y.as_mut_ptr(),
        scale,
        shift,
    };
    let mut nan = Mask::none();
    // SAFETY: all tensors have the length of `x`, whole rows of `c`; the shape's pixels and the nibbles were checked.
    unsafe {
        match signs {
            None => {
                let rows = x.len() / c;
                match residual {
                    None => pass.rows::<false, false>(0, rows, core::ptr::null_mut(), &mut nan),
                    Some(_) => pass.rows::<true, false>(0, rows, core::ptr::null_mut(), &mut nan),
                }
            }
            Some((shape, nibbles)) => {
                assert!(shape.is_consistent() && shape.channels as usize == c && shape.input_pixels() * c == x.len());
                assert_eq!(nibbles.len(), shape.padded_pixels() * shape.groups());
                let width = shape.width as usize;
                for (source, target) in shape.interior_rows() {
                    let nibbles = nibbles.as_mut_ptr().add(target * shape.groups());
                    match residual {
                        None => pass.rows::<false, true>(source, width, nibbles, &mut nan),
                        Some(_) => pass.rows::<true, true>(source, width, nibbles, &mut nan),
                    }
                }
            }
        }
    }
    nan.any()
}

/// The operands of [`normalize`].
struct Pass<'a> {
    x: *const f32,
    residual: *const f32,
    y: *mut f32,
    scale: &'a [f32],
    shift: &'a [f32],
}

impl Pass<'_> {
    /// Rows `first..first + count`; their nibbles follow each other from `nibbles` on.
    ///
    /// # Safety
    /// The rows must lie in all tensors, and their nibbles behind `nibbles` where `SIGNS`.
    unsafe fn rows<const RESIDUAL: bool, const SIGNS: bool>(
        &self,
        first: usize,
        count: usize,
        nibbles: *mut u8,
        nan: &mut Mask,
    ) {
        let c = self.scale.len();
        for start in (0..count).step_by(ROWS) {
            let rows = first + start..first + count.min(start + ROWS);
            let mut at = 0;
            // SAFETY: promised by the caller.
            unsafe {
                let nibbles = nibbles.wrapping_add(start * c.div_ceil(4));
                while at + 16 <= c {
                    self.block::<RESIDUAL, SIGNS, 4>(rows.clone(), at, nibbles, nan);
                    at += 16;
                }
                while at + 4 <= c {
                    self.block::<RESIDUAL, SIGNS, 1>(rows.clone(), at, nibbles, nan);
                    at += 4;
                }
                if at < c {
                    self.tail::<RESIDUAL, SIGNS>(rows, at, nibbles, nan);
                }
            }
        }
    }

    /// The channels `at..at + 4 V` of some rows, whose scale and shift stay in registers.
    ///
    /// # Safety
    /// As [`Pass::rows`], with `nibbles` those of the first row.
    #[inline(always)]
    unsafe fn block<const RESIDUAL: bool, const SIGNS: bool, const V: usize>(
        &self,
        rows: Range<usize>,
        at: usize,
        nibbles: *mut u8,
        nan: &mut Mask,
    ) {
        let (c, groups) = (self.scale.len(), self.scale.len().div_ceil(4));
        let mut bad = *nan;
        // SAFETY: promised by the caller.
        unsafe {
            let scale: [F32x4; V] = from_fn(|v| F32x4::read(self.scale.as_ptr().add(at + 4 * v)));
            let shift: [F32x4; V] = from_fn(|v| F32x4::read(self.shift.as_ptr().add(at + 4 * v)));
            let mut nibble = nibbles.wrapping_add(at / 4);
            for row in rows {
                let place = row * c + at;
                let values: [F32x4; V] = from_fn(|v| {
                    let mut value = F32x4::read_at(self.x.add(place), 4 * v) * scale[v] + shift[v];
                    if RESIDUAL {
                        value = value + F32x4::read_at(self.residual.add(place), 4 * v);
                    }
                    bad = bad.or(value.is_nan());
                    value.write(self.y.add(place + 4 * v));
                    value
                });
                if SIGNS {
                    write_signs(values, nibble);
                }
                nibble = nibble.wrapping_add(groups);
            }
        }
        *nan = bad;
    }

    /// The last one to three channels of some rows.
    ///
    /// # Safety
    /// As [`Pass::block`].
    unsafe fn tail<const RESIDUAL: bool, const SIGNS: bool>(
        &self,
        rows: Range<usize>,
        at: usize,
        nibbles: *mut u8,
        nan: &mut Mask,
    ) {
        let (c, groups) = (self.scale.len(), self.scale.len().div_ceil(4));
        let [scale, shift] = [self.scale, self.shift].map(|values| F32x4::load_up_to(&values[at..]));
        for (number, row) in rows.enumerate() {
            let place = row * c + at;
            // SAFETY: promised by the caller.
            unsafe {
                let few =
                    |values: *const f32| F32x4::load_up_to(core::slice::from_raw_parts(values.add(place), c - at));
                let mut value = few(self.x) * scale + shift;
                if RESIDUAL {
                    value = value + few(self.residual);
                }
                *nan = nan.or(value.is_nan());
                value.store_up_to(core::slice::from_raw_parts_mut(self.y.add(place), c - at));
                if SIGNS {
                    // Bits past the last channel are 0.
                    *nibbles.add(number * groups + at / 4) = (value.signs() & (0xf >> (4 + at - c))) << 4;
                }
            }
        }
    }
}

/// Writes the signs of `4 V` values as `V` nibbles.
///
/// # Safety
/// `nibbles` must be writable for `V` bytes.
#[inline(always)]
unsafe fn write_signs<const V: usize>(values: [F32x4; V], nibbles: *mut u8) {
    // SAFETY: promised by the caller.
    unsafe {
        if V == 4 {
            let signs = u32::from(F32x4::signs_of_four(from_fn(|v| values[v])));
            // Sixteen bits apart into the high halves of four bytes.
            let pairs = (signs | signs << 8) & 0x00ff_00ff;
            let bytes = (pairs << 4 | pairs << 8) & 0xf0f0_f0f0;
            nibbles.cast::<[u8; 4]>().write(bytes.to_le_bytes());
        } else {
            for (v, value) in values.into_iter().enumerate() {
                *nibbles.add(v) = value.signs() << 4;
            }
        }
    }
}

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
            // SAFETY: rows and columns are those of `x` and `dy`.
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

/// Where the gradients of one lane's rows go.
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
            // SAFETY: `place` and the channels after it lie in every row, and all tensors have the length of `x`.
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
/// They must lie in every row of the three tensors, and `factors` must hold `V` elements.
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
            // SAFETY: promised by the caller.
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

#[cfg(test)]
mod tests;
