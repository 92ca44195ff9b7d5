//! The binary kernels from their definitions, on reals that are +1 or -1 and booleans; no packing, no padded buffers.

use crate::shape::ConvShape;

/// `sign(0) = +1`.
pub fn sign(x: f32) -> f32 {
    if x >= 0.0 { 1.0 } else { -1.0 }
}

/// The coordinate of the unpadded input `reach` after the first tap of output `out`, if it is inside the image.
fn coordinate(out: usize, stride: u32, reach: usize, pad: u32, size: u32) -> Option<usize> {
    (out * stride as usize + reach)
        .checked_sub(pad as usize)
        .filter(|&position| position < size as usize)
}

/// Calls `visit(y, x, ky, kx, output pixel, input pixel or none)` for every tap of every output pixel.
fn for_each_tap(shape: &ConvShape, mut visit: impl FnMut(usize, usize, Option<usize>)) {
    let [
        images,
        height,
        width,
        out_height,
        out_width,
        kernel_height,
        kernel_width,
    ] = [
        shape.images,
        shape.height,
        shape.width,
        shape.out_height,
        shape.out_width,
        shape.kernel_height,
        shape.kernel_width,
    ]
    .map(|size| size as usize);
    for image in 0..images {
        for oy in 0..out_height {
            for ox in 0..out_width {
                for ky in 0..kernel_height {
                    for kx in 0..kernel_width {
                        let down = ky * shape.dilation_height as usize;
                        let right = kx * shape.dilation_width as usize;
                        let y = coordinate(oy, shape.stride_height, down, shape.pad_top, shape.height);
                        let x = coordinate(ox, shape.stride_width, right, shape.pad_left, shape.width);
                        let input = y.zip(x).map(|(y, x)| (image * height + y) * width + x);
                        visit(
                            (image * out_height + oy) * out_width + ox,
                            ky * kernel_width + kx,
                            input,
                        );
                    }
                }
            }
        }
    }
}

/// The convolution of `sign(x)` `[images][height][width][channels]` with `sign(kernel)` `[K][filters]`; taps outside the image
/// count as 0 or +1.
pub fn conv(shape: &ConvShape, x: &[f32], kernel: &[f32]) -> Vec<i32> {
    let (channels, filters) = (shape.channels as usize, shape.filters as usize);
    let outside = if shape.pad_one != 0 { 1.0 } else { 0.0 };
    let mut sums = vec![0.0; shape.output_pixels() * filters];
    for_each_tap(shape, |output, tap, input| {
        for channel in 0..channels {
            let value = input.map_or(outside, |pixel| sign(x[pixel * channels + channel]));
            for filter in 0..filters {
                sums[output * filters + filter] += value * sign(kernel[(tap * channels + channel) * filters + filter]);
            }
        }
    });
    sums.into_iter().map(|sum: f32| sum as i32).collect()
}

/// The same with sums that are kept in 8 bits, signed, after every group of four channels of a tap, taps and groups in order; a
/// tap outside the image adds nothing where it counts as 0. `keep` brings a sum back into 8 bits.
pub fn accumulated_conv(shape: &ConvShape, x: &[f32], kernel: &[f32], keep: impl Fn(i32) -> i32) -> Vec<i32> {
    let (channels, filters) = (shape.channels as usize, shape.filters as usize);
    let mut sums = vec![0; shape.output_pixels() * filters];
    for_each_tap(shape, |output, tap, input| {
        if input.is_none() && shape.pad_one == 0 {
            return;
        }
        for filter in 0..filters {
            let sum = &mut sums[output * filters + filter];
            for first in (0..channels).step_by(4) {
                for channel in first..channels.min(first + 4) {
                    let value = input.map_or(1.0, |pixel| sign(x[pixel * channels + channel]));
                    *sum += (value * sign(kernel[(tap * channels + channel) * filters + filter])) as i32;
                }
                *sum = keep(*sum);
            }
        }
    });
    sums
}

/// For every output pixel and channel: is any of the window's bits inside the image set?
pub fn max_pool(pool: &ConvShape, bits: &[bool]) -> Vec<bool> {
    let channels = pool.channels as usize;
    let mut out = vec![false; pool.output_pixels() * channels];
    for_each_tap(pool, |output, _, input| {
        for channel in 0..channels {
            out[output * channels + channel] |= input.is_some_and(|pixel| bits[pixel * channels + channel]);
        }
    });
    out
}

/// Bits `[images][height][width][channels]` in the nibble layout; padding as `fill_border_nibbles` writes it.
pub fn nibbles(shape: &ConvShape, bits: &[bool]) -> Vec<u8> {
    pack(shape, 4, bits)
        .into_iter()
        .map(|group| (group << 4) as u8)
        .collect()
}

/// Bits `[images][height][width][channels]` in the word layout; padding as `fill_border_words` writes it.
pub fn words(shape: &ConvShape, bits: &[bool]) -> Vec<u64> {
    pack(shape, 64, bits)
}

fn pack(shape: &ConvShape, unit: usize, bits: &[bool]) -> Vec<u64> {
    let [images, height, width, channels, padded_height, padded_width] = [
        shape.images,
        shape.height,
        shape.width,
        shape.channels,
        shape.padded_height,
        shape.padded_width,
    ]
    .map(|size| size as usize);
    let mut packed = Vec::new();
    for image in 0..images {
        for py in 0..padded_height {
            for px in 0..padded_width {
                let y = coordinate(py, 1, 0, shape.pad_top, shape.height);
                let x = coordinate(px, 1, 0, shape.pad_left, shape.width);
                let pixel = y.zip(x).map(|(y, x)| (image * height + y) * width + x);
                for element in 0..channels.div_ceil(unit) {
                    let mut value = 0;
                    for bit in 0..unit.min(channels - element * unit) {
                        let one = pixel.map_or(shape.pad_one != 0, |pixel| {
                            bits[pixel * channels + element * unit + bit]
                        });
                        value |= u64::from(one) << bit;
                    }
                    packed.push(value);
                }
            }
        }
    }
    packed
}
