//! Shapes of convolutions and pools.

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

/// A dense layer as a shape.
pub fn dense(rows: u32, channels: u32, filters: u32) -> ConvShape {
    conv_shape([1, 1, rows, channels], [1, 1, filters], [1, 1], false, false)
}

/// Shapes with every kind of tail: few pixels, odd channels and filters, strides, uneven padding.
pub fn small_shapes() -> impl Strategy<Value = ConvShape> {
    let axis = || (1u32..10, 1u32..4, 1u32..4, 0u32..3, 0u32..3);
    (1u32..4, axis(), axis(), 1u32..23, 1u32..21, any::<bool>()).prop_filter_map(
        "the kernel is larger than the image",
        |(images, (height, kh, sh, top, bottom), (width, kw, sw, left, right), channels, filters, pad_one)| {
            let outputs = |input: u32, kernel: u32, stride: u32, before: u32, after: u32| {
                Some((before + input + after).checked_sub(kernel)? / stride + 1)
            };
            let (top, bottom, left, right) = (top.min(kh - 1), bottom.min(kh - 1), left.min(kw - 1), right.min(kw - 1));
            let out_height = outputs(height, kh, sh, top, bottom)?;
            let out_width = outputs(width, kw, sw, left, right)?;
            Some(ConvShape {
                images,
                height,
                width,
                channels,
                kernel_height: kh,
                kernel_width: kw,
                stride_height: sh,
                stride_width: sw,
                pad_top: top,
                pad_left: left,
                padded_height: (top + height).max((out_height - 1) * sh + kh),
                padded_width: (left + width).max((out_width - 1) * sw + kw),
                out_height,
                out_width,
                filters,
                pad_one: u32::from(pad_one),
            })
        },
    )
}

/// Shapes with SAME or VALID padding, channels and filters around all tails, and windows larger than the image.
fn wide_shapes() -> impl Strategy<Value = ConvShape> {
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

/// Shapes of both kinds, for kernels whose twins are fast enough.
pub fn any_shapes() -> impl Strategy<Value = ConvShape> {
    prop_oneof![3 => wide_shapes(), 1 => small_shapes()]
}

/// Shapes of pools: one filter per channel.
pub fn pools() -> impl Strategy<Value = ConvShape> {
    small_shapes().prop_map(|shape| ConvShape {
        filters: shape.channels,
        ..shape
    })
}
