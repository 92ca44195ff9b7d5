//! Exports of the +-1 by +-1 convolution: three kernels times three epilogues, what they start from, and sums in 8 bits.
//! Layouts and meanings are those of `proxbit_kernels::conv::binary`; this file turns addresses into slices whose lengths
//! follow from the descriptor.
//!
//! Every function returns a status: 0, or 1 when a NaN was met. `first` and `count` are the range of filters to work on:
//! panels of 32, the last range up to the last filter. Ranges write disjoint bytes.
//!
//! # Safety
//! For every function: each address must be valid for the length that its layout has under the given shape, aligned to its
//! element, and an output must not overlap any other argument, but for a residual that may be the output.
#![allow(clippy::missing_safety_doc, clippy::too_many_arguments)]

use crate::memory::{read, write};
use proxbit_kernels::conv::binary::accumulate8::{Overflow, accumulate8_conv};
use proxbit_kernels::conv::binary::border::{self, start_count};
use proxbit_kernels::conv::binary::epilogue::{BitLayout, Epilogue, Normalised, RealSums, ThresholdBits};
use proxbit_kernels::conv::binary::lookup::lookup_conv;
use proxbit_kernels::conv::binary::popcnt::{popcnt8_conv, popcnt64_conv};
use proxbit_kernels::shape::ConvShape;

/// What sums start from, by pattern of missing taps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bb_starts(shape: *const ConvShape, correction: *const i32, starts: *mut i32) -> u32 {
    unsafe {
        let shape = &*shape;
        let taps = read(correction, shape.taps() * shape.filters as usize);
        border::starts(shape, taps, write(starts, start_count(shape)));
        0
    }
}

/// Thresholds of sums as limits of counts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bb_limits(
    shape: *const ConvShape,
    starts: *const i32,
    thresholds: *const i32,
    limits: *mut i32,
) -> u32 {
    unsafe {
        let shape = &*shape;
        border::limits(
            shape,
            read(starts, start_count(shape)),
            read(thresholds, shape.filters as usize),
            write(limits, start_count(shape)),
        );
        0
    }
}

/// Sums in 8 bits that saturate, or wrap round where `wraps` is not 0, as reals.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bb_accumulate8_conv(
    shape: *const ConvShape,
    nibbles: *const u8,
    weights: *const u8,
    wraps: u32,
    out: *mut f32,
    first: usize,
    count: usize,
) -> u32 {
    unsafe {
        let shape = &*shape;
        accumulate8_conv(
            shape,
            read(nibbles, shape.padded_pixels() * shape.groups()),
            read(weights, shape.nibble_weight_bytes()),
            if wraps == 0 { Overflow::Saturate } else { Overflow::Wrap },
            first..first + count,
            write(out, shape.output_pixels() * shape.filters as usize),
        );
        0
    }
}

/// The kernels by number.
const LOOKUP: u32 = 0;
const POPCNT8: u32 = 1;
const POPCNT64: u32 = 2;

const fn layout<const KERNEL: u32>() -> BitLayout {
    if KERNEL == LOOKUP {
        BitLayout::Nibbles
    } else {
        BitLayout::Words
    }
}

/// The convolution by a kernel, with addresses of activations and weights in its layout.
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
    let panels = shape.filter_blocks() * 16 * shape.taps();
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
        } else if KERNEL == POPCNT8 {
            let weights = read(weights, panels * (shape.channels as usize).div_ceil(8));
            popcnt8_conv(shape, read(bits.cast(), words), weights, filters, epilogue);
        } else {
            let rows = (shape.filters as usize).next_multiple_of(2) * shape.taps();
            let weights = read(weights.cast(), rows * shape.words());
            popcnt64_conv(shape, read(bits.cast(), words), weights, filters, epilogue);
        }
    }
}

unsafe fn conv_real<const KERNEL: u32>(
    shape: *const ConvShape,
    [bits, weights]: [*const u8; 2],
    starts: *const i32,
    out: *mut f32,
    [first, count]: [usize; 2],
) -> u32 {
    unsafe {
        let shape = &*shape;
        let out = write(out, shape.output_pixels() * shape.filters as usize);
        let mut epilogue = RealSums::new(shape, read(starts, start_count(shape)), out);
        conv::<KERNEL, _>(shape, bits, weights, first, count, &mut epilogue);
        0
    }
}

unsafe fn conv_bits<const KERNEL: u32>(
    shape: *const ConvShape,
    [bits, weights]: [*const u8; 2],
    limits: *const i32,
    flips: *const u8,
    next: *const ConvShape,
    out: *mut u8,
    [first, count]: [usize; 2],
) -> u32 {
    unsafe {
        let (shape, next) = (&*shape, &*next);
        let pixel = layout::<KERNEL>().pixel_bytes(next);
        let mut epilogue = ThresholdBits::new(
            shape,
            read(limits, start_count(shape)),
            read(flips, pixel),
            next,
            layout::<KERNEL>(),
            write(out, next.padded_pixels() * pixel),
        );
        conv::<KERNEL, _>(shape, bits, weights, first, count, &mut epilogue);
        0
    }
}

unsafe fn conv_norm<const KERNEL: u32>(
    shape: *const ConvShape,
    [bits, weights]: [*const u8; 2],
    starts: *const i32,
    [scale, shift]: [*const f32; 2],
    residual: *const f32,
    out: *mut f32,
    next: *const ConvShape,
    next_bits: *mut u8,
    [first, count]: [usize; 2],
) -> u32 {
    unsafe {
        let shape = &*shape;
        let filters = shape.filters as usize;
        let reals = shape.output_pixels() * filters;
        if !residual.is_null() {
            read(residual, reals);
        }
        if !out.is_null() {
            write(out, reals);
        }
        let sink = (!next_bits.is_null()).then(|| {
            let next = &*next;
            let layout = layout::<KERNEL>();
            (
                next,
                layout,
                write(next_bits, next.padded_pixels() * layout.pixel_bytes(next)),
            )
        });
        let fold = [read(scale, filters), read(shift, filters)];
        let starts = read(starts, start_count(shape));
        let mut epilogue = Normalised::new(shape, starts, fold, residual, out, sink);
        conv::<KERNEL, _>(shape, bits, weights, first, count, &mut epilogue);
        u32::from(epilogue.met_nan())
    }
}

macro_rules! kernel {
    ($number:ident, $name:literal, $real:ident, $bits:ident, $norm:ident) => {
        #[doc = concat!("Real sums `[pixels][filters]`, by ", $name, ".")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $real(
            shape: *const ConvShape,
            bits: *const u8,
            weights: *const u8,
            starts: *const i32,
            out: *mut f32,
            first: usize,
            count: usize,
        ) -> u32 {
            unsafe { conv_real::<$number>(shape, [bits, weights], starts, out, [first, count]) }
        }

        #[doc = concat!("Bits by thresholds into the padded input of the next layer, by ", $name, ".")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $bits(
            shape: *const ConvShape,
            bits: *const u8,
            weights: *const u8,
            limits: *const i32,
            flips: *const u8,
            next: *const ConvShape,
            next_bits: *mut u8,
            first: usize,
            count: usize,
        ) -> u32 {
            unsafe { conv_bits::<$number>(shape, [bits, weights], limits, flips, next, next_bits, [first, count]) }
        }

        #[doc = concat!("`sum * scale + shift`, plus `residual` unless it is 0, to `out` unless that is 0, and its signs into the ")]
        #[doc = concat!("padded input of the next layer unless that is 0, by ", $name, ".")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $norm(
            shape: *const ConvShape,
            bits: *const u8,
            weights: *const u8,
            starts: *const i32,
            scale: *const f32,
            shift: *const f32,
            residual: *const f32,
            out: *mut f32,
            next: *const ConvShape,
            next_bits: *mut u8,
            first: usize,
            count: usize,
        ) -> u32 {
            let (fold, range) = ([scale, shift], [first, count]);
            unsafe {
                conv_norm::<$number>(shape, [bits, weights], starts, fold, residual, out, next, next_bits, range)
            }
        }
    };
}

kernel!(
    LOOKUP,
    "nibble look-up",
    bb_lookup_conv_real,
    bb_lookup_conv_bits,
    bb_lookup_conv_norm
);
kernel!(
    POPCNT8,
    "`i8x16.popcnt`",
    bb_popcnt8_conv_real,
    bb_popcnt8_conv_bits,
    bb_popcnt8_conv_norm
);
kernel!(
    POPCNT64,
    "`i64.popcnt`",
    bb_popcnt64_conv_real,
    bb_popcnt64_conv_bits,
    bb_popcnt64_conv_norm
);
