//! Maps out of samples.

use crate::simd::floats::F32x4;

/// Samples of a map: equally spaced, linear in between, constant outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Table<'a> {
    /// The place of the first sample.
    pub from: f32,
    /// Samples per unit: (count - 1) / (to - from).
    pub density: f32,
    /// At least two.
    pub samples: &'a [f32],
}

/// A forward and a backward map in memory: `[count, from, density, 0]`, then `count` samples of each.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// The samples of F.
    pub forward: Table<'a>,
    /// The samples of B.
    pub backward: Table<'a>,
}

/// Floats before the samples of a table.
pub const TABLE_HEADER: usize = 4;

impl<'a> Tables<'a> {
    /// Floats of a block that begins with this header.
    pub fn floats(header: &[f32; TABLE_HEADER]) -> usize {
        TABLE_HEADER + 2 * header[0] as usize
    }

    /// The two maps of a block, as [`Tables`] says. None where its length is not what its header says, or where there
    /// are fewer than two samples.
    pub fn of_block(block: &'a [f32]) -> Option<Self> {
        let (header, samples) = block.split_first_chunk::<TABLE_HEADER>()?;
        let count = header[0] as usize;
        let [_, from, density, _] = *header;
        (count >= 2 && samples.len() == 2 * count).then(|| {
            let (forward, backward) = samples.split_at(count);
            let table = |samples| Table { from, density, samples };
            Self {
                forward: table(forward),
                backward: table(backward),
            }
        })
    }
}

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
