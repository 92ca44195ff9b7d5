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

    /// The counts of the filters from `filter`, a multiple of 16, on.
    ///
    /// # Safety
    /// `pixel` and `filter` must be those of the shape and its next layer.
    unsafe fn put(&mut self, pixel: &Pixel, filter: usize, counts: [Ints; 4]);

    /// The same for counts of 16 bits.
    ///
    /// # Safety
    /// As for [`Epilogue::put`].
    #[inline(always)]
    unsafe fn put_narrow(&mut self, pixel: &Pixel, filter: usize, counts: [Shorts; 2]) {
        // SAFETY: promised.
        unsafe { self.put(pixel, filter, ints(counts)) }
    }

    /// The same for a panel of 64 filters.
    ///
    /// # Safety
    /// As for [`Epilogue::put`].
    #[inline(always)]
    unsafe fn put_panel(&mut self, pixel: &Pixel, filter: usize, counts: &[[Shorts; 2]; 4]) {
        for (block, counts) in counts.iter().enumerate() {
            // SAFETY: promised.
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
        unsafe { Ints::load(starts.add(4 * q)) }
            .sub(counts[q].add(counts[q]))
            .to_reals()
    })
}
