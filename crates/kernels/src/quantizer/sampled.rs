//! Maps out of samples.

use super::maps::Table;
use crate::simd::floats::F32x4;

/// The table's values at x: linear between its samples, constant outside. Lanes that are NaN give NaN.
#[inline(always)]
pub(super) fn interpolate(table: Table, x: F32x4) -> F32x4 {
    let Table { from, density, samples } = table;
    let last = samples.len() - 1;
    let position = (x - F32x4::splat(from)) * F32x4::splat(density);
    let position = position
        .pseudo_max(F32x4::splat(0.0))
        .pseudo_min(F32x4::splat(last as f32));
    // NaN converts to 0, so every index is one of a sample.
    let at = position.to_array().map(|position| (position as usize).min(last - 1));
    let low = F32x4::load(&at.map(|at| samples[at]));
    let high = F32x4::load(&at.map(|at| samples[at + 1]));
    let share = position - F32x4::load(&at.map(|at| at as f32));
    low + share * (high - low)
}
