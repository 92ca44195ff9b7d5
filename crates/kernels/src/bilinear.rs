//! Images made larger by whole factors, with new pixels between their neighbours: Keras's `UpSampling2D` with
//! `interpolation="bilinear"`, whose pixels have their centres at half numbers.
//!
//! Output row i lies at `(i + 1/2) / h - 1/2` of the input's rows, between rows `r` and `r + 1`, `a` behind the first;
//! columns likewise, by `b`. Beyond the first and the last pixel the image goes on as that pixel. Then
//! `y = t + a (u - t)`, where `t = x[r][c] + b (x[r][c + 1] - x[r][c])`, and u is the same in the row below.
//!
//! The gradient at a pixel is the sum of `(1 - a) (1 - b) dy` and its like over the output pixels in order, from 0.
//!
//! Layout: `x [images][height][width][channels]`, `y [images][height h][width w][channels]`.

use core::ops::Range;

use crate::simd::floats::F32x4;

/// The sizes of images, and their factors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Enlarged {
    /// Images.
    pub images: usize,
    /// Rows and columns of an image.
    pub image: [usize; 2],
    /// Floats of a pixel.
    pub channels: usize,
    /// The factors of rows and of columns.
    pub size: [usize; 2],
}

/// Two neighbours along an axis, and the place between them: 0 at the first, 1 at the second.
#[derive(Clone, Copy, Debug)]
struct Between {
    first: usize,
    second: usize,
    part: f32,
}

impl Between {
    /// The place of output `at` of an axis with `pixels` pixels, enlarged by `factor`.
    fn of(at: usize, factor: usize, pixels: usize) -> Self {
        // In units of half a pixel of the output, from the middle of the pixel before the first.
        let place = 2 * at + 1 + factor;
        let (after, rest) = (place / (2 * factor), place % (2 * factor));
        Self {
            first: after.saturating_sub(1),
            second: after.min(pixels - 1),
            part: rest as f32 / (2 * factor) as f32,
        }
    }
}

impl Enlarged {
    /// Floats of x.
    pub fn inputs(&self) -> usize {
        self.images * self.image[0] * self.image[1] * self.channels
    }

    /// Rows of y, all images together.
    pub fn rows(&self) -> usize {
        self.images * self.image[0] * self.size[0]
    }

    /// Floats of a row of y.
    pub fn row(&self) -> usize {
        self.image[1] * self.size[1] * self.channels
    }

    /// The floats of x where the rows above and below row `row` of y begin, and the place between them.
    fn lines(&self, row: usize) -> Between {
        let [height, width] = self.image;
        let (image, y) = (row / (height * self.size[0]), row % (height * self.size[0]));
        let Between { first, second, part } = Between::of(y, self.size[0], height);
        let line = |y: usize| (image * height + y) * width * self.channels;
        Between {
            first: line(first),
            second: line(second),
            part,
        }
    }

    /// The floats of a row of x where the pixels left and right of column `column` of y begin, and the place between them.
    fn pixels(&self, column: usize) -> Between {
        let Between { first, second, part } = Between::of(column, self.size[1], self.image[1]);
        Between {
            first: first * self.channels,
            second: second * self.channels,
            part,
        }
    }
}

/// Rows `rows` of y, of all images together.
pub fn bilinear_forward(x: &[f32], shape: Enlarged, rows: Range<usize>, y: &mut [f32]) {
    let channels = shape.channels;
    assert!(channels > 0 && x.len() == shape.inputs() && rows.end <= shape.rows());
    assert_eq!(y.len(), rows.len() * shape.row());
    for (row, y) in rows.zip(y.chunks_exact_mut(shape.row())) {
        let lines = shape.lines(row);
        for (column, y) in y.chunks_exact_mut(channels).enumerate() {
            let pixels = shape.pixels(column);
            for (part, y) in y.chunks_mut(4).enumerate() {
                let load = |at: usize| F32x4::load_up_to(&x[at + 4 * part..][..y.len()]);
                let between = |a: F32x4, b: F32x4, part: f32| a + F32x4::splat(part) * (b - a);
                let across = |line: usize| between(load(line + pixels.first), load(line + pixels.second), pixels.part);
                between(across(lines.first), across(lines.second), lines.part).store_up_to(y);
            }
        }
    }
}

/// The gradient at x of that at y, added to `dx` where `accumulate`.
pub fn bilinear_backward(dy: &[f32], shape: Enlarged, accumulate: bool, dx: &mut [f32]) {
    let channels = shape.channels;
    assert!(channels > 0 && dx.len() == shape.inputs());
    assert_eq!(dy.len(), shape.rows() * shape.row());
    let [height, width] = shape.image;
    for (number, dx) in dx.chunks_exact_mut(channels).enumerate() {
        let (line, pixel) = (number / width, number % width);
        let image = line / height * height * shape.size[0];
        let (rows, columns) = (
            Reach::of(line % height, shape.size[0], height),
            Reach::of(pixel, shape.size[1], width),
        );
        for (part, dx) in dx.chunks_mut(4).enumerate() {
            let mut sum = F32x4::splat(0.0);
            for row in rows.places.clone() {
                let down = rows.share(row);
                for column in columns.places.clone() {
                    let at = (image + row) * shape.row() + column * channels + 4 * part;
                    let share = F32x4::splat(down * columns.share(column));
                    sum = sum + share * F32x4::load_up_to(&dy[at..at + dx.len()]);
                }
            }
            if accumulate {
                sum = F32x4::load_up_to(dx) + sum;
            }
            sum.store_up_to(dx);
        }
    }
}

/// The places of an enlarged axis in which a pixel has a share.
struct Reach {
    places: Range<usize>,
    /// In units of half a place: the centre of the pixel, and the distance at which its share ends.
    centre: usize,
    end: usize,
    /// The first and the last pixel are all that is beyond them.
    is_first: bool,
    is_last: bool,
}

impl Reach {
    fn of(pixel: usize, factor: usize, pixels: usize) -> Self {
        let (centre, end) = ((2 * pixel + 1) * factor, 2 * factor);
        let (is_first, is_last) = (pixel == 0, pixel + 1 == pixels);
        let from = if is_first { 0 } else { (centre - end) / 2 };
        let to = if is_last { pixels * factor } else { (centre + end) / 2 };
        Self {
            places: from..to,
            centre,
            end,
            is_first,
            is_last,
        }
    }

    fn share(&self, place: usize) -> f32 {
        let at = 2 * place + 1;
        if self.is_first && at < self.centre || self.is_last && at > self.centre {
            return 1.0;
        }
        (self.end - at.abs_diff(self.centre)) as f32 / self.end as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{cases, reals, seeds};
    use crate::naive::real::assert_close;
    use proptest::prelude::*;

    /// The definition: every output pixel with its input pixels and their weights.
    fn for_each_share(shape: &Enlarged, mut visit: impl FnMut(usize, usize, f64)) {
        let [height, width] = shape.image;
        let [down, right] = shape.size;
        let near = |at: usize, factor: usize, pixels: usize| {
            let place = (at as f64 + 0.5) / factor as f64 - 0.5;
            let inside = |pixel: f64| pixel.clamp(0.0, pixels as f64 - 1.0) as usize;
            let part = place - place.floor();
            [(inside(place.floor()), 1.0 - part), (inside(place.floor() + 1.0), part)]
        };
        let mut output = 0;
        for image in 0..shape.images {
            for (i, j) in (0..height * down).flat_map(|i| (0..width * right).map(move |j| (i, j))) {
                for channel in 0..shape.channels {
                    for (y, a) in near(i, down, height) {
                        for (x, b) in near(j, right, width) {
                            visit(
                                output,
                                ((image * height + y) * width + x) * shape.channels + channel,
                                a * b,
                            );
                        }
                    }
                    output += 1;
                }
            }
        }
    }

    fn shapes() -> impl Strategy<Value = Enlarged> {
        let sizes = ([1usize..5, 1usize..6], [1usize..5, 1usize..5]);
        (1usize..3, sizes, 1usize..11).prop_map(|(images, (image, size), channels)| Enlarged {
            images,
            image,
            channels,
            size,
        })
    }

    proptest! {
        #![proptest_config(cases(150))]

        #[test]
        fn values_and_gradients_follow_the_definition(shape in shapes(), seed in seeds(), cut in 0usize..1000) {
            let outputs = shape.rows() * shape.row();
            let (x, dy) = (reals(shape.inputs(), seed), reals(outputs, seed + 1));
            let before = reals(shape.inputs(), seed + 2);
            let (mut y, mut y_size) = (vec![0.0; outputs], vec![0.0; outputs]);
            let (mut dx, mut dx_size) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            for_each_share(&shape, |to, from, share| {
                y[to] += share * f64::from(x[from]);
                y_size[to] += f64::from(x[from]).abs();
                dx[from] += share * f64::from(dy[to]);
                dx_size[from] += share * f64::from(dy[to]).abs();
            });
            let mut out = vec![f32::NAN; outputs];
            let cut = cut % (shape.rows() + 1);
            let (head, tail) = out.split_at_mut(cut * shape.row());
            bilinear_forward(&x, shape, 0..cut, head);
            bilinear_forward(&x, shape, cut..shape.rows(), tail);
            assert_close(&out, &y, &y_size, 8);

            let terms = 4 * shape.size[0] * shape.size[1] + 4;
            let mut found = vec![f32::NAN; x.len()];
            bilinear_backward(&dy, shape, false, &mut found);
            assert_close(&found, &dx, &dx_size, terms);
            found.copy_from_slice(&before);
            bilinear_backward(&dy, shape, true, &mut found);
            let sums: Vec<f64> = dx.iter().zip(&before).map(|(dx, before)| dx + f64::from(*before)).collect();
            let sizes: Vec<f64> = dx_size.iter().zip(&before).map(|(dx, before)| dx + f64::from(before.abs())).collect();
            assert_close(&found, &sums, &sizes, terms);
        }
    }

    /// Twice two pixels: a quarter and three quarters between them, and the pixels themselves beyond.
    #[test]
    fn two_pixels_become_four() {
        let shape = Enlarged {
            images: 1,
            image: [1, 2],
            channels: 1,
            size: [1, 2],
        };
        let mut y = [f32::NAN; 4];
        bilinear_forward(&[1.0, 5.0], shape, 0..1, &mut y);
        assert_eq!(y, [1.0, 2.0, 4.0, 5.0]);
        let mut dx = [f32::NAN; 2];
        bilinear_backward(&[1.0, 1.0, 1.0, 1.0], shape, false, &mut dx);
        assert_eq!(dx, [2.0, 2.0]);
    }
}
