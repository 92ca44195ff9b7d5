//! Four rows of the matrix from signs: Hamming distances, and A out of them as bits or as reals.

use super::bits::{HeadSigns, PANEL, REALS};
use super::counts::{NARROW, ROWS, Table, WIDEST, narrow_tile};
use super::matrix::{Kind, Matrix, alpha_of, reach_of};
use crate::simd::bytes::Bytes;
use crate::simd::floats::F32x4;
use crate::softmax::{shares, sum_of};

/// Larger than every distance.
const FAR: u8 = 255;

/// Memory for four rows.
pub struct Rows<'a> {
    /// Distances, `[4][keys, rounded up to 32]`.
    pub distances: &'a mut [u8],
    /// Nibbles times 16 of the bits of A, `[4][keys / 4, rounded up to 8]`.
    pub bits: &'a mut [u8],
    /// A as reals, `[4][keys]`.
    pub reals: &'a mut [f32],
}

/// The distances of up to four queries from `first` on to all keys, whose columns are given; [`FAR`] past the last key.
#[inline(never)]
pub fn distances(queries: HeadSigns, first: usize, rows: usize, columns: &[u8], keys: usize, out: &mut [u8]) {
    let groups = queries.count.div_ceil(4);
    let mut nibbles = [[0; NARROW]; ROWS];
    for (row, nibbles) in nibbles.iter_mut().enumerate().take(rows) {
        queries.row(first + row, 0, &mut nibbles[..groups]);
    }
    let padded = keys.next_multiple_of(PANEL);
    let table = &Table::XOR;
    for (panel, columns) in columns.chunks_exact(groups * PANEL).enumerate() {
        let rows = [0, 1, 2, 3].map(|row| nibbles[row].as_ptr());
        // SAFETY: rows and columns hold the groups of a head, at most `NARROW`.
        let counts = unsafe { narrow_tile(table, rows, columns.as_ptr(), groups) };
        for (counts, row) in counts.iter().zip(out.chunks_exact_mut(padded)) {
            for (count, target) in counts.iter().zip(row[PANEL * panel..][..PANEL].chunks_exact_mut(16)) {
                // SAFETY: sixteen bytes are written into sixteen.
                unsafe { count.store(target.as_mut_ptr()) };
            }
        }
    }
    for row in out.chunks_exact_mut(padded) {
        row[keys..].fill(FAR);
    }
}

/// A of up to four rows: as bits, with how many are set, and as reals unless `counts`. With `KEEP`, which comes with `counts` or
/// a softmax, the reals are the way back's: p, or the scaled scores of the boolean kind, whose table `powers` then is. The scores
/// have a factor, `size`.
#[inline(never)]
pub fn matrix_rows<const KEEP: bool>(
    of: Matrix,
    [parameter, size]: [f32; 2],
    rows: usize,
    powers: &[f32; WIDEST + 4],
    counts: bool,
    memory: &mut Rows,
) -> [u32; ROWS] {
    let Matrix { kind, keys, width, .. } = of;
    let padded = keys.next_multiple_of(PANEL);
    let mut set = [0; ROWS];
    let all = memory
        .distances
        .chunks_exact(padded)
        .zip(memory.reals.chunks_exact_mut(keys));
    for (row, ((distances, reals), bits)) in all.zip(memory.bits.chunks_exact_mut(padded / 4)).enumerate().take(rows) {
        let least = least(distances);
        let first = if kind == Kind::Boolean { 0 } else { least };
        if KEEP || !matches!(kind, Kind::Threshold | Kind::Boolean) {
            for (real, &distance) in reals.iter_mut().zip(distances) {
                *real = powers[usize::from(distance - first)];
            }
        }
        // How many distances from the least on set a bit.
        let limit = match kind {
            Kind::Softmax => 0,
            Kind::Threshold => usize::from(least) + (reach_of(width) / size / 2.0).min(width as f32) as usize + 1,
            Kind::Boolean => width.div_ceil(2),
            Kind::Elastic | Kind::Sign => {
                let (sum, divisor) = (sum_of(reals), alpha_of(parameter));
                usize::from(least)
                    + powers[..=width].partition_point(|power| match kind {
                        Kind::Elastic => 0.5 < power / sum / divisor,
                        _ => parameter <= power / sum,
                    })
            }
        };
        if kind == Kind::Softmax || KEEP && kind != Kind::Boolean {
            shares(reals);
        }
        if kind == Kind::Softmax {
            continue;
        }
        // No key is farther than the width.
        let last = limit.min(width + 1) as i32 - 1;
        set[row] = bits_within(distances, last, bits);
        if !counts {
            as_reals(kind, bits, reals);
        }
    }
    set
}

/// The values of A by their bits.
fn as_reals(kind: Kind, bits: &[u8], reals: &mut [f32]) {
    let (one, half) = (F32x4::splat(1.0), F32x4::splat(0.5));
    for (bits, reals) in bits.iter().zip(reals.chunks_mut(4)) {
        let signs = F32x4::load(&REALS[usize::from(bits >> 4)]);
        let values = if kind == Kind::Sign {
            signs
        } else {
            (signs + one) * half
        };
        values.store_up_to(reals);
    }
}

/// The least of the distances.
#[inline(never)]
fn least(distances: &[u8]) -> u8 {
    let mut least = Bytes::splat(FAR);
    for sixteen in distances.as_chunks::<16>().0 {
        // SAFETY: sixteen bytes are readable.
        least = least.min(unsafe { Bytes::load(sixteen.as_ptr()) });
    }
    let mut lanes = [0; 16];
    // SAFETY: sixteen bytes are writable.
    unsafe { least.store(lanes.as_mut_ptr()) };
    lanes.into_iter().fold(FAR, u8::min)
}

/// Nibbles times 16 whose bits are set where a distance is at most `last`; returns how many are.
#[inline(never)]
fn bits_within(distances: &[u8], last: i32, bits: &mut [u8]) -> u32 {
    if last < 0 {
        bits.fill(0);
        return 0;
    }
    let last = Bytes::splat(last as u8);
    let mut set = 0;
    for (sixteen, bits) in distances.as_chunks::<16>().0.iter().zip(bits.as_chunks_mut::<4>().0) {
        // SAFETY: sixteen bytes are readable.
        let mask = unsafe { Bytes::load(sixteen.as_ptr()) }.at_most(last);
        set += mask.count_ones();
        *bits = [mask << 4, mask, mask >> 4, mask >> 8].map(|mask| mask as u8 & 0xf0);
    }
    set
}
