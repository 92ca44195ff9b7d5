//! Windows over pixels of fewer channels than a vector has lanes. Its lanes are neighbouring elements of a row of the result.

use super::Window;
use crate::conv::geometry::Geometry;
use crate::simd::floats::F32x4;
use core::array::from_fn;
use core::ops::Range;

/// The most channels of such pixels.
pub const MOST: usize = 3;

/// Up to four elements of a row of the result, whose windows lie inside the image from left to right.
struct Group {
    /// The places in `x` of their first taps; those past the last element repeat it.
    starts: [usize; 4],
    /// Rows and columns of taps.
    taps: [usize; 2],
}

impl Group {
    /// The elements of `row`, counted across images; None where the left or right border cuts a window off.
    fn of(geometry: &Geometry, row: usize, elements: &Range<usize>) -> Option<Self> {
        let c = geometry.channels;
        let column = |element: usize| element / c * geometry.stride[1];
        let (first, last) = (column(elements.start), column(elements.end - 1));
        let pad = geometry.pad[1];
        if first < pad || last + geometry.kernel[1] > pad + geometry.input[1] {
            return None;
        }
        let window = Window::of(geometry, row * geometry.output[1] + elements.start / c);
        let starts = from_fn(|lane| {
            let element = (elements.start + lane).min(elements.end - 1);
            (window.origin + column(element) - first) * c + element % c
        });
        let taps = [window.taps[0].len(), geometry.kernel[1]];
        Some(Self { starts, taps })
    }

    fn count(&self) -> f32 {
        (self.taps[0] * self.taps[1]) as f32
    }

    /// Calls `visit` with the distance of every tap in `x` from the first one, in row-major order.
    #[inline(always)]
    fn for_each_distance(&self, geometry: &Geometry, mut visit: impl FnMut(usize)) {
        for row in 0..self.taps[0] {
            for column in 0..self.taps[1] {
                visit((row * geometry.input[1] + column) * geometry.channels);
            }
        }
    }
}

/// The elements of a row of the result, four at a time.
fn groups(geometry: &Geometry) -> impl Iterator<Item = Range<usize>> + use<> {
    let width = geometry.output[1] * geometry.channels;
    (0..width).step_by(4).map(move |first| first..width.min(first + 4))
}

/// [`super::fold_windows`] over such pixels.
#[inline(always)]
pub fn fold(
    geometry: &Geometry,
    x: &[f32],
    y: &mut [f32],
    start: f32,
    mut take: impl FnMut(F32x4, F32x4) -> F32x4,
    mut finish: impl FnMut(F32x4, f32) -> F32x4,
) {
    let c = geometry.channels;
    for (row, y) in y.chunks_exact_mut(geometry.output[1] * c).enumerate() {
        for elements in groups(geometry) {
            let mut all = F32x4::splat(start);
            if let Some(group) = Group::of(geometry, row, &elements) {
                group.for_each_distance(geometry, |distance| {
                    all = take(all, F32x4::load(&group.starts.map(|start| x[start + distance])));
                });
                finish(all, group.count()).store_up_to(&mut y[elements]);
                continue;
            }
            for element in elements {
                let window = Window::of(geometry, row * geometry.output[1] + element / c);
                let mut all = F32x4::splat(start);
                window.for_each_place(geometry, element % c, |at| all = take(all, F32x4::splat(x[at])));
                y[element] = finish(all, window.count() as f32).to_array()[0];
            }
        }
    }
}

/// Adds `dy / taps` to every tap of the windows, or writes it where not `adds`, window after window.
pub fn spread(geometry: &Geometry, dy: &[f32], adds: bool, dx: &mut [f32]) {
    let c = geometry.channels;
    let mut put = |at: usize, share: f32| dx[at] = if adds { dx[at] + share } else { share };
    for (row, dy) in dy.chunks_exact(geometry.output[1] * c).enumerate() {
        for elements in groups(geometry) {
            if let Some(group) = Group::of(geometry, row, &elements) {
                let shares = F32x4::load_up_to(&dy[elements.clone()]) / F32x4::splat(group.count());
                for (share, start) in shares.to_array().into_iter().zip(group.starts).take(elements.len()) {
                    group.for_each_distance(geometry, |distance| put(start + distance, share));
                }
                continue;
            }
            for element in elements {
                let window = Window::of(geometry, row * geometry.output[1] + element / c);
                let share = dy[element] / window.count() as f32;
                window.for_each_place(geometry, element % c, |at| put(at, share));
            }
        }
    }
}
