//! Where the bits of the next layer go.

use crate::conv::binary::pixels::Pixel;
use crate::shape::ConvShape;
use crate::shared::Shared;
use crate::simd::bytes::Bytes;

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

/// The padded input of the next layer, as bytes. Only those of the pixels and filters that are put are written.
pub struct BitSink<'a> {
    /// The layer that reads it.
    pub next: &'a ConvShape,
    layout: BitLayout,
    pixel_bytes: usize,
    filters: usize,
    /// One pixel that is added modulo 2, if there is one.
    flips: Option<&'a [u8]>,
    out: Shared<'a, u8>,
}

impl<'a> BitSink<'a> {
    /// Over the padded input `out` of `next`.
    ///
    /// # Panics
    /// When memory is shorter than its layout, or `next` reads something else than `shape` writes.
    pub fn new(
        shape: &ConvShape,
        next: &'a ConvShape,
        layout: BitLayout,
        flips: Option<&'a [u8]>,
        out: Shared<'a, u8>,
    ) -> Self {
        assert!(
            [next.images, next.height, next.width, next.channels]
                == [shape.images, shape.out_height, shape.out_width, shape.filters],
            "the next layer reads what this one writes"
        );
        let pixel_bytes = layout.pixel_bytes(next);
        assert!(next.is_consistent() && out.length() >= next.padded_pixels() * pixel_bytes);
        Self {
            next,
            layout,
            pixel_bytes,
            filters: shape.filters as usize,
            flips: flips.map(|flips| &flips[..pixel_bytes]),
            out,
        }
    }

    /// Writes 16 bits, those past the last filter 0. Touches no byte that other blocks of filters share.
    ///
    /// # Safety
    /// As for [`super::Epilogue::put`].
    #[inline(always)]
    pub unsafe fn put(&self, pixel: &Pixel, filter: usize, bits: u32) {
        let start = pixel.target * self.pixel_bytes;
        // SAFETY: the target is a pixel of the padded buffer. A pixel has 4 bytes for each whole block of nibbles, and 2
        // for each block of words, because 64 filters fill a word.
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

    /// Do all 64 filters of the panel from `filter` on become nibbles?
    #[inline(always)]
    pub fn takes_panel(&self, filter: usize) -> bool {
        self.layout == BitLayout::Nibbles && self.filters - filter >= 64
    }

    /// Writes the nibbles of the 64 filters from `filter` on.
    ///
    /// # Safety
    /// As for [`super::Epilogue::put`], and [`BitSink::takes_panel`] must be true.
    #[inline(always)]
    pub unsafe fn put_panel(&self, pixel: &Pixel, filter: usize, mut nibbles: Bytes) {
        let at = filter / 4;
        // SAFETY: 64 filters are left, so a pixel of the padded buffer and one of flips have 16 bytes from `at` on.
        unsafe {
            if let Some(flips) = self.flips {
                nibbles = nibbles.xor(Bytes::load(flips.as_ptr().add(at)));
            }
            nibbles.store(self.out.at(pixel.target * self.pixel_bytes + at, 16));
        }
    }

    /// Nibbles of a block that is not full; apart, because its loop would take registers from the others.
    ///
    /// # Safety
    /// As for [`BitSink::write`], but for `at`.
    #[cold]
    #[inline(never)]
    unsafe fn put_last(&self, start: usize, filter: usize, bits: u32) {
        for (at, byte) in (filter / 4..self.pixel_bytes).zip(spread_nibbles(bits).to_le_bytes()) {
            // SAFETY: `at` is below the bytes of a pixel, and a pixel begins at `start`.
            unsafe { self.write(start, at, [byte]) };
        }
    }

    /// Writes some bytes of the pixel that begins at `start`, from number `at` on.
    ///
    /// # Safety
    /// A pixel of the padded buffer must begin at byte `start`, and `at + N` must be at most the bytes of a pixel.
    #[inline(always)]
    unsafe fn write<const N: usize>(&self, start: usize, at: usize, mut bytes: [u8; N]) {
        // SAFETY: flips are one pixel, and the buffer, whose length `new` checked, holds the one at `start`.
        unsafe {
            if let Some(flips) = self.flips {
                let flips = flips.as_ptr().add(at).cast::<[u8; N]>().read_unaligned();
                bytes = core::array::from_fn(|i| bytes[i] ^ flips[i]);
            }
            self.out.at(start + at, N).cast::<[u8; N]>().write_unaligned(bytes);
        }
    }
}

/// 16 bits as four bytes of nibbles, each in the high half of its byte.
#[inline(always)]
fn spread_nibbles(bits: u32) -> u32 {
    let halves = (bits | bits << 8) & 0x00ff_00ff;
    ((halves | halves << 4) & 0x0f0f_0f0f) << 4
}
