//! Products of one head with an operand of bits by tables: `out[row][lane] = sum_t s[row][t] x[t][lane]`, s in {-1, 1} or {0, 1}.
//!
//! Terms are summed in groups of four, and groups in order (`gemm::fb`), whatever block or strip they fall into.

use crate::gemm::fb::{
    STRIP, Segment, TABLE, TABLES, TILE, accumulate, block_size, build_column_transposed, build_subset_table,
    build_table,
};
use crate::simd::floats::F32x4;
use core::array::from_fn;

/// The real operand: `terms` x `lanes` elements from `start` on.
#[derive(Clone, Copy)]
pub struct Real<'a> {
    pub values: &'a [f32],
    pub start: usize,
    /// The distance from a row to the next.
    pub down: usize,
    /// Rows are lanes, and not terms.
    pub turned: bool,
    pub terms: usize,
    pub lanes: usize,
}

impl Real<'_> {
    /// Fills the table of four terms of up to 16 lanes.
    #[inline(always)]
    fn table<const SIGNED: bool>(&self, group: usize, first: usize, lanes: usize, table: &mut [f32]) {
        let term = 4 * group;
        if self.turned {
            let columns = 4.min(self.terms - term);
            for vector in 0..lanes.div_ceil(4) {
                let rows: [usize; 4] = from_fn(|i| self.start + (first + 4 * vector + i) * self.down + term);
                let count = 4.min(lanes - 4 * vector);
                build_column_transposed(self.values, &rows[..count], columns, vector, table);
            }
            return;
        }
        const NONE: [f32; STRIP] = [0.0; STRIP];
        let rows = from_fn(|i| {
            if term + i < self.terms {
                &self.values[self.start + (term + i) * self.down + first..][..lanes]
            } else {
                &NONE[..lanes]
            }
        });
        if SIGNED {
            build_table(rows, table);
        } else {
            build_subset_table(rows, table);
        }
    }
}

/// The place of a product: rows of `lanes` from `start` on, `down` apart, each times `factor`.
pub struct Onto<'a> {
    pub values: &'a mut [f32],
    pub start: usize,
    pub down: usize,
    pub factor: f32,
}

impl<'a> Onto<'a> {
    /// Rows of a matrix from its beginning on, without a factor.
    pub fn rows(values: &'a mut [f32], down: usize) -> Self {
        Self::scaled(values, down, 1.0)
    }

    /// The same times a factor.
    pub fn scaled(values: &'a mut [f32], down: usize, factor: f32) -> Self {
        Self {
            values,
            start: 0,
            down,
            factor,
        }
    }
}

/// The product of `rows` rows of selectors, nibbles times 16 `[rows][ceil(terms / 4)]`, with x. A set bit is +1, and another one
/// -1 or, unless `SIGNED`, 0; then x must not be turned. `tables` has room for [`TABLES`].
#[inline(never)]
pub fn multiply_signs<const SIGNED: bool>(x: Real, selectors: &[u8], rows: usize, tables: &mut [f32], onto: &mut Onto) {
    let groups = x.terms.div_ceil(4);
    assert!(rows > 0 && x.lanes > 0 && selectors.len() >= rows * groups && tables.len() >= TABLES * TABLE);
    assert!(SIGNED || !x.turned);
    assert!(onto.start + (rows - 1) * onto.down + x.lanes <= onto.values.len());
    let block = block_size(groups);
    for first in (0..x.lanes).step_by(STRIP) {
        let lanes = STRIP.min(x.lanes - first);
        for from in (0..groups).step_by(block) {
            let length = block.min(groups - from);
            for (group, table) in tables.chunks_exact_mut(TABLE).enumerate().take(length) {
                x.table::<SIGNED>(from + group, first, lanes, table);
            }
            let strip = Strip {
                tables: tables.as_ptr(),
                segment: Segment {
                    table: 0,
                    offset: from,
                    length,
                },
                first,
                lanes,
                is_first: from == 0,
                factor: if from + length == groups { onto.factor } else { 1.0 },
            };
            for row in (0..rows).step_by(TILE) {
                // Rows past the end repeat the last one.
                let own: [usize; TILE] = from_fn(|r| (row + r).min(rows - 1));
                let count = TILE.min(rows - row);
                let places = own.map(|row| selectors[row * groups..].as_ptr());
                let targets = own.map(|row| onto.start + row * onto.down);
                // SAFETY: there are a table and a selector for each group of the block, and selectors are nibbles times 16.
                unsafe {
                    match lanes {
                        ..=4 => strip.sum::<1>(places, targets, count, onto.values),
                        5..=8 => strip.sum::<2>(places, targets, count, onto.values),
                        _ => strip.sum::<4>(places, targets, count, onto.values),
                    }
                }
            }
        }
    }
}

/// A block of tables of up to 16 lanes.
struct Strip {
    tables: *const f32,
    segment: Segment,
    first: usize,
    lanes: usize,
    is_first: bool,
    factor: f32,
}

impl Strip {
    /// Adds to the sums of some rows.
    ///
    /// # Safety
    /// The segment's tables must be readable, and its selectors from each of `selectors` on; those must be multiples of 16.
    #[inline(always)]
    unsafe fn sum<const V: usize>(
        &self,
        selectors: [*const u8; TILE],
        targets: [usize; TILE],
        count: usize,
        values: &mut [f32],
    ) {
        let sums = if self.is_first {
            [[F32x4::splat(0.0); V]; TILE]
        } else {
            targets.map(|at| F32x4::load_lanes::<V>(&values[at + self.first..][..self.lanes]))
        };
        // SAFETY: the promises of the caller.
        let sums = unsafe { accumulate::<1, 0, TILE, V>(self.tables, selectors, &[self.segment], sums) };
        let factor = F32x4::splat(self.factor);
        for (sums, at) in sums.into_iter().zip(targets).take(count) {
            let target = &mut values[at + self.first..][..self.lanes];
            F32x4::store_lanes::<V>(sums.map(|sum| sum * factor), target);
        }
    }
}

/// Writes `from [columns][stride]` as `rows` rows of `columns` from `start` on, `down` apart. A stride is a multiple of 4.
#[inline(never)]
pub fn turn(from: &[f32], stride: usize, [rows, columns]: [usize; 2], to: &mut [f32], start: usize, down: usize) {
    for row in (0..rows).step_by(4) {
        for column in (0..columns).step_by(4) {
            let block = from_fn(|i| {
                let at = (column + i).min(columns - 1) * stride + row;
                F32x4::load(from[at..].first_chunk().expect("a stride of whole vectors"))
            });
            let lanes = 4.min(columns - column);
            for (vector, row) in F32x4::transpose(block).into_iter().zip(row..rows) {
                vector.store_up_to(&mut to[start + row * down + column..][..lanes]);
            }
        }
    }
}
