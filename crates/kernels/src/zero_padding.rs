//! Rows and columns of zeros around images, and the way back, which leaves them out again.
//!
//! Layout: `x [images][height][row]` and `y [images][top + height + bottom][left + row + right]`, where a row counts floats:
//! a column of an image is as many of them as it has channels.

use crate::reduce::add_into;

/// The sizes of an image and of its border, in rows and floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Border {
    /// Rows of an image.
    pub height: usize,
    /// Floats of a row.
    pub row: usize,
    /// Rows of zeros above and below.
    pub rows: [usize; 2],
    /// Floats of zeros before and behind a row.
    pub floats: [usize; 2],
}

impl Border {
    /// Floats of an image.
    pub fn image(&self) -> usize {
        self.height * self.row
    }

    /// Floats of an image with its border.
    pub fn padded(&self) -> usize {
        (self.height + self.rows[0] + self.rows[1]) * self.line()
    }

    /// Floats of a row with its border.
    fn line(&self) -> usize {
        self.row + self.floats[0] + self.floats[1]
    }
}

/// `x` with zeros around every image.
pub fn zero_padding_forward(x: &[f32], border: Border, y: &mut [f32]) {
    let (image, padded, line) = (border.image(), border.padded(), border.line());
    assert!(image > 0 && x.len().is_multiple_of(image) && y.len() == x.len() / image * padded);
    let Border {
        row,
        rows: [above, _],
        floats: [before, _],
        ..
    } = border;
    for (x, y) in x.chunks_exact(image).zip(y.chunks_exact_mut(padded)) {
        let (top, y) = y.split_at_mut(above * line);
        let (middle, bottom) = y.split_at_mut(border.height * line);
        top.fill(0.0);
        bottom.fill(0.0);
        for (x, y) in x.chunks_exact(row).zip(middle.chunks_exact_mut(line)) {
            y[..before].fill(0.0);
            y[before..before + row].copy_from_slice(x);
            y[before + row..].fill(0.0);
        }
    }
}

/// `dy` without the border of every image, added to `dx` where `accumulate`.
pub fn zero_padding_backward(dy: &[f32], border: Border, accumulate: bool, dx: &mut [f32]) {
    let (image, padded, line) = (border.image(), border.padded(), border.line());
    assert!(image > 0 && dx.len().is_multiple_of(image) && dy.len() == dx.len() / image * padded);
    let Border {
        row,
        rows: [above, _],
        floats: [before, _],
        ..
    } = border;
    for (dy, dx) in dy.chunks_exact(padded).zip(dx.chunks_exact_mut(image)) {
        for (dy, dx) in dy[above * line..].chunks_exact(line).zip(dx.chunks_exact_mut(row)) {
            let own = &dy[before..before + row];
            if accumulate {
                add_into(dx, own);
            } else {
                dx.copy_from_slice(own);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_and_gradients_are_those_of_the_definition(
            images in 1usize..4, height in 1usize..6, row in 1usize..30,
            rows in [0usize..3, 0usize..3], floats in [0usize..9, 0usize..9], seed in 0u64..1000,
        ) {
            let border = Border { height, row, rows, floats };
            let (tall, line) = (height + rows[0] + rows[1], row + floats[0] + floats[1]);
            let (x, dy) = (reals(images * height * row, seed), reals(images * tall * line, seed + 1));
            let before = reals(x.len(), seed + 2);
            let (mut y, mut dx, mut onto) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()], before.clone());
            zero_padding_forward(&x, border, &mut y);
            zero_padding_backward(&dy, border, false, &mut dx);
            zero_padding_backward(&dy, border, true, &mut onto);
            for at in 0..dy.len() {
                let (k, i, image) = (at % line, at / line % tall, at / line / tall);
                let inside = (rows[0]..rows[0] + height).contains(&i) && (floats[0]..floats[0] + row).contains(&k);
                if !inside {
                    prop_assert_eq!(y[at].to_bits(), 0);
                    continue;
                }
                let from = (image * height + i - rows[0]) * row + k - floats[0];
                prop_assert_eq!(y[at].to_bits(), x[from].to_bits());
                prop_assert_eq!((dx[from], onto[from]), (dy[at], before[from] + dy[at]));
            }
        }
    }
}
