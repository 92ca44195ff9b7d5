//! The windows of pools over real tensors: where they lie in the unpadded image, and a fold over each of them.

use crate::SPECIALISED;
use crate::conv::geometry::Geometry;
use crate::shape::ConvShape;
use crate::simd::floats::F32x4;
use core::ops::Range;

pub mod narrow;

/// Channels that a pass over a window keeps in registers.
pub const BLOCK: usize = 16;

/// Where the window of an output pixel lies in its image, clipped at the border.
pub struct Window {
    /// Of row `taps[0].start` and column `taps[1].start`: their place in `x`, in pixels.
    origin: usize,
    /// Rows and columns inside the image.
    taps: [Range<usize>; 2],
}

impl Window {
    /// The window of the output pixel of this number, counted across images. Panics where all of it is outside the image.
    pub fn of(geometry: &Geometry, number: usize) -> Self {
        let (row, pixel_x) = (number / geometry.output[1], number % geometry.output[1]);
        let (image, pixel_y) = (row / geometry.output[0], row % geometry.output[0]);
        let taps = [inside(geometry, 0, pixel_y), inside(geometry, 1, pixel_x)];
        assert!(!taps[0].is_empty() && !taps[1].is_empty());
        let line = image * geometry.input[0] + pixel_y * geometry.stride[0] + taps[0].start - geometry.pad[0];
        let column = pixel_x * geometry.stride[1] + taps[1].start - geometry.pad[1];
        Self {
            origin: line * geometry.input[1] + column,
            taps,
        }
    }

    /// Taps inside the image.
    pub fn count(&self) -> usize {
        self.taps[0].len() * self.taps[1].len()
    }

    /// For every tap inside the image the place in `x` of its channel `channel`, in row-major order.
    #[inline(always)]
    pub fn for_each_place(&self, geometry: &Geometry, channel: usize, mut visit: impl FnMut(usize)) {
        let [rows, columns] = [self.taps[0].len(), self.taps[1].len()];
        let c = geometry.channels;
        for row in 0..rows {
            let line = (self.origin + row * geometry.input[1]) * c + channel;
            for column in 0..columns {
                visit(line + column * c);
            }
        }
    }

    /// The number `ky * kw + kx` of every tap inside the image and its first channel in `x`, in row-major order.
    #[inline(always)]
    pub fn taps<'a>(&'a self, geometry: &'a Geometry) -> impl Iterator<Item = (u8, usize)> + 'a {
        let [rows, columns] = self.taps.clone();
        let (first_row, first_column) = (rows.start, columns.start);
        rows.flat_map(move |ky| {
            columns.clone().map(move |kx| {
                let pixel = self.origin + (ky - first_row) * geometry.input[1] + kx - first_column;
                ((ky * geometry.kernel[1] + kx) as u8, pixel * geometry.channels)
            })
        })
    }
}

/// Taps of the windows of output row (axis 0) or column (axis 1) `pixel` that lie inside the image.
fn inside(geometry: &Geometry, axis: usize, pixel: usize) -> Range<usize> {
    let start = pixel * geometry.stride[axis];
    let first = geometry.pad[axis].saturating_sub(start);
    let end = (geometry.pad[axis] + geometry.input[axis])
        .saturating_sub(start)
        .min(geometry.kernel[axis]);
    first..end
}

/// True where a pixel has fewer channels than a vector has lanes.
pub fn is_narrow(geometry: &Geometry) -> bool {
    SPECIALISED && geometry.channels <= narrow::MOST
}

/// `y = finish(take(take(start, x_0), x_1) .., taps)` for every window of `x [images][h][w][c]`, channel by channel, over its
/// taps inside the image in row-major order; `taps` is their number. `y [images][oh][ow][c]`.
#[inline(always)]
pub fn fold_windows(
    shape: &ConvShape,
    x: &[f32],
    y: &mut [f32],
    start: f32,
    mut take: impl FnMut(F32x4, F32x4) -> F32x4,
    mut finish: impl FnMut(F32x4, f32) -> F32x4,
) {
    let geometry = Geometry::of(shape);
    let c = geometry.channels;
    assert_eq!(x.len(), shape.input_pixels() * c);
    assert_eq!(y.len(), shape.output_pixels() * c);
    if is_narrow(&geometry) {
        return narrow::fold(&geometry, x, y, start, take, finish);
    }
    for (number, y) in y.chunks_exact_mut(c).enumerate() {
        let window = Window::of(&geometry, number);
        let count = window.count() as f32;
        for (block, y) in y.chunks_mut(BLOCK).enumerate() {
            let mut all = [F32x4::splat(start); BLOCK / 4];
            window.for_each_place(&geometry, BLOCK * block, |at| {
                let values = &x[at..at + y.len()];
                // SAFETY: as many lanes are read as the slice has, from 1 to `BLOCK`.
                let values = unsafe { F32x4::load_lanes_at::<{ BLOCK / 4 }>(values.as_ptr(), values.len()) };
                for (all, value) in all.iter_mut().zip(values) {
                    *all = take(*all, value);
                }
            });
            // SAFETY: as many lanes are written as the slice has, from 1 to `BLOCK`.
            unsafe { F32x4::store_lanes_at(all.map(|all| finish(all, count)), y.as_mut_ptr(), y.len()) };
        }
    }
}
