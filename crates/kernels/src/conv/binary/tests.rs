//! The three kernels with their three epilogues against the definition.

mod codewords;
mod operands;
mod ranges;

use proptest::prelude::*;

use self::operands::{KERNELS, Kernel, Operands, bytes, cut_of, next_of, operands, operands_of, pixel};
use super::border::{limits, unit_starts};
use super::epilogue::{Normalised, RealSums, ThresholdBits};
use super::lookup::lookup_conv;
use crate::arbitrary::{any_shapes, cases, conv_shape, reals, seeds, with_nan};
use crate::naive::binary as naive;
use crate::shape::ConvShape;
use crate::shared::Shared;

fn check(shape: &ConvShape, seed: u64) {
    let kernel = reals(shape.terms() * shape.filters as usize, !seed);
    check_kernel(shape, &kernel, seed, &KERNELS);
}

/// The convolution of drawn activations with `kernel`.
fn check_kernel(shape: &ConvShape, kernel: &[f32], seed: u64, kernels: &[Kernel]) {
    let x = reals(shape.input_pixels() * shape.channels as usize, seed);
    let sums = naive::conv(shape, &x, kernel);
    let all = operands(shape, &x, kernel);
    let (next, cut) = (next_of(shape, seed), cut_of(shape, seed >> 8));
    for &kernel in kernels {
        check_real(&all, kernel, cut, &sums);
        check_bits(&all, kernel, cut, &sums, &next, seed);
        check_norm(&all, kernel, cut, &sums, &next, seed);
    }
}

fn check_real(all: &Operands, kernel: Kernel, cut: usize, sums: &[i32]) {
    let mut out = vec![f32::NAN; sums.len()];
    kernel.run(
        all,
        cut,
        &mut RealSums::new(&all.shape, &all.starts, Shared::from(&mut out[..])),
    );
    let expected: Vec<f32> = sums.iter().map(|&sum| sum as f32).collect();
    assert_eq!(out, expected, "{kernel:?}");
}

fn check_bits(all: &Operands, kernel: Kernel, cut: usize, sums: &[i32], next: &ConvShape, seed: u64) {
    let (shape, filters) = (&all.shape, all.shape.filters as usize);
    let random = reals(3 * filters, seed ^ 1);
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
        &mut ThresholdBits::new(shape, &limit, &flips, next, layout, Shared::from(&mut out[..])),
    );
    assert_eq!(out, bytes(layout, next, &expected), "{kernel:?}");
}

fn check_norm(all: &Operands, kernel: Kernel, cut: usize, sums: &[i32], next: &ConvShape, seed: u64) {
    let (shape, filters) = (&all.shape, all.shape.filters as usize);
    let fold = reals(2 * filters, seed ^ 2);
    let (scale, shift) = fold.split_at(filters);
    let residual = reals(sums.len(), seed ^ 3);
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
        let reals = Shared::from(&mut out[..]);
        let mut epilogue = Normalised::new(
            shape,
            &all.starts,
            [scale, shift],
            with_residual.then_some(reals),
            with_out.then_some(reals),
            with_bits.then_some((next, layout, Shared::from(&mut next_bits[..]))),
        );
        kernel.run(all, cut, &mut epilogue);
        assert!(!epilogue.met_nan());
        assert_eq!(&out, if with_out { expected } else { &residual }, "{kernel:?}");
        if with_bits {
            let signs: Vec<bool> = expected.iter().map(|&y| y >= 0.0).collect();
            assert_eq!(next_bits, bytes(layout, next, &signs), "{kernel:?}");
        }
    }
    let mut nan = with_nan(residual, seed as usize % sums.len());
    let bad = Some(Shared::from(&mut nan[..]));
    let mut epilogue = Normalised::new(shape, &all.starts, [scale, shift], bad, None, None);
    kernel.run(all, cut, &mut epilogue);
    assert!(epilogue.met_nan());
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn every_kernel_with_every_epilogue(shape in any_shapes(), seed in seeds()) {
        check(&shape, seed);
    }

    /// Twice the sums over 0 and 1, by their definition: what is 0 adds nothing, be it in the image or around it.
    #[test]
    fn bits_may_stand_for_zero_and_one(shape in any_shapes(), seed in seeds()) {
        let filters = shape.filters as usize;
        let x = reals(shape.input_pixels() * shape.channels as usize, seed);
        let kernel = reals(shape.terms() * filters, !seed);
        let ones = vec![1.0; x.len()];
        let of = |x: &[f32]| naive::conv(&shape, x, &kernel);
        let sums: Vec<i32> = of(&x).iter().zip(of(&ones)).map(|(sum, all)| sum + all).collect();
        let all = operands_of(&shape, &x, &kernel, unit_starts);
        let (next, cut) = (next_of(&shape, seed), cut_of(&shape, seed >> 8));
        for kernel in KERNELS {
            check_real(&all, kernel, cut, &sums);
            check_bits(&all, kernel, cut, &sums, &next, seed);
            check_norm(&all, kernel, cut, &sums, &next, seed);
        }
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
    let mut epilogue = RealSums::new(&shape, &[0; 48], Shared::from(&mut out[..]));
    // SAFETY: the nibbles are 0, and the epilogue is made for the shape.
    unsafe { lookup_conv(&shape, &[0; 1], &[0; 144], 8..40, &mut epilogue) };
}

#[test]
#[should_panic(expected = "is_consistent")]
fn a_shape_that_contradicts_itself_is_refused() {
    let mut shape = conv_shape([1, 4, 4, 4], [3, 3, 1], [1, 1], true, false);
    shape.padded_height -= 1;
    let starts = vec![0; shape.start_count()];
    let mut out = [0.0; 16];
    let mut epilogue = RealSums::new(&shape, &starts, Shared::from(&mut out[..]));
    // SAFETY: the nibbles are 0, and the epilogue is made for the shape.
    unsafe { lookup_conv(&shape, &[0; 64], &[0; 1024], 0..1, &mut epilogue) };
}
