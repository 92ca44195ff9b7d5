//! The three binary convolutions against the definition.

use proptest::prelude::*;

use crate::bits::{self, weights};
use crate::conv::binary::*;
use crate::gemm::bb_popcnt::{Popcnt8, Popcnt64};
use crate::naive::binary as naive;
use crate::naive::shapes::{any_shape, conv_shape, reals};
use crate::shape::ConvShape;

/// The sums of all three kernels, by name.
fn all_kernels(shape: &ConvShape, x: &[f32], kernel: &[f32]) -> [(&'static str, Vec<i32>); 3] {
    let (k, n) = (shape.terms(), shape.filters as usize);
    let mut file = vec![0; n * k.div_ceil(8)];
    let mut correction = vec![0; shape.taps() * n];
    weights::pack_file_bits(kernel, k, n, &mut file);
    weights::bb_correction(shape, &file, &mut correction);

    let mut nibbles = vec![0; shape.padded_pixels() * shape.groups()];
    let mut lookup = vec![0; shape.lookup_weight_bytes()];
    bits::fill_border_nibbles(shape, &mut nibbles);
    bits::sign_nibbles(shape, x, &mut nibbles);
    weights::pack_lookup_weights(shape, &file, &mut lookup);

    let mut words = vec![0; shape.padded_pixels() * shape.words()];
    let mut filters = vec![0; n.next_multiple_of(2) * shape.taps() * shape.words()];
    bits::fill_border_words(shape, &mut words);
    bits::sign_words(shape, x, &mut words);
    weights::pack_word_weights(shape, &file, &mut filters);

    let run = |conv: &dyn Fn(&mut [i32])| {
        let mut sums = vec![i32::MIN; shape.output_pixels() * n];
        conv(&mut sums);
        sums
    };
    [
        (
            "look-up",
            run(&|out| lookup_conv_4x32(shape, &nibbles, &lookup, &correction, out)),
        ),
        (
            "i8x16.popcnt",
            run(&|out| popcnt_conv_4x2::<Popcnt8>(shape, &words, &filters, &correction, out)),
        ),
        (
            "i64.popcnt",
            run(&|out| popcnt_conv_4x2::<Popcnt64>(shape, &words, &filters, &correction, out)),
        ),
    ]
}

proptest! {
    #![proptest_config(crate::naive::cases(192))]

    #[test]
    fn every_kernel_gives_the_exact_sums(shape in any_shape(), seed: u64) {
        let x = reals(seed, shape.input_pixels() * shape.channels as usize);
        let kernel = reals(!seed, shape.terms() * shape.filters as usize);
        let expected = naive::conv(&shape, &x, &kernel);
        for (name, sums) in all_kernels(&shape, &x, &kernel) {
            prop_assert_eq!(&sums, &expected, "{}", name);
        }
    }
}

/// The byte and 16-bit counts must go out before they overflow: all products are -1.
#[test]
fn counts_do_not_overflow_where_everything_disagrees() {
    for (rows, k) in [(1, 4 * 63 * 5), (6, 40_000), (1, 65_536), (2, 150_001)] {
        let shape = conv_shape([1, 1, rows, k], [1, 1, 17], [1, 1], true, false);
        let x = vec![1.0; (rows * k) as usize];
        let kernel = vec![-1.0; (k * 17) as usize];
        for (name, sums) in all_kernels(&shape, &x, &kernel) {
            assert!(sums.iter().all(|&sum| sum == -(k as i32)), "{name}, K = {k}");
        }
    }
}

/// Windows of 3x3x100: counts are carried from run to run.
#[test]
fn counts_are_carried_across_runs() {
    let shape = conv_shape([2, 5, 7, 300], [3, 3, 34], [1, 1], true, false);
    let x = reals(1, shape.input_pixels() * 300);
    let kernel = reals(2, shape.terms() * 34);
    let expected = naive::conv(&shape, &x, &kernel);
    for (name, sums) in all_kernels(&shape, &x, &kernel) {
        assert_eq!(sums, expected, "{name}");
    }
}

#[test]
#[should_panic(expected = "is_consistent")]
fn a_shape_that_contradicts_itself_is_refused() {
    let mut shape = conv_shape([1, 4, 4, 4], [3, 3, 1], [1, 1], true, false);
    shape.padded_height -= 1;
    lookup_conv_4x32(&shape, &[0; 64], &[0; 1024], &[0; 9], &mut [0; 16]);
}
