//! The pixels of the output, one after the other, with all that depends on their place.

use super::border::Border;
use crate::shape::ConvShape;

/// An output pixel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pixel {
    /// Its number in the unpadded output.
    pub index: usize,
    /// The pixel of the padded input at the upper left of its window.
    pub window: usize,
    /// Its pixel in the padded input of the next layer.
    pub target: usize,
    /// The pattern of its missing taps.
    pub pattern: usize,
}

/// All output pixels in row-major order, across images.
pub struct Pixels<'a> {
    shape: &'a ConvShape,
    next: Option<&'a ConvShape>,
    border: Border,
    row_pattern: usize,
    image: usize,
    y: usize,
    x: usize,
    pixel: Pixel,
}

impl<'a> Pixels<'a> {
    /// From the first pixel on; targets are those of the layer `next`, 0 and up where there is none.
    pub fn new(shape: &'a ConvShape, next: Option<&'a ConvShape>) -> Self {
        let mut pixels = Self {
            shape,
            next,
            border: Border::of(shape),
            row_pattern: 0,
            image: 0,
            y: 0,
            x: 0,
            pixel: Pixel::default(),
        };
        pixels.begin_row();
        pixels
    }

    fn begin_row(&mut self) {
        let (shape, image, y) = (self.shape, self.image, self.y);
        let row = image * shape.padded_height as usize + y * shape.stride_height as usize;
        self.pixel.window = row * shape.padded_width as usize;
        if let Some(next) = self.next {
            let row = image * next.padded_height as usize + next.pad_top as usize + y;
            self.pixel.target = row * next.padded_width as usize + next.pad_left as usize;
        }
        self.row_pattern = self.border.row(y);
    }

    /// The next pixel. Past the last one it goes on into images that are not there.
    #[inline(always)]
    pub fn advance(&mut self) -> Pixel {
        let pattern = self.row_pattern + self.border.column(self.x);
        let pixel = Pixel { pattern, ..self.pixel };
        self.x += 1;
        self.pixel.index += 1;
        self.pixel.target += 1;
        self.pixel.window += self.shape.stride_width as usize;
        if self.x == self.shape.out_width as usize {
            (self.x, self.y) = (0, self.y + 1);
            if self.y == self.shape.out_height as usize {
                (self.y, self.image) = (0, self.image + 1);
            }
            self.begin_row();
        }
        pixel
    }
}
