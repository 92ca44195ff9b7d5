//! Shapes of convolutions and pools.

use proptest::prelude::*;

use crate::shape::ConvShape;

/// One axis of a convolution, whose windows reach over `extent` pixels: the output size, the padding before and the padded
/// size, SAME or VALID as TensorFlow defines them.
fn axis(size: u32, extent: u32, stride: u32, same: bool) -> (u32, u32, u32) {
    let (out, before) = if same {
        let out = size.div_ceil(stride);
        let padding = ((out - 1) * stride + extent).saturating_sub(size);
        (out, padding / 2)
    } else {
        ((size - extent) / stride + 1, 0)
    };
    (out, before, (before + size).max((out - 1) * stride + extent))
}

/// The shape of a convolution with SAME or VALID padding.
///
/// # Panics
/// When a VALID kernel is larger than the image.
pub fn conv_shape(image: [u32; 4], kernel: [u32; 3], strides: [u32; 2], same: bool, pad_one: bool) -> ConvShape {
    dilated_shape(image, kernel, strides, [1, 1], same, pad_one)
}

/// The same with gaps between the taps.
///
/// # Panics
/// As for [`conv_shape`].
pub fn dilated_shape(
    [images, height, width, channels]: [u32; 4],
    [kernel_height, kernel_width, filters]: [u32; 3],
    [stride_height, stride_width]: [u32; 2],
    [dilation_height, dilation_width]: [u32; 2],
    same: bool,
    pad_one: bool,
) -> ConvShape {
    let [down, right] = [
        extent(kernel_height, dilation_height),
        extent(kernel_width, dilation_width),
    ];
    let (out_height, pad_top, padded_height) = axis(height, down, stride_height, same);
    let (out_width, pad_left, padded_width) = axis(width, right, stride_width, same);
    ConvShape {
        images,
        height,
        width,
        channels,
        kernel_height,
        kernel_width,
        stride_height,
        stride_width,
        dilation_height,
        dilation_width,
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

fn extent(kernel: u32, dilation: u32) -> u32 {
    (kernel - 1) * dilation + 1
}

/// Pixels from a tap to the next: often neighbours.
fn dilations() -> impl Strategy<Value = [u32; 2]> {
    let axis = || prop_oneof![2 => Just(1u32), 1 => 2u32..4];
    [axis(), axis()]
}

/// A dense layer as a shape.
pub fn dense(rows: u32, channels: u32, filters: u32) -> ConvShape {
    conv_shape([1, 1, rows, channels], [1, 1, filters], [1, 1], false, false)
}

/// Shapes with every kind of tail: few pixels, odd channels and filters, strides, dilations, uneven padding.
pub fn small_shapes() -> impl Strategy<Value = ConvShape> {
    dilations().prop_flat_map(small_shapes_of)
}

/// The same with neighbouring taps.
pub fn undilated_shapes() -> impl Strategy<Value = ConvShape> {
    small_shapes_of([1, 1])
}

fn small_shapes_of([down, right]: [u32; 2]) -> impl Strategy<Value = ConvShape> {
    let axis = || (1u32..10, 1u32..4, 1u32..4, 0u32..3, 0u32..3);
    (1u32..4, axis(), axis(), 1u32..23, 1u32..21, any::<bool>()).prop_filter_map(
        "the kernel is larger than the image",
        move |(images, (height, kh, sh, top, bottom), (width, kw, sw, left, behind), channels, filters, pad_one)| {
            let outputs = |input: u32, extent: u32, stride: u32, before: u32, after: u32| {
                Some((before + input + after).checked_sub(extent)? / stride + 1)
            };
            let (eh, ew) = (extent(kh, down), extent(kw, right));
            let (top, bottom, left, behind) = (
                top.min(eh - 1),
                bottom.min(eh - 1),
                left.min(ew - 1),
                behind.min(ew - 1),
            );
            let out_height = outputs(height, eh, sh, top, bottom)?;
            let out_width = outputs(width, ew, sw, left, behind)?;
            Some(ConvShape {
                images,
                height,
                width,
                channels,
                kernel_height: kh,
                kernel_width: kw,
                stride_height: sh,
                stride_width: sw,
                dilation_height: down,
                dilation_width: right,
                pad_top: top,
                pad_left: left,
                padded_height: (top + height).max((out_height - 1) * sh + eh),
                padded_width: (left + width).max((out_width - 1) * sw + ew),
                out_height,
                out_width,
                filters,
                pad_one: u32::from(pad_one),
            })
        },
    )
}

/// Shapes with SAME or VALID padding, channels and filters around all tails, and windows larger than the image.
fn wide_shapes(dilations: impl Strategy<Value = [u32; 2]>) -> impl Strategy<Value = ConvShape> {
    let channels = prop_oneof![1..150u32, (1..5u32).prop_map(|n| 32 * n)];
    let kernel = (1..6u32, 1..6u32, prop_oneof![1..70u32, (1..5u32).prop_map(|n| 16 * n)]);
    let image = (1..4u32, 1..9u32, 1..9u32, channels);
    (image, kernel, (1..4u32, 1..4u32), dilations, any::<[bool; 2]>()).prop_map(
        |((images, height, width, channels), (kh, kw, filters), (sh, sw), [down, right], [same, pad_one])| {
            let (height, width) = if same {
                (height, width)
            } else {
                (height + extent(kh, down) - 1, width + extent(kw, right) - 1)
            };
            dilated_shape(
                [images, height, width, channels],
                [kh, kw, filters],
                [sh, sw],
                [down, right],
                same,
                pad_one,
            )
        },
    )
}

/// Shapes of both kinds, for kernels whose twins are fast enough.
pub fn any_shapes() -> impl Strategy<Value = ConvShape> {
    prop_oneof![3 => wide_shapes(dilations()), 1 => small_shapes()]
}

/// Shapes of both kinds whose taps are neighbours.
pub fn any_undilated_shapes() -> impl Strategy<Value = ConvShape> {
    prop_oneof![3 => wide_shapes(Just([1, 1])), 1 => undilated_shapes()]
}

/// Shapes of pools: one filter per channel.
pub fn pools() -> impl Strategy<Value = ConvShape> {
    undilated_shapes().prop_map(|shape| ConvShape {
        filters: shape.channels,
        ..shape
    })
}
