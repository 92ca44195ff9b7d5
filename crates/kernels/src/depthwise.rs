//! Depthwise convolution: every filter reads one channel (Howard et al., "MobileNets: Efficient Convolutional Neural
//! Networks for Mobile Vision Applications", arXiv 1704.04861, equation 3).
//!
//! `y[p][o] = sum_t x[window(p) + t][o / m] w[t][o] (+ bias[o])`, where `m` is the number of filters of a channel and the
//! taps `t` stand `dilation` pixels apart. The shape's kernel is the whole extent of a window, gaps included.
//!
//! Layout: `x` padded `[images][PH][PW][c]`, `w [taps][c m]`, which is `[kh][kw][c][m]`, and `dy`, `y [images][oh][ow][c m]`.
//! Signs are -1 and +1 as f32.

use crate::conv::geometry::Geometry;
use crate::shape::ConvShape;
use crate::simd::floats::F32x4;
use core::array::from_fn;

/// Columns that a pass over the taps keeps in registers.
const BLOCK: usize = 16;

/// A depthwise convolution in `usize`, checked once.
#[derive(Clone, Copy, Debug)]
struct Depthwise {
    geometry: Geometry,
    /// Pixels from a tap to the next, vertically and horizontally.
    dilation: [usize; 2],
    /// Rows and columns of taps.
    taps: [usize; 2],
    /// Filters of a channel.
    multiplier: usize,
}

impl Depthwise {
    /// Panics where the filters are no multiple of the channels, or the dilation does not divide the extent.
    fn of(shape: &ConvShape, dilation: [usize; 2]) -> Self {
        let geometry = Geometry::of(shape);
        let multiplier = geometry.filters / geometry.channels;
        assert!(multiplier > 0 && geometry.filters == multiplier * geometry.channels);
        let divides = |axis: usize| dilation[axis] > 0 && (geometry.kernel[axis] - 1).is_multiple_of(dilation[axis]);
        assert!(divides(0) && divides(1));
        Self {
            geometry,
            dilation,
            taps: from_fn(|axis| (geometry.kernel[axis] - 1) / dilation[axis] + 1),
            multiplier,
        }
    }

    /// Taps of a filter.
    fn count(&self) -> usize {
        self.taps[0] * self.taps[1]
    }

    /// Floats of the kernel.
    fn weights(&self) -> usize {
        self.count() * self.geometry.filters
    }

    /// Floats of the output.
    fn outputs(&self) -> usize {
        self.geometry.images * self.geometry.pixels() * self.geometry.filters
    }

    /// Floats of the padded input.
    fn padded(&self) -> usize {
        self.geometry.images * self.geometry.positions() * self.geometry.channels
    }

    /// The first float of a tap, counted from its window's.
    fn offset(&self, tap: usize) -> usize {
        let [row, column] = [tap / self.taps[1], tap % self.taps[1]];
        (row * self.dilation[0] * self.geometry.padded[1] + column * self.dilation[1]) * self.geometry.channels
    }

    /// The place of a tap along an axis of the unpadded image, or nothing outside of it.
    fn inside(&self, axis: usize, pixel: usize, tap: usize) -> Option<usize> {
        let at = pixel * self.geometry.stride[axis] + tap * self.dilation[axis];
        at.checked_sub(self.geometry.pad[axis])
            .filter(|&at| at < self.geometry.input[axis])
    }
}

/// Calls `visit(first, lanes)` for blocks of `columns`: of 16, then of 4 and fewer.
#[inline(always)]
fn for_each_block(columns: usize, mut visit: impl FnMut(usize, usize)) {
    let mut first = 0;
    while first < columns {
        let left = columns - first;
        let lanes = if left >= BLOCK { BLOCK } else { left.min(4) };
        visit(first, lanes);
        first += lanes;
    }
}

/// The values that the filters `first..first + lanes` read of a pixel at `x`.
///
/// # Safety
/// The channels of these filters must be readable from `x` on.
#[inline(always)]
unsafe fn values<const V: usize>(x: *const f32, first: usize, lanes: usize, multiplier: usize) -> [F32x4; V] {
    if multiplier == 1 {
        // SAFETY: with one filter a channel, the filters are the channels from `first` on, all readable from `x`.
        return unsafe { F32x4::load_lanes_at(x.add(first), lanes) };
    }
    let mut values = [[0.0; 4]; V];
    for (lane, value) in values.as_flattened_mut()[..lanes].iter_mut().enumerate() {
        // SAFETY: this is the channel of one of the filters, and those are readable from `x`.
        *value = unsafe { *x.add((first + lane) / multiplier) };
    }
    from_fn(|v| F32x4::load(&values[v]))
}

/// Forward. An output is the sum over the taps in row-major order from 0, then plus the bias.
pub fn depthwise_conv(
    shape: &ConvShape,
    dilation: [usize; 2],
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    let depthwise = Depthwise::of(shape, dilation);
    let filters = depthwise.geometry.filters;
    assert!(x.len() == depthwise.padded() && w.len() == depthwise.weights() && y.len() == depthwise.outputs());
    assert!(bias.is_none_or(|bias| bias.len() == filters));
    let mut windows = shape.windows();
    for y in y.chunks_exact_mut(filters) {
        let window = &x[windows.advance() * depthwise.geometry.channels..];
        for_each_block(filters, |first, lanes| {
            if lanes > 4 {
                sum_taps::<4>(&depthwise, window, w, bias, first, &mut y[first..first + lanes]);
            } else {
                sum_taps::<1>(&depthwise, window, w, bias, first, &mut y[first..first + lanes]);
            }
        });
    }
}

/// The outputs `y` of a pixel, from its filter `first` on.
#[inline(always)]
fn sum_taps<const V: usize>(
    depthwise: &Depthwise,
    window: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    first: usize,
    y: &mut [f32],
) {
    let (filters, lanes) = (depthwise.geometry.filters, y.len());
    let mut sums = [F32x4::splat(0.0); V];
    for tap in 0..depthwise.count() {
        // SAFETY: `Geometry::of` proved every tap of the window inside the padded buffer; `w` has a row for each tap.
        let (x, w) = unsafe {
            let pixel = window.as_ptr().add(depthwise.offset(tap));
            (
                values::<V>(pixel, first, lanes, depthwise.multiplier),
                F32x4::load_lanes_at::<V>(w.as_ptr().add(tap * filters + first), lanes),
            )
        };
        for v in 0..V {
            sums[v] = sums[v] + x[v] * w[v];
        }
    }
    if let Some(bias) = bias {
        // SAFETY: the bias has as many floats as there are filters.
        let bias = unsafe { F32x4::load_lanes_at::<V>(bias.as_ptr().add(first), lanes) };
        sums = from_fn(|v| sums[v] + bias[v]);
    }
    // SAFETY: the length is that of the slice, at most `4 V`.
    unsafe { F32x4::store_lanes_at(sums, y.as_mut_ptr(), lanes) };
}

/// The gradient of the filters: `dw[t][o] = sum_p x[window(p) + t][o / m] dy[p][o]`, over images, then output pixels in
/// row-major order, from 0. `dw [taps][c m]` is overwritten.
pub fn depthwise_conv_backward_filter(shape: &ConvShape, dilation: [usize; 2], x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let depthwise = Depthwise::of(shape, dilation);
    let filters = depthwise.geometry.filters;
    assert!(x.len() == depthwise.padded() && dw.len() == depthwise.weights() && dy.len() == depthwise.outputs());
    for (tap, dw) in dw.chunks_exact_mut(filters).enumerate() {
        let x = &x[depthwise.offset(tap)..];
        for_each_block(filters, |first, lanes| {
            if lanes > 4 {
                sum_pixels::<4>(&depthwise, shape, x, dy, first, &mut dw[first..first + lanes]);
            } else {
                sum_pixels::<1>(&depthwise, shape, x, dy, first, &mut dw[first..first + lanes]);
            }
        });
    }
}

/// The gradients `dw` of a tap, from its filter `first` on. `x` starts at the tap of the first window.
#[inline(always)]
fn sum_pixels<const V: usize>(
    depthwise: &Depthwise,
    shape: &ConvShape,
    x: &[f32],
    dy: &[f32],
    first: usize,
    dw: &mut [f32],
) {
    let (filters, lanes) = (depthwise.geometry.filters, dw.len());
    let mut windows = shape.windows();
    let mut sums = [F32x4::splat(0.0); V];
    for dy in dy.chunks_exact(filters) {
        // SAFETY: `Geometry::of` proved every tap of the window inside the padded buffer; `dy` is a row of the filters.
        let (x, dy) = unsafe {
            let pixel = x.as_ptr().add(windows.advance() * depthwise.geometry.channels);
            (
                values::<V>(pixel, first, lanes, depthwise.multiplier),
                F32x4::load_lanes_at::<V>(dy.as_ptr().add(first), lanes),
            )
        };
        for v in 0..V {
            sums[v] = sums[v] + x[v] * dy[v];
        }
    }
    // SAFETY: the length is that of the slice, at most `4 V`.
    unsafe { F32x4::store_lanes_at(sums, dw.as_mut_ptr(), lanes) };
}

/// The gradient of the input, `dx [images][h][w][c]` unpadded: output pixels and their taps in row-major order each add the
/// sum of `w[t][o] dy[p][o]` over the channel's filters, to 0 or, where `accumulate`, to what `dx` holds.
pub fn depthwise_conv_backward_input(
    shape: &ConvShape,
    dilation: [usize; 2],
    w: &[f32],
    dy: &[f32],
    accumulate: bool,
    dx: &mut [f32],
) {
    let depthwise = Depthwise::of(shape, dilation);
    let geometry = &depthwise.geometry;
    let (filters, channels) = (geometry.filters, geometry.channels);
    assert!(w.len() == depthwise.weights() && dy.len() == depthwise.outputs());
    assert_eq!(
        dx.len(),
        geometry.images * geometry.input[0] * geometry.input[1] * channels
    );
    if !accumulate {
        dx.fill(0.0);
    }
    for (number, dy) in dy.chunks_exact(filters).enumerate() {
        let (row, ox) = (number / geometry.output[1], number % geometry.output[1]);
        let (image, oy) = (row / geometry.output[0], row % geometry.output[0]);
        for (tap, w) in w.chunks_exact(filters).enumerate() {
            let places = (
                depthwise.inside(0, oy, tap / depthwise.taps[1]),
                depthwise.inside(1, ox, tap % depthwise.taps[1]),
            );
            if let (Some(y), Some(x)) = places {
                let pixel = (image * geometry.input[0] + y) * geometry.input[1] + x;
                add_filters(depthwise.multiplier, w, dy, &mut dx[pixel * channels..][..channels]);
            }
        }
    }
}

/// Adds to every channel the sum of `w dy` over its filters, in order from the first.
#[inline(always)]
fn add_filters(multiplier: usize, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    if multiplier == 1 {
        for ((dx, w), dy) in dx.chunks_mut(4).zip(w.chunks(4)).zip(dy.chunks(4)) {
            let share = F32x4::load_up_to(w) * F32x4::load_up_to(dy);
            (F32x4::load_up_to(dx) + share).store_up_to(dx);
        }
        return;
    }
    let filters = w.chunks_exact(multiplier).zip(dy.chunks_exact(multiplier));
    for (dx, (w, dy)) in dx.iter_mut().zip(filters) {
        let (first, rest) = (w[0] * dy[0], w[1..].iter().zip(&dy[1..]));
        *dx += rest.fold(first, |sum, (w, dy)| sum + w * dy);
    }
}

#[cfg(test)]
mod tests;
