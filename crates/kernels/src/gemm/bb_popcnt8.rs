//! +-1 times +-1 by `i8x16.popcnt`: `K - 2 * popcount(a xor w)`, 16 filters a vector.
//!
//! Made for arm64, where a byte of activations with 16 filters takes three instructions: exclusive or, count, add; on x86-64 the
//! count alone is eight. The reduction axis is cut into bytes of 8 channels. A vector of weights holds a byte of 16 filters, in
//! panels `[panels][taps * bytes][32]`, a panel being 32 filters or the last 16. A window is read as the runs of the padded
//! buffer, without a copy. Counts are at most 8, so bytes hold 31 groups; then, and at the end, they are added to 16-bit counts
//! in memory.

#![allow(clippy::needless_range_loop)] // Indexed loops over constants unroll into registers; iterators do not.

use core::ptr::with_exposed_provenance;

use crate::gemm::bb_counts::{Counts, NARROW_TERMS};
use crate::simd::bytes::Bytes;

/// Channels of a group: its largest count.
pub const GROUP: usize = 8;
/// Groups that are counted in bytes at a time, a multiple of the unrolled 4: `28 * 8 = 224`.
const BATCH: usize = 28;

/// Where the groups of a window lie: `rows` times `columns` runs of `length` bytes.
#[derive(Clone, Copy, Debug)]
pub struct PanelRuns {
    /// Rows of runs.
    pub rows: usize,
    /// Runs in a row.
    pub columns: usize,
    /// Bytes of a run, at least one.
    pub length: usize,
    /// Bytes from the end of a run to the next in its row.
    pub column_gap: usize,
    /// Bytes from the end of the last run of a row to the first of the next row.
    pub row_gap: usize,
}

/// How many groups of a window with these runs are counted in bytes at a time: whole runs where they are short, for pieces
/// of runs cost more than batches that are not full.
pub fn batch(runs: &PanelRuns) -> usize {
    if runs.length <= BATCH {
        BATCH / runs.length * runs.length
    } else {
        BATCH
    }
}

/// Counts `PIXELS` windows with `BLOCKS` blocks of 16 filters. `batch` is that of [`batch`]. The counts are 32-bit numbers
/// where `wide` says so, which it must beyond [`NARROW_TERMS`] terms.
///
/// # Safety
/// No number of `runs` but the gaps may be 0. Every window must be readable for every byte of its runs, `weights` for
/// `16 * BLOCKS` bytes for each of these bytes.
#[inline(always)]
pub unsafe fn panel_tile<const PIXELS: usize, const BLOCKS: usize>(
    windows: [*const u8; PIXELS],
    runs: PanelRuns,
    batch: usize,
    weights: *const u8,
    wide: bool,
    counts: &mut Counts<BLOCKS>,
) {
    let mut windows = windows.map(|window| window.expose_provenance());
    let mut weights = weights.expose_provenance();
    let (mut first, mut narrow) = (true, 0);
    let (mut rows, mut columns, mut left) = (runs.rows, runs.columns, runs.length);
    loop {
        let mut bytes = [[Bytes::ZERO; BLOCKS]; PIXELS];
        let mut room = batch;
        loop {
            let groups = left.min(room);
            // SAFETY: `groups` is at least one and at most what is left of a run, and the weights go along with the windows.
            unsafe { bytes = accumulate::<PIXELS, BLOCKS>(windows, weights, groups, bytes) };
            weights += 16 * BLOCKS * groups;
            (room, left) = (room - groups, left - groups);
            let mut step = groups;
            if left == 0 {
                left = runs.length;
                columns -= 1;
                if columns == 0 {
                    columns = runs.columns;
                    rows -= 1;
                    step += runs.row_gap;
                } else {
                    step += runs.column_gap;
                }
            }
            windows = windows.map(|window| window.wrapping_add(step));
            if room == 0 || rows == 0 {
                break;
            }
        }
        counts.add_bytes(&bytes, first);
        narrow += batch * GROUP;
        first = wide && (rows == 0 || narrow + batch * GROUP > NARROW_TERMS);
        if first {
            counts.widen(PIXELS);
            narrow = 0;
        }
        if rows == 0 {
            return;
        }
    }
}

/// The inner loop: `groups` (at least one) counts for every window and block, added to `counts`.
///
/// Two things keep the compilers from spoiling it. The addresses are integers: with pointers LLVM rewrites the loop such that
/// every byte's offset is an addition of its own instead of a part of the load. And the unrolled groups are told apart by a
/// way out: in one straight piece LLVM sorts the counts by sum, keeps all vectors of all groups alive, and spills.
///
/// # Safety
/// `windows` must be exposed addresses that are readable for `groups` bytes, `weights` one that is for `16 * BLOCKS` bytes a
/// group.
#[inline(always)]
unsafe fn accumulate<const PIXELS: usize, const BLOCKS: usize>(
    mut windows: [usize; PIXELS],
    mut weights: usize,
    groups: usize,
    mut counts: [[Bytes; BLOCKS]; PIXELS],
) -> [[Bytes; BLOCKS]; PIXELS] {
    let mut left = groups;
    loop {
        // SAFETY: group `AT` is reached only while more than `AT` are left from these addresses on.
        unsafe {
            counts = group::<0, PIXELS, BLOCKS>(windows, weights, counts);
            if left == 1 {
                return counts;
            }
            counts = group::<1, PIXELS, BLOCKS>(windows, weights, counts);
            if left == 2 {
                return counts;
            }
            counts = group::<2, PIXELS, BLOCKS>(windows, weights, counts);
            if left == 3 {
                return counts;
            }
            counts = group::<3, PIXELS, BLOCKS>(windows, weights, counts);
        }
        if left == 4 {
            return counts;
        }
        left -= 4;
        windows = windows.map(|window| window + 4);
        weights += 16 * BLOCKS * 4;
    }
}

/// The counts of group `AT` from the addresses on.
///
/// # Safety
/// As for [`accumulate`], with more than `AT` groups.
#[inline(always)]
unsafe fn group<const AT: usize, const PIXELS: usize, const BLOCKS: usize>(
    windows: [usize; PIXELS],
    weights: usize,
    mut counts: [[Bytes; BLOCKS]; PIXELS],
) -> [[Bytes; BLOCKS]; PIXELS] {
    let mut blocks = [Bytes::ZERO; BLOCKS];
    for b in 0..BLOCKS {
        // SAFETY: the weights are readable for `BLOCKS` vectors of each of the groups up to `AT`.
        blocks[b] = unsafe { Bytes::load(with_exposed_provenance::<u8>(weights).add(16 * (BLOCKS * AT + b))) };
    }
    for p in 0..PIXELS {
        // SAFETY: the window is readable for the bytes up to `AT`.
        let bits = unsafe { Bytes::load_splat(with_exposed_provenance::<u8>(windows[p]).add(AT)) };
        for b in 0..BLOCKS {
            counts[p][b] = counts[p][b].add(bits.xor(blocks[b]).count_ones());
        }
    }
    counts
}
