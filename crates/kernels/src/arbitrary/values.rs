//! Sizes and values of tensors.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Sizes from 1 to below `end`. Those at and beside multiples of 16, where tiles end, come more often.
pub fn sizes(end: usize) -> impl Strategy<Value = usize> {
    let tiles =
        (1..end.div_ceil(16) + 1, 0..3usize).prop_map(move |(tiles, beside)| (16 * tiles + beside - 1).min(end - 1));
    prop_oneof![3 => 1..end, 1 => tiles]
}

/// Seeds for [`reals`] and [`signs`]; a test may multiply one, or count on from it.
pub fn seeds() -> impl Strategy<Value = u64> {
    0..1u64 << 32
}

/// `length` values in `[-1, 1)`, zeros of both signs among them: a function of the seed.
pub fn reals(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0..length)
        .map(|_| match next() {
            bits if bits % 61 == 0 => 0.0,
            bits if bits % 61 == 1 => -0.0,
            bits => (bits >> 40) as f32 / (1 << 23) as f32 - 1.0,
        })
        .collect()
}

/// `length` values in {-1, +1}.
pub fn signs(length: usize, seed: u64) -> Vec<f32> {
    reals(length, seed)
        .into_iter()
        .map(|x| if x >= 0.0 { 1.0 } else { -1.0 })
        .collect()
}

/// Places in a tensor whose length is known later.
pub fn places() -> impl Strategy<Value = Index> {
    any::<Index>()
}

/// The same values but for a NaN in one place.
pub fn with_nan(mut values: Vec<f32>, place: usize) -> Vec<f32> {
    values[place] = f32::NAN;
    values
}

/// Factors and shifts of a normalisation, from the smallest to the largest.
pub fn scales() -> impl Strategy<Value = f32> {
    prop_oneof![
        -2.0f32..2.0,
        prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
        Just(f32::MAX),
        Just(-f32::MAX),
        Just(f32::MIN_POSITIVE),
    ]
}

/// A byte for each of some channels, which says that the channel is flipped where it is not 0.
pub fn flips() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(vec![0, 1, 2, 255]), 1..300)
}
