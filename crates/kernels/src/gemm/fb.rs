//! Real times +-1 by four-Russians tables: one load and one addition per 16 multiply-accumulates.
//!
//! For a group of 4 rows `r_0..r_3` of the real operand and a strip of 16 lanes, a table holds the 16 signed sums
//! `(+-r_0 +- r_1) + (+-r_2 +- r_3)`, one row of 16 floats (64 bytes) per sign pattern, 1 KiB in all: bit i of the row's
//! number says that `r_i` counts as +1. A byte of the +-1 operand is its nibble times 16, hence the row's place in
//! floats. Result elements are `((0 + t_0) + t_1) + ...` over the groups in order, whatever tile computes them: partial
//! sums wait in `f32` between blocks of tables, which changes no bit. (Arlazarov, Dinic, Kronrod, Faradzev 1970.)

use core::ptr::with_exposed_provenance;

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

/// Fills the first `4 vectors` lanes of a table with the signed sums of filters `first..first + 4` of 16 pixels. A pixel's
/// filters past its end count as 0. The table is four tables of 4 lanes `[16][4]`, so that a nibble times 16 is an address.
pub fn build_table_from_lanes(pixels: &[&[f32]; STRIP], first: usize, vectors: usize, table: &mut [f32]) {
    assert_eq!(table.len(), TABLE);
    for (four, table) in pixels
        .chunks_exact(4)
        .zip(table.chunks_exact_mut(TABLE / 4))
        .take(vectors)
    {
        let four = core::array::from_fn(|i| F32x4::load_up_to(four[i].get(first..).unwrap_or_default()));
        let [a, b, c, d] = F32x4::transpose(four);
        let low = [-a - b, a - b, b - a, a + b];
        let high = [-c - d, c - d, d - c, c + d];
        for (pattern, row) in table.as_chunks_mut().0.iter_mut().enumerate() {
            (low[pattern & 3] + high[pattern >> 2]).store(row);
        }
    }
}

/// Sums of `R` rows, `4 V` lanes each.
pub type Sums<const R: usize, const V: usize> = [[F32x4; V]; R];

/// Adds to `sums[r]` the table rows that the bytes `selectors[r] + STEP * t` select, for `t` in `0..groups` (at least one),
/// in order. Tables as `build_table_from_lanes` makes them.
///
/// Two things keep the compilers from spoiling it, as in [`super::bb_lookup`]: the addresses are integers, and the unrolled
/// groups are told apart by a way out.
///
/// # Safety
/// `tables` must hold `groups` tables, and every selector must be readable and a nibble times 16.
#[inline(always)]
pub unsafe fn accumulate_run<const STEP: usize, const R: usize, const V: usize>(
    tables: *const f32,
    selectors: [*const u8; R],
    groups: usize,
    mut sums: Sums<R, V>,
) -> Sums<R, V> {
    let mut tables = tables.expose_provenance();
    let mut selectors = selectors.map(|selector| selector.expose_provenance());
    let mut left = groups;
    loop {
        // SAFETY: promised by the caller: table and selector of every group that is left.
        unsafe {
            sums = select::<0, STEP, R, V>(tables, selectors, sums);
            if left == 1 {
                return sums;
            }
            sums = select::<1, STEP, R, V>(tables, selectors, sums);
            if left == 2 {
                return sums;
            }
            sums = select::<2, STEP, R, V>(tables, selectors, sums);
            if left == 3 {
                return sums;
            }
            sums = select::<3, STEP, R, V>(tables, selectors, sums);
        }
        if left == 4 {
            return sums;
        }
        left -= 4;
        tables += 4 * 4 * TABLE;
        selectors = selectors.map(|selector| selector + 4 * STEP);
    }
}

/// Adds the rows of table `T` from the addresses on.
///
/// # Safety
/// As for `accumulate_run`.
#[inline(always)]
unsafe fn select<const T: usize, const STEP: usize, const R: usize, const V: usize>(
    tables: usize,
    selectors: [usize; R],
    mut sums: Sums<R, V>,
) -> Sums<R, V> {
    for r in 0..R {
        // SAFETY: promised by the caller.
        unsafe {
            let nibble = *with_exposed_provenance::<u8>(selectors[r]).add(STEP * T);
            let row = with_exposed_provenance::<f32>(tables + usize::from(nibble));
            for (v, sum) in sums[r].iter_mut().enumerate() {
                *sum = *sum + F32x4::read(row.add(T * TABLE + v * TABLE / 4));
            }
        }
    }
    sums
}
