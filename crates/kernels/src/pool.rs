//! Max pooling of real tensors, with the position of the maximum kept for the gradient.
//!
//! `x [images][h][w][c]` unpadded; windows are clipped at the border, so padding never wins. The position is the number
//! ky * kw + kx of the tap in its (unclipped) window; among equal values the first in row-major order wins.

use crate::conv::geometry::Geometry;
use crate::pool_window::{Window, fold_windows};
use crate::shape::ConvShape;
use crate::simd::floats::{F32x4, Mask};
use core::array::from_fn;

/// The pooled maxima `y [images][oh][ow][c]` and their positions `argmax` (u8, same shape). True where an x that some
/// window covers is NaN. Windows have at most 256 taps, and at least one inside the image.
pub fn max_pool(shape: &ConvShape, x: &[f32], y: &mut [f32], argmax: &mut [u8]) -> bool {
    let geometry = Geometry::of(shape);
    let c = geometry.channels;
    let outputs = geometry.images * geometry.pixels() * c;
    assert_eq!(x.len(), geometry.images * geometry.input[0] * geometry.input[1] * c);
    assert!(y.len() == outputs && argmax.len() == outputs && geometry.taps() <= 256);
    let mut nan = Mask::none();
    for (number, (y, argmax)) in y.chunks_exact_mut(c).zip(argmax.chunks_exact_mut(c)).enumerate() {
        let window = Window::of(&geometry, number);
        // The first tap is the first maximum so far, whatever its value.
        let (first, at) = window.taps(&geometry).next().expect("a tap");
        y.copy_from_slice(&x[at..at + c]);
        argmax.fill(first);
        for (tap, at) in window.taps(&geometry).skip(1) {
            nan = nan.or(larger_of(&x[at..at + c], tap, y, argmax));
        }
        nan = nan.or(Mask::of_nan(y));
    }
    nan.any()
}

/// The pooled maxima alone: `y` and the result as those of [`max_pool`], for windows of any size.
pub fn max_pool_values(shape: &ConvShape, x: &[f32], y: &mut [f32]) -> bool {
    let mut nan = Mask::none();
    let take = |best: F32x4, value: F32x4| {
        nan = nan.or(value.is_nan());
        best.less(value).select(value, best)
    };
    fold_windows(shape, x, y, f32::NEG_INFINITY, take, |best, _| best);
    nan.any()
}

/// Takes over what is larger in `x` than in `y`, with its tap. Lanes of NaN in `x`.
#[inline(always)]
fn larger_of(x: &[f32], tap: u8, y: &mut [f32], argmax: &mut [u8]) -> Mask {
    let c = x.len();
    debug_assert!(y.len() == c && argmax.len() == c);
    let mut nan = Mask::none();
    let wide = c & !15;
    for first in (0..wide).step_by(16) {
        // SAFETY: `first + 16 <= c`, which is the length of `x`, `y` and `argmax`, cut so by the caller.
        unsafe {
            let larger = from_fn(|v| {
                let at = first + 4 * v;
                let value = F32x4::read(x.as_ptr().add(at));
                let best = F32x4::read(y.as_ptr().add(at));
                nan = nan.or(value.is_nan());
                let larger = best.less(value);
                larger.select(value, best).write(y.as_mut_ptr().add(at));
                larger
            });
            Mask::mark_bytes(larger, tap, argmax.as_mut_ptr().add(first));
        }
    }
    for at in wide..c {
        nan = nan.or(F32x4::splat(x[at]).is_nan());
        if y[at] < x[at] {
            (y[at], argmax[at]) = (x[at], tap);
        }
    }
    nan
}

/// The gradient: every `dy` is added at the position of its maximum, output pixels in row-major order. `dx` is written in
/// full, or added to where `accumulate`.
pub fn max_pool_backward(shape: &ConvShape, dy: &[f32], argmax: &[u8], accumulate: bool, dx: &mut [f32]) {
    let geometry = Geometry::of(shape);
    let c = geometry.channels;
    let outputs = geometry.images * geometry.pixels() * c;
    assert_eq!(dx.len(), geometry.images * geometry.input[0] * geometry.input[1] * c);
    assert!(dy.len() == outputs && argmax.len() == outputs);
    let tiled = geometry.is_tiled();
    if !accumulate && !tiled {
        dx.fill(0.0);
    }
    for (number, (dy, argmax)) in dy.chunks_exact(c).zip(argmax.chunks_exact(c)).enumerate() {
        let window = Window::of(&geometry, number);
        for (tap, at) in window.taps(&geometry) {
            let dx = &mut dx[at..at + c];
            if tiled && !accumulate {
                pass_back::<false>(dy, argmax, tap, dx);
            } else {
                pass_back::<true>(dy, argmax, tap, dx);
            }
        }
    }
}

/// `dx = dy` where the maximum was at `tap`, 0 elsewhere; or that, added.
#[inline(always)]
fn pass_back<const ADD: bool>(dy: &[f32], argmax: &[u8], tap: u8, dx: &mut [f32]) {
    debug_assert!(argmax.len() == dy.len() && dx.len() == dy.len());
    let wide = dy.len() & !15;
    for first in (0..wide).step_by(16) {
        // SAFETY: `first + 16` is at most the length of `dy`, and `argmax` and `dx` are as long, cut so by the caller.
        unsafe {
            for (v, chosen) in Mask::of_bytes(argmax.as_ptr().add(first), tap).into_iter().enumerate() {
                let value = chosen.keep(F32x4::read(dy.as_ptr().add(first + 4 * v)));
                let target = dx.as_mut_ptr().add(first + 4 * v);
                if ADD { F32x4::read(target) + value } else { value }.write(target);
            }
        }
    }
    for at in wide..dy.len() {
        let value = if argmax[at] == tap { dy[at] } else { 0.0 };
        dx[at] = if ADD { dx[at] + value } else { value };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{cases, places, pools, reals, seeds, with_nan};
    use crate::naive::pools::{covered, inputs};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn maxima_positions_and_gradients_follow_the_definition(shape in pools(), seed in seeds()) {
            let covered = covered(&shape);
            // Few different values, so that ties are common: the first in row-major order must win.
            let x: Vec<f32> = reals(inputs(&shape), seed).iter().map(|x| (x * 3.0).round()).collect();
            let (mut y, mut argmax) = (vec![f32::NAN; covered.len()], vec![0xff; covered.len()]);
            prop_assert!(!max_pool(&shape, &x, &mut y, &mut argmax));
            let mut values = vec![f32::NAN; covered.len()];
            prop_assert!(!max_pool_values(&shape, &x, &mut values));
            prop_assert_eq!(&values, &y);
            let dy = reals(covered.len(), seed + 1);
            let mut expected_dx = vec![0.0; x.len()];
            for (out, taps) in covered.iter().enumerate() {
                let largest = taps.iter().map(|&(_, at)| x[at]).fold(f32::NEG_INFINITY, f32::max);
                let &(tap, at) = taps.iter().find(|&&(_, at)| x[at] == largest).unwrap();
                prop_assert_eq!((y[out], u32::from(argmax[out])), (largest, tap));
                expected_dx[at] += dy[out];
            }
            let mut dx = vec![f32::NAN; x.len()];
            max_pool_backward(&shape, &dy, &argmax, false, &mut dx);
            prop_assert_eq!(&dx, &expected_dx);
            // One addition an overlapping window: from another start they round otherwise, by little.
            max_pool_backward(&shape, &dy, &argmax, true, &mut dx);
            let taps = shape.kernel_height * shape.kernel_width;
            for (twice, once) in dx.iter().zip(&expected_dx) {
                prop_assert!((twice - 2.0 * once).abs() <= taps as f32 * f32::EPSILON * 4.0 * taps as f32);
            }
        }

        #[test]
        fn nan_under_a_window_is_reported(shape in pools(), window in places(), tap in places()) {
            let covered = covered(&shape);
            let (mut y, mut argmax) = (vec![0.0; covered.len()], vec![0; covered.len()]);
            let taps: &Vec<_> = window.get(&covered);
            let (_, at) = *tap.get(taps);
            let x = with_nan(vec![1.0; inputs(&shape)], at);
            prop_assert!(max_pool(&shape, &x, &mut y, &mut argmax));
            prop_assert!(max_pool_values(&shape, &x, &mut y));
        }
    }
}
