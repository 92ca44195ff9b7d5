//! Random geometries and data for the property tests.

use proptest::prelude::*;

use crate::shape::ConvShape;

/// One axis of a convolution: size, kernel, stride, padding before, padded size and output size, SAME or VALID as TensorFlow
/// defines them.
fn axis(size: u32, kernel: u32, stride: u32, same: bool) -> (u32, u32, u32) {
    let (out, before) = if same {
        let out = size.div_ceil(stride);
        let padding = ((out - 1) * stride + kernel).saturating_sub(size);
        (out, padding / 2)
    } else {
        ((size - kernel) / stride + 1, 0)
    };
    (out, before, (before + size).max((out - 1) * stride + kernel))
}

/// The shape of a convolution with SAME or VALID padding.
///
/// # Panics
/// When a VALID kernel is larger than the image.
pub fn conv_shape(
    [images, height, width, channels]: [u32; 4],
    [kernel_height, kernel_width, filters]: [u32; 3],
    [stride_height, stride_width]: [u32; 2],
    same: bool,
    pad_one: bool,
) -> ConvShape {
    let (out_height, pad_top, padded_height) = axis(height, kernel_height, stride_height, same);
    let (out_width, pad_left, padded_width) = axis(width, kernel_width, stride_width, same);
    ConvShape {
        images,
        height,
        width,
        channels,
        kernel_height,
        kernel_width,
        stride_height,
        stride_width,
        pad_top,
        pad_left,
        padded_height,
        padded_width,
        out_height,
        out_width,
        filters,
        pad_one: u32::from(pad_one),
    }
}

/// Shapes of every kind: channels and filters around all tails, windows larger than the image, both paddings.
pub fn any_shape() -> impl Strategy<Value = ConvShape> {
    let channels = prop_oneof![1..150u32, (1..5u32).prop_map(|n| 32 * n)];
    let kernel = (1..6u32, 1..6u32, prop_oneof![1..70u32, (1..5u32).prop_map(|n| 16 * n)]);
    let image = (1..4u32, 1..9u32, 1..9u32, channels);
    (image, kernel, (1..4u32, 1..4u32), any::<bool>(), any::<bool>()).prop_map(
        |((images, height, width, channels), (kh, kw, filters), (sh, sw), same, pad_one)| {
            let (height, width) = if same {
                (height, width)
            } else {
                (height + kh - 1, width + kw - 1)
            };
            conv_shape(
                [images, height, width, channels],
                [kh, kw, filters],
                [sh, sw],
                same,
                pad_one,
            )
        },
    )
}

/// The same sequence of reals in `-1..1` for the same seed, zeros of both signs among them.
pub fn reals(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0..count)
        .map(|_| match next() {
            bits if bits % 61 == 0 => 0.0,
            bits if bits % 61 == 1 => -0.0,
            bits => (bits >> 40) as f32 / (1 << 23) as f32 - 1.0,
        })
        .collect()
}
