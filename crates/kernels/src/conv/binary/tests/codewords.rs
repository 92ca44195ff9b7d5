//! The kernel for few codewords against the definition.

use proptest::prelude::*;

use super::check_kernel;
use super::operands::Kernel;
use crate::arbitrary::{cases, conv_shape, dilated_shape, reals, seeds};
use crate::conv::binary::codewords::{MOST_CHANNELS, codeword_conv};
use crate::conv::binary::epilogue::RealSums;
use crate::gemm::bb_codewords::{CODEWORDS, TABLE_BYTES, TAPS};
use crate::shape::ConvShape;
use crate::shared::Shared;

/// A real kernel of `words` codewords, of which each channel of each filter has one.
fn kernel_of(shape: &ConvShape, words: usize, seed: u64) -> Vec<f32> {
    let (channels, filters) = (shape.channels as usize, shape.filters as usize);
    let codewords = reals(TAPS * words, seed ^ 7);
    let chosen: Vec<usize> = reals(channels * filters, seed ^ 8)
        .iter()
        .map(|real| real.to_bits() as usize / 64 % words)
        .collect();
    (0..TAPS * channels * filters)
        .map(|at| codewords[TAPS * chosen[at % (channels * filters)] + at / (channels * filters)])
        .collect()
}

fn check(shape: &ConvShape, words: usize, seed: u64) {
    check_kernel(
        shape,
        &kernel_of(shape, words, seed),
        seed,
        &[Kernel::Codewords, Kernel::Lookup],
    );
}

fn shapes() -> impl Strategy<Value = ConvShape> {
    // Channels of one vector of groups and of several, the last overlapping, in one batch and in several.
    let sizes = (1..3_u32, 3..7_u32, 3..7_u32, 16..45_u32, 1..140_u32);
    let windows = (1..3_u32, 1..3_u32, 1..3_u32, any::<bool>(), any::<bool>());
    (sizes, windows).prop_map(|((images, height, width, groups, filters), window)| {
        let (stride, down, right, same, pad_one) = window;
        let fits = same || (height > 2 * down && width > 2 * right);
        let dilations = if fits { [down, right] } else { [1, 1] };
        let strides = if dilations == [1, 1] {
            [stride, 3 - stride]
        } else {
            [1, 1]
        };
        let image = [images, height, width, 4 * groups];
        dilated_shape(image, [3, 3, filters], strides, dilations, same, pad_one)
    })
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn few_codewords_with_every_epilogue(shape in shapes(), words in 1..=CODEWORDS, seed in seeds()) {
        check(&shape, words, seed);
    }
}

/// The bytes of a batch at the end of what they hold, and the most channels, of which a strip has room for two pairs.
#[test]
fn counts_do_not_overflow_where_everything_disagrees() {
    for channels in [64, 84, 112, MOST_CHANNELS as u32] {
        let shape = conv_shape([1, 3, 7, channels], [3, 3, 17], [1, 1], false, false);
        let kernel = vec![-1.0; shape.terms() * 17];
        check_kernel(&shape, &kernel, 5, &[Kernel::Codewords]);
    }
}

#[test]
fn sizes_agree() {
    let shape = conv_shape([1, 3, 3, 64], [3, 3, 65], [1, 1], true, false);
    assert_eq!(shape.codeword_weight_bytes(), TABLE_BYTES + 2 * 64 * 64);
}

#[test]
#[should_panic(expected = "takes(shape)")]
fn a_shape_that_it_does_not_take_is_refused() {
    let shape = conv_shape([1, 3, 3, 60], [3, 3, 1], [1, 1], true, false);
    let mut out = [0.0; 9];
    let starts = vec![0; shape.start_count()];
    let mut epilogue = RealSums::new(&shape, &starts, Shared::from(&mut out[..]));
    let (nibbles, weights) = (
        vec![0; shape.padded_pixels() * 15],
        vec![0; shape.codeword_weight_bytes()],
    );
    // SAFETY: the nibbles and the codewords are 0, and the epilogue is made for the shape.
    unsafe { codeword_conv(&shape, &nibbles, &weights, 0..1, &mut epilogue) };
}
