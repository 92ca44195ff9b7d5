//! Real times +-1 by four-Russians tables: one load and one addition per 16 multiply-accumulates.
//!
//! For a group of 4 rows `r_0..r_3` of the real operand and a strip of 16 lanes, a table holds the 16 signed sums
//! `(+-r_0 +- r_1) + (+-r_2 +- r_3)`, one for every sign pattern: bit i of the pattern says that `r_i` counts as +1. A byte
//! of the +-1 operand, the *selector*, is such a pattern times 16. (Arlazarov, Dinic, Kronrod, Faradzev 1970.)
//!
//! Result elements are `((0 + t_0) + t_1) + ...` over the groups in order, whatever tile computes them: partial sums wait
//! in `f32` between blocks of tables, which changes no bit.
//!
//! A table is four columns `[16 patterns][4 lanes]`, so that the selector is the address of its row within a column.

use core::ptr::with_exposed_provenance;

use crate::simd::floats::F32x4;

/// Lanes of a strip.
pub const STRIP: usize = 16;
/// Floats of a table.
pub const TABLE: usize = 16 * STRIP;
/// Floats of a column of a table.
const COLUMN: usize = TABLE / 4;
/// Tables in use at a time. They fill the first-level cache or a little more: fewer would cost more in partial sums that are
/// stored and fetched again.
pub const TABLES: usize = 36;

/// How many tables to use at a time where a result sums `groups` groups: blocks of nearly equal size, none above `TABLES`.
pub fn block_size(groups: usize) -> usize {
    groups.div_ceil(groups.div_ceil(TABLES))
}

/// Fills one table with the signed sums of four rows; a row is at most 16 lanes, the lanes past it count as 0.
pub fn build_table(rows: [&[f32]; 4], table: &mut [f32]) {
    let table = table.first_chunk_mut().expect("a table");
    if rows.iter().all(|row| row.len() == STRIP) {
        for vector in 0..STRIP / 4 {
            // SAFETY: a row has 16 lanes, and the last vector begins at lane 12.
            let four = rows.map(|row| unsafe { F32x4::read(row.as_ptr().add(4 * vector)) });
            build_column(four, vector, table);
        }
    } else {
        for vector in 0..rows[0].len().div_ceil(4) {
            build_column(rows.map(|row| F32x4::load_up_to(&row[4 * vector..])), vector, table);
        }
    }
}

/// Fills a column of a table with the signed sums of `columns` (1 to 4) consecutive elements of up to 4 rows of `source`,
/// one row a lane, each from its place in `rows` on. Lanes past the rows and elements past the columns count as 0.
pub fn build_column_transposed(source: &[f32], rows: &[usize], columns: usize, column: usize, table: &mut [f32]) {
    let lanes = match *rows {
        [a, b, c, d] if columns == 4 => {
            [a, b, c, d].map(|row| F32x4::load(source[row..].first_chunk().expect("a row")))
        }
        _ => core::array::from_fn(|i| match rows.get(i) {
            Some(&row) => F32x4::load_up_to(&source[row..row + columns]),
            None => F32x4::splat(0.0),
        }),
    };
    build_column(
        F32x4::transpose(lanes),
        column,
        table.first_chunk_mut().expect("a table"),
    );
}

/// Fills one table with the sums of the rows whose bits are set, and else as [`build_table`].
pub fn build_subset_table(rows: [&[f32]; 4], table: &mut [f32]) {
    let table = table.first_chunk_mut().expect("a table");
    let zero = F32x4::splat(0.0);
    for vector in 0..rows[0].len().div_ceil(4) {
        let [a, b, c, d] = rows.map(|row| F32x4::load_up_to(&row[4 * vector..]));
        write_column([zero, a, b, a + b], [zero, c, d, c + d], vector, table);
    }
}

/// Four lanes of a table.
#[inline(always)]
fn build_column([a, b, c, d]: [F32x4; 4], vector: usize, table: &mut [f32; TABLE]) {
    let (sum, difference) = (a + b, a - b);
    let low = [-sum, difference, -difference, sum];
    let (sum, difference) = (c + d, c - d);
    let high = [-sum, difference, -difference, sum];
    write_column(low, high, vector, table);
}

/// Every sum of a low and a high one, in the order of the patterns.
#[inline(always)]
fn write_column(low: [F32x4; 4], high: [F32x4; 4], vector: usize, table: &mut [f32; TABLE]) {
    let column = table[COLUMN * vector..][..COLUMN].as_mut_ptr();
    for (j, high) in high.into_iter().enumerate() {
        for (i, low) in low.into_iter().enumerate() {
            // SAFETY: `4 j + i` is below 16, and a column is 16 vectors of four floats.
            unsafe { (low + high).write(column.add((4 * j + i) * 4)) };
        }
    }
}

/// Rows summed at a time: enough that additions need not wait for each other, and not more than registers hold.
pub const TILE: usize = 3;

/// Sums of `R` rows, `4 V` lanes each.
pub type Sums<const R: usize, const V: usize> = [[F32x4; V]; R];

/// A piece of a row's selectors and the tables they choose from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Segment {
    /// Number of the first table.
    pub table: usize,
    /// Bytes from the start of a row's selectors to the first one.
    pub offset: usize,
    /// Tables and selectors: at least one.
    pub length: usize,
}

/// Adds to `sums[r]` the table rows that the selectors of row `r` choose, segment after segment, table after table. The
/// selectors of a segment are `STEP` bytes apart. All segments have `LENGTH` tables, or their own length where that is 0: a
/// known length leaves no counting between the tables.
///
/// # Safety
/// 1. `tables` must be readable for the tables of all segments, [`TABLE`] floats each.
/// 2. From each of `selectors` on, the bytes `offset + i * STEP` of every segment must be readable for `i` below its length.
///    Those bytes must be multiples of 16.
/// 3. A segment's length must not be 0. It must be `LENGTH`, unless that is 0. `V` must be at most 4.
#[inline(always)]
pub unsafe fn accumulate<const STEP: usize, const LENGTH: usize, const R: usize, const V: usize>(
    tables: *const f32,
    selectors: [*const u8; R],
    segments: &[Segment],
    mut sums: Sums<R, V>,
) -> Sums<R, V> {
    for segment in segments {
        let table = tables.expose_provenance() + size_of::<f32>() * TABLE * segment.table;
        let from = selectors.map(|selectors| selectors.expose_provenance() + segment.offset);
        let length = if LENGTH == 0 { segment.length } else { LENGTH };
        // SAFETY: the addresses are those of the segment's first table and selectors, of which there are `length`, not 0.
        sums = unsafe { accumulate_segment::<STEP, R, V>(table, from, length, sums) };
    }
    sums
}

/// One segment. Two things keep the compilers from spoiling it, as in [`super::bb_popcnt8`]: the addresses are integers,
/// and the unrolled tables are told apart by a way out.
///
/// # Safety
/// As for [`accumulate`], from the exposed addresses on: `left`, not 0, tables, and selectors `STEP` bytes apart.
#[inline(always)]
unsafe fn accumulate_segment<const STEP: usize, const R: usize, const V: usize>(
    mut tables: usize,
    mut selectors: [usize; R],
    mut left: usize,
    mut sums: Sums<R, V>,
) -> Sums<R, V> {
    loop {
        // SAFETY: table `T` is reached only while more than `T` are left from these addresses on.
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
        tables += 4 * size_of::<f32>() * TABLE;
        selectors = selectors.map(|selectors| selectors + 4 * STEP);
    }
}

/// Adds the rows of table `T` from the addresses on.
///
/// # Safety
/// As for [`accumulate_segment`], with more than `T` tables left.
#[inline(always)]
unsafe fn select<const T: usize, const STEP: usize, const R: usize, const V: usize>(
    tables: usize,
    selectors: [usize; R],
    mut sums: Sums<R, V>,
) -> Sums<R, V> {
    for r in 0..R {
        // SAFETY: the selector of table `T` is readable. It is a multiple of 16 below 256, so its row lies in each column of the
        // table, of which there are at least `V`. A readable address does not wrap.
        unsafe {
            let selector = *with_exposed_provenance::<u8>(selectors[r].unchecked_add(STEP * T));
            let row = tables.unchecked_add(usize::from(selector));
            for (v, sum) in sums[r].iter_mut().enumerate() {
                let place = row.unchecked_add(size_of::<f32>() * (T * TABLE + COLUMN * v));
                *sum = *sum + F32x4::read(with_exposed_provenance(place));
            }
        }
    }
    sums
}
