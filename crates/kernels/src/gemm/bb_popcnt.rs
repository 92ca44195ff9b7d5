//! +-1 times +-1 by counting bits: `K - 2 * popcount(a xor w)`, 64 or 128 products at a time.
//!
//! Two kernels, for which of them is fast depends on the machine: `i64.popcnt` is one instruction on x86-64 and four on
//! arm64, `i8x16.popcnt` is eight there and one here. Layouts: activations `[pixels][words]` of `u64`, weights
//! `[filters, rounded up to 2][taps][words]`; bits past the last channel are zero in both.

use crate::gemm::bb_panel::PartialCounts;
use crate::shape::Runs;
use crate::simd::bytes::{Bytes, Ints};

/// Vectors added into a byte before it is widened: a byte holds `255 / 8`.
const BATCH: usize = 31;

/// A tile over words.
pub trait PopcntTile {
    /// The disagreeing bits of `PIXELS` windows with `FILTERS` filters.
    ///
    /// # Safety
    /// Every window must be readable along `runs`, every filter for `runs.count * runs.length` words.
    unsafe fn disagreements<const PIXELS: usize, const FILTERS: usize>(
        windows: [*const u64; PIXELS],
        runs: Runs,
        filters: [*const u64; FILTERS],
    ) -> [[i32; FILTERS]; PIXELS];
}

/// Counts with `i64.popcnt`.
pub struct Popcnt64;

/// Counts with `i8x16.popcnt`.
pub struct Popcnt8;

/// The disagreeing bits of `PIXELS` windows with `FILTERS` filters, by `i64.popcnt`.
///
/// # Safety
/// Every window must be readable along `runs`, every filter for `runs.count * runs.length` words.
#[inline(always)]
pub unsafe fn word_tile<const PIXELS: usize, const FILTERS: usize>(
    windows: [*const u64; PIXELS],
    runs: Runs,
    filters: [*const u64; FILTERS],
) -> [[i32; FILTERS]; PIXELS] {
    let mut counts = [[0u64; FILTERS]; PIXELS];
    for run in 0..runs.count {
        let windows = windows.map(|window| unsafe { window.add(run * runs.stride) });
        let filters = filters.map(|filter| unsafe { filter.add(run * runs.length) });
        for word in 0..runs.length {
            let weights = filters.map(|filter| unsafe { *filter.add(word) });
            for (window, counts) in windows.iter().zip(counts.iter_mut()) {
                let bits = unsafe { *window.add(word) };
                for (count, weights) in counts.iter_mut().zip(weights) {
                    *count += u64::from((bits ^ weights).count_ones());
                }
            }
        }
    }
    counts.map(|counts| counts.map(|count| count as i32))
}

/// Partial counts by `i8x16.popcnt`: bytes of activations are 8 channels.
pub struct BytePopcnt;

impl PartialCounts for BytePopcnt {
    const CHANNELS: usize = 8;

    #[inline(always)]
    unsafe fn select(activation: *const u8) -> Bytes {
        // SAFETY: promised.
        unsafe { Bytes::load_splat(activation) }
    }

    #[inline(always)]
    fn count(selected: Bytes, weights: Bytes) -> Bytes {
        selected.xor(weights).count_ones()
    }
}

impl PopcntTile for Popcnt64 {
    #[inline(always)]
    unsafe fn disagreements<const PIXELS: usize, const FILTERS: usize>(
        windows: [*const u64; PIXELS],
        runs: Runs,
        filters: [*const u64; FILTERS],
    ) -> [[i32; FILTERS]; PIXELS] {
        unsafe { word_tile(windows, runs, filters) }
    }
}

impl PopcntTile for Popcnt8 {
    #[inline(always)]
    unsafe fn disagreements<const PIXELS: usize, const FILTERS: usize>(
        windows: [*const u64; PIXELS],
        runs: Runs,
        filters: [*const u64; FILTERS],
    ) -> [[i32; FILTERS]; PIXELS] {
        let mut counts = [[Bytes::ZERO; FILTERS]; PIXELS];
        let mut wide = [[Ints::ZERO; FILTERS]; PIXELS];
        let mut room = BATCH;
        for run in 0..runs.count {
            let mut windows = windows.map(|window| unsafe { window.add(run * runs.stride) });
            let mut filters = filters.map(|filter| unsafe { filter.add(run * runs.length) });
            let mut left = runs.length;
            while left > 0 {
                if room == 0 {
                    widen(&mut wide, &mut counts);
                    room = BATCH;
                }
                if left == 1 {
                    unsafe { count_vector(&windows, &filters, &mut counts, |from| Bytes::load_half(from)) };
                    (left, room) = (0, room - 1);
                    continue;
                }
                let vectors = (left / 2).min(room);
                for _ in 0..vectors {
                    unsafe {
                        count_vector(&windows, &filters, &mut counts, |from| Bytes::load(from));
                        windows = windows.map(|window| window.add(2));
                        filters = filters.map(|filter| filter.add(2));
                    }
                }
                (left, room) = (left - 2 * vectors, room - vectors);
            }
        }
        widen(&mut wide, &mut counts);
        wide.map(|wide| wide.map(Ints::sum))
    }
}

/// Adds the disagreeing bits of one vector for every window and filter.
#[inline(always)]
unsafe fn count_vector<const PIXELS: usize, const FILTERS: usize>(
    windows: &[*const u64; PIXELS],
    filters: &[*const u64; FILTERS],
    counts: &mut [[Bytes; FILTERS]; PIXELS],
    load: impl Fn(*const u8) -> Bytes,
) {
    let weights = filters.map(|filter| load(filter.cast()));
    for (window, counts) in windows.iter().zip(counts.iter_mut()) {
        let bits = load(window.cast());
        for (count, weights) in counts.iter_mut().zip(weights) {
            *count = count.add(bits.xor(weights).count_ones());
        }
    }
}

/// Adds the byte counts to the 32-bit counts and clears them.
#[inline(always)]
fn widen<const PIXELS: usize, const FILTERS: usize>(
    wide: &mut [[Ints; FILTERS]; PIXELS],
    counts: &mut [[Bytes; FILTERS]; PIXELS],
) {
    for (wide, count) in wide.iter_mut().flatten().zip(counts.iter_mut().flatten()) {
        *wide = wide.add(count.pair_sums().pair_sums());
        *count = Bytes::ZERO;
    }
}
