//! +-1 times +-1 by `i64.popcnt`: `K - 2 * popcount(a xor w)`, 64 products at a time.
//!
//! One instruction on x86-64, four on arm64. Activations are `[pixels][words]` of `u64`, weights `[filters, rounded up to
//! 2][taps][words]`; bits past the last channel are 0 in both.

use crate::shape::Runs;

/// The disagreeing bits of `PIXELS` windows with `FILTERS` filters, by `i64.popcnt`.
///
/// # Safety
/// Every window must be readable for its runs, every filter for `runs.count() * runs.length` words.
#[inline(always)]
pub unsafe fn word_tile<const PIXELS: usize, const FILTERS: usize>(
    windows: [*const u64; PIXELS],
    runs: Runs,
    filters: [*const u64; FILTERS],
) -> [[i32; FILTERS]; PIXELS] {
    let mut counts = [[0u64; FILTERS]; PIXELS];
    for run in 0..runs.count() {
        // SAFETY: `run` is below the count, so a run of a readable window starts there.
        let windows = windows.map(|window| unsafe { window.add(runs.start(run)) });
        // SAFETY: as above, with the runs of a filter one after the other.
        let filters = filters.map(|filter| unsafe { filter.add(run * runs.length) });
        for word in 0..runs.length {
            // SAFETY: `word` is below the length of a run.
            let weights = filters.map(|filter| unsafe { *filter.add(word) });
            for (window, counts) in windows.iter().zip(counts.iter_mut()) {
                // SAFETY: `word` is below the length of a run.
                let bits = unsafe { *window.add(word) };
                for (count, weights) in counts.iter_mut().zip(weights) {
                    *count += u64::from((bits ^ weights).count_ones());
                }
            }
        }
    }
    counts.map(|counts| counts.map(|count| count as i32))
}
