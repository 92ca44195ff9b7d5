//! The three kernels with their three epilogues against the definition.

use core::ops::Range;

use proptest::prelude::*;

use super::border::{limits, starts};
use super::epilogue::{BitLayout, Epilogue, Normalised, RealSums, ThresholdBits};
use super::lookup::lookup_conv;
use super::popcnt::{popcnt8_conv, popcnt64_conv};
use crate::bits::{self, weights};
use crate::naive::binary as naive;
use crate::naive::shapes::{any_shape, conv_shape, reals};
use crate::shape::ConvShape;

/// The operands of all kernels for the same convolution.
struct Operands {
    shape: ConvShape,
    nibbles: Vec<u8>,
    words: Vec<u64>,
    lookup_weights: Vec<u8>,
    byte_weights: Vec<u8>,
    word_weights: Vec<u64>,
    starts: Vec<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kernel {
    Lookup,
    Popcnt8,
    Popcnt64,
}

const KERNELS: [Kernel; 3] = [Kernel::Lookup, Kernel::Popcnt8, Kernel::Popcnt64];

impl Kernel {
    fn layout(self) -> BitLayout {
        if self == Self::Lookup {
            BitLayout::Nibbles
        } else {
            BitLayout::Words
        }
    }

    /// Runs the kernel over the filters in two ranges.
    fn run(self, operands: &Operands, cut: usize, epilogue: &mut impl Epilogue) {
        let filters = operands.shape.filters as usize;
        for range in [0..cut, cut..filters] {
            self.run_range(operands, range, epilogue);
        }
    }

    fn run_range(self, operands: &Operands, range: Range<usize>, epilogue: &mut impl Epilogue) {
        let Operands {
            shape,
            nibbles,
            words,
            lookup_weights,
            byte_weights,
            word_weights,
            ..
        } = operands;
        match self {
            Self::Lookup => lookup_conv(shape, nibbles, lookup_weights, range, epilogue),
            Self::Popcnt8 => popcnt8_conv(shape, words, byte_weights, range, epilogue),
            Self::Popcnt64 => popcnt64_conv(shape, words, word_weights, range, epilogue),
        }
    }
}

fn operands(shape: &ConvShape, x: &[f32], kernel: &[f32]) -> Operands {
    let (k, n) = (shape.terms(), shape.filters as usize);
    let mut file = vec![0; n * k.div_ceil(8)];
    let mut correction = vec![0; shape.taps() * n];
    weights::pack_file_bits(kernel, k, n, &mut file);
    weights::bb_correction(shape, &file, &mut correction);
    let panels = 16 * shape.filter_blocks() * shape.taps();
    let mut all = Operands {
        shape: *shape,
        nibbles: vec![0; shape.padded_pixels() * shape.groups()],
        words: vec![0; shape.padded_pixels() * shape.words()],
        lookup_weights: vec![0xff; shape.lookup_weight_bytes()],
        byte_weights: vec![0xff; panels * (shape.channels as usize).div_ceil(8)],
        word_weights: vec![u64::MAX; n.next_multiple_of(2) * shape.taps() * shape.words()],
        starts: vec![i32::MAX; shape.start_count()],
    };
    bits::fill_border_nibbles(shape, &mut all.nibbles);
    bits::sign_nibbles(shape, x, &mut all.nibbles);
    bits::fill_border_words(shape, &mut all.words);
    bits::sign_words(shape, x, &mut all.words);
    weights::pack_lookup_weights(shape, &file, &mut all.lookup_weights);
    weights::pack_byte_weights(shape, &file, &mut all.byte_weights);
    weights::pack_word_weights(shape, &file, &mut all.word_weights);
    starts(shape, &correction, &mut all.starts);
    all
}

/// A layer that reads what `shape` writes, with a border of its own.
fn next_of(shape: &ConvShape, seed: u64) -> ConvShape {
    let kernel = 1 + (seed % 4) as u32;
    let image = [shape.images, shape.out_height, shape.out_width, shape.filters];
    conv_shape(image, [kernel, kernel, 1], [1, 1], true, seed.is_multiple_of(3))
}

fn bytes(layout: BitLayout, shape: &ConvShape, bits: &[bool]) -> Vec<u8> {
    match layout {
        BitLayout::Nibbles => naive::nibbles(shape, bits),
        BitLayout::Words => naive::words(shape, bits)
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect(),
    }
}

/// A pixel of flips in the layout.
fn pixel(layout: BitLayout, flips: &[bool]) -> Vec<u8> {
    let filters = flips.len() as u32;
    bytes(
        layout,
        &conv_shape([1, 1, 1, filters], [1, 1, 1], [1, 1], true, false),
        flips,
    )
}

/// A multiple of 32 within the filters.
fn cut_of(shape: &ConvShape, seed: u64) -> usize {
    32 * (seed as usize % (shape.filters as usize / 32 + 1))
}

fn check(shape: &ConvShape, seed: u64) {
    let filters = shape.filters as usize;
    let x = reals(seed, shape.input_pixels() * shape.channels as usize);
    let kernel = reals(!seed, shape.terms() * filters);
    let sums = naive::conv(shape, &x, &kernel);
    let all = operands(shape, &x, &kernel);
    let (next, cut) = (next_of(shape, seed), cut_of(shape, seed >> 8));
    for kernel in KERNELS {
        check_real(&all, kernel, cut, &sums);
        check_bits(&all, kernel, cut, &sums, &next, seed);
        check_norm(&all, kernel, cut, &sums, &next, seed);
    }
}

fn check_real(all: &Operands, kernel: Kernel, cut: usize, sums: &[i32]) {
    let mut out = vec![f32::NAN; sums.len()];
    kernel.run(all, cut, &mut RealSums::new(&all.shape, &all.starts, &mut out));
    let expected: Vec<f32> = sums.iter().map(|&sum| sum as f32).collect();
    assert_eq!(out, expected, "{kernel:?}");
}

fn check_bits(all: &Operands, kernel: Kernel, cut: usize, sums: &[i32], next: &ConvShape, seed: u64) {
    let (shape, filters) = (&all.shape, all.shape.filters as usize);
    let random = reals(seed ^ 1, 3 * filters);
    let thresholds: Vec<i32> = (0..filters)
        .map(|filter| match (random[filter] * 16.0) as i32 {
            15 => i32::MIN,
            -15 => i32::MAX,
            // Near a sum that occurs, so that ties do.
            near => sums[filter + filters * (seed as usize % shape.output_pixels())] + near / 4,
        })
        .collect();
    let flips: Vec<bool> = (0..filters).map(|filter| random[filters + filter] < 0.0).collect();
    let expected: Vec<bool> = sums
        .iter()
        .enumerate()
        .map(|(i, sum)| (*sum >= thresholds[i % filters]) ^ flips[i % filters])
        .collect();
    let mut limit = vec![0; shape.start_count()];
    limits(shape, &all.starts, &thresholds, &mut limit);
    let layout = kernel.layout();
    let mut out = bytes(layout, next, &vec![false; sums.len()]);
    let flips = pixel(layout, &flips);
    kernel.run(
        all,
        cut,
        &mut ThresholdBits::new(shape, &limit, &flips, next, layout, &mut out),
    );
    assert_eq!(out, bytes(layout, next, &expected), "{kernel:?}");
}

fn check_norm(all: &Operands, kernel: Kernel, cut: usize, sums: &[i32], next: &ConvShape, seed: u64) {
    let (shape, filters) = (&all.shape, all.shape.filters as usize);
    let fold = reals(seed ^ 2, 2 * filters);
    let (scale, shift) = fold.split_at(filters);
    let residual = reals(seed ^ 3, sums.len());
    let layout = kernel.layout();
    let plain: Vec<f32> = sums
        .iter()
        .enumerate()
        .map(|(i, sum)| {
            let scaled = *sum as f32 * scale[i % filters];
            scaled + shift[i % filters]
        })
        .collect();
    let added: Vec<f32> = plain.iter().zip(&residual).map(|(y, residual)| y + residual).collect();
    for (with_residual, with_out, with_bits) in [(true, true, true), (false, true, false), (true, false, true)] {
        let expected = if with_residual { &added } else { &plain };
        // The residual lies where the output goes.
        let mut out = residual.clone();
        let mut next_bits = bytes(layout, next, &vec![false; sums.len()]);
        let address = out.as_mut_ptr();
        // SAFETY: as many reals as the output has.
        let mut epilogue = unsafe {
            Normalised::new(
                shape,
                &all.starts,
                [scale, shift],
                if with_residual { address } else { core::ptr::null() },
                if with_out { address } else { core::ptr::null_mut() },
                with_bits.then_some((next, layout, next_bits.as_mut_slice())),
            )
        };
        kernel.run(all, cut, &mut epilogue);
        assert!(!epilogue.met_nan());
        assert_eq!(&out, if with_out { expected } else { &residual }, "{kernel:?}");
        if with_bits {
            let signs: Vec<bool> = expected.iter().map(|&y| y >= 0.0).collect();
            assert_eq!(next_bits, bytes(layout, next, &signs), "{kernel:?}");
        }
    }
    let mut nan = residual.clone();
    nan[seed as usize % sums.len()] = f32::NAN;
    // SAFETY: as many reals as the output has.
    let mut epilogue = unsafe {
        Normalised::new(
            shape,
            &all.starts,
            [scale, shift],
            nan.as_ptr(),
            core::ptr::null_mut(),
            None,
        )
    };
    kernel.run(all, cut, &mut epilogue);
    assert!(epilogue.met_nan());
}

proptest! {
    #![proptest_config(crate::naive::cases(192))]

    #[test]
    fn every_kernel_with_every_epilogue(shape in any_shape(), seed: u64) {
        check(&shape, seed);
    }
}

/// The byte, 16-bit and 32-bit counts, at the ends of what they hold.
#[test]
fn counts_do_not_overflow_where_everything_disagrees() {
    for (rows, k) in [
        (1, 4 * 63 * 5),
        (2, 32_766),
        (3, 32_767),
        (6, 40_000),
        (1, 65_536),
        (2, 150_001),
    ] {
        let shape = conv_shape([1, 1, rows, k], [1, 1, 17], [1, 1], true, false);
        let (x, kernel) = (vec![1.0; (rows * k) as usize], vec![-1.0; (k * 17) as usize]);
        let all = operands(&shape, &x, &kernel);
        let sums = vec![-(k as i32); 17 * rows as usize];
        for kernel in KERNELS {
            check_real(&all, kernel, 0, &sums);
            check_bits(&all, kernel, 0, &sums, &next_of(&shape, 3), 3);
        }
    }
}

/// Windows of 3x3x100: counts are carried from run to run, and the bytes past the channels are left out.
#[test]
fn counts_are_carried_across_runs() {
    check(&conv_shape([2, 5, 7, 100], [3, 3, 34], [1, 1], true, false), 1);
    check(&conv_shape([1, 5, 7, 300], [3, 3, 65], [2, 1], true, false), 2);
}

/// Panels of 64 filters, whole and cut, with windows that miss taps on every side.
#[test]
fn panels_of_filters_meet_every_border() {
    for seed in 0..4 {
        check(
            &conv_shape([2, 5, 6, 20], [3, 3, 130], [1, 1], true, false),
            seed << 8 | seed,
        );
    }
}

#[test]
#[should_panic(expected = "panels of 32")]
fn a_range_that_cuts_a_panel_is_refused() {
    let shape = conv_shape([1, 1, 1, 4], [1, 1, 40], [1, 1], true, false);
    let mut out = [0.0; 40];
    let mut epilogue = RealSums::new(&shape, &[0; 48], &mut out);
    lookup_conv(&shape, &[0; 1], &[0; 144], 8..40, &mut epilogue);
}

#[test]
#[should_panic(expected = "is_consistent")]
fn a_shape_that_contradicts_itself_is_refused() {
    let mut shape = conv_shape([1, 4, 4, 4], [3, 3, 1], [1, 1], true, false);
    shape.padded_height -= 1;
    let starts = vec![0; shape.start_count()];
    let mut out = [0.0; 16];
    let mut epilogue = RealSums::new(&shape, &starts, &mut out);
    lookup_conv(&shape, &[0; 64], &[0; 1024], 0..1, &mut epilogue);
}
