//! Sums in 8 bits against the definition, which walks one product after the other.

use core::ops::Range;

use proptest::prelude::*;

use super::accumulate8::{Overflow, accumulate8_conv, convolve};
use crate::arbitrary::{any_shapes, cases, conv_shape, reals, seeds};
use crate::bits::{self, weights};
use crate::naive::binary::accumulated_conv;
use crate::shape::ConvShape;
use crate::shared::Shared;

const BOTH: [Overflow; 2] = [Overflow::Saturate, Overflow::Wrap];

fn keep(overflow: Overflow) -> impl Fn(i32) -> i32 {
    move |sum| match overflow {
        Overflow::Saturate => sum.clamp(-128, 127),
        Overflow::Wrap => (sum + 128).rem_euclid(256) - 128,
    }
}

/// The kernel over the filters in ranges, on weights by both ways of packing.
fn run(shape: &ConvShape, x: &[f32], kernel: &[f32], overflow: Overflow, ranges: &[Range<usize>]) -> Vec<f32> {
    let (k, n) = (shape.terms(), shape.filters as usize);
    let mut nibbles = vec![0; shape.padded_pixels() * shape.groups()];
    bits::fill_border_nibbles(shape, &mut nibbles);
    bits::sign_nibbles(shape, x, Shared::from(&mut nibbles[..]));
    let mut file = vec![0; n * k.div_ceil(8)];
    weights::pack_file_bits(kernel, k, n, &mut file);
    let [mut packed, mut signed] = [0xff, 0x77].map(|rubbish| vec![rubbish; shape.nibble_weight_bytes()]);
    weights::pack_nibble_weights(shape, &file, &mut packed);
    assert!(!weights::sign_nibble_weights(shape, kernel, &mut signed));
    assert_eq!(packed, signed);
    let [mut out, mut general] = [(); 2].map(|()| vec![f32::NAN; shape.output_pixels() * n]);
    for range in ranges {
        let [out, general] = [&mut out, &mut general].map(|out| Shared::from(&mut out[..]));
        // SAFETY: the nibbles were packed by `bits`.
        unsafe {
            convolve::<true>(shape, &nibbles, &packed, overflow, range.clone(), out);
            convolve::<false>(shape, &nibbles, &packed, overflow, range.clone(), general);
        }
    }
    assert_eq!(out, general);
    out
}

fn check(shape: &ConvShape, x: &[f32], kernel: &[f32], cut: usize) {
    for overflow in BOTH {
        let wanted = accumulated_conv(shape, x, kernel, keep(overflow));
        let wanted: Vec<f32> = wanted.iter().map(|&sum| sum as f32).collect();
        let ranges = [0..cut, cut..shape.filters as usize];
        assert_eq!(run(shape, x, kernel, overflow, &ranges), wanted, "{overflow:?}");
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn sums_are_kept_in_8_bits(shape in any_shapes(), seed in seeds(), agree in 0..4u32) {
        // Operands that mostly agree, so that sums leave the 8 bits.
        let bias = agree as f32 * 0.3;
        let x: Vec<f32> = reals(shape.input_pixels() * shape.channels as usize, seed).iter().map(|x| x + bias).collect();
        let kernel: Vec<f32> = reals(shape.terms() * shape.filters as usize, !seed).iter().map(|w| w + bias).collect();
        check(&shape, &x, &kernel, 32 * (seed as usize % (shape.filters as usize / 32 + 1)));
    }
}

/// Equal signs: 132 products saturate at 127 and wrap round to -124, unequal ones to -128 and 124.
#[test]
fn equal_signs_leave_the_8_bits() {
    let shape = conv_shape([1, 1, 5, 132], [1, 1, 17], [1, 1], true, false);
    let (x, kernel) = (vec![0.0; 5 * 132], vec![1.0; 132 * 17]);
    let opposite = vec![-1.0; kernel.len()];
    let all = 0..17;
    for (weights, overflow, sum) in [
        (&kernel, Overflow::Saturate, 127.0),
        (&opposite, Overflow::Saturate, -128.0),
        (&kernel, Overflow::Wrap, -124.0),
        (&opposite, Overflow::Wrap, 124.0),
    ] {
        let sums = run(&shape, &x, weights, overflow, core::slice::from_ref(&all));
        assert_eq!(sums, vec![sum; 5 * 17]);
    }
    check(&shape, &x, &kernel, 0);
    check(&shape, &x, &opposite, 0);
}

/// What a saturated sum loses stays lost: 160 products of +1, then 40 of -1, give 127 - 40.
#[test]
fn the_order_of_the_groups_decides() {
    let shape = conv_shape([1, 1, 1, 200], [1, 1, 1], [1, 1], true, false);
    let x = vec![1.0; 200];
    let kernel: Vec<f32> = (0..200).map(|row| if row < 160 { 1.0 } else { -1.0 }).collect();
    let all = 0..1;
    let sums = |overflow| run(&shape, &x, &kernel, overflow, core::slice::from_ref(&all));
    assert_eq!(sums(Overflow::Saturate), [87.0]);
    assert_eq!(sums(Overflow::Wrap), [120.0]);
}

/// Borders of zeros add nothing, borders of ones what they are.
#[test]
fn borders_add_what_they_are() {
    for pad_one in [false, true] {
        for channels in [1, 3, 16, 37] {
            let shape = conv_shape([2, 5, 7, channels], [3, 3, 70], [1, 1], true, pad_one);
            let x = vec![1.0; shape.input_pixels() * channels as usize];
            let kernel = vec![1.0; shape.terms() * 70];
            check(&shape, &x, &kernel, 64);
        }
    }
}

#[test]
fn nan_weights_are_reported() {
    let shape = conv_shape([1, 1, 1, 4], [1, 1, 1], [1, 1], true, false);
    let mut out = [0; 64];
    assert!(weights::sign_nibble_weights(
        &shape,
        &[1.0, f32::NAN, 1.0, 1.0],
        &mut out
    ));
}

#[test]
#[should_panic(expected = "is_consistent")]
fn a_shape_that_contradicts_itself_is_refused() {
    let mut shape = conv_shape([1, 4, 4, 4], [3, 3, 1], [1, 1], true, false);
    shape.padded_height -= 1;
    let mut out = [0.0; 16];
    let out = Shared::from(&mut out[..]);
    // SAFETY: the nibbles are 0.
    unsafe { accumulate8_conv(&shape, &[0; 64], &[0; 1024], Overflow::Wrap, 0..1, out) };
}
