//! Where the windows of a convolution lie in its padded buffer.

use crate::shape::ConvShape;

/// A shape in `usize`, with the products the loops need.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    /// Images.
    pub images: usize,
    /// Input channels.
    pub channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
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

impl Windows {
    /// The windows of a shape. Panics where a window would leave the padded buffer or the image does not fit into it.
    pub fn of(shape: &ConvShape) -> Self {
        let pair = |y: u32, x: u32| [y as usize, x as usize];
        let windows = Self {
            images: shape.images as usize,
            channels: shape.channels as usize,
            kernel: pair(shape.kernel_height, shape.kernel_width),
            stride: pair(shape.stride_height, shape.stride_width),
            pad: pair(shape.pad_top, shape.pad_left),
            input: pair(shape.height, shape.width),
            padded: pair(shape.padded_height, shape.padded_width),
            output: pair(shape.out_height, shape.out_width),
            filters: shape.filters as usize,
        };
        for axis in 0..2 {
            let (kernel, output) = (windows.kernel[axis], windows.output[axis]);
            assert!(kernel > 0 && output > 0 && windows.stride[axis] > 0);
            assert!((output - 1) * windows.stride[axis] + kernel <= windows.padded[axis]);
            assert!(windows.pad[axis] + windows.input[axis] <= windows.padded[axis]);
        }
        windows
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

    /// Positions of an image in the padded buffer.
    pub fn positions(&self) -> usize {
        self.padded[0] * self.padded[1]
    }

    /// Whether the tap (ky, kx) of the output pixel (oy, ox) lies inside the image.
    pub fn is_inside(&self, pixel: [usize; 2], tap: [usize; 2]) -> bool {
        (0..2).all(|axis| {
            let place = pixel[axis] * self.stride[axis] + tap[axis];
            (self.pad[axis]..self.pad[axis] + self.input[axis]).contains(&place)
        })
    }

    /// Output pixels from number `first` on, over all images in row-major order.
    pub fn from_pixel(&self, first: usize) -> Cursor {
        let (image, pixel) = (first / self.pixels(), first % self.pixels());
        Cursor {
            windows: *self,
            image,
            y: pixel / self.output[1],
            x: pixel % self.output[1],
        }
    }

    /// Calls `visit(pixel number in its image, tap number)` for every tap that falls outside the image.
    pub fn for_each_missing(&self, mut visit: impl FnMut(usize, usize)) {
        for y in 0..self.output[0] {
            for x in 0..self.output[1] {
                let last = [self.kernel[0] - 1, self.kernel[1] - 1];
                if self.is_inside([y, x], [0, 0]) && self.is_inside([y, x], last) {
                    continue;
                }
                for tap in 0..self.taps() {
                    if !self.is_inside([y, x], [tap / self.kernel[1], tap % self.kernel[1]]) {
                        visit(y * self.output[1] + x, tap);
                    }
                }
            }
        }
    }
}

/// Walks output pixels in row-major order; yields the position of each window's first tap in the padded buffer.
pub struct Cursor {
    windows: Windows,
    image: usize,
    y: usize,
    x: usize,
}

impl Iterator for Cursor {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let windows = &self.windows;
        if self.image == windows.images {
            return None;
        }
        let row = self.image * windows.padded[0] + self.y * windows.stride[0];
        let position = row * windows.padded[1] + self.x * windows.stride[1];
        self.x += 1;
        if self.x == windows.output[1] {
            self.x = 0;
            self.y += 1;
            if self.y == windows.output[0] {
                self.y = 0;
                self.image += 1;
            }
        }
        Some(position)
    }
}
