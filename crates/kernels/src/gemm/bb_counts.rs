//! Disagreements counted: what the kernels of +-1 times +-1 hand to their epilogues.
//!
//! The sum of `K` products of +-1 is `K - 2 * count`, the count being the number of bits that disagree. Counts come for
//! blocks of 16 filters. Up to [`NARROW_TERMS`] terms they fit 16 bits, signed; beyond, 32.

use crate::simd::bytes::{Bytes, Ints, Shorts};

/// The most terms of a window whose counts, and their successors, are 16-bit numbers.
pub const NARROW_TERMS: usize = i16::MAX as usize - 1;

/// The most pixels of a tile.
pub const MAX_PIXELS: usize = 5;

/// The counts of a tile: of up to [`MAX_PIXELS`] windows with `BLOCKS` blocks of 16 filters.
pub struct Counts<const BLOCKS: usize> {
    /// Counts of 16 bits, in the order of the filters.
    pub narrow: [[[Shorts; 2]; BLOCKS]; MAX_PIXELS],
    /// Counts of 32 bits.
    pub wide: [[[Ints; 4]; BLOCKS]; MAX_PIXELS],
}

impl<const BLOCKS: usize> Counts<BLOCKS> {
    /// All zero.
    pub const ZERO: Self = Self {
        narrow: [[[Shorts::ZERO; 2]; BLOCKS]; MAX_PIXELS],
        wide: [[[Ints::ZERO; 4]; BLOCKS]; MAX_PIXELS],
    };

    /// Adds byte counts to the 16-bit counts, or sets these to the former if they are the first.
    #[inline(never)]
    pub fn add_bytes<const PIXELS: usize>(&mut self, counts: &[[Bytes; BLOCKS]; PIXELS], first: bool) {
        for (narrow, counts) in self.narrow[..PIXELS]
            .as_flattened_mut()
            .iter_mut()
            .zip(counts.as_flattened())
        {
            let [low, high] = counts.widen();
            *narrow = if first {
                [low, high]
            } else {
                [narrow[0].add(low), narrow[1].add(high)]
            };
        }
    }

    /// Adds the 16-bit counts of `pixels` windows to the 32-bit counts.
    #[inline(never)]
    pub fn widen(&mut self, pixels: usize) {
        let narrow = self.narrow[..pixels].as_flattened();
        for (wide, narrow) in self.wide[..pixels].as_flattened_mut().iter_mut().zip(narrow) {
            for (wide, counts) in wide.iter_mut().zip(ints(*narrow)) {
                *wide = wide.add(counts);
            }
        }
    }

    /// Sets the 32-bit counts to zero.
    pub fn clear_wide(&mut self) {
        self.wide = Self::ZERO.wide;
    }

    /// The 32-bit counts of a window, by filter.
    #[inline(always)]
    pub fn wide_mut(&mut self, pixel: usize) -> &mut [i32] {
        let counts = self.wide[pixel].as_mut_ptr();
        // SAFETY: `BLOCKS` times four `Ints`, each four `i32`, lie one after the other, borrowed from `self`.
        unsafe { core::slice::from_raw_parts_mut(counts.cast(), 16 * BLOCKS) }
    }
}

/// The 16-bit counts of two pixels with 4 blocks of 16 filters.
#[derive(Clone, Copy)]
pub struct PanelCounts(pub [[[Shorts; 2]; 4]; 2]);

impl PanelCounts {
    /// All zero.
    pub const ZERO: Self = Self([[[Shorts::ZERO; 2]; 4]; 2]);

    /// Adds the counts of a block for both pixels, or sets these to them if they are the first.
    #[inline(always)]
    pub fn add(&mut self, block: usize, counts: [[Shorts; 2]; 2], first: bool) {
        for (pixel, counts) in counts.into_iter().enumerate() {
            let sums = &mut self.0[pixel][block];
            *sums = if first {
                counts
            } else {
                [sums[0].add(counts[0]), sums[1].add(counts[1])]
            };
        }
    }
}

/// The 16-bit counts of a block as 32-bit counts.
#[inline(always)]
pub fn ints([low, high]: [Shorts; 2]) -> [Ints; 4] {
    let ([a, b], [c, d]) = (low.widen(), high.widen());
    [a, b, c, d]
}
