//! +-1 times +-1 by nibble look-up.
//!
//! The sum of `K` products of +-1 is `K - 2 * popcount(a xor w)`. The reduction axis is cut into groups of 4 bits. One vector
//! holds the groups of 16 filters, one a byte; the group `a` of an activation selects one of 16 constant vectors, lane `j` of
//! which is `popcount(a xor j)`. One swizzle of that vector by the weights gives 16 partial counts, that is 64 products.
//!
//! Layouts: activations hold one byte for 4 channels, the group times 16, so that the byte is the address of its vector in
//! the table; weights are `[blocks of 16 filters][taps * groups][16]`, the plain group. A window is read as the runs of
//! the padded buffer, without a copy.
//!
//! A count is at most 4, so bytes hold 63 groups; 60 are taken, a multiple of the unrolled 4. Then they are added to 16-bit
//! counts, which in turn hold 273 such batches before they have to go out.

#![allow(clippy::needless_range_loop)] // Indexed loops over constants unroll into registers; iterators do not.

use core::ptr::with_exposed_provenance;

use crate::shape::Runs;
use crate::simd::bytes::{Bytes, Ints, Shorts};

/// Groups added into a byte before it is widened: at most 63.
const BATCH: usize = 60;
/// Batches added into 16 bits before they go out: `65535 / (4 * BATCH)`.
const BATCHES: usize = 273;

/// Vector `a`, lane `j`: `popcount(a xor j)`.
static DISAGREEMENTS: Table = Table(disagreements());

#[repr(align(256))]
struct Table([u8; 256]);

const fn disagreements() -> [u8; 256] {
    let mut table = [0; 256];
    let mut entry = 0;
    while entry < 256 {
        table[entry] = ((entry >> 4) ^ (entry & 15)).count_ones() as u8;
        entry += 1;
    }
    table
}

type Counts<const PIXELS: usize, const BLOCKS: usize> = [[Bytes; BLOCKS]; PIXELS];
type Wide<const PIXELS: usize, const BLOCKS: usize> = [[[Shorts; 2]; BLOCKS]; PIXELS];

/// `PIXELS` windows times `BLOCKS` blocks of 16 filters: writes `terms - 2 * disagreements` for each, `BLOCKS * 16` sums to
/// every address in `out`.
///
/// # Safety
/// Every window must be readable along `runs`, every byte a multiple of 16; `weights` must be readable for
/// `runs.count * runs.length` vectors in every one of the blocks, which lie `block` bytes apart; every address in `out` must be
/// writable for `BLOCKS * 16` sums.
#[inline(always)]
pub unsafe fn lookup_tile<const PIXELS: usize, const BLOCKS: usize>(
    windows: [*const u8; PIXELS],
    runs: Runs,
    weights: *const u8,
    terms: i32,
    out: [*mut i32; PIXELS],
) {
    let mut counts = [[Bytes::ZERO; BLOCKS]; PIXELS];
    let mut wide = [[[Shorts::ZERO; 2]; BLOCKS]; PIXELS];
    let (mut room, mut batches, mut base) = (BATCH, 0, Some(terms));
    let mut weight = 0;
    for run in 0..runs.count {
        let mut position = run * runs.stride;
        let mut left = runs.length;
        while left > 0 {
            if room == 0 {
                widen(&mut wide, counts);
                counts = [[Bytes::ZERO; BLOCKS]; PIXELS];
                room = BATCH;
                batches += 1;
                if batches == BATCHES {
                    unsafe { emit(&mut wide, base.take(), out) };
                    batches = 0;
                }
            }
            let groups = left.min(room);
            counts = unsafe {
                accumulate(
                    windows.map(|window| window.add(position)),
                    weights.add(weight),
                    groups,
                    counts,
                )
            };
            left -= groups;
            room -= groups;
            position += groups;
            weight += 16 * BLOCKS * groups;
        }
    }
    widen(&mut wide, counts);
    unsafe { emit(&mut wide, base, out) };
}

/// The inner loop: `groups` (at least one) look-ups for every window and block, added to `counts`.
///
/// Two things keep the compilers from spoiling it. The addresses are integers: with pointers LLVM rewrites the loop such that
/// every byte's offset is an addition of its own instead of a part of the load. And the unrolled groups are told apart by a
/// way out: in one straight piece LLVM sorts the look-ups by sum, keeps all vectors of all groups alive, and spills.
#[inline(always)]
unsafe fn accumulate<const PIXELS: usize, const BLOCKS: usize>(
    windows: [*const u8; PIXELS],
    weights: *const u8,
    groups: usize,
    mut counts: Counts<PIXELS, BLOCKS>,
) -> Counts<PIXELS, BLOCKS> {
    let mut windows = windows.map(|window| window.expose_provenance());
    let mut weights = weights.expose_provenance();
    let mut left = groups;
    loop {
        unsafe {
            counts = look_up::<0, PIXELS, BLOCKS>(windows, weights, counts);
            if left == 1 {
                return counts;
            }
            counts = look_up::<1, PIXELS, BLOCKS>(windows, weights, counts);
            if left == 2 {
                return counts;
            }
            counts = look_up::<2, PIXELS, BLOCKS>(windows, weights, counts);
            if left == 3 {
                return counts;
            }
            counts = look_up::<3, PIXELS, BLOCKS>(windows, weights, counts);
        }
        if left == 4 {
            return counts;
        }
        left -= 4;
        windows = windows.map(|window| window + 4);
        weights += 16 * BLOCKS * 4;
    }
}

/// The look-ups of group `GROUP` from the addresses on.
#[inline(always)]
unsafe fn look_up<const GROUP: usize, const PIXELS: usize, const BLOCKS: usize>(
    windows: [usize; PIXELS],
    weights: usize,
    mut counts: Counts<PIXELS, BLOCKS>,
) -> Counts<PIXELS, BLOCKS> {
    let mut blocks = [Bytes::ZERO; BLOCKS];
    for b in 0..BLOCKS {
        blocks[b] = unsafe { Bytes::load(with_exposed_provenance::<u8>(weights).add(16 * (BLOCKS * GROUP + b))) };
    }
    for p in 0..PIXELS {
        let group = unsafe { *with_exposed_provenance::<u8>(windows[p]).add(GROUP) };
        let table = unsafe { Bytes::load(DISAGREEMENTS.0.as_ptr().add(usize::from(group))) };
        for b in 0..BLOCKS {
            counts[p][b] = counts[p][b].add(table.lookup(blocks[b]));
        }
    }
    counts
}

/// Adds the byte counts to the 16-bit counts.
#[inline(always)]
fn widen<const PIXELS: usize, const BLOCKS: usize>(wide: &mut Wide<PIXELS, BLOCKS>, counts: Counts<PIXELS, BLOCKS>) {
    for p in 0..PIXELS {
        for b in 0..BLOCKS {
            let [low, high] = counts[p][b].widen();
            wide[p][b] = [wide[p][b][0].add(low), wide[p][b][1].add(high)];
        }
    }
}

/// Writes `base - 2 * count`, or takes `2 * count` from what was written before, and clears the 16-bit counts.
#[inline(always)]
unsafe fn emit<const PIXELS: usize, const BLOCKS: usize>(
    wide: &mut Wide<PIXELS, BLOCKS>,
    base: Option<i32>,
    out: [*mut i32; PIXELS],
) {
    for p in 0..PIXELS {
        for b in 0..BLOCKS {
            for half in 0..2 {
                let quarters = wide[p][b][half].widen();
                for quarter in 0..2 {
                    unsafe {
                        let to = out[p].add(16 * b + 8 * half + 4 * quarter);
                        let before = match base {
                            Some(terms) => Ints::splat(terms),
                            None => Ints::load(to),
                        };
                        before.sub(quarters[quarter].add(quarters[quarter])).store(to);
                    }
                }
                wide[p][b][half] = Shorts::ZERO;
            }
        }
    }
}
