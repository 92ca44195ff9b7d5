//! +-1 times +-1 for 3x3 kernels that are few codewords, by look-up, two pixels at a time (PSTE, Wang et al., CVPR 2023).
//!
//! An input channel of a window is a *patch* of 9 bits. Of each of up to 16 codewords and each of 512 patches a table has the
//! disagreements. The row of a patch is 16 bytes, a codeword each, so a swizzle of it by the codewords of 16 filters gives 16
//! counts, that is 144 products. Rows of two pixels lie in the halves of the bytes, so one swizzle serves both.
//!
//! A count is at most 9, so bytes hold 28 channels. The counts of either pixel are found as those of [`super::bb_lookup`].
//!
//! Weights are the table, `[2][512][16]`, whose second half is 16 times the first, and `[panels of 64 filters][channels][4][16]`
//! bytes, each the codeword of a filter. Filters lie by turns, as look-up weights do. Channels stand by their place in a
//! nibble: the first of all groups, then the second. In a patch taps 4 to 7 are the bits 0 to 3, taps 0 to 3 the bits 4 to 7.

#![allow(clippy::needless_range_loop)] // Indexed loops over constants unroll into registers; iterators do not.

use core::ptr::with_exposed_provenance;

use super::bb_lookup::{PANEL, separate};
use crate::gemm::bb_counts::PanelCounts;
use crate::simd::bytes::Bytes;

/// The most codewords.
pub const CODEWORDS: usize = 16;
/// Taps of a codeword.
pub const TAPS: usize = 9;
/// Patches that a window may show.
pub const PATCHES: usize = 1 << TAPS;
/// Bytes of both tables.
pub const TABLE_BYTES: usize = 2 * PATCHES * CODEWORDS;
/// The most channels whose counts fit a byte: `9 * 28 = 252`.
pub const BATCH: usize = 28;
/// Groups of channels that are taken together.
pub const GROUPS: usize = 16;

/// The bit of a patch that tap `tap` is.
pub const fn patch_bit(tap: usize) -> usize {
    if tap < 8 { tap ^ 4 } else { tap }
}

/// Writes the patches of all channels of a window, a pixel of which is `groups` nibbles, at least [`GROUPS`].
///
/// # Safety
/// `window` must be readable for `groups` bytes from each of the `taps` on, the low halves of which are 0. `out` must be
/// writable for `4 * groups` numbers.
#[inline(always)]
pub unsafe fn patches(window: *const u8, taps: &[usize; TAPS], groups: usize, out: *mut u16) {
    let mut group = 0;
    let ones = Bytes::splat(1);
    loop {
        // SAFETY: there are at least 16 groups, and the last vector overlaps the one before it.
        unsafe {
            let tap = |tap: usize| Bytes::load(window.add(taps[tap] + group));
            let high = Bytes::transpose_high_nibbles([tap(0), tap(1), tap(2), tap(3)]);
            let low = Bytes::transpose_high_nibbles([tap(4), tap(5), tap(6), tap(7)]);
            let mut last = tap(8).shift_down_4();
            for place in 0..4 {
                let byte = high[place].or(low[place].shift_down_4());
                let [a, b] = byte.interleave(last.and(ones));
                a.store(out.add(place * groups + group).cast());
                b.store(out.add(place * groups + group + 8).cast());
                last = last.shift_down_1();
            }
        }
        if group + GROUPS == groups {
            return;
        }
        group = (group + GROUPS).min(groups - GROUPS);
    }
}

/// Writes the rows of the patches `a` and `b` of two pixels.
///
/// # Safety
/// `a` and `b` must be readable for `channels` numbers below [`PATCHES`], `table` for [`TABLE_BYTES`], and `out` writable for
/// `channels` vectors.
#[inline(always)]
pub unsafe fn pair_rows(table: *const u8, a: *const u16, b: *const u16, channels: usize, out: *mut Bytes) {
    // SAFETY: a row of either table begins at each patch, and everything else is promised.
    unsafe {
        let second = table.add(PATCHES * CODEWORDS);
        for channel in 0..channels {
            let (a, b) = (usize::from(*a.add(channel)), usize::from(*b.add(channel)));
            let row = Bytes::load(table.add(CODEWORDS * a)).or(Bytes::load(second.add(CODEWORDS * b)));
            row.store(out.add(channel).cast());
        }
    }
}

/// Adds the disagreements of `channels` (1 to [`BATCH`]) channels of some pairs of pixels with `BLOCKS * 16` filters to
/// `counts`, or sets these to the former if they are the first.
///
/// # Safety
/// `rows` must be readable for `channels` vectors from each pair's first one on, `stride` vectors apart, one pair for each of
/// `counts`. `weights` must be readable for `channels` pieces of `PANEL * 16` bytes below 16, of the last of which
/// `BLOCKS * 16` are enough. `channels` must not be 0.
#[inline(never)]
pub unsafe fn codeword_batch<const BLOCKS: usize>(
    rows: *const Bytes,
    stride: usize,
    weights: *const u8,
    channels: usize,
    first: bool,
    counts: &mut [PanelCounts],
) {
    for (pair, counts) in counts.iter_mut().enumerate() {
        // SAFETY: there are rows for as many pairs as counts.
        let mut row = unsafe { rows.add(pair * stride) }.expose_provenance();
        let mut weights = weights.expose_provenance();
        let mut left = channels;
        let mut sums = [[Bytes::ZERO; 2]; BLOCKS];
        // SAFETY: channel `AT` is reached only while more than `AT` are left from these addresses on.
        unsafe {
            loop {
                sums = channel::<0, BLOCKS>(row, weights, sums);
                if left == 1 {
                    break;
                }
                sums = channel::<1, BLOCKS>(row, weights, sums);
                if left == 2 {
                    break;
                }
                left -= 2;
                row += 2 * 16;
                weights += 2 * 16 * PANEL;
            }
        }
        for b in 0..BLOCKS {
            counts.add(b, separate(sums[b]), first);
        }
    }
}

/// The look-ups of a channel, from integers for the reason that [`super::bb_lookup`] gives.
///
/// # Safety
/// As for [`codeword_batch`], from exposed addresses on that have more than `AT` channels left.
#[inline(always)]
unsafe fn channel<const AT: usize, const BLOCKS: usize>(
    row: usize,
    weights: usize,
    mut sums: [[Bytes; 2]; BLOCKS],
) -> [[Bytes; 2]; BLOCKS] {
    // SAFETY: rows and weights are readable for the channels up to `AT`, of which this is one.
    unsafe {
        let row = Bytes::load(with_exposed_provenance::<u8>(row).add(16 * AT));
        sums = core::array::from_fn(|b| {
            let words = Bytes::load(with_exposed_provenance::<u8>(weights).add(16 * (PANEL * AT + b)));
            let counts = row.lookup(words);
            [sums[b][0].add(counts), sums[b][1].add(counts.shift_down_4())]
        });
    }
    sums
}
