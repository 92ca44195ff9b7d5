//! Sparse kernel selection (Wang et al., "Compacting Binary Neural Networks by Sparse Kernel Selection", CVPR 2023): every 3x3
//! kernel of a layer becomes the nearest of a few codewords of -1 and +1.
//!
//! Weights are `w [9][m]`, a row a tap, a column a kernel: one for each input channel of each filter. Codewords are
//! `codewords [n][9]`. All have the same norm, so the nearest is the one with the largest product. Of equal ones it is the
//! first. Products are f64 in the order of the taps, and sums over kernels f64 in the order of the kernels.

/// Weights of a kernel.
pub const TAPS: usize = 9;
/// Kernels that are looked at together.
const BLOCK: usize = 8;

/// `out` = the codeword nearest to each kernel, and `chosen [m]` its number. True where a weight is not finite.
pub fn nearest_codewords(w: &[f32], codewords: &[f32], chosen: &mut [u32], out: &mut [f32]) -> bool {
    let m = chosen.len();
    assert!(w.len() == TAPS * m && out.len() == w.len() && codewords.len().is_multiple_of(TAPS));
    for (block, chosen) in chosen.chunks_mut(BLOCK).enumerate() {
        let first = block * BLOCK;
        let mut own = [[0.0_f64; BLOCK]; TAPS];
        for (tap, own) in own.iter_mut().enumerate() {
            for (own, &w) in own.iter_mut().zip(&w[tap * m + first..][..chosen.len()]) {
                *own = f64::from(w);
            }
        }
        let mut best = [i64::MIN; BLOCK];
        let mut number = [0_u32; BLOCK];
        for (j, codeword) in codewords.chunks_exact(TAPS).enumerate() {
            let mut products = [0.0_f64; BLOCK];
            for (&sign, own) in codeword.iter().zip(&own) {
                for (product, own) in products.iter_mut().zip(own) {
                    *product += f64::from(sign) * own;
                }
            }
            for ((&product, best), number) in products.iter().zip(&mut best).zip(&mut number) {
                let key = order_of(product);
                if key > *best {
                    (*best, *number) = (key, j as u32);
                }
            }
        }
        chosen.copy_from_slice(&number[..chosen.len()]);
        for (kernel, &number) in chosen.iter().enumerate() {
            for tap in 0..TAPS {
                out[tap * m + first + kernel] = codewords[number as usize * TAPS + tap];
            }
        }
    }
    w.iter().any(|w| !w.is_finite())
}

/// A whole number in the order of `x`, which is no -0. Of a comparison of floats LLVM would make the relaxed maximum, whose bits
/// are an engine's own where one is NaN.
fn order_of(x: f64) -> i64 {
    let bits = x.to_bits().cast_signed();
    bits ^ (bits >> 63 & i64::MAX)
}

/// The gradient `out [n][9]` at the codewords, the sum of `dw [9][m]` over the kernels that chose each; `room [n][9]`. True where
/// one is not finite.
pub fn codeword_gradients(dw: &[f32], chosen: &[u32], room: &mut [f64], out: &mut [f32]) -> bool {
    let m = chosen.len();
    assert!(dw.len() == TAPS * m && room.len() == out.len() && out.len().is_multiple_of(TAPS));
    room.fill(0.0);
    for (tap, dw) in dw.chunks_exact(m).enumerate() {
        for (&number, &dw) in chosen.iter().zip(dw) {
            room[number as usize * TAPS + tap] += f64::from(dw);
        }
    }
    let mut bad = false;
    for (out, &sum) in out.iter_mut().zip(room.iter()) {
        *out = sum as f32;
        bad |= !out.is_finite();
    }
    bad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{cases, reals, seeds, sizes};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(cases(100))]

        #[test]
        fn kernels_become_the_codeword_at_the_least_distance(m in sizes(21), n in 1usize..9, seed in seeds()) {
            let w = reals(TAPS * m, seed);
            let signs = |value: &f32| if *value >= 0.0 { 1.0 } else { -1.0 };
            let codewords: Vec<f32> = reals(TAPS * n, seed + 1).iter().map(signs).collect();
            let (mut chosen, mut out) = (vec![u32::MAX; m], vec![f32::NAN; w.len()]);
            prop_assert!(!nearest_codewords(&w, &codewords, &mut chosen, &mut out));
            for kernel in 0..m {
                let distance = |number: usize| -> f64 {
                    (0..TAPS).map(|tap| f64::from(codewords[number * TAPS + tap]) - f64::from(w[tap * m + kernel]))
                        .map(|apart| apart * apart).sum()
                };
                let own = distance(chosen[kernel] as usize);
                for number in 0..n {
                    prop_assert!(own <= distance(number) * (1.0 + 1e-12));
                }
                for tap in 0..TAPS {
                    prop_assert_eq!(out[tap * m + kernel], codewords[chosen[kernel] as usize * TAPS + tap]);
                }
            }
        }

        #[test]
        fn codewords_have_the_gradients_of_those_that_chose_them(m in sizes(21), n in 1u32..9, seed in seeds()) {
            let dw = reals(TAPS * m, seed);
            let chosen: Vec<u32> = (0..m as u32).map(|kernel| (kernel * 7 + seed as u32 % 5) % n).collect();
            let (mut room, mut out) = (vec![f64::NAN; TAPS * n as usize], vec![f32::NAN; TAPS * n as usize]);
            prop_assert!(!codeword_gradients(&dw, &chosen, &mut room, &mut out));
            for number in 0..n {
                for tap in 0..TAPS {
                    let sum: f64 = (0..m).filter(|&kernel| chosen[kernel] == number)
                        .map(|kernel| f64::from(dw[tap * m + kernel])).sum();
                    prop_assert_eq!(out[number as usize * TAPS + tap], sum as f32);
                }
            }
        }
    }

    #[test]
    fn the_first_of_equal_codewords_is_taken_and_what_is_not_finite_is_reported() {
        let (mut chosen, mut out) = ([9], [0.0; TAPS]);
        assert!(!nearest_codewords(
            &[0.5; TAPS],
            &[1.0; 2 * TAPS],
            &mut chosen,
            &mut out
        ));
        assert_eq!(chosen, [0]);
        assert!(nearest_codewords(
            &[f32::NAN; TAPS],
            &[1.0; TAPS],
            &mut chosen,
            &mut out
        ));
        assert!(codeword_gradients(
            &[f32::INFINITY; TAPS],
            &[0],
            &mut [0.0; TAPS],
            &mut out
        ));
    }
}
