//! Counts as normalised reals with a residual, and their signs.

use super::sink::{BitLayout, BitSink};
use super::{Epilogue, sums};
use crate::conv::binary::border::start_stride;
use crate::conv::binary::pixels::Pixel;
use crate::shape::ConvShape;
use crate::shared::Shared;
use crate::simd::bytes::Ints;
use crate::simd::floats::{F32x4, Mask};

/// `sum * scale + shift`, a product and then an addition, plus the residual: as reals `[pixels][filters]`, as bits of the next
/// layer, or both. Only the reals and bits of the filters that are put are read and written.
pub struct Normalised<'a> {
    starts: &'a [i32],
    stride: usize,
    scale: &'a [f32],
    shift: &'a [f32],
    residual: Option<Shared<'a, f32>>,
    out: Option<Shared<'a, f32>>,
    sink: Option<BitSink<'a>>,
    nans: Mask,
}

impl<'a> Normalised<'a> {
    /// Adds `residual`, writes the reals to `out` and their signs to `bits`, each where it is given. The residual may be the
    /// output.
    ///
    /// # Panics
    /// When memory is shorter than its layout, sums do not fit an `f32` exactly, or the next layer reads something else than
    /// `shape` writes.
    pub fn new(
        shape: &ConvShape,
        starts: &'a [i32],
        [scale, shift]: [&'a [f32]; 2],
        residual: Option<Shared<'a, f32>>,
        out: Option<Shared<'a, f32>>,
        bits: Option<(&'a ConvShape, BitLayout, Shared<'a, u8>)>,
    ) -> Self {
        assert!(shape.terms() <= 1 << 24, "sums must be exact as f32");
        let filters = shape.filters as usize;
        let reals = shape.output_pixels() * filters;
        assert!([residual, out].iter().flatten().all(|tensor| tensor.length() >= reals));
        Self {
            starts: &starts[..shape.start_count()],
            stride: start_stride(shape),
            scale: &scale[..filters],
            shift: &shift[..filters],
            residual,
            out,
            sink: bits.map(|(next, layout, out)| BitSink::new(shape, next, layout, None, out)),
            nans: Mask::none(),
        }
    }

    /// Was there a NaN?
    pub fn met_nan(&self) -> bool {
        self.nans.any()
    }
}

impl Epilogue for Normalised<'_> {
    fn next(&self) -> Option<&ConvShape> {
        self.sink.as_ref().map(|sink| sink.next)
    }

    #[inline(always)]
    unsafe fn put(&mut self, pixel: &Pixel, filter: usize, counts: [Ints; 4]) {
        match self.scale.len() - filter {
            // SAFETY: pixel and filter are what `put` asks for, and at least 16 filters are left.
            16.. => unsafe { self.write(pixel, filter, counts, 16) },
            // SAFETY: as above, and `lanes` filters are left.
            lanes => unsafe { self.put_last(pixel, filter, counts, lanes) },
        }
    }
}

impl Normalised<'_> {
    /// Writes what the counts of `lanes` filters become.
    ///
    /// # Safety
    /// As for [`Epilogue::put`], and `filter + lanes` must be at most the filters, `lanes` from 1 to 16.
    #[inline(always)]
    unsafe fn write(&mut self, pixel: &Pixel, filter: usize, counts: [Ints; 4], lanes: usize) {
        let at = pixel.index * self.scale.len() + filter;
        // SAFETY: `new` checked the lengths. Starts have a row a pattern, in whole blocks of 16. Scale and shift have a
        // number a filter, reals a row a pixel, and each holds `filter + lanes` numbers.
        unsafe {
            let sums = sums(self.starts.as_ptr().add(pixel.pattern * self.stride + filter), counts);
            let load = |from: *const f32| F32x4::load_lanes_at::<4>(from, lanes);
            let (scale, shift) = (
                load(self.scale.as_ptr().add(filter)),
                load(self.shift.as_ptr().add(filter)),
            );
            let mut y: [F32x4; 4] = core::array::from_fn(|q| sums[q] * scale[q] + shift[q]);
            if let Some(residual) = self.residual {
                let residual = load(residual.at(at, lanes));
                y = core::array::from_fn(|q| y[q] + residual[q]);
            }
            self.nans = y.iter().fold(self.nans, |nans, y| nans.or(y.is_nan()));
            if let Some(out) = self.out {
                F32x4::store_lanes_at(y, out.at(at, lanes), lanes);
            }
            if let Some(sink) = &self.sink {
                let bits = (0..4).fold(0, |bits, q| bits | y[q].sign_bits() << (4 * q));
                sink.put(pixel, filter, bits & (0xffff >> (16 - lanes)));
            }
        }
    }

    /// A block that is not full.
    ///
    /// # Safety
    /// As for [`Normalised::write`].
    #[cold]
    #[inline(never)]
    unsafe fn put_last(&mut self, pixel: &Pixel, filter: usize, counts: [Ints; 4], lanes: usize) {
        // SAFETY: the promises are those of `write`.
        unsafe { self.write(pixel, filter, counts, lanes) };
    }
}
