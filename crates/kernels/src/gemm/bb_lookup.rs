//! +-1 times +-1 by nibble look-up.
//!
//! The sum of `K` products of +-1 is `K - 2 * popcount(a xor w)`. The reduction axis is cut into groups of 4 bits. One vector
//! holds the groups of 16 filters, one a byte; the group `a` of an activation selects one of 16 constant vectors, lane `j` of
//! which is `popcount(a xor j)`. One swizzle of that vector by the weights gives 16 partial counts, that is 64 products.
//!
//! Layouts: activations hold one byte for 4 channels, the group times 16, so that the byte is the address of its vector in
//! the table; weights are `[panels][taps * groups][32]`, the plain group, a panel being 32 filters or the last 16. A window is read as the runs of
//! the padded buffer, without a copy.
//!
//! A count is at most 4, so bytes hold 63 groups. Batches of at most 60 are counted in registers, then added to 16-bit counts
//! in memory, which hold their double as long as `K` stays below 2^15; then, and at the end, they go out.

#![allow(clippy::needless_range_loop)] // Indexed loops over constants unroll into registers; iterators do not.

use core::mem::MaybeUninit;
use core::ptr::with_exposed_provenance;

use crate::gemm::bb_panel::PartialCounts;
use crate::shape::Runs;
use crate::simd::bytes::{Bytes, Ints, Shorts};

/// Groups counted in bytes before they are widened: at most 63, and a multiple of the unrolled 4.
const BATCH: usize = 60;
/// Batches counted in 16 bits before they go out: twice `4 * BATCH` times as many must fit.
const BATCHES: usize = 128;

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

/// Partial counts by look-up: bytes of activations are groups of 4 channels times 16.
pub struct Lookup;

impl PartialCounts for Lookup {
    const CHANNELS: usize = 4;

    #[inline(always)]
    unsafe fn select(activation: *const u8) -> Bytes {
        // SAFETY: the byte is promised to be a multiple of 16, so 16 bytes of the table follow.
        unsafe { Bytes::load(DISAGREEMENTS.0.as_ptr().add(usize::from(*activation))) }
    }

    #[inline(always)]
    fn count(selected: Bytes, weights: Bytes) -> Bytes {
        selected.lookup(weights)
    }
}

type Counts<const PIXELS: usize, const BLOCKS: usize> = [[Bytes; BLOCKS]; PIXELS];
type Wide<const PIXELS: usize, const BLOCKS: usize> = [[[Shorts; 2]; BLOCKS]; PIXELS];

/// How many groups of a window with these runs are counted in bytes at a time: whole runs where they are short, for pieces
/// of runs cost more than batches that are not full.
pub fn batch(runs: &Runs) -> usize {
    if runs.length <= BATCH {
        BATCH / runs.length * runs.length
    } else {
        BATCH
    }
}

/// `PIXELS` windows times `BLOCKS` blocks of 16 filters: writes `terms - 2 * disagreements` for each, `BLOCKS * 16` sums a
/// pixel, the pixels `stride` sums apart. `batch` is that of [`batch`].
///
/// # Safety
/// `runs` must not be empty. Every window must be readable along them, every byte there a multiple of 16; `weights` must be
/// readable for `BLOCKS` vectors a group; `out` must be writable where sums go.
#[inline(always)]
pub unsafe fn lookup_tile<const PIXELS: usize, const BLOCKS: usize>(
    windows: [*const u8; PIXELS],
    runs: Runs,
    batch: usize,
    weights: *const u8,
    terms: i32,
    out: *mut i32,
    stride: usize,
) {
    let mut wide = MaybeUninit::uninit();
    let (mut batches, mut before) = (0, Some(terms));
    let (mut run, mut position, mut left, mut weights) = (0, 0, runs.length, weights);
    loop {
        let mut counts = [[Bytes::ZERO; BLOCKS]; PIXELS];
        let mut room = batch;
        loop {
            let groups = left.min(room);
            unsafe {
                counts = accumulate(windows.map(|window| window.add(position)), weights, groups, counts);
                weights = weights.add(16 * BLOCKS * groups);
            }
            (room, left, position) = (room - groups, left - groups, position + groups);
            if left == 0 {
                run += 1;
                (position, left) = (run * runs.stride, runs.length);
            }
            if room == 0 || run == runs.count {
                break;
            }
        }
        // SAFETY: a batch has been added, so the 16-bit counts are there wherever they are taken as such.
        unsafe {
            if run == runs.count || batches == BATCHES {
                let wide = (batches > 0).then(|| wide.assume_init_ref());
                emit(&counts, wide, before.take(), out, stride);
                batches = 0;
                if run == runs.count {
                    return;
                }
            } else {
                add(&counts, &mut wide, batches == 0);
                batches += 1;
            }
        }
    }
}

/// Adds the byte counts of a batch to the 16-bit counts, or sets these to the former if it is the first.
#[inline(never)]
fn add<const PIXELS: usize, const BLOCKS: usize>(
    counts: &Counts<PIXELS, BLOCKS>,
    wide: &mut MaybeUninit<Wide<PIXELS, BLOCKS>>,
    first: bool,
) {
    let wide: *mut [Shorts; 2] = wide.as_mut_ptr().cast();
    for p in 0..PIXELS {
        for b in 0..BLOCKS {
            // SAFETY: inside the array; read only when it has been written before.
            unsafe {
                let wide = wide.add(p * BLOCKS + b);
                let [low, high] = counts[p][b].widen();
                *wide = if first {
                    [low, high]
                } else {
                    [(*wide)[0].add(low), (*wide)[1].add(high)]
                };
            }
        }
    }
}

/// Writes `terms - 2 * count` for the counts of the last batch and the 16-bit counts before it; without `terms`, takes
/// `2 * count` from what was written before.
///
/// # Safety
/// As for [`lookup_tile`].
#[inline(never)]
unsafe fn emit<const PIXELS: usize, const BLOCKS: usize>(
    counts: &Counts<PIXELS, BLOCKS>,
    wide: Option<&Wide<PIXELS, BLOCKS>>,
    terms: Option<i32>,
    out: *mut i32,
    stride: usize,
) {
    for p in 0..PIXELS {
        for b in 0..BLOCKS {
            let mut halves = counts[p][b].widen();
            if let Some(wide) = wide {
                halves = [halves[0].add(wide[p][b][0]), halves[1].add(wide[p][b][1])];
            }
            for h in 0..2 {
                let quarters = halves[h].add(halves[h]).widen();
                for q in 0..2 {
                    // SAFETY: promised.
                    unsafe {
                        let out = out.add(p * stride + 16 * b + 8 * h + 4 * q);
                        let before = match terms {
                            Some(terms) => Ints::splat(terms),
                            None => Ints::load(out),
                        };
                        before.sub(quarters[q]).store(out);
                    }
                }
            }
        }
    }
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
