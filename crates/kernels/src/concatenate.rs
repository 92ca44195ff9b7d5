//! Two tensors behind one another along an axis, and the way back.
//!
//! The axes before it make blocks: `a [blocks][m]` and `b [blocks][n]` become `y [blocks][m + n]`, where m and n
//! are the sizes along the axis times all that lies behind it. The gradient of each input is its part of the blocks.

use crate::reduce::add_into;

/// A part of every block: the floats of a block, and those of the part from `first` on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Floats of a whole block.
    pub block: usize,
    /// The place of the part's first float in a block.
    pub first: usize,
    /// Floats of the part.
    pub size: usize,
}

/// `y[i] = a[i], b[i]` for every block i.
pub fn concatenate_forward(a: &[f32], b: &[f32], blocks: usize, y: &mut [f32]) {
    assert!(blocks > 0 && a.len().is_multiple_of(blocks) && b.len().is_multiple_of(blocks));
    assert_eq!(y.len(), a.len() + b.len());
    let (m, n) = (a.len() / blocks, b.len() / blocks);
    for (i, y) in y.chunks_exact_mut(m + n).enumerate() {
        y[..m].copy_from_slice(&a[i * m..][..m]);
        y[m..].copy_from_slice(&b[i * n..][..n]);
    }
}

/// `dx[i]` is the part of `dy[i]` for every block i, added to what is there where `accumulate`.
pub fn concatenate_backward(dy: &[f32], part: Part, accumulate: bool, dx: &mut [f32]) {
    let Part { block, first, size } = part;
    assert!(size > 0 && first + size <= block && dy.len().is_multiple_of(block));
    assert_eq!(dx.len(), dy.len() / block * size);
    for (dy, dx) in dy.chunks_exact(block).zip(dx.chunks_exact_mut(size)) {
        let own = &dy[first..first + size];
        if accumulate {
            add_into(dx, own);
        } else {
            dx.copy_from_slice(own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_and_gradients_are_those_of_the_definition(
            blocks in 1usize..20, m in 1usize..35, n in 1usize..35, seed in 0u64..1000,
        ) {
            let (a, b) = (reals(blocks * m, seed), reals(blocks * n, seed + 1));
            let mut y = vec![f32::NAN; blocks * (m + n)];
            concatenate_forward(&a, &b, blocks, &mut y);
            let block = m + n;
            for (at, value) in y.iter().enumerate() {
                let (i, k) = (at / block, at % block);
                let expected = if k < m { a[i * m + k] } else { b[i * n + k - m] };
                prop_assert_eq!(value.to_bits(), expected.to_bits());
            }
            let dy = reals(blocks * block, seed + 2);
            for (first, size) in [(0, m), (m, n)] {
                let part = Part { block, first, size };
                let before = reals(blocks * size, seed + 3);
                let (mut dx, mut onto) = (vec![f32::NAN; blocks * size], before.clone());
                concatenate_backward(&dy, part, false, &mut dx);
                concatenate_backward(&dy, part, true, &mut onto);
                for at in 0..blocks * size {
                    let own = dy[at / size * block + first + at % size];
                    prop_assert_eq!((dx[at], onto[at]), (own, before[at] + own));
                }
            }
        }
    }
}
