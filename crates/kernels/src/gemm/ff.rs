//! Real times real: the two register tiles, and the panels they read.
//!
//! Forward, a tile of `P` pixels x `4 V` filters walks the window of each pixel in the order (ky, kx, c) and the panel
//! `[K][8]` beside it; the filter gradient's tile of 4 kernel rows x `4 V` filters walks pixels instead. Every element
//! of a result is one chain `((0 + a_0 b_0) + a_1 b_1) + ...`, each product rounded before it is added, whatever tile
//! it falls into: the bits do not depend on its place, nor on how many pixels are computed together.
//!
//! Panels: `[ceil(N/8)][K][8]`, filters past `N` are zero.

use crate::shape::{ConvShape, Runs};
use crate::simd::floats::F32x4;
use core::array::from_fn;

/// Filters of a panel.
pub const PANEL: usize = 8;

/// Arranges a kernel matrix `[k][n]` as panels `[ceil(n/8)][k][8]`, zero filled.
pub fn pack_panels(w: &[f32], k: usize, n: usize, out: &mut [f32]) {
    assert_eq!(w.len(), k * n);
    assert_eq!(out.len(), n.div_ceil(PANEL) * k * PANEL);
    for (panel, rows) in out.chunks_exact_mut(k * PANEL).enumerate() {
        let first = panel * PANEL;
        let filters = PANEL.min(n - first);
        for (row, target) in rows.chunks_exact_mut(PANEL).enumerate() {
            target[..filters].copy_from_slice(&w[row * n + first..row * n + first + filters]);
            target[filters..].fill(0.0);
        }
    }
}

/// Arranges the kernel `[kh][kw][c][o]` for the gradient of the input: flipped in both directions and with channels
/// and filters exchanged, `B[r][s][o][c] = W[kh-1-r][kw-1-s][c][o]`, as panels `[ceil(c/8)][kh*kw*o][8]`.
pub fn pack_panels_transposed(shape: &ConvShape, w: &[f32], out: &mut [f32]) {
    let taps = (shape.kernel_height * shape.kernel_width) as usize;
    let (channels, filters) = (shape.channels as usize, shape.filters as usize);
    assert_eq!(w.len(), taps * channels * filters);
    assert_eq!(out.len(), channels.div_ceil(PANEL) * taps * filters * PANEL);
    for (panel, rows) in out.chunks_exact_mut(taps * filters * PANEL).enumerate() {
        let first = panel * PANEL;
        let lanes = PANEL.min(channels - first);
        for (tap, tap_rows) in rows.chunks_exact_mut(filters * PANEL).enumerate() {
            let source = &w[(taps - 1 - tap) * channels * filters..][..channels * filters];
            for (filter, target) in tap_rows.chunks_exact_mut(PANEL).enumerate() {
                for (lane, value) in target[..lanes].iter_mut().enumerate() {
                    *value = source[(first + lane) * filters + filter];
                }
                target[lanes..].fill(0.0);
            }
        }
    }
}

/// The forward tile: `P` windows times the first `4 V` filters of a panel. `LENGTH` is the length of a run where it is
/// known to the compiler (short runs), 0 where it is `runs.length`. Without `SPREAD` a row of runs is one run.
///
/// # Safety
/// Every `x[p]` must be readable for the runs of a window, `panel` for `runs.count() * runs.length * 8` floats. `LENGTH` must
/// be `runs.length` or 0, `SPREAD` true where `runs.columns` is not 1, `V` 1 or 2.
#[inline(always)]
pub unsafe fn tile<const P: usize, const V: usize, const LENGTH: usize, const SPREAD: bool>(
    x: [*const f32; P],
    runs: Runs,
    panel: *const f32,
) -> [[F32x4; V]; P] {
    let mut sums = [[F32x4::splat(0.0); V]; P];
    let length = if LENGTH == 0 { runs.length } else { LENGTH };
    let mut row = panel;
    let count = if SPREAD { runs.count() } else { runs.rows };
    for run in 0..count {
        let start = if SPREAD { runs.start(run) } else { run * runs.stride };
        for at in start..start + length {
            // SAFETY: `at` lies in run number `run` of the window. `row` has gone as many rows into the panel as elements into
            // the runs, and `4 V` floats are at most a row.
            unsafe {
                let weights: [F32x4; V] = from_fn(|v| F32x4::read_at(row, 4 * v));
                for p in 0..P {
                    let value = F32x4::read_splat(x[p].add(at));
                    for v in 0..V {
                        sums[p][v] = sums[p][v] + value * weights[v];
                    }
                }
            }
            row = row.wrapping_add(PANEL);
        }
    }
    sums
}

/// The filter gradient's tile: `sums[r] += x[r] (pixel) * dy (pixel)` over the pixels in order. `dy` is a panel
/// `[pixels][8]`; `offsets` are the pixels' places relative to each `x[r]`. With `CONTIGUOUS`, `x[r] = x[0] + r`.
///
/// # Safety
/// Every `x[r] + offset` must be readable for one float, and `x[0] + offset` for four with `CONTIGUOUS`; `dy` for
/// `8 * offsets.len()` floats. `V` must be 1 or 2.
#[inline(always)]
pub unsafe fn gradient_tile<const V: usize, const CONTIGUOUS: bool>(
    x: [*const f32; 4],
    offsets: &[u32],
    dy: *const f32,
    sums: &mut [[F32x4; V]; 4],
) {
    let mut row = dy;
    for &offset in offsets {
        // SAFETY: `row` is the row of this offset, and `4 V` floats are at most a row. The values at the offset are readable.
        unsafe {
            let gradients: [F32x4; V] = from_fn(|v| F32x4::read_at(row, 4 * v));
            let first = x[0].add(offset as usize);
            for r in 0..4 {
                let place = if CONTIGUOUS {
                    first.add(r)
                } else {
                    x[r].add(offset as usize)
                };
                let value = F32x4::read_splat(place);
                for v in 0..V {
                    sums[r][v] = sums[r][v] + value * gradients[v];
                }
            }
            row = row.add(PANEL);
        }
    }
}
