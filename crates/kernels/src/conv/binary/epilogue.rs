//! What becomes of the counts of disagreeing bits while they are still in cache: real sums, the bits of the next layer, or
//! normalised reals with a residual and, if wanted, their signs. No pass over memory lies in between.

pub use bits::ThresholdBits;
pub use norm::Normalised;
pub use real::RealSums;
pub use sink::BitLayout;

use super::pixels::Pixel;
use crate::gemm::bb_counts::ints;
use crate::shape::ConvShape;
use crate::simd::bytes::{Ints, Shorts};
use crate::simd::floats::F32x4;

mod bits;
mod norm;
mod real;
mod sink;

/// Takes the counts of 16 filters at a pixel.
pub trait Epilogue {
    /// The layer that reads the bits this one writes, if it writes any.
    fn next(&self) -> Option<&ConvShape>;

    /// The counts of the 16 filters from `filter` on.
    ///
    /// # Safety
    /// `pixel` must be one of the pixels that [`super::pixels::Pixels`] gives for the epilogue's shape and its
    /// [`Epilogue::next`]. `filter` must be a multiple of 16 below the filters of the shape.
    unsafe fn put(&mut self, pixel: &Pixel, filter: usize, counts: [Ints; 4]);

    /// The same for counts of 16 bits.
    ///
    /// # Safety
    /// As for [`Epilogue::put`].
    #[inline(always)]
    unsafe fn put_narrow(&mut self, pixel: &Pixel, filter: usize, counts: [Shorts; 2]) {
        // SAFETY: the promises are those of `put`.
        unsafe { self.put(pixel, filter, ints(counts)) }
    }

    /// The same for a panel of 64 filters, the last 15 of which need not be there.
    ///
    /// # Safety
    /// As for [`Epilogue::put`], and the last block of the panel must begin below the filters of the shape.
    #[inline(always)]
    unsafe fn put_panel(&mut self, pixel: &Pixel, filter: usize, counts: &[[Shorts; 2]; 4]) {
        for (block, counts) in counts.iter().enumerate() {
            // SAFETY: no block begins behind the last one, which begins below the filters.
            unsafe { self.put_narrow(pixel, filter + 16 * block, *counts) };
        }
    }
}

/// `start - 2 * count` for a block.
///
/// # Safety
/// `starts` must be readable for 16 numbers.
#[inline(always)]
unsafe fn sums(starts: *const i32, counts: [Ints; 4]) -> [F32x4; 4] {
    core::array::from_fn(|q| {
        // SAFETY: numbers `4 q` to `4 q + 3` are among the 16.
        unsafe { Ints::load(starts.add(4 * q)) }
            .sub(counts[q].add(counts[q]))
            .to_reals()
    })
}
