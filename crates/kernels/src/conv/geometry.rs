//! A convolution's shape as the real kernels use it: in `usize`, axis by axis, and checked once.

use crate::shape::ConvShape;

/// A shape in `usize`, with the products the loops need.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Images.
    pub images: usize,
    /// Input channels.
    pub channels: usize,
    /// Rows and columns of taps of the kernel.
    pub kernel: [usize; 2],
    /// Rows and columns of the input from a tap to the next.
    pub dilation: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Rows above and columns left of the image.
    pub pad: [usize; 2],
    /// Height and width of the unpadded input.
    pub input: [usize; 2],
    /// Height and width of the padded buffer.
    pub padded: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Output channels.
    pub filters: usize,
}

impl Geometry {
    /// The geometry of a shape. Panics where a window would leave the padded buffer or the image does not fit into it.
    pub fn of(shape: &ConvShape) -> Self {
        let pair = |y: u32, x: u32| [y as usize, x as usize];
        let geometry = Self {
            images: shape.images as usize,
            channels: shape.channels as usize,
            kernel: pair(shape.kernel_height, shape.kernel_width),
            dilation: pair(shape.dilation_height, shape.dilation_width),
            stride: pair(shape.stride_height, shape.stride_width),
            pad: pair(shape.pad_top, shape.pad_left),
            input: pair(shape.height, shape.width),
            padded: pair(shape.padded_height, shape.padded_width),
            output: pair(shape.out_height, shape.out_width),
            filters: shape.filters as usize,
        };
        for axis in 0..2 {
            let (kernel, output) = (geometry.kernel[axis], geometry.output[axis]);
            assert!(kernel > 0 && output > 0 && geometry.stride[axis] > 0 && geometry.dilation[axis] > 0);
            assert!((output - 1) * geometry.stride[axis] + geometry.extent(axis) <= geometry.padded[axis]);
            assert!(geometry.pad[axis] + geometry.input[axis] <= geometry.padded[axis]);
        }
        geometry
    }

    /// Positions of the input from the first tap to the last along an axis, both counted.
    pub fn extent(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilation[axis] + 1
    }

    /// Taps of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Rows of the kernel matrix.
    pub fn rows(&self) -> usize {
        self.taps() * self.channels
    }

    /// Output pixels of an image.
    pub fn pixels(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Whether every pixel of the image lies in exactly one window.
    pub fn is_tiled(&self) -> bool {
        (0..2).all(|axis| {
            let (kernel, stride) = (self.kernel[axis], self.stride[axis]);
            let end = self.pad[axis] + self.input[axis];
            kernel == stride && end.div_ceil(stride) == self.output[axis]
        })
    }

    /// Positions of an image in the padded buffer.
    pub fn positions(&self) -> usize {
        self.padded[0] * self.padded[1]
    }

    /// Calls `visit(pixel number in its image, tap number)` for every tap that falls outside the image, pixels and taps in
    /// order.
    pub fn for_each_missing(shape: &ConvShape, mut visit: impl FnMut(usize, usize)) {
        let [height, width] = [shape.kernel_height as usize, shape.kernel_width as usize];
        for y in 0..shape.out_height as usize {
            let rows = shape.rows_inside(y);
            for x in 0..shape.out_width as usize {
                let columns = shape.columns_inside(x);
                if rows.len() == height && columns.len() == width {
                    continue;
                }
                for tap in 0..height * width {
                    if !(rows.contains(&(tap / width)) && columns.contains(&(tap % width))) {
                        visit(y * shape.out_width as usize + x, tap);
                    }
                }
            }
        }
    }
}
