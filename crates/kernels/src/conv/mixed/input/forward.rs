//! The forward product of real inputs with a kernel of +-1 and no strides. It is the gradient of the inputs of another
//! convolution, its *adjoint*, at `dy = x`: whose filters are our channels, whose kernel is ours turned by half a circle.
//!
//! `y[p][o] = sum_(tap, c) x[p + tap - pad][c] w[tap][c][o] (+ bias[o])`, taps outside the image left out.
//!
//! Order of additions of an element: that of the gradient, over the rows and columns of x and blocks of its channels.

use super::for_each_row;
use crate::shape::ConvShape;

/// Packs the signs of the kernel `[K][N]` into `fb_sign_weight_bytes` bytes `[taps][N][ceil(c/4)]`, the last tap first: four
/// channels a byte, as nibble times 16. `sign(0) = +1`, bits past the last channel are 0. True when a NaN was seen.
pub fn pack_fb_sign_weights(shape: &ConvShape, kernel: &[f32], weights: &mut [u8]) -> bool {
    let (channels, filters) = (shape.channels as usize, shape.filters as usize);
    assert_eq!(kernel.len(), shape.terms() * filters);
    assert_eq!(weights.len(), shape.fb_sign_weight_bytes());
    let groups = channels.div_ceil(4);
    let taps = kernel.chunks_exact(channels * filters).rev();
    for (tap, rows) in taps.zip(weights.chunks_exact_mut(filters * groups)) {
        for (filter, bytes) in rows.chunks_exact_mut(groups).enumerate() {
            for (group, byte) in bytes.iter_mut().enumerate() {
                let four = 4 * group..channels.min(4 * group + 4);
                let nibble = four
                    .rev()
                    .fold(0, |bits, c| 2 * bits + u8::from(tap[c * filters + filter] >= 0.0));
                *byte = nibble * 16;
            }
        }
    }
    kernel.iter().any(|weight| weight.is_nan())
}

/// `out [images][oh][ow][N]` of `x [images][h][w][c]`. `weights` from [`pack_fb_sign_weights`], `bias [N]` or nothing, `scratch`
/// `fb_sign_scratch_bytes` bytes.
///
/// # Safety
/// The low half of every byte of `weights` must be 0.
///
/// # Panics
/// When a slice has another length than its layout, or the shape has no adjoint.
pub unsafe fn fb_sign_conv(
    shape: &ConvShape,
    x: &[f32],
    weights: &[u8],
    bias: Option<&[f32]>,
    out: &mut [f32],
    scratch: &mut [f32],
) {
    let filters = shape.filters as usize;
    assert!(shape.has_adjoint());
    assert_eq!(out.len(), shape.output_pixels() * filters);
    assert!(bias.is_none_or(|bias| bias.len() == filters));
    // SAFETY: the promises are the same.
    unsafe {
        for_each_row(&shape.adjoint(), weights, x, scratch, |place, sums| {
            let row = &mut out[place];
            row.copy_from_slice(sums);
            if let Some(bias) = bias {
                for pixel in row.chunks_exact_mut(filters) {
                    pixel.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{cases, dense, dilated_shape, reals, seeds, small_shapes};
    use crate::naive::real::{assert_close, convolve, lengths, magnitudes, mixed_input_gradient_in_order};
    use proptest::prelude::*;

    /// The kernel of the adjoint: turned by half a circle, channels and filters exchanged.
    fn turned(shape: &ConvShape, w: &[f32]) -> Vec<f32> {
        let (channels, filters) = (shape.channels as usize, shape.filters as usize);
        let taps = w.chunks_exact(channels * filters).rev();
        taps.flat_map(|tap| (0..filters * channels).map(|i| tap[i % channels * filters + i / channels]))
            .collect()
    }

    fn check(shape: &ConvShape, seed: u64) {
        let [inputs, kernel, outputs] = lengths(shape);
        let (x, latent) = (reals(inputs, seed), reals(kernel, seed + 1));
        let w: Vec<f32> = latent.iter().map(|&w| if w >= 0.0 { 1.0 } else { -1.0 }).collect();
        let bias = reals(shape.filters as usize, seed + 2);
        let mut weights = vec![0xff; shape.fb_sign_weight_bytes()];
        assert!(!pack_fb_sign_weights(shape, &latent, &mut weights));
        let mut scratch = vec![f32::NAN; shape.fb_sign_scratch_bytes() / 4];
        let mut run = |bias: Option<&[f32]>| {
            let mut out = vec![f32::NAN; outputs];
            // SAFETY: the weights have just been packed.
            unsafe { fb_sign_conv(shape, &x, &weights, bias, &mut out, &mut scratch) };
            out
        };
        let sums = mixed_input_gradient_in_order(&shape.adjoint(), &turned(shape, &w), &x);
        let out = run(None);
        assert_eq!(out, sums);
        let magnitude: Vec<f64> = convolve(shape, &magnitudes(&x), &magnitudes(&w));
        let terms = shape.taps() * (shape.channels as usize + 3);
        assert_close(&out, &convolve(shape, &x, &w), &magnitude, terms);
        let added: Vec<f32> = sums.iter().zip(bias.iter().cycle()).map(|(y, b)| y + b).collect();
        assert_eq!(run(Some(&bias)), added);
    }

    proptest! {
        #![proptest_config(cases(300))]

        #[test]
        fn is_the_sum_in_order_bit_for_bit(shape in small_shapes(), more in 0u32..18, seed in seeds()) {
            let shape = ConvShape {
                images: shape.images + more,
                stride_height: 1,
                stride_width: 1,
                out_height: shape.padded_height - shape.extent_height() as u32 + 1,
                out_width: shape.padded_width - shape.extent_width() as u32 + 1,
                ..shape
            };
            if shape.has_adjoint() {
                check(&shape, seed);
            } else {
                prop_assert_eq!(shape.pad_one, 1);
            }
        }
    }

    #[test]
    fn many_images_blocks_of_channels_and_dense_layers() {
        for (rows, k, n) in [(16, 500, 10), (1, 333, 30), (130, 130, 17), (67, 4, 5), (6, 1, 1)] {
            check(&dense(rows, k, n), u64::from(k));
        }
        for images in [1, 15, 16, 17, 35] {
            check(
                &dilated_shape([images, 6, 7, 18], [3, 2, 5], [1, 1], [2, 2], true, false),
                4,
            );
        }
    }

    #[test]
    fn a_weight_that_is_nan_is_reported() {
        let shape = dense(5, 6, 3);
        let mut kernel = [0.5; 18];
        kernel[17] = f32::NAN;
        let mut weights = vec![0; shape.fb_sign_weight_bytes()];
        assert!(pack_fb_sign_weights(&shape, &kernel, &mut weights));
    }

    #[test]
    #[should_panic(expected = "has_adjoint")]
    fn strides_are_refused() {
        let shape = ConvShape {
            stride_width: 2,
            ..dense(5, 4, 3)
        };
        // SAFETY: the weights are 0.
        unsafe { fb_sign_conv(&shape, &[0.0; 20], &[0; 3], None, &mut [0.0; 15], &mut []) };
    }
}
