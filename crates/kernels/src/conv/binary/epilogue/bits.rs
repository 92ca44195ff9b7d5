//! Counts as bits of the next layer, by thresholds.

use super::Epilogue;
use super::sink::{BitLayout, BitSink};
use crate::conv::binary::border::start_stride;
use crate::conv::binary::pixels::Pixel;
use crate::shape::ConvShape;
use crate::shared::Shared;
use crate::simd::bytes::{Bytes, Ints, Shorts};

/// The bits of the next layer by thresholds: the counts are compared, sums are never made. Only the bytes of the filters that
/// are put are written.
pub struct ThresholdBits<'a> {
    limits: &'a [i32],
    stride: usize,
    panel: PanelLimits,
    sink: BitSink<'a>,
}

/// The limits of a panel of 64 filters as 16-bit numbers, kept from pixel to pixel: most have the same.
struct PanelLimits {
    /// The place of the first of them in the limits.
    at: usize,
    limits: [[Shorts; 2]; 4],
}

impl<'a> ThresholdBits<'a> {
    /// Writes the interior of the padded input `out` of `next`; `limits` are those of
    /// [`crate::conv::binary::border::limits`], `flips` one pixel in the layout.
    ///
    /// # Panics
    /// When memory is shorter than its layout, or `next` reads something else than `shape` writes.
    pub fn new(
        shape: &ConvShape,
        limits: &'a [i32],
        flips: &'a [u8],
        next: &'a ConvShape,
        layout: BitLayout,
        out: Shared<'a, u8>,
    ) -> Self {
        Self {
            limits: &limits[..shape.start_count()],
            stride: start_stride(shape),
            panel: PanelLimits {
                at: usize::MAX,
                limits: [[Shorts::ZERO; 2]; 4],
            },
            sink: BitSink::new(shape, next, layout, Some(flips), out),
        }
    }

    /// The limits of the 16 filters from place `at` on.
    ///
    /// # Safety
    /// `at` must be a pattern times the stride plus a multiple of 16 below the filters.
    #[inline(always)]
    unsafe fn limits(&self, at: usize) -> [Ints; 4] {
        // SAFETY: limits have a row of whole blocks of 16 a pattern, and `new` checked their length.
        core::array::from_fn(|q| unsafe { Ints::load(self.limits.as_ptr().add(at + 4 * q)) })
    }

    /// The same as 16-bit numbers. Counts lie below the largest of these, so a limit beyond it may become that number.
    ///
    /// # Safety
    /// As for [`ThresholdBits::limits`].
    #[inline(always)]
    unsafe fn narrow_limits(&self, at: usize) -> [Shorts; 2] {
        // SAFETY: the promises are those of `limits`.
        let [a, b, c, d] = unsafe { self.limits(at) };
        [a.narrow(b), c.narrow(d)]
    }

    /// Narrows the limits of the panel from place `at` on.
    ///
    /// # Safety
    /// As for [`ThresholdBits::limits`], and 64 filters must be left.
    #[cold]
    #[inline(never)]
    unsafe fn change_panel(&mut self, at: usize) {
        // SAFETY: all four blocks begin below the filters, because 64 are left.
        let limits = core::array::from_fn(|block| unsafe { self.narrow_limits(at + 16 * block) });
        self.panel = PanelLimits { at, limits };
    }
}

impl Epilogue for ThresholdBits<'_> {
    fn next(&self) -> Option<&ConvShape> {
        Some(self.sink.next)
    }

    #[inline(always)]
    unsafe fn put(&mut self, pixel: &Pixel, filter: usize, counts: [Ints; 4]) {
        // SAFETY: pattern and filter are what `put` asks for, and so is what the sink gets.
        unsafe {
            let limits = self.limits(pixel.pattern * self.stride + filter);
            let not_less = (0..4).fold(0, |bits, q| bits | counts[q].at_least(limits[q]) << (4 * q));
            self.sink.put(pixel, filter, !not_less & 0xffff);
        }
    }

    #[inline(always)]
    unsafe fn put_narrow(&mut self, pixel: &Pixel, filter: usize, counts: [Shorts; 2]) {
        // SAFETY: pattern and filter are what `put` asks for, and so is what the sink gets.
        unsafe {
            let limits = self.narrow_limits(pixel.pattern * self.stride + filter);
            let bits = Shorts::mask_bits([counts[0].less(limits[0]), counts[1].less(limits[1])]);
            self.sink.put(pixel, filter, bits);
        }
    }

    #[inline(always)]
    unsafe fn put_panel(&mut self, pixel: &Pixel, filter: usize, counts: &[[Shorts; 2]; 4]) {
        // SAFETY: pixel and filters are what `put_panel` asks for. Where the sink takes a panel, 64 filters are left.
        unsafe {
            if !self.sink.takes_panel(filter) {
                for (block, counts) in counts.iter().enumerate() {
                    self.put_narrow(pixel, filter + 16 * block, *counts);
                }
                return;
            }
            let at = pixel.pattern * self.stride + filter;
            if self.panel.at != at {
                self.change_panel(at);
            }
            let limits = &self.panel.limits;
            let masks = core::array::from_fn(|block| [0, 1].map(|half| counts[block][half].less(limits[block][half])));
            self.sink.put_panel(pixel, filter, Bytes::mask_nibbles(masks));
        }
    }
}
