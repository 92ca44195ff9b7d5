//! Every pixel of an image several times, down and to the right: `y[i][j] = x[i / h][j / w]`. The gradient at a pixel is
//! the sum over its copies, row by row, from the first on.
//!
//! Layout: `x [rows][width][channels]`, the rows of all images one after the other, since none of them meets another;
//! `y [rows h][width w][channels]`.

use crate::simd::floats::F32x4;

/// The sizes of images and of the copies of a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpSampling {
    /// Pixels of a row of x.
    pub width: usize,
    /// Floats of a pixel.
    pub channels: usize,
    /// Copies of a pixel: down, then to the right.
    pub size: [usize; 2],
}

impl UpSampling {
    /// Floats of a row of x, and of the rows of y that it becomes.
    fn lengths(&self) -> (usize, usize) {
        let row = self.width * self.channels;
        assert!(row > 0 && self.size[0] > 0 && self.size[1] > 0);
        (row, row * self.size[0] * self.size[1])
    }
}

/// Every pixel of `x` several times.
pub fn up_sampling_forward(x: &[f32], shape: UpSampling, y: &mut [f32]) {
    let (row, block) = shape.lengths();
    assert!(x.len().is_multiple_of(row) && y.len() == x.len() / row * block);
    let UpSampling {
        channels,
        size: [down, right],
        ..
    } = shape;
    for (x, y) in x.chunks_exact(row).zip(y.chunks_exact_mut(block)) {
        let (first, others) = y.split_at_mut(row * right);
        for (x, copies) in x.chunks_exact(channels).zip(first.chunks_exact_mut(channels * right)) {
            for copy in copies.chunks_exact_mut(channels) {
                copy.copy_from_slice(x);
            }
        }
        debug_assert_eq!(others.len(), row * right * (down - 1));
        for copy in others.chunks_exact_mut(row * right) {
            copy.copy_from_slice(first);
        }
    }
}

/// The sums over the copies of each pixel, added to `dx` where `accumulate`.
pub fn up_sampling_backward(dy: &[f32], shape: UpSampling, accumulate: bool, dx: &mut [f32]) {
    let (row, block) = shape.lengths();
    assert!(dx.len().is_multiple_of(row) && dy.len() == dx.len() / row * block);
    let UpSampling {
        channels,
        size: [down, right],
        ..
    } = shape;
    for (dy, dx) in dy.chunks_exact(block).zip(dx.chunks_exact_mut(row)) {
        for (pixel, dx) in dx.chunks_exact_mut(channels).enumerate() {
            for (part, dx) in dx.chunks_mut(4).enumerate() {
                let lanes = dx.len();
                let copy = |i: usize, j: usize| {
                    let at = (i * row + pixel * channels) * right + j * channels + 4 * part;
                    F32x4::load_up_to(&dy[at..at + lanes])
                };
                let mut sum = copy(0, 0);
                for at in 1..down * right {
                    sum = sum + copy(at / right, at % right);
                }
                if accumulate {
                    sum = F32x4::load_up_to(dx) + sum;
                }
                sum.store_up_to(dx);
            }
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
            rows in 1usize..6, width in 1usize..6, channels in 1usize..22, down in 1usize..4, right in 1usize..4,
            seed in 0u64..1000,
        ) {
            let shape = UpSampling { width, channels, size: [down, right] };
            let (small, large) = (rows * width * channels, rows * down * width * right * channels);
            let (x, dy) = (reals(small, seed), reals(large, seed + 1));
            let mut y = vec![f32::NAN; large];
            up_sampling_forward(&x, shape, &mut y);
            let mut sums: Vec<Option<f32>> = vec![None; small];
            for at in 0..large {
                let (c, j, i) = (at % channels, at / channels % (width * right), at / channels / (width * right));
                let from = ((i / down) * width + j / right) * channels + c;
                prop_assert_eq!(y[at].to_bits(), x[from].to_bits());
                sums[from] = Some(sums[from].map_or(dy[at], |sum| sum + dy[at]));
            }
            let before = reals(small, seed + 2);
            let (mut dx, mut onto) = (vec![f32::NAN; small], before.clone());
            up_sampling_backward(&dy, shape, false, &mut dx);
            up_sampling_backward(&dy, shape, true, &mut onto);
            for (at, sum) in sums.into_iter().enumerate() {
                let sum = sum.unwrap();
                prop_assert_eq!((dx[at], onto[at]), (sum, before[at] + sum));
            }
        }
    }
}
