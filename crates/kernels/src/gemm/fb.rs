//! Real times +-1 by four-Russians tables: one load and one addition per 16 multiply-accumulates.
//!
//! For a group of 4 rows `r_0..r_3` of the real operand and a strip of 16 lanes, a table holds the 16 signed sums
//! `(+-r_0 +- r_1) + (+-r_2 +- r_3)`, one row of 16 floats (64 bytes) per sign pattern, 1 KiB in all: bit i of the row's
//! number says that `r_i` counts as +1. A byte of the +-1 operand is its nibble times 16, hence the row's place in
//! floats. Result elements are `((0 + t_0) + t_1) + ...` over the groups in order, whatever tile computes them: partial
//! sums wait in `f32` between blocks of tables, which changes no bit. (Arlazarov, Dinic, Kronrod, Faradzev 1970.)

use crate::simd::floats::F32x4;

/// Lanes of a strip.
pub const STRIP: usize = 16;
/// Floats of a table.
pub const TABLE: usize = 16 * STRIP;
/// Tables in use at a time: they share the first-level cache with the accumulators and the bits.
pub const TABLES: usize = 32;

/// Fills one table with the signed sums of four rows; a row is at most 16 lanes, the lanes past it count as 0.
pub fn build_table(rows: [&[f32]; 4], table: &mut [f32]) {
    assert_eq!(table.len(), TABLE);
    let lanes = rows[0].len();
    for first in (0..lanes).step_by(4) {
        let [a, b, c, d] = rows.map(|row| F32x4::load_up_to(&row[first..]));
        let low = [-a - b, a - b, b - a, a + b];
        let high = [-c - d, c - d, d - c, c + d];
        for (pattern, row) in table.chunks_exact_mut(STRIP).enumerate() {
            let sum = low[pattern & 3] + high[pattern >> 2];
            if let Some(target) = row[first..].first_chunk_mut() {
                sum.store(target);
            }
        }
    }
}

/// Adds to `sums[r]` the table rows that the bytes `bits[r] + offsets[t]` select, `t` in order; `4 V` lanes.
///
/// # Safety
/// `tables` must be 64-byte aligned and hold `offsets.len()` tables, and every `bits[r] + offsets[t]` must be readable and a nibble times 16.
#[inline(always)]
pub unsafe fn accumulate<const R: usize, const V: usize>(
    tables: *const f32,
    bits: [*const u8; R],
    offsets: &[u32],
    sums: &mut [[F32x4; V]; R],
) {
    let mut table = tables;
    for &offset in offsets {
        for r in 0..R {
            // SAFETY: promised by the caller; a nibble times 16 is the start of one of the table's 16 rows.
            unsafe {
                let row = table.add(*bits[r].add(offset as usize) as usize);
                let values: [F32x4; V] = F32x4::read_row(row);
                for v in 0..V {
                    sums[r][v] = sums[r][v] + values[v];
                }
            }
        }
        table = table.wrapping_add(TABLE);
    }
}
