//! Max pooling of real tensors, with the position of the maximum kept for the gradient.
//!
//! `x [images][h][w][c]` unpadded; windows are clipped at the border, so padding never wins. The position is the number
//! ky * kw + kx of the tap in its (unclipped) window; among equal values the first in row-major order wins.

use crate::conv::geometry::Geometry;
use crate::shape::ConvShape;
use crate::simd::floats::{F32x4, Mask};

/// Taps of the window of an output pixel that lie inside the image: a range per axis.
fn clipped(geometry: &Geometry, axis: usize, pixel: usize) -> core::ops::Range<usize> {
    let start = pixel * geometry.stride[axis];
    let first = geometry.pad[axis].saturating_sub(start);
    let end = (geometry.pad[axis] + geometry.input[axis])
        .saturating_sub(start)
        .min(geometry.kernel[axis]);
    first..end
}

/// The pooled maxima `y [images][oh][ow][c]` and their positions `argmax` (u8, same shape). True where an x that some
/// window covers is NaN. Geometry have at most 256 taps, and at least one inside the image.
pub fn max_pool(shape: &ConvShape, x: &[f32], y: &mut [f32], argmax: &mut [u8]) -> bool {
    let geometry = Geometry::of(shape);
    let c = geometry.channels;
    let outputs = geometry.images * geometry.pixels() * c;
    assert_eq!(x.len(), geometry.images * geometry.input[0] * geometry.input[1] * c);
    assert!(y.len() == outputs && argmax.len() == outputs && geometry.taps() <= 256);
    let mut nan = Mask::none();
    for (number, (y, argmax)) in y.chunks_exact_mut(c).zip(argmax.chunks_exact_mut(c)).enumerate() {
        let (row, pixel_x) = (number / geometry.output[1], number % geometry.output[1]);
        let (image, pixel_y) = (row / geometry.output[0], row % geometry.output[0]);
        let (taps_y, taps_x) = (clipped(&geometry, 0, pixel_y), clipped(&geometry, 1, pixel_x));
        assert!(!taps_y.is_empty() && !taps_x.is_empty());
        for first in (0..c).step_by(4) {
            let lanes = 4.min(c - first);
            let mut best = F32x4::splat(f32::NEG_INFINITY);
            let mut position = F32x4::splat((taps_y.start * geometry.kernel[1] + taps_x.start) as f32);
            for ky in taps_y.clone() {
                let line = image * geometry.input[0] + pixel_y * geometry.stride[0] + ky - geometry.pad[0];
                for kx in taps_x.clone() {
                    let column = pixel_x * geometry.stride[1] + kx - geometry.pad[1];
                    let at = (line * geometry.input[1] + column) * c + first;
                    let value = F32x4::load_up_to(&x[at..at + lanes]);
                    nan = nan.or(value.is_nan());
                    let larger = best.less(value);
                    best = larger.select(value, best);
                    position = larger.select(F32x4::splat((ky * geometry.kernel[1] + kx) as f32), position);
                }
            }
            best.store_up_to(&mut y[first..first + lanes]);
            for (target, position) in argmax[first..first + lanes].iter_mut().zip(position.to_array()) {
                *target = position as u8;
            }
        }
    }
    nan.any()
}

/// The gradient: every `dy` is added at the position of its maximum, output pixels in row-major order; `dx` is written
/// in full.
pub fn max_pool_backward(shape: &ConvShape, dy: &[f32], argmax: &[u8], dx: &mut [f32]) {
    let geometry = Geometry::of(shape);
    let c = geometry.channels;
    let outputs = geometry.images * geometry.pixels() * c;
    assert_eq!(dx.len(), geometry.images * geometry.input[0] * geometry.input[1] * c);
    assert!(dy.len() == outputs && argmax.len() == outputs);
    dx.fill(0.0);
    for (number, (dy, argmax)) in dy.chunks_exact(c).zip(argmax.chunks_exact(c)).enumerate() {
        let (row, pixel_x) = (number / geometry.output[1], number % geometry.output[1]);
        let (image, pixel_y) = (row / geometry.output[0], row % geometry.output[0]);
        for (channel, (&gradient, &position)) in dy.iter().zip(argmax).enumerate() {
            let (ky, kx) = (
                usize::from(position) / geometry.kernel[1],
                usize::from(position) % geometry.kernel[1],
            );
            let line = image * geometry.input[0] + pixel_y * geometry.stride[0] + ky - geometry.pad[0];
            let column = pixel_x * geometry.stride[1] + kx - geometry.pad[1];
            dx[(line * geometry.input[1] + column) * c + channel] += gradient;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naive::pools::{covered, inputs, pools};
    use crate::naive::real::reals;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn maxima_positions_and_gradients_follow_the_definition(shape in pools(), seed in 0u64..1000) {
            let covered = covered(&shape);
            // Few different values, so that ties are common: the first in row-major order must win.
            let x: Vec<f32> = reals(inputs(&shape), seed).iter().map(|x| (x * 3.0).round()).collect();
            let (mut y, mut argmax) = (vec![f32::NAN; covered.len()], vec![0xff; covered.len()]);
            prop_assert!(!max_pool(&shape, &x, &mut y, &mut argmax));
            let dy = reals(covered.len(), seed + 1);
            let mut expected_dx = vec![0.0; x.len()];
            for (out, taps) in covered.iter().enumerate() {
                let largest = taps.iter().map(|&(_, at)| x[at]).fold(f32::NEG_INFINITY, f32::max);
                let &(tap, at) = taps.iter().find(|&&(_, at)| x[at] == largest).unwrap();
                prop_assert_eq!((y[out], u32::from(argmax[out])), (largest, tap));
                expected_dx[at] += dy[out];
            }
            let mut dx = vec![f32::NAN; x.len()];
            max_pool_backward(&shape, &dy, &argmax, &mut dx);
            prop_assert_eq!(dx, expected_dx);
        }

        #[test]
        fn nan_under_a_window_is_reported(shape in pools(), seed in 0usize..1000) {
            let covered = covered(&shape);
            let mut x = vec![1.0; inputs(&shape)];
            let (mut y, mut argmax) = (vec![0.0; covered.len()], vec![0; covered.len()]);
            let taps = &covered[seed % covered.len()];
            x[taps[seed % taps.len()].1] = f32::NAN;
            prop_assert!(max_pool(&shape, &x, &mut y, &mut argmax));
        }
    }
}
