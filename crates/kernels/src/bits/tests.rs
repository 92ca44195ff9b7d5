//! Every layout against the naive packing.

use proptest::prelude::*;

use super::weights::*;
use super::*;
use crate::arbitrary::{any_shapes, cases, conv_shape, flips, places, reals, seeds, sizes, with_nan};
use crate::naive::binary as naive;
use crate::shared::Shared;

fn is_positive(reals: &[f32]) -> Vec<bool> {
    reals.iter().map(|&real| naive::sign(real) > 0.0).collect()
}

proptest! {
    #![proptest_config(cases(350))]

    #[test]
    fn signs_and_borders_equal_the_naive_packing(shape in any_shapes(), seed in seeds()) {
        let x = reals(shape.input_pixels() * shape.channels as usize, seed);
        let mut nibbles = vec![0xff; shape.padded_pixels() * shape.groups()];
        let mut words = vec![u64::MAX; shape.padded_pixels() * shape.words()];
        fill_border_nibbles(&shape, &mut nibbles);
        fill_border_words(&shape, &mut words);
        prop_assert!(!sign_nibbles(&shape, &x, Shared::from(&mut nibbles[..])));
        prop_assert!(!sign_words(&shape, &x, Shared::from(&mut words[..])));
        prop_assert_eq!(nibbles, naive::nibbles(&shape, &is_positive(&x)));
        prop_assert_eq!(words, naive::words(&shape, &is_positive(&x)));
    }

    #[test]
    fn a_nan_is_reported_wherever_it_stands(shape in any_shapes(), seed in seeds(), place in places()) {
        let x = reals(shape.input_pixels() * shape.channels as usize, seed);
        let at = place.index(x.len());
        let x = with_nan(x, at);
        prop_assert!(sign_nibbles(&shape, &x, Shared::from(&mut vec![0; shape.padded_pixels() * shape.groups()][..])));
        prop_assert!(sign_words(&shape, &x, Shared::from(&mut vec![0; shape.padded_pixels() * shape.words()][..])));
        let mut kernel = reals(shape.terms() * shape.filters as usize, seed);
        let at = place.index(kernel.len());
        kernel[at] = -f32::NAN;
        let (k, n) = (shape.terms(), shape.filters as usize);
        prop_assert!(pack_file_bits(&kernel, k, n, &mut vec![0; n * k.div_ceil(8)]));
        let lookup = shape.lookup_weight_bytes();
        prop_assert!(sign_lookup_weights(&shape, &kernel, &mut vec![0; lookup]));
    }

    #[test]
    fn flips_are_the_bits_of_one_pixel(flips in flips()) {
        let pixel = conv_shape([1, 1, 1, flips.len() as u32], [1, 1, 1], [1, 1], false, false);
        let set: Vec<bool> = flips.iter().map(|&flip: &u8| flip != 0).collect();
        let (mut nibbles, mut words) = (vec![0xff; pixel.groups()], vec![u64::MAX; pixel.words()]);
        pack_flips_nibbles(&flips, &mut nibbles);
        pack_flips_words(&flips, &mut words);
        prop_assert_eq!(nibbles, naive::nibbles(&pixel, &set));
        prop_assert_eq!(words, naive::words(&pixel, &set));
    }

    #[test]
    fn file_bits_hold_the_signs_and_nothing_else(k in sizes(200), n in sizes(40), seed in seeds()) {
        let kernel = reals(k * n, seed);
        let mut bits = vec![0xff; n * k.div_ceil(8)];
        prop_assert!(!pack_file_bits(&kernel, k, n, &mut bits));
        for (filter, bits) in bits.chunks(k.div_ceil(8)).enumerate() {
            for bit in 0..8 * bits.len() {
                let expected = bit < k && naive::sign(kernel[bit * n + filter]) > 0.0;
                prop_assert_eq!(bits[bit / 8] >> (bit % 8) & 1 == 1, expected);
            }
        }
        let mut unpacked = vec![0.0; k * n];
        unpack_file_bits_real(&bits, k, n, &mut unpacked);
        prop_assert_eq!(unpacked, kernel.iter().map(|&weight| naive::sign(weight)).collect::<Vec<_>>());
    }

    #[test]
    fn weights_from_the_file_and_from_reals_are_the_same(shape in any_shapes(), seed in seeds()) {
        let (k, n) = (shape.terms(), shape.filters as usize);
        let kernel = reals(k * n, seed);
        let mut bits = vec![0; n * k.div_ceil(8)];
        pack_file_bits(&kernel, k, n, &mut bits);
        let length = shape.lookup_weight_bytes();
        let (mut from_file, mut from_reals) = (vec![0xff; length], vec![0xaa; length]);
        pack_lookup_weights(&shape, &bits, &mut from_file);
        prop_assert!(!sign_lookup_weights(&shape, &kernel, &mut from_reals));
        prop_assert_eq!(from_file, from_reals);
        let (mut from_file, mut from_reals) = (vec![7; shape.taps() * n], vec![8; shape.taps() * n]);
        bb_correction(&shape, &bits, &mut from_file);
        bb_correction_real(&shape, &kernel, &mut from_reals);
        prop_assert_eq!(&from_file, &from_reals);
        let (width, channels) = (shape.kernel_width as usize, shape.channels as usize);
        for (at, &sum) in from_file.iter().enumerate() {
            let (row, column) = (at / n / width, at / n % width);
            let taps = (0..=row).flat_map(|row| (0..=column).map(move |column| row * width + column));
            let rows = taps.flat_map(|tap| tap * channels..(tap + 1) * channels);
            prop_assert_eq!(sum as f32, rows.map(|row| naive::sign(kernel[row * n + at % n])).sum::<f32>());
        }
    }
}

#[test]
fn minus_zero_is_plus_one() {
    let shape = conv_shape([1, 1, 1, 5], [1, 1, 1], [1, 1], true, false);
    let mut nibbles = [0; 2];
    assert!(!sign_nibbles(
        &shape,
        &[-0.0, 0.0, -f32::MIN_POSITIVE, f32::INFINITY, -0.0],
        Shared::from(&mut nibbles[..])
    ));
    assert_eq!(nibbles, [0b1011_0000, 0b0001_0000]);
}

#[test]
fn lookup_weights_lie_in_panels_of_64_filters_and_splits_of_three_groups() {
    let shape = conv_shape([1, 1, 1, 5], [1, 1, 41], [1, 1], true, false);
    let kernel: Vec<f32> = (0..5 * 41).map(|i| if i % 41 == 40 { 1.0 } else { -1.0 }).collect();
    let mut weights = vec![0xff; 192];
    sign_lookup_weights(&shape, &kernel, &mut weights);
    let positive: Vec<(usize, u8)> = weights
        .iter()
        .copied()
        .enumerate()
        .filter(|&(_, byte)| byte != 0)
        .collect();
    assert_eq!(positive, [(2 * 48 + 1, 15), (2 * 48 + 16 + 1, 1)]);
}
