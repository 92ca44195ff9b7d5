//! Batch normalisation followed by sign, as one integer comparison a channel.
//!
//! For an integer sum `s` the bit is the sign of `v(s) = s * scale + shift`, in f32, a product and then an addition. Both
//! roundings are monotone, so `v` is monotone in `s` and there is one integer where the sign changes. It is found by
//! bisection on the very same expression, so that the fused bit equals the unfused one for every sum, ties and rounding
//! included. A channel is `(s >= threshold) xor flip`; flips are set where `scale` is negative. `v(s) = 0` gives +1.
//!
//! Where sums leave their layer times a factor a channel, at least 0 (the scale of its weights), `v(s) = (s factor) scale +
//! shift`: one more product, monotone too. A layer behind may take `v(s) >= middle` in place of the sign.

/// Thresholds and flips (0 or 1, one byte a channel) for sums in `-bound..=bound`. True when a scale, a shift or the middle is
/// NaN or infinite; such a channel is left constant.
///
/// A threshold lies in `-bound..=bound + 1`, or is `i32::MIN` (always) or `i32::MAX` (never) where the scale is zero.
///
/// # Panics
/// When the slices differ in length.
pub fn fold_thresholds(
    factors: Option<&[f32]>,
    scale: &[f32],
    shift: &[f32],
    middle: f32,
    bound: i32,
    thresholds: &mut [i32],
    flips: &mut [u8],
) -> bool {
    let channels = scale.len();
    assert!([shift.len(), thresholds.len(), flips.len()] == [channels; 3]);
    let mut bad = !middle.is_finite();
    for channel in 0..channels {
        // A product with 1 is exact.
        let factor = factors.map_or(1.0, |factors| factors[channel]);
        let (scale, shift) = (scale[channel], shift[channel]);
        bad |= !(scale.is_finite() && shift.is_finite() && (0.0..f32::INFINITY).contains(&factor));
        let value = |sum: i32| sum as f32 * factor * scale + shift;
        flips[channel] = u8::from(scale < 0.0);
        thresholds[channel] = if scale > 0.0 {
            first_where(bound, |sum| value(sum) >= middle)
        } else if scale < 0.0 {
            first_where(bound, |sum| value(sum) < middle)
        } else if shift >= middle {
            i32::MIN
        } else {
            i32::MAX
        };
    }
    bad
}

/// The first sum in `-bound..=bound` where the monotone `holds` is true, `bound + 1` when there is none.
fn first_where(bound: i32, holds: impl Fn(i32) -> bool) -> i32 {
    let (mut low, mut high) = (-bound, bound + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests;
