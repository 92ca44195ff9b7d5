//! A range of filters touches nothing that belongs to other filters, so threads can share the output of a layer.

use core::ops::Range;
use core::ptr::with_exposed_provenance_mut;
use core::slice;
use std::thread;

use super::operands::{KERNELS, Kernel, Operands, bytes, next_of, operands, pixel};
use crate::arbitrary::{conv_shape, reals};
use crate::conv::binary::accumulate8::{Overflow, accumulate8_conv};
use crate::conv::binary::border::limits;
use crate::conv::binary::epilogue::{BitLayout, Normalised, RealSums, ThresholdBits};
use crate::shape::ConvShape;
use crate::shared::Shared;

const FILTERS: usize = 130;
/// No sum is as large, and what is added to it is seen.
const RUBBISH: f32 = 1000.5;

/// Ranges that begin and end in the middle of a panel of 64 filters, and the last one.
const RANGES: [Range<usize>; 4] = [0..32, 32..96, 64..128, 96..FILTERS];

fn case(seed: u64) -> (Operands, ConvShape) {
    let shape = conv_shape([1, 3, 4, 20], [3, 3, FILTERS as u32], [1, 1], true, false);
    let x = reals(shape.input_pixels() * 20, seed);
    let kernel = reals(shape.terms() * FILTERS, !seed);
    (operands(&shape, &x, &kernel), next_of(&shape, seed))
}

/// Asserts that of `part`, which held rubbish, the reals of a range are those of `whole`, and no other has changed.
fn assert_reals(part: &[f32], whole: &[f32], range: &Range<usize>) {
    for (at, (part, whole)) in part.iter().zip(whole).enumerate() {
        let wanted = if range.contains(&(at % FILTERS)) {
            *whole
        } else {
            RUBBISH
        };
        assert_eq!(*part, wanted, "{range:?}, filter {}", at % FILTERS);
    }
}

/// The same of bytes in the padded input of `next`, which held 0xab. A range ends with its last block of 16 filters.
fn assert_bits(part: &[u8], whole: &[u8], range: &Range<usize>, layout: BitLayout, next: &ConvShape) {
    let pixel_bytes = layout.pixel_bytes(next);
    let width = next.width as usize;
    let inside: Vec<_> = next.interior_rows().map(|(_, first)| first..first + width).collect();
    let filters = if layout == BitLayout::Nibbles { 4 } else { 8 };
    for (at, (part, whole)) in part.iter().zip(whole).enumerate() {
        let filter = at % pixel_bytes * filters;
        let is_inside = inside.iter().any(|row| row.contains(&(at / pixel_bytes)));
        let is_own = is_inside && (range.start..range.end.next_multiple_of(16)).contains(&filter);
        assert_eq!(*part, if is_own { *whole } else { 0xab }, "{range:?}, filter {filter}");
    }
}

#[test]
fn real_sums_of_a_range_alone_are_written() {
    let (all, _) = case(1);
    for kernel in KERNELS {
        let run = |range: Range<usize>| {
            let mut out = vec![RUBBISH; 12 * FILTERS];
            let mut epilogue = RealSums::new(&all.shape, &all.starts, Shared::from(&mut out[..]));
            kernel.run_range(&all, range, &mut epilogue);
            out
        };
        let whole = run(0..FILTERS);
        RANGES
            .iter()
            .for_each(|range| assert_reals(&run(range.clone()), &whole, range));
    }
}

#[test]
fn bits_of_a_range_alone_are_written() {
    let (all, next) = case(2);
    let mut limit = vec![0; all.shape.start_count()];
    limits(&all.shape, &all.starts, &[0; FILTERS], &mut limit);
    for kernel in KERNELS {
        let layout = kernel.layout();
        let flips = pixel(layout, &[true; FILTERS]);
        let run = |range: Range<usize>, rubbish: u8| {
            let mut out = vec![rubbish; next.padded_pixels() * layout.pixel_bytes(&next)];
            let memory = Shared::from(&mut out[..]);
            let mut epilogue = ThresholdBits::new(&all.shape, &limit, &flips, &next, layout, memory);
            kernel.run_range(&all, range, &mut epilogue);
            out
        };
        let whole = run(0..FILTERS, 0);
        for range in &RANGES {
            assert_bits(&run(range.clone(), 0xab), &whole, range, layout, &next);
        }
    }
}

#[test]
fn normalised_reals_and_signs_of_a_range_alone_are_written() {
    let (all, next) = case(3);
    let fold = reals(2 * FILTERS, 4);
    let (scale, shift) = fold.split_at(FILTERS);
    for kernel in KERNELS {
        let layout = kernel.layout();
        let run = |range: Range<usize>| {
            // The residual lies where the output goes.
            let mut out = vec![RUBBISH; 12 * FILTERS];
            let mut signs = vec![0xab; next.padded_pixels() * layout.pixel_bytes(&next)];
            let reals = Some(Shared::from(&mut out[..]));
            let bits = Some((&next, layout, Shared::from(&mut signs[..])));
            let mut epilogue = Normalised::new(&all.shape, &all.starts, [scale, shift], reals, reals, bits);
            kernel.run_range(&all, range, &mut epilogue);
            (out, signs)
        };
        let (whole, whole_signs) = run(0..FILTERS);
        for range in &RANGES {
            let (part, signs) = run(range.clone());
            assert_reals(&part, &whole, range);
            assert_bits(&signs, &whole_signs, range, layout, &next);
        }
    }
}

#[test]
fn sums_in_8_bits_of_a_range_alone_are_written() {
    let shape = conv_shape([1, 3, 4, 20], [3, 3, FILTERS as u32], [1, 1], true, false);
    let nibbles: Vec<u8> = (0..shape.padded_pixels() * shape.groups())
        .map(|i| (i as u8) << 4)
        .collect();
    let weights: Vec<u8> = (0..shape.nibble_weight_bytes()).map(|i| i as u8 % 16).collect();
    let run = |range: Range<usize>| {
        let mut out = vec![RUBBISH; 12 * FILTERS];
        let memory = Shared::from(&mut out[..]);
        // SAFETY: every byte is shifted out of its low half.
        unsafe { accumulate8_conv(&shape, &nibbles, &weights, Overflow::Wrap, range, memory) };
        out
    };
    let whole = run(0..FILTERS);
    RANGES
        .iter()
        .for_each(|range| assert_reals(&run(range.clone()), &whole, range));
}

/// Three threads share the output and the bits of a layer; the result is that of one.
#[test]
fn threads_that_share_a_layer_write_what_one_would() {
    let (all, next) = case(5);
    let fold = reals(2 * FILTERS, 6);
    let (scale, shift) = fold.split_at(FILTERS);
    let residual = reals(12 * FILTERS, 7);
    for kernel in KERNELS {
        let layout = kernel.layout();
        let run = |ranges: &[Range<usize>]| {
            let (mut out, mut signs) = (residual.clone(), bytes(layout, &next, &[false; 12 * FILTERS]));
            let (reals, bits) = (out.as_mut_ptr(), signs.as_mut_ptr());
            let addresses = (reals.expose_provenance(), bits.expose_provenance());
            let lengths = (out.len(), signs.len());
            thread::scope(|scope| {
                for range in ranges {
                    let (all, next) = (&all, &next);
                    scope.spawn(move || {
                        // SAFETY: the vectors outlive the threads, which touch elements of their own filters alone.
                        let (reals, bits) = unsafe {
                            (
                                Shared::new(with_exposed_provenance_mut(addresses.0), lengths.0),
                                Shared::new(with_exposed_provenance_mut(addresses.1), lengths.1),
                            )
                        };
                        run_norm(all, kernel, range, [scale, shift], reals, (next, layout, bits));
                    });
                }
            });
            (out, signs)
        };
        let all = 0..FILTERS;
        let alone = run(slice::from_ref(&all));
        assert_eq!(run(&[0..32, 32..64, 64..FILTERS]), alone, "{kernel:?}");
    }
}

fn run_norm<'a>(
    all: &'a Operands,
    kernel: Kernel,
    range: &Range<usize>,
    fold: [&'a [f32]; 2],
    reals: Shared<'a, f32>,
    bits: (&'a ConvShape, BitLayout, Shared<'a, u8>),
) {
    let mut epilogue = Normalised::new(&all.shape, &all.starts, fold, Some(reals), Some(reals), Some(bits));
    kernel.run_range(all, range.clone(), &mut epilogue);
    assert!(!epilogue.met_nan());
}
