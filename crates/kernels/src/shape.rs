//! The geometry of a convolution, shared with TypeScript as eighteen little-endian `u32`: `npm run generate` reads the
//! fields from here.
//!
//! Inputs of a convolution lie in a *padded* buffer `[images][padded_height][padded_width][..]`, so every window is
//! `kernel_height` runs of `kernel_width` contiguous pixels and no tap needs a bounds check. Where columns are dilated, a run
//! is one pixel. A dense layer of `rows` rows is a convolution with one image of height 1 and width `rows` and a 1x1 kernel.

pub mod sizes;

/// A number that is 0 for no and 1 for yes; a `boolean` in TypeScript.
pub type Flag = u32;

/// Geometry of one convolution or pooling; see the module for the padded buffer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Number of images.
    pub images: u32,
    /// Height of the unpadded input.
    pub height: u32,
    /// Width of the unpadded input.
    pub width: u32,
    /// Input channels.
    pub channels: u32,
    /// Rows of taps of the kernel or pooling window.
    pub kernel_height: u32,
    /// Columns of taps of the kernel or pooling window.
    pub kernel_width: u32,
    /// Vertical stride.
    pub stride_height: u32,
    /// Horizontal stride.
    pub stride_width: u32,
    /// Rows of the input from a row of taps to the next; 1 for pooling.
    pub dilation_height: u32,
    /// Columns of the input from a column of taps to the next; 1 for pooling.
    pub dilation_width: u32,
    /// Rows of padding above the image.
    pub pad_top: u32,
    /// Columns of padding left of the image.
    pub pad_left: u32,
    /// Rows of the padded buffer: at least `pad_top + height` and `(out_height - 1) * stride_height` plus
    /// [`ConvShape::extent_height`].
    pub padded_height: u32,
    /// Columns of the padded buffer.
    pub padded_width: u32,
    /// Rows of the output.
    pub out_height: u32,
    /// Columns of the output.
    pub out_width: u32,
    /// Output channels; equal to `channels` for pooling.
    pub filters: u32,
    /// Taps outside the image count as +1 where this is 1, as 0 where it is 0.
    pub pad_one: Flag,
}

/// The place of a window in a padded buffer: `rows` times `columns` runs of `length` contiguous elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Rows of runs: the height of the kernel.
    pub rows: usize,
    /// Runs of a row: one, or where columns are dilated the width of the kernel.
    pub columns: usize,
    /// Elements of a run.
    pub length: usize,
    /// Elements from the start of a row of runs to the start of the next.
    pub stride: usize,
    /// Elements from the start of a run to the start of the next in its row.
    pub step: usize,
}

impl Runs {
    /// All runs of a window.
    pub fn count(&self) -> usize {
        self.rows * self.columns
    }

    /// The place of a run's first element in its window.
    #[inline(always)]
    pub fn start(&self, run: usize) -> usize {
        if self.columns == 1 {
            run * self.stride
        } else {
            run / self.columns * self.stride + run % self.columns * self.step
        }
    }
}

impl ConvShape {
    /// Does the padded buffer hold the image at its place and every window? Kernels that read without bounds checks ask
    /// this once a call.
    pub fn is_consistent(&self) -> bool {
        let holds = |padded: u32, pad: u32, size: u32, out: u32, stride: u32, kernel: u32, dilation: u32| {
            let extent = u64::from(kernel.saturating_sub(1)) * u64::from(dilation) + 1;
            let last_window = u64::from(out.max(1) - 1) * u64::from(stride) + extent;
            let has_windows = dilation > 0 && u64::from(padded) >= last_window;
            u64::from(padded) >= u64::from(pad) + u64::from(size) && (out == 0 || has_windows)
        };
        holds(
            self.padded_height,
            self.pad_top,
            self.height,
            self.out_height,
            self.stride_height,
            self.kernel_height,
            self.dilation_height,
        ) && holds(
            self.padded_width,
            self.pad_left,
            self.width,
            self.out_width,
            self.stride_width,
            self.kernel_width,
            self.dilation_width,
        )
    }

    /// The runs of a window when a pixel is `elements` elements.
    pub fn runs(&self, elements: usize) -> Runs {
        let (columns, dilation) = (self.kernel_width as usize, self.dilation_width as usize);
        let is_spread = dilation > 1 && columns > 1;
        Runs {
            rows: self.kernel_height as usize,
            columns: if is_spread { columns } else { 1 },
            length: if is_spread { elements } else { columns * elements },
            stride: self.dilation_height as usize * self.padded_width as usize * elements,
            step: dilation * elements,
        }
    }

    /// For every row of the unpadded input its first pixel there and its first pixel in the padded buffer. A row is `width`
    /// contiguous pixels in both.
    pub fn interior_rows(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let shape = *self;
        let (width, padded_width) = (shape.width as usize, shape.padded_width as usize);
        (0..shape.images as usize).flat_map(move |image| {
            let first = image * shape.padded_height as usize + shape.pad_top as usize;
            (0..shape.height as usize).map(move |y| {
                let source = (image * shape.height as usize + y) * width;
                (source, (first + y) * padded_width + shape.pad_left as usize)
            })
        })
    }

    /// Is the forward product the gradient of the inputs of another convolution? It has no strides then, padding of zeros, and
    /// no window beside the image.
    pub fn has_adjoint(&self) -> bool {
        let fits = |pad: u32, extent: usize, size: u32, out: u32| (pad as usize) < extent && out <= size + pad;
        let is_unpadded = self.padded_height == self.height && self.padded_width == self.width;
        (self.stride_height, self.stride_width) == (1, 1)
            && (self.pad_one == 0 || is_unpadded)
            && fits(self.pad_top, self.extent_height(), self.height, self.out_height)
            && fits(self.pad_left, self.extent_width(), self.width, self.out_width)
    }

    /// That convolution: from our output to our input. See [`ConvShape::has_adjoint`].
    pub fn adjoint(&self) -> Self {
        Self {
            height: self.out_height,
            width: self.out_width,
            pad_top: self.extent_height() as u32 - 1 - self.pad_top,
            pad_left: self.extent_width() as u32 - 1 - self.pad_left,
            ..self.transposed()
        }
    }

    /// The convolution that gives the gradient of the inputs from that of the output, spread by the strides.
    pub fn transposed(&self) -> Self {
        Self {
            channels: self.filters,
            stride_height: 1,
            stride_width: 1,
            pad_top: 0,
            pad_left: 0,
            padded_height: self.height + self.extent_height() as u32 - 1,
            padded_width: self.width + self.extent_width() as u32 - 1,
            out_height: self.height,
            out_width: self.width,
            filters: self.channels,
            pad_one: 0,
            ..*self
        }
    }

    /// The windows of the output pixels, in row-major order and across images: each the padded pixel at its upper left.
    pub fn windows(&self) -> Windows {
        Windows {
            shape: *self,
            x: 0,
            y: 0,
            image: 0,
            row: 0,
            window: 0,
        }
    }

    /// Kernel rows that lie inside the image for output row `y`; the others are padding.
    pub fn rows_inside(&self, y: usize) -> core::ops::Range<usize> {
        inside(
            y * self.stride_height as usize,
            self.pad_top,
            self.height,
            self.kernel_height,
            self.dilation_height,
        )
    }

    /// Kernel columns that lie inside the image for output column `x`; the others are padding.
    pub fn columns_inside(&self, x: usize) -> core::ops::Range<usize> {
        inside(
            x * self.stride_width as usize,
            self.pad_left,
            self.width,
            self.kernel_width,
            self.dilation_width,
        )
    }

    /// Output rows whose windows touch no padding above or below.
    pub fn full_rows(&self) -> core::ops::Range<usize> {
        full(
            self.out_height,
            self.stride_height,
            self.pad_top,
            self.height,
            self.extent_height() as u32,
        )
    }

    /// Output columns whose windows touch no padding left or right.
    pub fn full_columns(&self) -> core::ops::Range<usize> {
        full(
            self.out_width,
            self.stride_width,
            self.pad_left,
            self.width,
            self.extent_width() as u32,
        )
    }
}

/// Taps along an axis that lie inside the image, in a window that begins at `start` in the padded buffer.
fn inside(start: usize, pad: u32, size: u32, kernel: u32, dilation: u32) -> core::ops::Range<usize> {
    let (kernel, dilation) = (kernel as usize, dilation as usize);
    let taps_before = |end: usize| end.saturating_sub(start).div_ceil(dilation).min(kernel);
    let first = taps_before(pad as usize);
    first..taps_before(pad as usize + size as usize).max(first)
}

fn full(out: u32, stride: u32, pad: u32, size: u32, extent: u32) -> core::ops::Range<usize> {
    let first = pad.div_ceil(stride).min(out);
    let end = match (pad + size).checked_sub(extent) {
        Some(last_start) => (last_start / stride + 1).clamp(first, out),
        None => first,
    };
    first as usize..end as usize
}

/// See [`ConvShape::windows`].
#[derive(Clone, Debug)]
pub struct Windows {
    shape: ConvShape,
    x: u32,
    y: u32,
    image: usize,
    row: usize,
    window: usize,
}

impl Windows {
    /// The window of the next output pixel. Past the last one it goes on into images that are not there.
    #[inline(always)]
    pub fn advance(&mut self) -> usize {
        let (shape, window) = (&self.shape, self.window);
        self.x += 1;
        self.window += shape.stride_width as usize;
        if self.x == shape.out_width {
            self.x = 0;
            self.y += 1;
            self.row += shape.stride_height as usize;
            if self.y == shape.out_height {
                self.y = 0;
                self.image += shape.padded_height as usize;
                self.row = self.image;
            }
            self.window = self.row * shape.padded_width as usize;
        }
        window
    }
}
