//! +-1 times +-1 by nibble look-up, two pixels at a time.
//!
//! The sum of `K` products of +-1 is `K - 2 * popcount(a xor w)`. The reduction axis is cut into groups of 4 bits. One vector
//! holds the groups of 16 filters, one a byte. The groups `a` and `b` of two pixels select one of 256 constant vectors, lane
//! `j` of which is `popcount(a xor j) + 16 popcount(b xor j)`: one swizzle of that vector by the weights gives 16 partial
//! counts for either pixel, that is 128 products.
//!
//! A partial count is at most 4, so 4 bits hold the sum of three groups: a *split*. After a split its byte is added to one
//! sum, and shifted down by 4 bits to another, out of which the counts of either pixel are found later ([`separate`]). Bytes
//! hold 63 groups; then, and at the end, counts are added to 16-bit numbers in memory.
//!
//! Weights are `[panels of 64 filters][splits][4][3][16]`, groups and filters that are not there 0. The 16 filters of a
//! block lie by turns, 0, 8, 1, 9 and so on, for the even and odd bytes come out as 16-bit numbers apart.

#![allow(clippy::needless_range_loop)] // Indexed loops over constants unroll into registers; iterators do not.

use core::ptr::with_exposed_provenance;

use crate::gemm::bb_counts::PanelCounts;
use crate::simd::bytes::{Bytes, Shorts};

/// Groups of a split.
pub const SPLIT: usize = 3;
/// The most splits whose counts fit a byte: `4 * 3 * 21 = 252`.
pub const BATCH: usize = 21;
/// Blocks of 16 filters in a panel of weights.
pub const PANEL: usize = 4;
/// Bytes of the weights of a split and a block.
pub const BLOCK_BYTES: usize = 16 * SPLIT;

/// Byte `256 b + 16 a + j`: `popcount(a xor j) + 16 popcount(b xor j)`.
static DISAGREEMENTS: Table = Table(disagreements());

#[repr(align(4096))]
struct Table([u8; 4096]);

const fn disagreements() -> [u8; 4096] {
    let mut table = [0; 4096];
    let mut entry = 0;
    while entry < 4096 {
        let (b, a, j) = (entry >> 8, (entry >> 4) & 15, entry & 15);
        table[entry] = ((a ^ j).count_ones() + 16 * (b ^ j).count_ones()) as u8;
        entry += 1;
    }
    table
}

/// Writes the places in the table, `256 b + 16 a`, of `length` groups of two pixels that lie at `a` and `b` as nibbles.
///
/// # Safety
/// `a` and `b` must be readable for `length` bytes; `out` must be writable for as many numbers and overlap neither. The places
/// are those of the table where every byte is a multiple of 16.
#[inline(always)]
pub unsafe fn pair_groups(a: *const u8, b: *const u8, length: usize, out: *mut u16) {
    // SAFETY: no vector reaches past `length`: the last of several overlaps the one before it.
    unsafe {
        if length >= 16 {
            let mut at = 0;
            while at < length {
                at = at.min(length - 16);
                let [low, high] = Bytes::load(a.add(at)).interleave(Bytes::load(b.add(at)).shift_down_4());
                low.store(out.add(at).cast());
                high.store(out.add(at + 8).cast());
                at += 16;
            }
        } else if length >= 8 {
            for at in [0, length - 8] {
                let odd = Bytes::load_half(b.add(at)).shift_down_4();
                let [pairs, _] = Bytes::load_half(a.add(at)).interleave(odd);
                pairs.store(out.add(at).cast());
            }
        } else {
            for at in 0..length {
                *out.add(at) = u16::from(*a.add(at)) | u16::from(*b.add(at)) << 4;
            }
        }
    }
}

/// Adds the disagreements of `splits` (1 to [`BATCH`]) splits of some pairs of pixels with `BLOCKS * 16` filters to
/// `counts`, or sets these to the former if they are the first.
///
/// `places` are those of [`pair_groups`] for the first pair, those of the next `stride` numbers further. `weights` are those
/// of the first split.
///
/// # Safety
/// `places` must be readable for `SPLIT * splits` numbers from each pair's first one on, one pair for each of `counts`; they
/// must be at most `4096 - 16`. `weights` must be readable for `splits` pieces of `PANEL * BLOCK_BYTES` bytes, of the last of
/// which `BLOCKS * BLOCK_BYTES` are enough. `splits` must not be 0.
#[inline(never)]
pub unsafe fn lookup_batch<const BLOCKS: usize>(
    places: *const u16,
    stride: usize,
    weights: *const u8,
    splits: usize,
    first: bool,
    counts: &mut [PanelCounts],
) {
    for (pair, counts) in counts.iter_mut().enumerate() {
        // SAFETY: there are places for as many pairs as counts.
        let mut places = unsafe { places.add(pair * stride) }.expose_provenance();
        let mut weights = weights.expose_provenance();
        let mut left = splits;
        let mut sums = [[Bytes::ZERO; 2]; BLOCKS];
        // SAFETY: split `AT` is reached only while more than `AT` are left from these addresses on.
        unsafe {
            loop {
                sums = split::<0, BLOCKS>(places, weights, sums);
                if left == 1 {
                    break;
                }
                sums = split::<1, BLOCKS>(places, weights, sums);
                if left == 2 {
                    break;
                }
                left -= 2;
                places += 2 * 2 * SPLIT;
                weights += 2 * PANEL * BLOCK_BYTES;
            }
        }
        for b in 0..BLOCKS {
            counts.add(b, separate(sums[b]), first);
        }
    }
}

/// The look-ups of a split. The addresses are integers: with pointers LLVM rewrites the loop such that every offset is an
/// addition of its own instead of a part of the load.
///
/// # Safety
/// As for [`lookup_batch`], from exposed addresses on that have more than `AT` splits left.
#[inline(always)]
unsafe fn split<const AT: usize, const BLOCKS: usize>(
    places: usize,
    weights: usize,
    mut sums: [[Bytes; 2]; BLOCKS],
) -> [[Bytes; 2]; BLOCKS] {
    // SAFETY: places and weights are readable for the splits up to `AT`, of which this is one, and a place is that of 16 bytes
    // in the table.
    unsafe {
        let tables: [Bytes; SPLIT] = core::array::from_fn(|group| {
            let place = *with_exposed_provenance::<u16>(places).add(SPLIT * AT + group);
            Bytes::load(DISAGREEMENTS.0.as_ptr().add(usize::from(place)))
        });
        let block = |b: usize| {
            let look_up = |group: usize| {
                let weights = with_exposed_provenance::<u8>(weights).add(BLOCK_BYTES * (PANEL * AT + b) + 16 * group);
                tables[group].lookup(Bytes::load(weights))
            };
            look_up(0).add(look_up(1)).add(look_up(2))
        };
        sums = core::array::from_fn(|b| {
            let counts = block(b);
            [sums[b][0].add(counts), sums[b][1].add(counts.shift_down_4())]
        });
    }
    sums
}

/// The counts of both pixels out of the sums of a batch.
///
/// With `a` and `b` the counts of the pixels in a split, `S = a + 16 b` in each byte, and even and odd bytes as the halves of a
/// 16-bit number, the sums are, modulo 256:
///
/// - of `S`: `sum a + 16 sum b`, in both bytes;
/// - of `S` shifted down by 4: in the odd byte `sum b_odd`, in the even byte `sum b_even + 16 sum a_odd`.
///
/// No sum reaches 256, so one after the other is found.
#[inline(always)]
pub fn separate([both, shifted]: [Bytes; 2]) -> [[Shorts; 2]; 2] {
    let (both, shifted) = (both.to_shorts(), shifted.to_shorts());
    let less_16_times = |from: Shorts, what: Shorts| from.sub(what.shift_up::<4>()).and(Shorts::splat(255));
    let b_odd = shifted.shift_down::<8>();
    let a_odd = less_16_times(both.shift_down::<8>(), b_odd);
    let b_even = less_16_times(shifted, a_odd);
    let a_even = less_16_times(both, b_even);
    [[a_even, a_odd], [b_even, b_odd]]
}
