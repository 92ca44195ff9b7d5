//! Average pooling of real tensors and its gradient.
//!
//! `x [images][h][w][c]` unpadded, `y [images][oh][ow][c]`. A mean is taken over the taps inside the image only, as
//! TensorFlow does for SAME. Every sum is f32, in row-major order of what it adds.

use crate::conv::geometry::Geometry;
use crate::shape::ConvShape;
use crate::simd::floats::{F32x4, Mask};
use core::ops::Range;

/// The means `y` of the windows: their values added up from 0 in row-major order, divided by their number. True where a
/// mean is NaN. Every window has at least one tap inside the image.
pub fn avg_pool(shape: &ConvShape, x: &[f32], y: &mut [f32]) -> bool {
    let geometry = Geometry::of(shape);
    let c = geometry.channels;
    assert_eq!(x.len(), shape.input_pixels() * c);
    assert_eq!(y.len(), shape.output_pixels() * c);
    let mut nan = Mask::none();
    for (number, y) in y.chunks_exact_mut(c).enumerate() {
        let (row, pixel_x) = (number / geometry.output[1], number % geometry.output[1]);
        let (image, pixel_y) = (row / geometry.output[0], row % geometry.output[0]);
        let (taps_y, taps_x) = (shape.rows_inside(pixel_y), shape.columns_inside(pixel_x));
        assert!(!taps_y.is_empty() && !taps_x.is_empty());
        let count = F32x4::splat((taps_y.len() * taps_x.len()) as f32);
        let line = image * geometry.input[0] + pixel_y * geometry.stride[0] + taps_y.start - geometry.pad[0];
        let column = pixel_x * geometry.stride[1] + taps_x.start - geometry.pad[1];
        for first in (0..c).step_by(4) {
            let lanes = 4.min(c - first);
            let mut sum = F32x4::splat(0.0);
            for line in line..line + taps_y.len() {
                let start = (line * geometry.input[1] + column) * c + first;
                for at in (start..).step_by(c).take(taps_x.len()) {
                    sum = sum + F32x4::load_up_to(&x[at..at + lanes]);
                }
            }
            let mean = sum / count;
            nan = nan.or(mean.is_nan());
            mean.store_up_to(&mut y[first..first + lanes]);
        }
    }
    nan.any()
}

/// The gradient: `dx` is the sum, from 0, of `dy / taps inside the image` over the windows that hold the pixel, in row-major
/// order. It is written to `dx`, or added to what is there.
pub fn avg_pool_backward(shape: &ConvShape, dy: &[f32], accumulate: bool, dx: &mut [f32]) {
    let geometry = Geometry::of(shape);
    let c = geometry.channels;
    assert_eq!(dx.len(), shape.input_pixels() * c);
    assert_eq!(dy.len(), shape.output_pixels() * c);
    if geometry.is_tiled() {
        spread(shape, &geometry, dy, accumulate, dx);
        return;
    }
    for (number, dx) in dx.chunks_exact_mut(c).enumerate() {
        let (row, x) = (number / geometry.input[1], number % geometry.input[1]);
        let (image, y) = (row / geometry.input[0], row % geometry.input[0]);
        let (windows_y, windows_x) = (holding(&geometry, 0, y), holding(&geometry, 1, x));
        for first in (0..c).step_by(4) {
            let lanes = 4.min(c - first);
            let mut sum = F32x4::splat(0.0);
            for window_y in windows_y.clone() {
                let rows = shape.rows_inside(window_y).len();
                for window_x in windows_x.clone() {
                    let count = rows * shape.columns_inside(window_x).len();
                    let pixel = (image * geometry.output[0] + window_y) * geometry.output[1] + window_x;
                    let gradient = F32x4::load_up_to(&dy[pixel * c + first..pixel * c + first + lanes]);
                    sum = sum + gradient / F32x4::splat(count as f32);
                }
            }
            let dx = &mut dx[first..first + lanes];
            let result = if accumulate { F32x4::load_up_to(dx) + sum } else { sum };
            result.store_up_to(dx);
        }
    }
}

/// The gradient where every pixel lies in one window: a window's share is divided once, and goes to all its pixels.
fn spread(shape: &ConvShape, geometry: &Geometry, dy: &[f32], accumulate: bool, dx: &mut [f32]) {
    let c = geometry.channels;
    for (number, dy) in dy.chunks_exact(c).enumerate() {
        let (row, pixel_x) = (number / geometry.output[1], number % geometry.output[1]);
        let (image, pixel_y) = (row / geometry.output[0], row % geometry.output[0]);
        let (rows, columns) = (shape.rows_inside(pixel_y), shape.columns_inside(pixel_x));
        let count = F32x4::splat((rows.len() * columns.len()) as f32);
        let line = image * geometry.input[0] + pixel_y * geometry.stride[0] + rows.start - geometry.pad[0];
        let column = pixel_x * geometry.stride[1] + columns.start - geometry.pad[1];
        for first in (0..c).step_by(4) {
            let lanes = 4.min(c - first);
            let share = F32x4::splat(0.0) + F32x4::load_up_to(&dy[first..first + lanes]) / count;
            for line in line..line + rows.len() {
                let start = (line * geometry.input[1] + column) * c + first;
                for at in (start..).step_by(c).take(columns.len()) {
                    let dx = &mut dx[at..at + lanes];
                    let result = if accumulate {
                        F32x4::load_up_to(dx) + share
                    } else {
                        share
                    };
                    result.store_up_to(dx);
                }
            }
        }
    }
}

/// Windows that hold row (axis 0) or column (axis 1) `position` of the image.
fn holding(geometry: &Geometry, axis: usize, position: usize) -> Range<usize> {
    let (stride, padded) = (geometry.stride[axis], position + geometry.pad[axis]);
    let end = (padded / stride + 1).min(geometry.output[axis]);
    let start = (padded + 1).saturating_sub(geometry.kernel[axis]).div_ceil(stride);
    start.min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naive::pools::{covered, inputs, pools};
    use crate::naive::real::reals;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(crate::naive::cases(200))]

        #[test]
        fn means_and_gradients_follow_the_definition(shape in pools(), seed in 0u64..1000) {
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
            for ((sum, x), gradient) in added.iter().zip(&x).zip(&gradient) {
                prop_assert_eq!(*sum, x + gradient);
            }
        }

        #[test]
        fn means_are_close_to_exact_ones(shape in pools(), seed in 0u64..1000) {
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
        fn nan_under_a_window_is_reported(shape in pools(), seed in 0usize..1000) {
            let covered = covered(&shape);
            let mut x = vec![1.0; inputs(&shape)];
            let taps = &covered[seed % covered.len()];
            x[taps[seed % taps.len()].1] = f32::NAN;
            prop_assert!(avg_pool(&shape, &x, &mut vec![0.0; covered.len()]));
        }
    }
}
