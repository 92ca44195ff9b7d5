//! Zero padding as a choice of the number that a sum starts from.
//!
//! A tap outside the image is stored as bits 0, that is read as -1, and so gives `-sum_c w[t][c][o]` where it should give 0.
//! Which taps are missing follows from the row and the column of the output pixel. Every such *pattern* has its row of
//! starts: the terms of a window plus the sums of the weights of its missing taps. Then `sum = start - 2 * count` everywhere,
//! and a border pixel costs what an inner one costs. Pattern 0 is that of a window inside the image, the only one where the
//! padding is +1.
//!
//! Zero padding needs nothing where bits stand for 0 and 1: 0 is what is stored. Twice such a sum is that over -1 and +1 plus
//! the sum of all weights, which [`unit_starts`] hold in the place of what makes up for missing taps.

use core::ops::Range;

use crate::shape::ConvShape;

/// The patterns of missing taps: of rows times of columns.
#[derive(Clone, Debug)]
pub struct Border {
    rows: Range<usize>,
    columns: Range<usize>,
    row_patterns: usize,
    column_patterns: usize,
}

impl Border {
    /// The patterns of a shape.
    pub fn of(shape: &ConvShape) -> Self {
        let (height, width) = (shape.out_height as usize, shape.out_width as usize);
        let (rows, columns) = if shape.pad_one != 0 {
            (0..height, 0..width)
        } else {
            (shape.full_rows(), shape.full_columns())
        };
        Self {
            row_patterns: 1 + height - rows.len(),
            column_patterns: 1 + width - columns.len(),
            rows,
            columns,
        }
    }

    /// How many there are.
    pub fn patterns(&self) -> usize {
        self.row_patterns * self.column_patterns
    }

    /// The first pattern of output row `y`; those of its columns follow.
    pub fn row(&self, y: usize) -> usize {
        pattern(y, &self.rows) * self.column_patterns
    }

    /// The pattern of output column `x` within its row's.
    #[inline(always)]
    pub fn column(&self, x: usize) -> usize {
        pattern(x, &self.columns)
    }

    /// An output row and column of every pattern, in order; none where nothing is missing in that direction.
    fn examples(&self) -> impl Iterator<Item = (Option<usize>, Option<usize>)> + '_ {
        (0..self.row_patterns)
            .flat_map(|row| (0..self.column_patterns).map(move |column| (row, column)))
            .map(|(row, column)| (position(row, &self.rows), position(column, &self.columns)))
    }
}

/// 0 for positions whose windows lie inside, else a number of its own.
#[inline(always)]
fn pattern(position: usize, full: &Range<usize>) -> usize {
    if position < full.start {
        1 + position
    } else if position < full.end {
        0
    } else {
        1 + position - full.len()
    }
}

/// The position of a pattern other than 0.
fn position(pattern: usize, full: &Range<usize>) -> Option<usize> {
    let position = pattern.checked_sub(1)?;
    Some(if position < full.start {
        position
    } else {
        position + full.len()
    })
}

/// Elements of a row of starts: the filters rounded up to 16.
pub fn start_stride(shape: &ConvShape) -> usize {
    16 * shape.filter_blocks()
}

/// The starts of sums, `[patterns][filters rounded up to 16]`, from the sums over taps of
/// [`bb_correction`](crate::bits::weights::bb_correction). The starts of filters that are not there are 0.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn starts(shape: &ConvShape, correction: &[i32], starts: &mut [i32]) {
    let (border, filters) = (Border::of(shape), shape.filters as usize);
    let (height, width) = (shape.kernel_height as usize, shape.kernel_width as usize);
    let correction = &correction[..shape.taps() * filters];
    // The sums over the taps above `end_row` and left of `end_column`.
    let area = |end_row: usize, end_column: usize| {
        let tap = (end_row * width + end_column).checked_sub(width + 1);
        let tap = tap.filter(|_| end_row > 0 && end_column > 0)?;
        Some(&correction[tap * filters..][..filters])
    };
    let add = |row: &mut [i32], sums: Option<&[i32]>, factor: i32| {
        for (start, sum) in row.iter_mut().zip(sums.unwrap_or_default()) {
            *start = start.wrapping_add(factor * sum);
        }
    };
    let rows = starts[..shape.start_count()].chunks_exact_mut(start_stride(shape).max(1));
    for ((y, x), row) in border.examples().zip(rows) {
        let ys = y.map_or(0..height, |y| shape.rows_inside(y));
        let xs = x.map_or(0..width, |x| shape.columns_inside(x));
        row.fill(0);
        row[..filters].fill(shape.terms() as i32);
        if ys == (0..height) && xs == (0..width) {
            continue;
        }
        // All taps less those inside, which are a rectangle.
        add(row, area(height, width), 1);
        add(row, area(ys.end, xs.end), -1);
        add(row, area(ys.start, xs.end), 1);
        add(row, area(ys.end, xs.start), 1);
        add(row, area(ys.start, xs.start), -1);
    }
}

/// The starts of twice the sums whose activations are 0 where a bit is 0, and 1 where it is 1, from what [`starts`] reads.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn unit_starts(shape: &ConvShape, correction: &[i32], starts: &mut [i32]) {
    let filters = shape.filters as usize;
    let all = &correction[..shape.taps() * filters][(shape.taps() - 1) * filters..];
    for row in starts[..shape.start_count()].chunks_exact_mut(start_stride(shape).max(1)) {
        row.fill(0);
        for (start, sum) in row.iter_mut().zip(all) {
            *start = shape.terms() as i32 + sum;
        }
    }
}

/// Thresholds of sums as limits of counts: `start - 2 * count >= threshold` where `count < limit`. Layout of the starts;
/// the limits of filters that are not there lie below every count.
///
/// # Panics
/// When a slice is shorter than its layout.
pub fn limits(shape: &ConvShape, starts: &[i32], thresholds: &[i32], limits: &mut [i32]) {
    let (count, stride) = (shape.start_count(), start_stride(shape).max(1));
    let thresholds = &thresholds[..shape.filters as usize];
    let rows = limits[..count].chunks_exact_mut(stride);
    for (limits, starts) in rows.zip(starts[..count].chunks_exact(stride)) {
        limits.fill(i32::MIN);
        for ((limit, start), threshold) in limits.iter_mut().zip(starts).zip(thresholds) {
            let most = (i64::from(*start) - i64::from(*threshold)).div_euclid(2);
            *limit = (most + 1) as i32;
        }
    }
}
