//! Max pooling of real tensors, with the position of the maximum kept for the gradient.
//!
//! `x [images][h][w][c]` unpadded; windows are clipped at the border, so padding never wins. The position is the number
//! ky * kw + kx of the tap in its (unclipped) window; among equal values the first in row-major order wins.

use crate::conv::windows::Windows;
use crate::shape::ConvShape;
use crate::simd::floats::{F32x4, Mask};

/// Taps of the window of an output pixel that lie inside the image: a range per axis.
fn clipped(windows: &Windows, axis: usize, pixel: usize) -> core::ops::Range<usize> {
    let start = pixel * windows.stride[axis];
    let first = windows.pad[axis].saturating_sub(start);
    let end = (windows.pad[axis] + windows.input[axis])
        .saturating_sub(start)
        .min(windows.kernel[axis]);
    first..end
}

/// The pooled maxima `y [images][oh][ow][c]` and their positions `argmax` (u8, same shape). True where an x that some
/// window covers is NaN. Windows have at most 256 taps, and at least one inside the image.
pub fn max_pool(shape: &ConvShape, x: &[f32], y: &mut [f32], argmax: &mut [u8]) -> bool {
    let windows = Windows::of(shape);
    let c = windows.channels;
    let outputs = windows.images * windows.pixels() * c;
    assert_eq!(x.len(), windows.images * windows.input[0] * windows.input[1] * c);
    assert!(y.len() == outputs && argmax.len() == outputs && windows.taps() <= 256);
    let mut nan = Mask::none();
    for (number, (y, argmax)) in y.chunks_exact_mut(c).zip(argmax.chunks_exact_mut(c)).enumerate() {
        let (row, pixel_x) = (number / windows.output[1], number % windows.output[1]);
        let (image, pixel_y) = (row / windows.output[0], row % windows.output[0]);
        let (taps_y, taps_x) = (clipped(&windows, 0, pixel_y), clipped(&windows, 1, pixel_x));
        assert!(!taps_y.is_empty() && !taps_x.is_empty());
        for first in (0..c).step_by(4) {
            let lanes = 4.min(c - first);
            let mut best = F32x4::splat(f32::NEG_INFINITY);
            let mut position = F32x4::splat((taps_y.start * windows.kernel[1] + taps_x.start) as f32);
            for ky in taps_y.clone() {
                let line = image * windows.input[0] + pixel_y * windows.stride[0] + ky - windows.pad[0];
                for kx in taps_x.clone() {
                    let column = pixel_x * windows.stride[1] + kx - windows.pad[1];
                    let at = (line * windows.input[1] + column) * c + first;
                    let value = match x[at..].first_chunk() {
                        Some(four) if lanes == 4 => F32x4::load(four),
                        _ => F32x4::load_partial(&x[at..at + lanes]),
                    };
                    nan = nan.or(value.is_nan());
                    let larger = best.less(value);
                    best = larger.select(value, best);
                    position = larger.select(F32x4::splat((ky * windows.kernel[1] + kx) as f32), position);
                }
            }
            best.store_partial(&mut y[first..first + lanes]);
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
    let windows = Windows::of(shape);
    let c = windows.channels;
    let outputs = windows.images * windows.pixels() * c;
    assert_eq!(dx.len(), windows.images * windows.input[0] * windows.input[1] * c);
    assert!(dy.len() == outputs && argmax.len() == outputs);
    dx.fill(0.0);
    for (number, (dy, argmax)) in dy.chunks_exact(c).zip(argmax.chunks_exact(c)).enumerate() {
        let (row, pixel_x) = (number / windows.output[1], number % windows.output[1]);
        let (image, pixel_y) = (row / windows.output[0], row % windows.output[0]);
        for (channel, (&gradient, &position)) in dy.iter().zip(argmax).enumerate() {
            let (ky, kx) = (
                usize::from(position) / windows.kernel[1],
                usize::from(position) % windows.kernel[1],
            );
            let line = image * windows.input[0] + pixel_y * windows.stride[0] + ky - windows.pad[0];
            let column = pixel_x * windows.stride[1] + kx - windows.pad[1];
            dx[(line * windows.input[1] + column) * c + channel] += gradient;
        }
    }
}
