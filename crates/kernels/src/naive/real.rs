//! Naive twins of the real and mixed convolutions, from their definitions: in f64 to bound errors, and in f32 in the
//! kernels' one order of additions to demand equal bits.

use crate::gemm::fb::TABLES;
use crate::shape::ConvShape;
use core::ops::{Add, Mul};

/// What the twins need of a number type.
pub trait Number: Copy + Default + From<f32> + Add<Output = Self> + Mul<Output = Self> {}
impl Number for f32 {}
impl Number for f64 {}

/// Lengths of x (unpadded), w and y.
pub fn lengths(shape: &ConvShape) -> [usize; 3] {
    let kernel = shape.kernel_height * shape.kernel_width * shape.channels * shape.filters;
    [
        (shape.images * shape.height * shape.width * shape.channels) as usize,
        kernel as usize,
        (shape.images * shape.out_height * shape.out_width * shape.filters) as usize,
    ]
}

/// The place in x (unpadded) of a tap, or nothing where it is outside. Coordinates: image, output row, output column,
/// kernel row, kernel column, channel.
fn place(shape: &ConvShape, [n, oy, ox, ky, kx, c]: [u32; 6]) -> Option<usize> {
    let y = (oy * shape.stride_height + ky * shape.dilation_height)
        .checked_sub(shape.pad_top)
        .filter(|&y| y < shape.height)?;
    let x = (ox * shape.stride_width + kx * shape.dilation_width)
        .checked_sub(shape.pad_left)
        .filter(|&x| x < shape.width)?;
    Some((((n * shape.height + y) * shape.width + x) * shape.channels + c) as usize)
}

/// Calls `visit` with (place in x, place in w, place in y) for every product of the convolution: output elements, then k,
/// in order.
fn for_each_product(shape: &ConvShape, mut visit: impl FnMut(Option<usize>, usize, usize)) {
    let mut out = 0;
    for n in 0..shape.images {
        for oy in 0..shape.out_height {
            for ox in 0..shape.out_width {
                for o in 0..shape.filters {
                    let mut k = 0;
                    for ky in 0..shape.kernel_height {
                        for kx in 0..shape.kernel_width {
                            for c in 0..shape.channels {
                                visit(
                                    place(shape, [n, oy, ox, ky, kx, c]),
                                    (k * shape.filters + o) as usize,
                                    out,
                                );
                                k += 1;
                            }
                        }
                    }
                    out += 1;
                }
            }
        }
    }
}

fn padding(shape: &ConvShape) -> f32 {
    if shape.pad_one == 1 { 1.0 } else { 0.0 }
}

/// y, each element summed in order of k.
pub fn convolve<T: Number>(shape: &ConvShape, x: &[f32], w: &[f32]) -> Vec<T> {
    let mut y = vec![T::default(); lengths(shape)[2]];
    for_each_product(shape, |at, k, out| {
        y[out] = y[out] + T::from(at.map_or(padding(shape), |at| x[at])) * T::from(w[k]);
    });
    y
}

/// dw, each element summed in order of the output pixels.
pub fn filter_gradient<T: Number>(shape: &ConvShape, x: &[f32], dy: &[f32]) -> Vec<T> {
    let mut dw = vec![T::default(); lengths(shape)[1]];
    for_each_product(shape, |at, k, out| {
        dw[k] = dw[k] + T::from(at.map_or(padding(shape), |at| x[at])) * T::from(dy[out]);
    });
    dw
}

/// dx (unpadded).
pub fn input_gradient(shape: &ConvShape, w: &[f32], dy: &[f32]) -> Vec<f64> {
    let mut dx = vec![0.0; lengths(shape)[0]];
    for_each_product(shape, |at, k, out| {
        if let Some(at) = at {
            dx[at] += f64::from(w[k]) * f64::from(dy[out]);
        }
    });
    dx
}

/// The padded nibble buffer of +-1 values x.
pub fn nibbles(shape: &ConvShape, x: &[f32]) -> Vec<u8> {
    let groups = shape.channels.div_ceil(4);
    let [height, width] = [shape.padded_height, shape.padded_width];
    let mut out = vec![0; (shape.images * height * width * groups) as usize];
    for (at, byte) in (0u32..).zip(&mut out) {
        let (position, group) = (at / groups, at % groups);
        let (line, column) = (position / width, position % width);
        let (n, y) = (line / height, line % height);
        for i in 0..4.min(shape.channels - 4 * group) {
            // A 1x1 window of stride 1 at this padded position.
            let unit = ConvShape {
                stride_height: 1,
                stride_width: 1,
                ..*shape
            };
            let set = place(&unit, [n, y, column, 0, 0, 4 * group + i]).map_or(shape.pad_one == 1, |at| x[at] > 0.0);
            *byte |= u8::from(set) << (4 + i);
        }
    }
    out
}

/// The value that the bits of a nibble buffer stand for: a zero-padded border reads as -1.
fn read_sign(shape: &ConvShape, x: &[f32], tap: [u32; 6]) -> f32 {
    place(shape, tap).map_or(if shape.pad_one == 1 { 1.0 } else { -1.0 }, |at| x[at])
}

/// Taps of an output pixel outside the image, in order.
fn missing(shape: &ConvShape, n: u32, oy: u32, ox: u32) -> impl Iterator<Item = u32> {
    let shape = *shape;
    (0..shape.kernel_height * shape.kernel_width).filter(move |tap| {
        let (ky, kx) = (tap / shape.kernel_width, tap % shape.kernel_width);
        shape.pad_one == 0 && place(&shape, [n, oy, ox, ky, kx, 0]).is_none()
    })
}

/// y for x in +-1, in the very order of the four-Russians kernel.
pub fn mixed_convolve_in_order(shape: &ConvShape, x: &[f32], w: &[f32]) -> Vec<f32> {
    let (channels, filters) = (shape.channels, shape.filters);
    let weight = |tap: u32, c: u32, o: u32| {
        if c < channels {
            w[((tap * channels + c) * filters + o) as usize]
        } else {
            0.0
        }
    };
    let mut y = Vec::new();
    for n in 0..shape.images {
        for (oy, ox) in (0..shape.out_height).flat_map(|oy| (0..shape.out_width).map(move |ox| (oy, ox))) {
            for o in 0..filters {
                let mut sum = 0.0;
                for tap in 0..shape.kernel_height * shape.kernel_width {
                    let (ky, kx) = (tap / shape.kernel_width, tap % shape.kernel_width);
                    for first in (0..channels).step_by(4) {
                        let [a, b, c, d] = [0, 1, 2, 3].map(|i| {
                            let c = first + i;
                            if c < channels {
                                read_sign(shape, x, [n, oy, ox, ky, kx, c]) * weight(tap, c, o)
                            } else {
                                0.0
                            }
                        });
                        sum += (a + b) + (c + d);
                    }
                }
                for tap in missing(shape, n, oy, ox) {
                    sum += (0..channels).fold(0.0, |sum, c| sum + weight(tap, c, o));
                }
                y.push(sum);
            }
        }
    }
    y
}

/// dw for x in +-1, in the very order of the four-Russians kernel.
pub fn mixed_filter_gradient_in_order(shape: &ConvShape, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let gradient = |n: u32, oy: u32, ox: u32, o: u32| {
        if ox < shape.out_width {
            dy[(((n * shape.out_height + oy) * shape.out_width + ox) * shape.filters + o) as usize]
        } else {
            0.0
        }
    };
    let mut dw = Vec::new();
    for tap in 0..shape.kernel_height * shape.kernel_width {
        let (ky, kx) = (tap / shape.kernel_width, tap % shape.kernel_width);
        for (c, o) in (0..shape.channels).flat_map(|c| (0..shape.filters).map(move |o| (c, o))) {
            let (mut sum, mut outside) = (0.0, 0.0);
            for (n, oy) in (0..shape.images).flat_map(|n| (0..shape.out_height).map(move |oy| (n, oy))) {
                for first in (0..shape.out_width).step_by(4) {
                    let [a, b, c, d] = [0, 1, 2, 3].map(|i| {
                        let ox = first + i;
                        let value = gradient(n, oy, ox, o);
                        if ox < shape.out_width {
                            read_sign(shape, x, [n, oy, ox, ky, kx, c]) * value
                        } else {
                            0.0
                        }
                    });
                    sum += (a + b) + (c + d);
                }
                for ox in 0..shape.out_width {
                    if missing(shape, n, oy, ox).any(|other| other == tap) {
                        outside += gradient(n, oy, ox, o);
                    }
                }
            }
            dw.push(if shape.pad_one == 0 { sum + outside } else { sum });
        }
    }
    dw
}

/// dx for w in +-1, in the very order of the four-Russians kernel: output rows, then blocks of filters, then output columns,
/// then groups of 4 filters of the block.
pub fn mixed_input_gradient_in_order(shape: &ConvShape, w: &[f32], dy: &[f32]) -> Vec<f32> {
    let filters = shape.filters as usize;
    let groups = filters.div_ceil(4);
    let size = groups.div_ceil(groups.div_ceil(TABLES));
    let mut dx = vec![0.0; lengths(shape)[0]];
    let rows = (0..shape.images).flat_map(|n| (0..shape.out_height).map(move |oy| (n, oy)));
    for (n, oy) in rows {
        for block in (0..groups).step_by(size) {
            for ox in 0..shape.out_width {
                let y = (((n * shape.out_height + oy) * shape.out_width + ox) * shape.filters) as usize;
                for k in 0..shape.taps() as u32 * shape.channels {
                    let (tap, c) = (k / shape.channels, k % shape.channels);
                    let (ky, kx) = (tap / shape.kernel_width, tap % shape.kernel_width);
                    let Some(x) = place(shape, [n, oy, ox, ky, kx, c]) else {
                        continue;
                    };
                    for group in block..groups.min(block + size) {
                        let [a, b, c, d] = [0, 1, 2, 3].map(|i| {
                            let filter = 4 * group + i;
                            if filter < filters {
                                w[k as usize * filters + filter] * dy[y + filter]
                            } else {
                                0.0
                            }
                        });
                        dx[x] += (a + b) + (c + d);
                    }
                }
            }
        }
    }
    dx
}

/// Asserts `|result - expected| <= terms * epsilon * magnitude`, element by element.
pub fn assert_close(result: &[f32], expected: &[f64], magnitude: &[f64], terms: usize) {
    assert!(result.len() == expected.len() && result.len() == magnitude.len());
    for (i, ((&result, &expected), &magnitude)) in result.iter().zip(expected).zip(magnitude).enumerate() {
        let bound = terms as f64 * f64::from(f32::EPSILON) * magnitude;
        assert!(
            (f64::from(result) - expected).abs() <= bound,
            "element {i}: {result} for {expected}, bound {bound}"
        );
    }
}

/// Absolute values.
pub fn magnitudes(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| value.abs()).collect()
}
