//! Pools over bits against the naive maximum.

use proptest::prelude::*;

use super::*;
use crate::arbitrary::{any_undilated_shapes, cases, conv_shape, reals, seeds};
use crate::bits::{fill_border_nibbles, fill_border_words};
use crate::naive::binary as naive;
use crate::shared::Shared;

/// The same pixels without padding.
fn unpadded(shape: &ConvShape) -> ConvShape {
    let (padded_height, padded_width) = (shape.height, shape.width);
    ConvShape {
        pad_top: 0,
        pad_left: 0,
        padded_height,
        padded_width,
        ..*shape
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_pool_is_the_maximum_then_the_flip(pool in any_undilated_shapes(), same: bool, pad_one: bool, seed in seeds()) {
        let pool = ConvShape { filters: pool.channels, ..pool };
        let channels = pool.channels as usize;
        let kernel = if same { 3 } else { 1 };
        let input = [pool.images, pool.out_height, pool.out_width, pool.channels];
        let consumer = conv_shape(input, [kernel, kernel, 1], [1, 1], same, pad_one);
        let bits: Vec<bool> = reals(pool.input_pixels() * channels, seed).iter().map(|&x| x > 0.7).collect();
        let flips: Vec<bool> = reals(channels, !seed).iter().map(|&x| x > 0.5).collect();
        let pooled = naive::max_pool(&pool, &bits);
        let expected: Vec<bool> = pooled.iter().enumerate().map(|(i, bit)| bit ^ flips[i % channels]).collect();

        let source = unpadded(&pool);
        let pixel = ConvShape { images: 1, height: 1, width: 1, padded_height: 1, padded_width: 1, ..source };
        let mut nibbles = vec![0; consumer.padded_pixels() * consumer.groups()];
        fill_border_nibbles(&consumer, &mut nibbles);
        let (input, flip_nibbles) = (naive::nibbles(&source, &bits), naive::nibbles(&pixel, &flips));
        max_pool_nibbles(&pool, &input, &flip_nibbles, &consumer, Shared::from(&mut nibbles[..]));
        prop_assert_eq!(nibbles, naive::nibbles(&consumer, &expected));
        let mut words = vec![0; consumer.padded_pixels() * consumer.words()];
        fill_border_words(&consumer, &mut words);
        let (input, flip_words) = (naive::words(&source, &bits), naive::words(&pixel, &flips));
        max_pool_words(&pool, &input, &flip_words, &consumer, Shared::from(&mut words[..]));
        prop_assert_eq!(words, naive::words(&consumer, &expected));
    }
}

#[test]
#[should_panic(expected = "the consumer reads what the pool writes")]
fn a_consumer_of_another_size_is_refused() {
    let pool = conv_shape([1, 4, 4, 4], [2, 2, 4], [2, 2], false, false);
    let consumer = conv_shape([1, 3, 2, 4], [1, 1, 1], [1, 1], false, false);
    max_pool_nibbles(&pool, &[0; 16], &[0], &consumer, Shared::from(&mut [0; 6][..]));
}
