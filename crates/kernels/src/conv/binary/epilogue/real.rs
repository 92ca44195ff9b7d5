//! Counts as real sums.

use super::{Epilogue, sums};
use crate::conv::binary::border::start_stride;
use crate::conv::binary::pixels::Pixel;
use crate::shape::ConvShape;
use crate::shared::Shared;
use crate::simd::bytes::Ints;
use crate::simd::floats::F32x4;

/// Sums as reals, `[pixels][filters]`. Only those of the filters that are put are written.
pub struct RealSums<'a> {
    starts: &'a [i32],
    stride: usize,
    filters: usize,
    out: Shared<'a, f32>,
}

impl<'a> RealSums<'a> {
    /// Writes to `out`; `starts` are those of [`crate::conv::binary::border::starts`].
    ///
    /// # Panics
    /// When memory is shorter than its layout, or sums do not fit an `f32` exactly.
    pub fn new(shape: &ConvShape, starts: &'a [i32], out: Shared<'a, f32>) -> Self {
        assert!(shape.terms() <= 1 << 24, "sums must be exact as f32");
        assert!(out.length() >= shape.output_pixels() * shape.filters as usize);
        Self {
            starts: &starts[..shape.start_count()],
            stride: start_stride(shape),
            filters: shape.filters as usize,
            out,
        }
    }
}

impl Epilogue for RealSums<'_> {
    fn next(&self) -> Option<&ConvShape> {
        None
    }

    #[inline(always)]
    unsafe fn put(&mut self, pixel: &Pixel, filter: usize, counts: [Ints; 4]) {
        match self.filters - filter {
            // SAFETY: pixel and filter are what `put` asks for, and at least 16 filters are left.
            16.. => unsafe { self.write(pixel, filter, counts, 16) },
            // SAFETY: as above, and `lanes` filters are left.
            lanes => unsafe { self.put_last(pixel, filter, counts, lanes) },
        }
    }
}

impl RealSums<'_> {
    /// Writes the sums of `lanes` filters.
    ///
    /// # Safety
    /// As for [`Epilogue::put`], and `filter + lanes` must be at most the filters, `lanes` from 1 to 16.
    #[inline(always)]
    unsafe fn write(&self, pixel: &Pixel, filter: usize, counts: [Ints; 4], lanes: usize) {
        // SAFETY: `new` checked the lengths. Starts have a row a pattern, in whole blocks of 16; the output has a row a
        // pixel, which holds `filter + lanes` sums.
        unsafe {
            let sums = sums(self.starts.as_ptr().add(pixel.pattern * self.stride + filter), counts);
            let to = self.out.at(pixel.index * self.filters + filter, lanes);
            F32x4::store_lanes_at(sums, to, lanes);
        }
    }

    /// A block that is not full.
    ///
    /// # Safety
    /// As for [`RealSums::write`].
    #[cold]
    #[inline(never)]
    unsafe fn put_last(&self, pixel: &Pixel, filter: usize, counts: [Ints; 4], lanes: usize) {
        // SAFETY: the promises are those of `write`.
        unsafe { self.write(pixel, filter, counts, lanes) };
    }
}
