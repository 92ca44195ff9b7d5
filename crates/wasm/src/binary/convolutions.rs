//! The +-1 by +-1 convolution: four kernels times three epilogues, what they start from, and sums in 8 bits. Layouts and
//! meanings are those of `proxbit_kernels::conv::binary`.
//!
//! `first` and `count` are the range of filters to work on: panels of 32, the last range up to the last filter. Ranges write
//! disjoint bytes of one output, and so do parts that are rows, so threads may share it. A residual may be the output.

use crate::exports::{Flag, Maybe, optional_shared};
use crate::memory::{read, share, write};
use proxbit_kernels::conv::binary::accumulate8::{Overflow, accumulate8_conv};
use proxbit_kernels::conv::binary::border;
use proxbit_kernels::conv::binary::codewords::codeword_conv;
use proxbit_kernels::conv::binary::epilogue::{BitLayout, Epilogue, Normalised, RealSums, ThresholdBits};
use proxbit_kernels::conv::binary::lookup::lookup_conv;
use proxbit_kernels::conv::binary::popcnt::{popcnt8_conv, popcnt64_conv};
use proxbit_kernels::shape::ConvShape;

exports! {
    /// Writes the starts of sums, by pattern of missing taps.
    once(size)
    fn bb_starts(shape: *const ConvShape, correction: *const i32, starts: *mut i32) {
        let shape = &*shape;
        let taps = read(correction, shape.taps() * shape.filters as usize);
        border::starts(shape, taps, write(starts, shape.start_count()));
        false
    }

    /// The same for twice the sums over bits that stand for 0 and 1.
    only("layers")
    once(size)
    fn bb_unit_starts(shape: *const ConvShape, correction: *const i32, starts: *mut i32) {
        let shape = &*shape;
        let taps = read(correction, shape.taps() * shape.filters as usize);
        border::unit_starts(shape, taps, write(starts, shape.start_count()));
        false
    }

    /// Thresholds of sums as limits of counts.
    once(size)
    fn bb_limits(shape: *const ConvShape, starts: *const i32, thresholds: *const i32, limits: *mut i32) {
        let shape = &*shape;
        let count = shape.start_count();
        let thresholds = read(thresholds, shape.filters as usize);
        border::limits(shape, read(starts, count), thresholds, write(limits, count));
        false
    }

    /// Sums in 8 bits that saturate, or wrap round where `wraps`, as reals.
    only("layers")
    product(bb, "4x32", 4)
    fn bb_accumulate8_conv(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, wraps: Flag, out: *mut f32, first: usize,
        count: usize,
    ) {
        let shape = &*shape;
        let bits = read(bits, shape.padded_pixels() * shape.groups());
        let weights = read(weights, shape.nibble_weight_bytes());
        let overflow = if wraps == 0 { Overflow::Saturate } else { Overflow::Wrap };
        let out = share(out, shape.output_pixels() * shape.filters as usize);
        accumulate8_conv(shape, bits, weights, overflow, first..first + count, out);
        false
    }

    /// Real sums `[pixels][filters]`, by nibble look-up.
    product(bb, "2x64", 4)
    fn bb_lookup_conv_real(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, starts: *const i32, out: *mut f32, first: usize,
        count: usize,
    ) {
        conv_real::<LOOKUP>(shape, [bits, weights], starts, out, [first, count])
    }

    /// Bits by thresholds into the padded input of the next layer, by nibble look-up.
    product(bb, "2x64", 4)
    fn bb_lookup_conv_bits(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, limits: *const i32, mask: *const u8,
        next: *const ConvShape, next_bits: *mut u8, first: usize, count: usize,
    ) {
        conv_bits::<LOOKUP>(shape, [bits, weights], limits, mask, next, next_bits, [first, count])
    }

    /// `sum * scale + shift`, plus `residual` where given, to `out` where given, and its signs into the padded input of the
    /// next layer where given, by nibble look-up.
    product(bb, "2x64", 4)
    fn bb_lookup_conv_norm(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, starts: *const i32, scale: *const f32,
        shift: *const f32, residual: Maybe<*const f32>, out: Maybe<*mut f32>, next: Maybe<*const ConvShape>,
        next_bits: Maybe<*mut u8>, first: usize, count: usize,
    ) {
        let (fold, range) = ([scale, shift], [first, count]);
        conv_norm::<LOOKUP>(shape, [bits, weights], starts, fold, residual, out, next, next_bits, range)
    }

    /// Real sums `[pixels][filters]`, by look-up of codewords.
    only("layers")
    product(bb, "2x64", 4)
    fn bb_codeword_conv_real(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, starts: *const i32, out: *mut f32, first: usize,
        count: usize,
    ) {
        conv_real::<CODEWORDS>(shape, [bits, weights], starts, out, [first, count])
    }

    /// Bits by thresholds into the padded input of the next layer, by look-up of codewords.
    only("layers")
    product(bb, "2x64", 4)
    fn bb_codeword_conv_bits(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, limits: *const i32, mask: *const u8,
        next: *const ConvShape, next_bits: *mut u8, first: usize, count: usize,
    ) {
        conv_bits::<CODEWORDS>(shape, [bits, weights], limits, mask, next, next_bits, [first, count])
    }

    /// `sum * scale + shift`, plus `residual` where given, to `out` where given, and its signs into the padded input of the
    /// next layer where given, by look-up of codewords.
    only("layers")
    product(bb, "2x64", 4)
    fn bb_codeword_conv_norm(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, starts: *const i32, scale: *const f32,
        shift: *const f32, residual: Maybe<*const f32>, out: Maybe<*mut f32>, next: Maybe<*const ConvShape>,
        next_bits: Maybe<*mut u8>, first: usize, count: usize,
    ) {
        let (fold, range) = ([scale, shift], [first, count]);
        conv_norm::<CODEWORDS>(shape, [bits, weights], starts, fold, residual, out, next, next_bits, range)
    }

    /// Real sums `[pixels][filters]`, by `i8x16.popcnt`.
    product(bb, "4x32", 8)
    fn bb_popcnt8_conv_real(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, starts: *const i32, out: *mut f32, first: usize,
        count: usize,
    ) {
        conv_real::<POPCNT8>(shape, [bits, weights], starts, out, [first, count])
    }

    /// Bits by thresholds into the padded input of the next layer, by `i8x16.popcnt`.
    product(bb, "4x32", 8)
    fn bb_popcnt8_conv_bits(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, limits: *const i32, mask: *const u8,
        next: *const ConvShape, next_bits: *mut u8, first: usize, count: usize,
    ) {
        conv_bits::<POPCNT8>(shape, [bits, weights], limits, mask, next, next_bits, [first, count])
    }

    /// `sum * scale + shift`, plus `residual` where given, to `out` where given, and its signs into the padded input of the
    /// next layer where given, by `i8x16.popcnt`.
    product(bb, "4x32", 8)
    fn bb_popcnt8_conv_norm(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, starts: *const i32, scale: *const f32,
        shift: *const f32, residual: Maybe<*const f32>, out: Maybe<*mut f32>, next: Maybe<*const ConvShape>,
        next_bits: Maybe<*mut u8>, first: usize, count: usize,
    ) {
        let (fold, range) = ([scale, shift], [first, count]);
        conv_norm::<POPCNT8>(shape, [bits, weights], starts, fold, residual, out, next, next_bits, range)
    }

    /// Real sums `[pixels][filters]`, by `i64.popcnt`.
    only("layers")
    product(bb, "4x2", 64)
    fn bb_popcnt64_conv_real(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, starts: *const i32, out: *mut f32, first: usize,
        count: usize,
    ) {
        conv_real::<POPCNT64>(shape, [bits, weights], starts, out, [first, count])
    }

    /// Bits by thresholds into the padded input of the next layer, by `i64.popcnt`.
    only("layers")
    product(bb, "4x2", 64)
    fn bb_popcnt64_conv_bits(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, limits: *const i32, mask: *const u8,
        next: *const ConvShape, next_bits: *mut u8, first: usize, count: usize,
    ) {
        conv_bits::<POPCNT64>(shape, [bits, weights], limits, mask, next, next_bits, [first, count])
    }

    /// `sum * scale + shift`, plus `residual` where given, to `out` where given, and its signs into the padded input of the
    /// next layer where given, by `i64.popcnt`.
    only("layers")
    product(bb, "4x2", 64)
    fn bb_popcnt64_conv_norm(
        shape: *const ConvShape, bits: *const u8, weights: *const u8, starts: *const i32, scale: *const f32,
        shift: *const f32, residual: Maybe<*const f32>, out: Maybe<*mut f32>, next: Maybe<*const ConvShape>,
        next_bits: Maybe<*mut u8>, first: usize, count: usize,
    ) {
        let (fold, range) = ([scale, shift], [first, count]);
        conv_norm::<POPCNT64>(shape, [bits, weights], starts, fold, residual, out, next, next_bits, range)
    }
}

/// The kernels by number.
const LOOKUP: u32 = 0;
const POPCNT8: u32 = 1;
const POPCNT64: u32 = 2;
const CODEWORDS: u32 = 3;

const fn layout<const KERNEL: u32>() -> BitLayout {
    if KERNEL == LOOKUP || KERNEL == CODEWORDS {
        BitLayout::Nibbles
    } else {
        BitLayout::Words
    }
}

/// The convolution by a kernel, with addresses of activations and weights in its layout.
///
/// # Safety
/// As for the exports, and the epilogue must be made for the shape.
unsafe fn conv<const KERNEL: u32, E: Epilogue>(
    shape: &ConvShape,
    bits: *const u8,
    weights: *const u8,
    first: usize,
    count: usize,
    epilogue: &mut E,
) {
    let filters = first..first + count;
    let words = shape.padded_pixels() * shape.words();
    // SAFETY: activations and weights have the lengths of the kernel's layout, and nibbles are clean. Words are aligned,
    // because the layout of the kernel is one of words.
    unsafe {
        if KERNEL == LOOKUP {
            let nibbles = read(bits, shape.padded_pixels() * shape.groups());
            lookup_conv(
                shape,
                nibbles,
                read(weights, shape.lookup_weight_bytes()),
                filters,
                epilogue,
            );
        } else if KERNEL == CODEWORDS {
            let nibbles = read(bits, shape.padded_pixels() * shape.groups());
            let weights = read(weights, shape.codeword_weight_bytes());
            codeword_conv(shape, nibbles, weights, filters, epilogue);
        } else if KERNEL == POPCNT8 {
            let weights = read(weights, shape.byte_weight_bytes());
            popcnt8_conv(shape, read(bits.cast(), words), weights, filters, epilogue);
        } else {
            let weights = read(weights.cast(), shape.word_weight_bytes() / 8);
            popcnt64_conv(shape, read(bits.cast(), words), weights, filters, epilogue);
        }
    }
}

/// [`conv`] into real sums.
///
/// # Safety
/// As for the exports.
unsafe fn conv_real<const KERNEL: u32>(
    shape: *const ConvShape,
    [bits, weights]: [*const u8; 2],
    starts: *const i32,
    out: *mut f32,
    [first, count]: [usize; 2],
) -> bool {
    // SAFETY: lengths are those of the shape. The epilogue touches the sums of the range alone.
    unsafe {
        let shape = &*shape;
        let out = share(out, shape.output_pixels() * shape.filters as usize);
        let mut epilogue = RealSums::new(shape, read(starts, shape.start_count()), out);
        conv::<KERNEL, _>(shape, bits, weights, first, count, &mut epilogue);
        false
    }
}

/// [`conv`] into bits by thresholds.
///
/// # Safety
/// As for the exports.
unsafe fn conv_bits<const KERNEL: u32>(
    shape: *const ConvShape,
    [bits, weights]: [*const u8; 2],
    limits: *const i32,
    mask: *const u8,
    next: *const ConvShape,
    out: *mut u8,
    [first, count]: [usize; 2],
) -> bool {
    // SAFETY: lengths are those of the two shapes. The epilogue touches the bits of the range in the interior alone.
    unsafe {
        let (shape, next) = (&*shape, &*next);
        let pixel = layout::<KERNEL>().pixel_bytes(next);
        let mut epilogue = ThresholdBits::new(
            shape,
            read(limits, shape.start_count()),
            read(mask, pixel),
            next,
            layout::<KERNEL>(),
            share(out, next.padded_pixels() * pixel),
        );
        conv::<KERNEL, _>(shape, bits, weights, first, count, &mut epilogue);
        false
    }
}

/// [`conv`] into normalised reals and their signs.
///
/// # Safety
/// As for the exports.
#[allow(clippy::too_many_arguments)]
unsafe fn conv_norm<const KERNEL: u32>(
    shape: *const ConvShape,
    [bits, weights]: [*const u8; 2],
    starts: *const i32,
    [scale, shift]: [*const f32; 2],
    residual: Maybe<*const f32>,
    out: Maybe<*mut f32>,
    next: Maybe<*const ConvShape>,
    next_bits: Maybe<*mut u8>,
    [first, count]: [usize; 2],
) -> bool {
    // SAFETY: lengths are those of the shapes. The epilogue touches what belongs to the range alone: it reads the residual,
    // which may be the output, and writes reals and bits.
    unsafe {
        let shape = &*shape;
        let filters = shape.filters as usize;
        let reals = shape.output_pixels() * filters;
        let (residual, out) = (optional_shared(residual.cast_mut(), reals), optional_shared(out, reals));
        let sink = (!next_bits.is_null()).then(|| {
            let next = &*next;
            let layout = layout::<KERNEL>();
            (
                next,
                layout,
                share(next_bits, next.padded_pixels() * layout.pixel_bytes(next)),
            )
        });
        let fold = [read(scale, filters), read(shift, filters)];
        let starts = read(starts, shape.start_count());
        let mut epilogue = Normalised::new(shape, starts, fold, residual, out, sink);
        conv::<KERNEL, _>(shape, bits, weights, first, count, &mut epilogue);
        epilogue.met_nan()
    }
}
