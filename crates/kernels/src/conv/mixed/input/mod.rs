//! The gradient of the inputs of a convolution whose kernel is +-1, by four-Russians tables.
//!
//! `dx[y][x][c] = B(x) * sum w[tap][c][n] dy[oy][ox][n]`. A *lane* is an output pixel of one row in one of up to 16 images
//! that are worked on side by side, numbered `column * images + image`: so one tap moves all lanes of a row by the same
//! number of places, whatever the size of the image. 16 lanes of 4 filters make a table; the weights of every (tap,
//! channel) select a row of it, which is added to that channel's sums at the lanes the tap leads to.
//!
//! The sums of as many padded input rows as a window reaches over wait in a ring `[rows][column phases][channels][lanes]`;
//! the columns of a phase are those with the same remainder by the stride. A row that no later output reaches is
//! transposed to NHWC, multiplied by the backward map and written. Taps outside the image lead nowhere.
//!
//! Order of additions of an element: from 0, over output rows, then blocks of filters (of nearly equal size, at most
//! `TABLES` groups of 4), then output columns, then the groups of 4 filters of the block, each as
//! `(+-a +- b) + (+-c +- d)`.

use super::split_tables;
use crate::quantizer::{Slope, quantize_backward};
use crate::shape::ConvShape;
use core::ops::Range;
use ring::{Ring, transpose_row};
use rows::add_output_row;

pub mod forward;
mod ring;
mod rows;

/// Packs the signs of the kernel `[K][N]` into `fb_input_weight_bytes` bytes, four filters a byte, as nibble times 16; `sign(0) = +1`, bits past the last
/// filter are 0.
pub fn pack_fb_input_weights(shape: &ConvShape, kernel: &[f32], weights: &mut [u8]) {
    let filters = shape.filters as usize;
    assert_eq!(kernel.len(), shape.terms() * filters);
    assert_eq!(weights.len(), shape.fb_input_weight_bytes());
    let rows = weights.chunks_exact_mut(filters.div_ceil(4));
    for (row, bytes) in kernel.chunks_exact(filters).zip(rows) {
        for (four, byte) in row.chunks(4).zip(bytes) {
            let nibble = four.iter().rev().fold(0, |bits, &w| 2 * bits + u8::from(w >= 0.0));
            *byte = nibble * 16;
        }
    }
}

/// `dx [images][h][w][C]` is `B(x)` times the gradient at the quantized input, added to what `dx` holds if
/// `accumulate`. `weights` from `pack_fb_input_weights`, `dy [images][oh][ow][N]`, `x` as `dx`, `scratch`
/// `fb_input_scratch_bytes` bytes. True where an x or a gradient is NaN; `dx` then means nothing.
///
/// # Safety
/// The low half of every byte of `weights` must be 0.
///
/// # Panics
/// When a slice has another length than its layout, or the shape contradicts itself.
#[allow(clippy::too_many_arguments)]
pub unsafe fn fb_conv_backward_input(
    shape: &ConvShape,
    weights: &[u8],
    dy: &[f32],
    scratch: &mut [f32],
    slope: Slope,
    x: &[f32],
    accumulate: bool,
    dx: &mut [f32],
) -> bool {
    assert_eq!(x.len(), shape.input_pixels() * shape.channels as usize);
    assert_eq!(dx.len(), x.len());
    let mut nan = false;
    // SAFETY: the promises are the same.
    unsafe {
        for_each_row(shape, weights, dy, scratch, |place, gradient| {
            nan |= quantize_backward(slope, &x[place.clone()], gradient, accumulate, &mut dx[place]);
        });
    }
    nan
}

/// Calls `visit(place in [images][h][w][C], gradients [w][C])` for the gradient at each row of the quantized inputs, in any order
/// of the rows.
///
/// # Safety
/// As for [`fb_conv_backward_input`].
unsafe fn for_each_row(
    shape: &ConvShape,
    weights: &[u8],
    dy: &[f32],
    scratch: &mut [f32],
    mut visit: impl FnMut(Range<usize>, &[f32]),
) {
    let ring = Ring::of(shape, shape.images as usize);
    let geometry = &ring.geometry;
    assert_eq!(weights.len(), shape.fb_input_weight_bytes());
    assert_eq!(dy.len(), shape.output_pixels() * geometry.filters);
    assert_eq!(size_of_val(scratch), shape.fb_input_scratch_bytes());
    let (tables, rest) = split_tables(scratch);
    let (sums, rest) = rest.split_at_mut(geometry.extent(0) * ring.row());
    let gradients = &mut rest[..ring.images * ring.pixels()];

    let per_output = geometry.pixels() * geometry.filters;
    for first in (0..geometry.images).step_by(ring.images) {
        let images = ring.images.min(geometry.images - first);
        let ring = Ring::of(shape, images);
        let dy = &dy[first * per_output..][..images * per_output];
        let mut finish = |row: usize, sums: &mut [f32]| {
            let slot = &mut sums[ring.slot(row)..][..ring.row()];
            if let Some(y) = row.checked_sub(geometry.pad[0]).filter(|&y| y < geometry.input[0]) {
                transpose_row(&ring, slot, gradients);
                for (image, gradient) in gradients.chunks_exact(ring.pixels()).take(images).enumerate() {
                    let place = ((first + image) * geometry.input[0] + y) * ring.pixels();
                    visit(place..place + ring.pixels(), gradient);
                }
            }
            slot.fill(0.0);
        };
        sums.fill(0.0);
        let mut row = 0;
        for oy in 0..geometry.output[0] {
            while row < oy * geometry.stride[0] {
                finish(row, sums);
                row += 1;
            }
            // SAFETY: the length of the weights was checked, and the caller has them clean.
            unsafe { add_output_row(&ring, weights, dy, oy, tables, sums) };
        }
        while row < geometry.pad[0] + geometry.input[0] {
            finish(row, sums);
            row += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{cases, dense, dilated_shape, reals, seeds, signs, small_shapes};
    use crate::naive::real::{assert_close, input_gradient, lengths, magnitudes, mixed_input_gradient_in_order};
    use crate::quantizer::{Backward, Forward};
    use proptest::prelude::*;

    const fn slope(map: Backward<'static>) -> Slope<'static> {
        Slope {
            proximal: Forward::Identity,
            map,
        }
    }

    fn check(shape: &ConvShape, seed: u64, accumulate: bool) {
        let [inputs, kernel, outputs] = lengths(shape);
        let (w, dy) = (signs(kernel, seed), reals(outputs, seed + 1));
        // Those whose signs are w.
        let latent = reals(kernel, seed);
        let x = reals(inputs, seed + 3).iter().map(|x| 2.0 * x).collect::<Vec<_>>();
        let before = if accumulate {
            reals(inputs, seed + 4)
        } else {
            vec![f32::NAN; inputs]
        };
        let mut weights = vec![0xff; shape.fb_input_weight_bytes()];
        pack_fb_input_weights(shape, &latent, &mut weights);
        let mut scratch = vec![f32::NAN; shape.fb_input_scratch_bytes() / 4];
        let mut dx = before.clone();
        let mut run = |map, x: &[f32], accumulate, dx: &mut [f32]| {
            // SAFETY: the weights have just been packed.
            unsafe { fb_conv_backward_input(shape, &weights, &dy, &mut scratch, slope(map), x, accumulate, dx) }
        };
        assert!(!run(Backward::Box, &x, accumulate, &mut dx));
        let mask = |values: Vec<f32>| -> Vec<f32> {
            let kept = values
                .iter()
                .zip(&x)
                .map(|(g, x)| if x.abs() <= 1.0 { *g } else { 0.0 });
            kept.zip(&before)
                .map(|(g, before)| if accumulate { before + g } else { g })
                .collect()
        };
        assert_eq!(dx, mask(mixed_input_gradient_in_order(shape, &w, &dy)));

        let ones = vec![0.0; inputs];
        run(Backward::One, &ones, false, &mut dx);
        let magnitude = input_gradient(shape, &magnitudes(&w), &magnitudes(&dy));
        let terms = shape.taps() * (shape.filters as usize + 3);
        assert_close(&dx, &input_gradient(shape, &w, &dy), &magnitude, terms);
    }

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn is_the_sum_in_order_bit_for_bit(shape in small_shapes(), seed in seeds(), accumulate: bool) {
            check(&shape, seed, accumulate);
        }

        #[test]
        fn many_images_side_by_side_give_the_sum_in_order(shape in small_shapes(), more in 13u32..16, seed in seeds()) {
            check(&ConvShape { images: shape.images + more, ..shape }, seed, false);
        }
    }

    #[test]
    fn many_images_blocks_of_filters_and_dense_layers() {
        for (rows, k, n) in [(16, 500, 10), (1, 30, 333), (130, 17, 130), (67, 5, 4), (6, 1, 1)] {
            check(&dense(rows, k, n), u64::from(k), n == 10);
        }
        for images in [15, 16, 17, 35] {
            let one = dense(9, 5, 18);
            let shape = ConvShape {
                images,
                kernel_width: 4,
                stride_width: 3,
                pad_left: 1,
                padded_width: 10,
                out_width: 3,
                ..one
            };
            check(&shape, 3, false);
            // Three columns from tap to tap, two of which reach a pixel.
            check(
                &dilated_shape([images, 3, 7, 5], [2, 2, 18], [1, 1], [2, 2], true, false),
                4,
                false,
            );
        }
    }

    #[test]
    fn nan_is_reported() {
        let shape = dense(5, 6, 3);
        let weights = vec![0; shape.fb_input_weight_bytes()];
        let mut scratch = vec![0.0; shape.fb_input_scratch_bytes() / 4];
        for (bad_x, bad_dy) in [(true, false), (false, true)] {
            let (mut x, mut dy, mut dx) = (vec![0.5; 30], vec![1.0; 15], vec![0.0; 30]);
            if bad_x {
                x[29] = f32::NAN;
            }
            if bad_dy {
                dy[14] = f32::NAN;
            }
            let slope = slope(Backward::Box);
            // SAFETY: the weights are 0.
            let nan = unsafe { fb_conv_backward_input(&shape, &weights, &dy, &mut scratch, slope, &x, false, &mut dx) };
            assert!(nan);
        }
    }
}
