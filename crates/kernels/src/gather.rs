//! Batches out of a data set that stays in memory as it came: row `indices[i]` becomes row i of the batch.

/// `out[i][j] = data[indices[i]][j] * scale + offset` (product rounded, then added); rows of `row` values.
pub fn gather_numbers<T: Copy>(data: &[T], indices: &[u32], row: usize, scale: f32, offset: f32, out: &mut [f32])
where
    f32: From<T>,
{
    assert_eq!(out.len(), indices.len() * row);
    for (&index, target) in indices.iter().zip(out.chunks_exact_mut(row)) {
        for (value, &number) in target.iter_mut().zip(&data[index as usize * row..][..row]) {
            *value = f32::from(number) * scale + offset;
        }
    }
}

/// Height, width and channels of an image.
pub type ImageShape = [usize; 3];

/// A way to look at an image: mirrored left to right, then moved. A pixel that moves in from outside is the number 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Whether left and right change places.
    pub mirrored: bool,
    /// Rows by which the image moves down.
    pub down: i8,
    /// Columns by which the image moves right.
    pub right: i8,
}

impl View {
    /// Bit 0: mirrored; bits 8 to 15: rows down; bits 16 to 23: columns right, both as `i8`. So 0 is the image as it is.
    pub fn from_bits(bits: u32) -> Self {
        let [flags, down, right, _] = bits.to_le_bytes();
        Self {
            mirrored: flags & 1 == 1,
            down: down as i8,
            right: right as i8,
        }
    }
}

/// [`gather_numbers`] of images `[height][width][channels]`, each seen as the view of the same place says.
pub fn gather_views<T: Copy>(
    data: &[T],
    indices: &[u32],
    views: &[u32],
    shape: ImageShape,
    scale: f32,
    offset: f32,
    out: &mut [f32],
) where
    f32: From<T>,
{
    let [height, width, channels] = shape;
    let row = height * width * channels;
    assert!(views.len() == indices.len() && out.len() == indices.len() * row);
    for ((&index, &bits), target) in indices.iter().zip(views).zip(out.chunks_exact_mut(row)) {
        let image = &data[index as usize * row..][..row];
        if bits == 0 {
            gather_numbers(image, &[0], row, scale, offset, target);
            continue;
        }
        let view = View::from_bits(bits);
        for (y, line) in target.chunks_exact_mut(width * channels).enumerate() {
            let from = y
                .checked_add_signed(-isize::from(view.down))
                .filter(|&from| from < height);
            for (x, pixel) in line.chunks_exact_mut(channels).enumerate() {
                let seen = x
                    .checked_add_signed(-isize::from(view.right))
                    .filter(|&seen| seen < width);
                let Some((from, seen)) = from.zip(seen) else {
                    pixel.fill(offset);
                    continue;
                };
                let column = if view.mirrored { width - 1 - seen } else { seen };
                let numbers = &image[(from * width + column) * channels..][..channels];
                for (value, &number) in pixel.iter_mut().zip(numbers) {
                    *value = f32::from(number) * scale + offset;
                }
            }
        }
    }
}

/// `out[i][j] = data[indices[i]][j]`; rows of `row` values.
pub fn gather_reals(data: &[f32], indices: &[u32], row: usize, out: &mut [f32]) {
    assert_eq!(out.len(), indices.len() * row);
    for (&index, target) in indices.iter().zip(out.chunks_exact_mut(row)) {
        target.copy_from_slice(&data[index as usize * row..][..row]);
    }
}

/// `out[i] = labels[indices[i]]`.
pub fn gather_labels(labels: &[u32], indices: &[u32], out: &mut [u32]) {
    assert_eq!(out.len(), indices.len());
    for (&index, label) in indices.iter().zip(out) {
        *label = labels[index as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_mirror_then_move_and_fill_with_byte_0() {
        let data: Vec<u8> = (0..12).map(|i| i + 1).collect();
        let mut out = [0.0; 24];
        // One image of 2 x 3 x 2: as it is; then mirrored, a row up and a column right.
        let moved = u32::from_le_bytes([1, -1_i8 as u8, 1, 0]);
        gather_views(&data, &[0, 0], &[0, moved], [2, 3, 2], 2.0, 0.5, &mut out);
        let expected = [
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 11, 12, 9, 10, 0, 0, 0, 0, 0, 0,
        ];
        for (value, byte) in out.iter().zip(expected) {
            assert_eq!(*value, byte as f32 * 2.0 + 0.5);
        }
        let reals = data.iter().map(|&byte| f32::from(byte)).collect::<Vec<_>>();
        let mut again = [0.0; 24];
        gather_views(&reals, &[0, 0], &[0, moved], [2, 3, 2], 2.0, 0.5, &mut again);
        assert_eq!(again, out);
    }

    #[test]
    fn rows_follow_the_indices() {
        let data: Vec<u8> = (0..20).map(|i| i * 12).collect();
        let mut out = [0.0; 10];
        gather_numbers(&data, &[3, 0], 5, 1.0 / 255.0, -0.5, &mut out);
        for (i, value) in out.iter().enumerate() {
            let byte = data[if i < 5 { 15 + i } else { i - 5 }];
            assert_eq!(*value, f32::from(byte) * (1.0 / 255.0) - 0.5);
        }
        let reals: Vec<f32> = (0..9).map(|i| i as f32).collect();
        let mut out = [0.0; 9];
        gather_reals(&reals, &[2, 2, 1], 3, &mut out);
        assert_eq!(out, [6.0, 7.0, 8.0, 6.0, 7.0, 8.0, 3.0, 4.0, 5.0]);
        let mut out = [0.0; 4];
        gather_numbers(&[-128_i8, 127, 0, -1], &[1, 0], 2, 0.5, 1.0, &mut out);
        assert_eq!(out, [1.0, 0.5, -63.0, 64.5]);
        gather_numbers(&[0_u16, 65535, 256, 1], &[0, 1], 2, 2.0, -1.0, &mut out);
        assert_eq!(out, [-1.0, 131069.0, 511.0, 1.0]);
        let mut labels = [0; 3];
        gather_labels(&[7, 8, 1 << 23], &[2, 0, 2], &mut labels);
        assert_eq!(labels, [1 << 23, 7, 1 << 23]);
    }
}
