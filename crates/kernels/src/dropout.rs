//! Dropout with inverted scaling: `y = x / (1 - rate)` where an element stays, 0 where it is dropped. Srivastava, Hinton,
//! Krizhevsky, Sutskever and Salakhutdinov, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15,
//! 2014, section 10. The way back is the same map of the gradient, so that no mask is kept.
//!
//! The draw of an element is a function of numbers alone, whoever asks for it: Philox4x32-10 (Salmon, Moraes, Dror and
//! Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011, section 3.3) with the counter (element / 4, 0, update, 0),
//! of whose four words the element takes number element mod 4. An element stays where its word is at least rate 2^32.

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];

/// The draws of a layer in one update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// The key of run and layer.
    pub key: [u32; 2],
    /// The number of the update.
    pub update: u32,
}

impl Draws {
    /// The draws of three whole numbers below 2^24, which floats hold.
    pub fn from_floats(numbers: [f32; 3]) -> Self {
        let [first, second, update] = numbers.map(|number| number as u32);
        Self {
            key: [first, second],
            update,
        }
    }

    /// The word of the element `number`.
    pub(crate) fn word(&self, number: usize) -> u32 {
        self.words((number / 4) as u32)[number % 4]
    }

    /// The words of the elements `4 block` to `4 block + 3`.
    fn words(&self, block: u32) -> [u32; 4] {
        philox([block, 0, self.update, 0], self.key)
    }
}

/// Philox4x32-10.
pub(crate) fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let first = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let second = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// Drops elements of `x`, the first of which is number `first` of the batch. Results are added to `y` where `accumulate`.
/// True where an x is NaN.
pub fn dropout(x: &[f32], first: usize, rate: f64, draws: Draws, accumulate: bool, y: &mut [f32]) -> bool {
    assert!(x.len() == y.len() && (0.0..1.0).contains(&rate));
    let least = (rate * 4_294_967_296.0) as u32;
    let scale = (1.0 / (1.0 - rate)) as f32;
    let mut nan = false;
    let mut at = 0;
    while at < x.len() {
        let number = first + at;
        let words = draws.words((number / 4) as u32);
        for &word in &words[number % 4..] {
            if at == x.len() {
                break;
            }
            nan |= x[at].is_nan();
            let value = if word >= least { x[at] * scale } else { 0.0 };
            y[at] = if accumulate { y[at] + value } else { value };
            at += 1;
        }
    }
    nan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    #[test]
    fn words_are_the_known_answers_of_the_paper() {
        // The file `kat_vectors` of Random123, by the authors of the paper.
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(
            philox(pi, [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    proptest! {
        #[test]
        fn an_element_is_dropped_by_its_number_alone(
            n in 1usize..70, first in 0usize..50, rate in 0.0..0.95f64, seed in 0u64..1000,
        ) {
            let draws = Draws::from_floats([seed as f32, 77.0, 1000.0 + seed as f32]);
            prop_assert_eq!(draws, Draws { key: [seed as u32, 77], update: 1000 + seed as u32 });
            let x = reals(n, seed);
            let before = reals(n, seed + 1);
            let (mut y, mut onto) = (vec![f32::NAN; n], before.clone());
            prop_assert!(!dropout(&x, first, rate, draws, false, &mut y));
            prop_assert!(!dropout(&x, first, rate, draws, true, &mut onto));
            for i in 0..n {
                let number = first + i;
                let word = philox([(number / 4) as u32, 0, draws.update, 0], draws.key)[number % 4];
                let stays = f64::from(word) >= (rate * 4_294_967_296.0).floor();
                let value = if stays { x[i] * (1.0 / (1.0 - rate)) as f32 } else { 0.0 };
                prop_assert_eq!((y[i], onto[i]), (value, before[i] + value));
            }
        }
    }

    #[test]
    fn as_many_are_dropped_as_the_rate_says() {
        let draws = Draws { key: [1, 2], update: 3 };
        for rate in [0.0, 0.1, 0.5, 0.9] {
            let mut y = vec![0.0; 40_000];
            assert!(!dropout(&vec![1.0; 40_000], 0, rate, draws, false, &mut y));
            let dropped = y.iter().filter(|&&value| value == 0.0).count() as f64 / 40_000.0;
            // Four standard deviations.
            assert!((dropped - rate).abs() <= 4.0 * (rate * (1.0 - rate) / 40_000.0).sqrt());
        }
    }

    #[test]
    fn nan_is_reported() {
        let draws = Draws { key: [1, 2], update: 3 };
        for at in 0..7 {
            let mut x = [1.0; 7];
            x[at] = f32::NAN;
            assert!(dropout(&x, 2, 0.5, draws, false, &mut [0.0; 7]));
        }
    }
}
