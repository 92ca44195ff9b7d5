//! Counts as real sums.

use super::{Epilogue, sums};
use crate::conv::binary::border::start_stride;
use crate::conv::binary::pixels::Pixel;
use crate::shape::ConvShape;
use crate::simd::bytes::Ints;
use crate::simd::floats::F32x4;

/// Sums as reals, `[pixels][filters]`.
pub struct RealSums<'a> {
    starts: &'a [i32],
    stride: usize,
    filters: usize,
    out: *mut f32,
}

impl<'a> RealSums<'a> {
    /// Writes to `out`; `starts` are those of [`crate::conv::binary::border::starts`].
    ///
    /// # Panics
    /// When a slice is shorter than its layout, or sums do not fit an `f32` exactly.
    pub fn new(shape: &ConvShape, starts: &'a [i32], out: &'a mut [f32]) -> Self {
        assert!(shape.terms() <= 1 << 24, "sums must be exact as f32");
        assert!(out.len() >= shape.output_pixels() * shape.filters as usize);
        Self {
            starts: &starts[..shape.start_count()],
            stride: start_stride(shape),
            filters: shape.filters as usize,
            out: out.as_mut_ptr(),
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
            // SAFETY: promised.
            16.. => unsafe { self.write(pixel, filter, counts, 16) },
            lanes => unsafe { self.put_last(pixel, filter, counts, lanes) },
        }
    }
}

impl RealSums<'_> {
    #[inline(always)]
    unsafe fn write(&self, pixel: &Pixel, filter: usize, counts: [Ints; 4], lanes: usize) {
        // SAFETY: starts have a row a pattern, the output a row a pixel.
        unsafe {
            let sums = sums(self.starts.as_ptr().add(pixel.pattern * self.stride + filter), counts);
            F32x4::store_lanes_at(sums, self.out.add(pixel.index * self.filters + filter), lanes);
        }
    }

    /// A block that is not full.
    #[cold]
    #[inline(never)]
    unsafe fn put_last(&self, pixel: &Pixel, filter: usize, counts: [Ints; 4], lanes: usize) {
        // SAFETY: promised.
        unsafe { self.write(pixel, filter, counts, lanes) };
    }
}
