//! Average pooling of real tensors and its gradient.
//!
//! `x [images][h][w][c]` unpadded, `y [images][oh][ow][c]`. A mean is taken over the taps inside the image only, as
//! TensorFlow does for SAME. Every sum is f32, in row-major order of what it adds.

use crate::conv::geometry::Geometry;
use crate::pool_window::{BLOCK, Window, fold_windows, is_narrow, narrow};
use crate::shape::ConvShape;
use crate::simd::floats::{F32x4, Mask};
use core::array::from_fn;

/// The means `y` of the windows: their values added up from 0 in row-major order, divided by their number. True where a
/// mean is NaN. Every window has at least one tap inside the image.
pub fn avg_pool(shape: &ConvShape, x: &[f32], y: &mut [f32]) -> bool {
    let mut nan = Mask::none();
    let finish = |sum: F32x4, count: f32| {
        let mean = sum / F32x4::splat(count);
        nan = nan.or(mean.is_nan());
        mean
    };
    fold_windows(shape, x, y, 0.0, |sum, value| sum + value, finish);
    nan.any()
}

/// The gradient: `dy / taps inside the image` is added to every pixel of its window, windows in row-major order, to 0 or,
/// where `accumulate`, to what `dx` holds.
pub fn avg_pool_backward(shape: &ConvShape, dy: &[f32], accumulate: bool, dx: &mut [f32]) {
    let geometry = Geometry::of(shape);
    let c = geometry.channels;
    assert_eq!(dx.len(), shape.input_pixels() * c);
    assert_eq!(dy.len(), shape.output_pixels() * c);
    let adds = accumulate || !geometry.is_tiled();
    if adds && !accumulate {
        dx.fill(0.0);
    }
    if is_narrow(&geometry) {
        return narrow::spread(&geometry, dy, adds, dx);
    }
    for (number, dy) in dy.chunks_exact(c).enumerate() {
        let window = Window::of(&geometry, number);
        let count = F32x4::splat(window.count() as f32);
        for (block, dy) in dy.chunks(BLOCK).enumerate() {
            let lanes = dy.len();
            // SAFETY: as many lanes are read as the slice has, from 1 to `BLOCK`.
            let shares = unsafe { F32x4::load_lanes_at::<{ BLOCK / 4 }>(dy.as_ptr(), lanes) }.map(|dy| dy / count);
            window.for_each_place(&geometry, BLOCK * block, |at| {
                let dx = &mut dx[at..at + lanes];
                // SAFETY: `dx` was just cut to as many lanes.
                unsafe {
                    let mut sums = shares;
                    if adds {
                        let known = F32x4::load_lanes_at::<{ BLOCK / 4 }>(dx.as_ptr(), lanes);
                        sums = from_fn(|v| known[v] + shares[v]);
                    }
                    F32x4::store_lanes_at(sums, dx.as_mut_ptr(), lanes);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{cases, places, pools, reals, seeds, with_nan};
    use crate::naive::pools::{covered, inputs};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn means_and_gradients_follow_the_definition(shape in pools(), seed in seeds()) {
            let covered = covered(&shape);
            let x = reals(inputs(&shape), seed);
            let mut y = vec![f32::NAN; covered.len()];
            prop_assert!(!avg_pool(&shape, &x, &mut y));
            let dy = reals(covered.len(), seed + 1);
            let mut gradient = vec![0.0; x.len()];
            for (out, taps) in covered.iter().enumerate() {
                let count = taps.len() as f32;
                let sum = taps.iter().fold(0.0, |sum, &(_, at)| sum + x[at]);
                prop_assert_eq!(y[out].to_bits(), (sum / count).to_bits());
                for &(_, at) in taps {
                    gradient[at] += dy[out] / count;
                }
            }
            let mut dx = vec![f32::NAN; x.len()];
            avg_pool_backward(&shape, &dy, false, &mut dx);
            prop_assert_eq!(&dx, &gradient);
            let mut added = x.clone();
            avg_pool_backward(&shape, &dy, true, &mut added);
            let mut sums = x;
            for (out, taps) in covered.iter().enumerate() {
                for &(_, at) in taps {
                    sums[at] += dy[out] / taps.len() as f32;
                }
            }
            prop_assert_eq!(added, sums);
        }

        #[test]
        fn means_are_close_to_exact_ones(shape in pools(), seed in seeds()) {
            let x = reals(inputs(&shape), seed);
            let mut y = vec![f32::NAN; covered(&shape).len()];
            avg_pool(&shape, &x, &mut y);
            for (mean, taps) in y.iter().zip(covered(&shape)) {
                let exact = taps.iter().map(|&(_, at)| f64::from(x[at])).sum::<f64>() / taps.len() as f64;
                // One rounding for every addition and one for the division, of values of at most 1.
                let bound = (taps.len() + 1) as f64 * f64::from(f32::EPSILON) / 2.0;
                prop_assert!((f64::from(*mean) - exact).abs() <= bound);
            }
        }

        #[test]
        fn nan_under_a_window_is_reported(shape in pools(), window in places(), tap in places()) {
            let covered = covered(&shape);
            let taps: &Vec<_> = window.get(&covered);
            let (_, at) = *tap.get(taps);
            let x = with_nan(vec![1.0; inputs(&shape)], at);
            prop_assert!(avg_pool(&shape, &x, &mut vec![0.0; covered.len()]));
        }
    }
}
