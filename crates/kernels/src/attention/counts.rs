//! Bits counted by look-up: how many disagree (`a xor b`), or how many are set in both (`a and b`).
//!
//! A nibble of a row selects one of sixteen constant vectors, whose lane j is the count with the nibble j. The nibbles of
//! sixteen columns look it up, and one shuffle counts 64 bits. Bytes hold the sums of 63 nibbles.

#![allow(clippy::needless_range_loop)] // Indexed loops over constants unroll into registers; iterators do not.

use super::bits::PANEL;
use crate::simd::bytes::{Bytes, Shorts};
use crate::simd::floats::F32x4;

/// Nibbles whose counts fit a byte.
pub const NARROW: usize = 63;
/// The most features of a head: their distances fit a byte, with one to spare.
pub const WIDEST: usize = 4 * NARROW;
/// Rows of a tile.
pub const ROWS: usize = 4;

/// Vector a, lane j: the count of a and j, by [`Self::XOR`] or [`Self::AND`].
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct Table([[u8; 16]; 16]);

impl Table {
    /// Bits that disagree.
    pub const XOR: Self = Self::of(true);
    /// Bits that are set in both.
    pub const AND: Self = Self::of(false);

    const fn of(xor: bool) -> Self {
        let mut table = [[0; 16]; 16];
        let mut at = 0;
        while at < 256 {
            let (a, b) = (at / 16, at % 16);
            table[a][b] = (if xor { a ^ b } else { a & b }).count_ones() as u8;
            at += 1;
        }
        Self(table)
    }
}

/// Counts of four rows with a panel of 32 columns over `groups` nibbles, at most [`NARROW`].
///
/// # Safety
/// Every row must be readable for `groups` bytes, each a nibble times 16, and `columns` for `32 * groups` bytes below 16.
#[inline(never)]
pub unsafe fn narrow_tile(
    table: &Table,
    rows: [*const u8; ROWS],
    columns: *const u8,
    groups: usize,
) -> [[Bytes; 2]; ROWS] {
    let table = table.0.as_ptr().cast::<u8>();
    let mut counts = [[Bytes::ZERO; 2]; ROWS];
    for group in 0..groups {
        // SAFETY: the group is one of the rows' and of the panel's, and a nibble times 16 is at most 240.
        unsafe {
            let columns = columns.add(PANEL * group);
            let columns = [Bytes::load(columns), Bytes::load(columns.add(16))];
            for row in 0..ROWS {
                let entry = Bytes::load(table.add(usize::from(*rows[row].add(group))));
                for half in 0..2 {
                    counts[row][half] = counts[row][half].add(entry.lookup(columns[half]));
                }
            }
        }
    }
    counts
}

/// The same over any number of nibbles, as 16-bit counts in the order of the columns.
///
/// # Safety
/// As for [`narrow_tile`]; `groups` may be any number whose counts fit 16 bits.
#[inline(never)]
pub unsafe fn wide_tile(
    table: &Table,
    rows: [*const u8; ROWS],
    columns: *const u8,
    groups: usize,
    sums: &mut [[Shorts; PANEL / 8]; ROWS],
) {
    *sums = [[Shorts::splat(0); PANEL / 8]; ROWS];
    for at in (0..groups).step_by(NARROW) {
        let count = NARROW.min(groups - at);
        // SAFETY: the groups from `at` on are among those of the caller.
        let counts = unsafe { narrow_tile(table, rows.map(|row| row.add(at)), columns.add(PANEL * at), count) };
        for (sums, counts) in sums
            .as_flattened_mut()
            .as_chunks_mut()
            .0
            .iter_mut()
            .zip(counts.as_flattened())
        {
            let [low, high] = counts.widen();
            *sums = [sums[0].add(low), sums[1].add(high)];
        }
    }
}

/// Up to four rows and the columns that they are counted with.
pub struct Counted<'a> {
    pub table: &'a Table,
    /// Rows of nibbles times 16, a row `stride` bytes after the one before.
    pub rows: &'a [u8],
    pub stride: usize,
    /// Columns of `groups` plain nibbles, of at most 65535 terms, in panels.
    pub panels: &'a [u8],
    pub groups: usize,
    pub columns: usize,
}

/// Results `(base + slope count) factor`, a row `down` floats after the one before, as many as there are bases. They are whole
/// numbers below 2^24 before the factor, exact in any order.
#[inline(never)]
pub fn multiply_counts(of: Counted, bases: &[f32], [slope, factor]: [f32; 2], out: &mut [f32], down: usize) {
    let Counted { groups, stride, .. } = of;
    // Rows past the last repeat it.
    let rows = [0, 1, 2, 3].map(|row: usize| of.rows[row.min(bases.len() - 1) * stride..][..groups].as_ptr());
    let [slope, factor] = [slope, factor].map(F32x4::splat);
    let mut sums = [[Shorts::splat(0); PANEL / 8]; ROWS];
    for (panel, columns) in of.panels.chunks_exact(groups * PANEL).enumerate() {
        // SAFETY: rows and a panel hold all groups, as `bits` writes them.
        unsafe { wide_tile(of.table, rows, columns.as_ptr(), groups, &mut sums) };
        let first = panel * PANEL;
        let lanes = PANEL.min(of.columns - first);
        for (row, (sums, &base)) in sums.iter().zip(bases).enumerate() {
            let base = F32x4::splat(base);
            let target = &mut out[row * down + first..][..lanes];
            for (counts, target) in sums.iter().zip(target.chunks_mut(8)) {
                let vectors = counts.widen().map(|count| (base + slope * count.to_reals()) * factor);
                F32x4::store_lanes::<2>(vectors, target);
            }
        }
    }
}
