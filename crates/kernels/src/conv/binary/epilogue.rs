//! What becomes of the counts of disagreeing bits while they are still in cache: real sums, the bits of the next layer, or
//! normalised reals with a residual and, if wanted, their signs. No pass over memory lies in between.

use super::border::{start_count, start_stride};
use super::pixels::Pixel;
use crate::gemm::bb_counts::ints;
use crate::shape::ConvShape;
use crate::simd::bytes::{Ints, Shorts};
use crate::simd::floats::{F32x4, Mask};

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

/// Sums as reals, `[pixels][filters]`.
pub struct RealSums<'a> {
    starts: &'a [i32],
    stride: usize,
    filters: usize,
    out: *mut f32,
}

impl<'a> RealSums<'a> {
    /// Writes to `out`; `starts` are those of [`super::border::starts`].
    ///
    /// # Panics
    /// When a slice is shorter than its layout, or sums do not fit an `f32` exactly.
    pub fn new(shape: &ConvShape, starts: &'a [i32], out: &'a mut [f32]) -> Self {
        assert!(shape.terms() < 1 << 24, "sums must be exact as f32");
        assert!(out.len() >= shape.output_pixels() * shape.filters as usize);
        Self {
            starts: &starts[..start_count(shape)],
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

/// How a padded buffer holds bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitLayout {
    /// A byte for 4 channels, in its high half.
    Nibbles,
    /// `u64` for 64 channels.
    Words,
}

impl BitLayout {
    /// Bytes of a pixel.
    pub fn pixel_bytes(self, shape: &ConvShape) -> usize {
        match self {
            Self::Nibbles => shape.groups(),
            Self::Words => 8 * shape.words(),
        }
    }
}

/// The padded input of the next layer, as bytes.
struct BitSink<'a> {
    next: &'a ConvShape,
    layout: BitLayout,
    pixel_bytes: usize,
    filters: usize,
    /// One pixel that is added modulo 2, if there is one.
    flips: Option<&'a [u8]>,
    out: *mut u8,
}

impl<'a> BitSink<'a> {
    fn new(
        shape: &ConvShape,
        next: &'a ConvShape,
        layout: BitLayout,
        flips: Option<&'a [u8]>,
        out: &'a mut [u8],
    ) -> Self {
        assert!(
            [next.images, next.height, next.width, next.channels]
                == [shape.images, shape.out_height, shape.out_width, shape.filters],
            "the next layer reads what this one writes"
        );
        let pixel_bytes = layout.pixel_bytes(next);
        assert!(next.is_consistent() && out.len() >= next.padded_pixels() * pixel_bytes);
        Self {
            next,
            layout,
            pixel_bytes,
            filters: shape.filters as usize,
            flips: flips.map(|flips| &flips[..pixel_bytes]),
            out: out.as_mut_ptr(),
        }
    }

    /// Writes 16 bits, those past the last filter 0. Touches no byte that other blocks of filters share.
    ///
    /// # Safety
    /// As for [`Epilogue::put`].
    #[inline(always)]
    unsafe fn put(&self, pixel: &Pixel, filter: usize, bits: u32) {
        let start = pixel.target * self.pixel_bytes;
        // SAFETY: the bytes of a block of filters in a pixel of the padded buffer.
        unsafe {
            match self.layout {
                BitLayout::Nibbles if self.filters - filter >= 16 => {
                    self.write(start, filter / 4, spread_nibbles(bits).to_le_bytes());
                }
                BitLayout::Nibbles => self.put_last(start, filter, bits),
                BitLayout::Words => self.write(start, filter / 8, (bits as u16).to_le_bytes()),
            }
        }
    }

    /// Nibbles of a block that is not full; apart, for its loop would take registers from the others.
    #[cold]
    #[inline(never)]
    unsafe fn put_last(&self, start: usize, filter: usize, bits: u32) {
        for (at, byte) in (filter / 4..self.pixel_bytes).zip(spread_nibbles(bits).to_le_bytes()) {
            // SAFETY: inside the pixel.
            unsafe { self.write(start, at, [byte]) };
        }
    }

    /// Writes some bytes of the pixel that begins at `start`.
    #[inline(always)]
    unsafe fn write<const N: usize>(&self, start: usize, at: usize, mut bytes: [u8; N]) {
        unsafe {
            if let Some(flips) = self.flips {
                let flips = flips.as_ptr().add(at).cast::<[u8; N]>().read_unaligned();
                bytes = core::array::from_fn(|i| bytes[i] ^ flips[i]);
            }
            self.out.add(start + at).cast::<[u8; N]>().write_unaligned(bytes);
        }
    }
}

/// 16 bits as four bytes of nibbles, each in the high half of its byte.
#[inline(always)]
fn spread_nibbles(bits: u32) -> u32 {
    let halves = (bits | bits << 8) & 0x00ff_00ff;
    ((halves | halves << 4) & 0x0f0f_0f0f) << 4
}

/// The bits of the next layer by thresholds: the counts are compared, sums are never made.
pub struct ThresholdBits<'a> {
    limits: &'a [i32],
    stride: usize,
    sink: BitSink<'a>,
}

impl<'a> ThresholdBits<'a> {
    /// Writes the interior of the padded input `out` of `next`; `limits` are those of [`super::border::limits`], `flips` one
    /// pixel in the layout.
    ///
    /// # Panics
    /// When a slice is shorter than its layout, or `next` reads something else than `shape` writes.
    pub fn new(
        shape: &ConvShape,
        limits: &'a [i32],
        flips: &'a [u8],
        next: &'a ConvShape,
        layout: BitLayout,
        out: &'a mut [u8],
    ) -> Self {
        Self {
            limits: &limits[..start_count(shape)],
            stride: start_stride(shape),
            sink: BitSink::new(shape, next, layout, Some(flips), out),
        }
    }

    #[inline(always)]
    unsafe fn limits(&self, pixel: &Pixel, filter: usize) -> [Ints; 4] {
        let at = pixel.pattern * self.stride + filter;
        core::array::from_fn(|q| unsafe { Ints::load(self.limits.as_ptr().add(at + 4 * q)) })
    }
}

impl Epilogue for ThresholdBits<'_> {
    fn next(&self) -> Option<&ConvShape> {
        Some(self.sink.next)
    }

    #[inline(always)]
    unsafe fn put(&mut self, pixel: &Pixel, filter: usize, counts: [Ints; 4]) {
        // SAFETY: promised.
        unsafe {
            let limits = self.limits(pixel, filter);
            let not_less = (0..4).fold(0, |bits, q| bits | counts[q].at_least(limits[q]) << (4 * q));
            self.sink.put(pixel, filter, !not_less & 0xffff);
        }
    }

    #[inline(always)]
    unsafe fn put_narrow(&mut self, pixel: &Pixel, filter: usize, [low, high]: [Shorts; 2]) {
        // SAFETY: promised. Counts lie below the largest 16-bit number, so a limit beyond it may become that number.
        unsafe {
            let [a, b, c, d] = self.limits(pixel, filter);
            let bits = Shorts::mask_bits([low.less(a.narrow(b)), high.less(c.narrow(d))]);
            self.sink.put(pixel, filter, bits);
        }
    }
}

/// `sum * scale + shift`, a product and then an addition, plus the residual: as reals `[pixels][filters]`, as bits of the next
/// layer, or both.
pub struct Normalised<'a> {
    starts: &'a [i32],
    stride: usize,
    scale: &'a [f32],
    shift: &'a [f32],
    residual: *const f32,
    out: *mut f32,
    sink: Option<BitSink<'a>>,
    nans: Mask,
}

impl<'a> Normalised<'a> {
    /// Adds `residual` unless it is null, writes the reals to `out` unless it is null, their signs to `bits` if given.
    ///
    /// # Safety
    /// `residual` and `out`, where they are not null, must be readable and writable for a real a pixel and filter. They may be
    /// the same.
    ///
    /// # Panics
    /// When a slice is shorter than its layout, sums do not fit an `f32` exactly, or the next layer reads something else than
    /// `shape` writes.
    pub unsafe fn new(
        shape: &ConvShape,
        starts: &'a [i32],
        [scale, shift]: [&'a [f32]; 2],
        residual: *const f32,
        out: *mut f32,
        bits: Option<(&'a ConvShape, BitLayout, &'a mut [u8])>,
    ) -> Self {
        assert!(shape.terms() < 1 << 24, "sums must be exact as f32");
        let filters = shape.filters as usize;
        Self {
            starts: &starts[..start_count(shape)],
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
            // SAFETY: promised.
            16.. => unsafe { self.write(pixel, filter, counts, 16) },
            lanes => unsafe { self.put_last(pixel, filter, counts, lanes) },
        }
    }
}

impl Normalised<'_> {
    #[inline(always)]
    unsafe fn write(&mut self, pixel: &Pixel, filter: usize, counts: [Ints; 4], lanes: usize) {
        let at = pixel.index * self.scale.len() + filter;
        // SAFETY: starts have a row a pattern, scale and shift a number a filter, reals a row a pixel.
        unsafe {
            let sums = sums(self.starts.as_ptr().add(pixel.pattern * self.stride + filter), counts);
            let load = |from: *const f32| F32x4::load_lanes_at::<4>(from, lanes);
            let (scale, shift) = (
                load(self.scale.as_ptr().add(filter)),
                load(self.shift.as_ptr().add(filter)),
            );
            let mut y: [F32x4; 4] = core::array::from_fn(|q| sums[q] * scale[q] + shift[q]);
            if !self.residual.is_null() {
                let residual = load(self.residual.add(at));
                y = core::array::from_fn(|q| y[q] + residual[q]);
            }
            self.nans = y.iter().fold(self.nans, |nans, y| nans.or(y.is_nan()));
            if !self.out.is_null() {
                F32x4::store_lanes_at(y, self.out.add(at), lanes);
            }
            if let Some(sink) = &self.sink {
                let bits = (0..4).fold(0, |bits, q| bits | y[q].sign_bits() << (4 * q));
                sink.put(pixel, filter, bits & (0xffff >> (16 - lanes)));
            }
        }
    }

    /// A block that is not full.
    #[cold]
    #[inline(never)]
    unsafe fn put_last(&mut self, pixel: &Pixel, filter: usize, counts: [Ints; 4], lanes: usize) {
        // SAFETY: promised.
        unsafe { self.write(pixel, filter, counts, lanes) };
    }
}
