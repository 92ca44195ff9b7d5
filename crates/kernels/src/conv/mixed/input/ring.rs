//! Where the sums of the input's gradient wait, and how they get out again.

use crate::SPECIALISED;
use crate::conv::geometry::Geometry;
use crate::gemm::fb::{STRIP, TABLES, block_size};
use crate::shape::ConvShape;
use crate::simd::floats::F32x4;

/// Images worked on side by side.
const IMAGES: usize = STRIP;
/// Strips whose tables are kept at a time.
pub const MOST_STRIPS: usize = 3;

/// Where sums lie in the ring.
pub struct Ring {
    /// The shape.
    pub geometry: Geometry,
    /// Images side by side.
    pub images: usize,
    /// Floats from one channel's lanes to the next one's.
    pub pitch: usize,
    /// Floats from a strip of lanes to the next one.
    step: usize,
    /// Floats of a phase.
    phase: usize,
    /// Groups of filters worked on at a time.
    pub block: usize,
    /// From the first to the last output column that reaches one input column, where tables of that many are kept: 16 images
    /// must lie side by side, so that a column is a strip. Else 1, as in cores that run packed models alone.
    pub strips: usize,
}

impl Ring {
    /// The ring of up to `most` images of a shape.
    pub fn of(shape: &ConvShape, most: usize) -> Self {
        let geometry = Geometry::of(shape);
        let images = most.min(IMAGES);
        // A vector may reach past the last lane. An odd number of cache lines lets all sets of the cache take part.
        let lanes = STRIP * ((geometry.padded[1].div_ceil(geometry.stride[1]) * images + 3).div_ceil(STRIP) | 1);
        let phase = geometry.channels * lanes;
        // Where a column is a strip, all channels of a column lie together, as they are worked on.
        let (pitch, step) = if images == STRIP {
            (STRIP, geometry.channels * STRIP)
        } else {
            (lanes, STRIP)
        };
        let block = block_size(geometry.filters.div_ceil(4));
        let strips = geometry.extent(1).div_ceil(geometry.stride[1]);
        let kept = SPECIALISED && images == STRIP && strips <= MOST_STRIPS && strips * block <= TABLES;
        Self {
            geometry,
            images,
            pitch,
            step,
            phase,
            block,
            strips: if kept { strips } else { 1 },
        }
    }

    /// Floats of one padded row.
    pub fn row(&self) -> usize {
        self.geometry.stride[1] * self.phase
    }

    /// The kernel's rows over an output row that lie inside the image, each with its padded row.
    pub fn kernel_rows(&self, oy: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (start, first, last) = (
            oy * self.geometry.stride[0],
            self.geometry.pad[0],
            self.geometry.pad[0] + self.geometry.input[0],
        );
        let dilation = self.geometry.dilation[0];
        (0..self.geometry.kernel[0])
            .map(move |ky| (ky, start + ky * dilation))
            .filter(move |(_, row)| (first..last).contains(row))
    }

    /// Where the first channel's sum of a lane lies in a phase of a padded row.
    pub fn place(&self, row: usize, phase: usize, lane: usize) -> usize {
        self.slot(row) + phase * self.phase + self.lane(lane)
    }

    /// Where a lane lies in a phase.
    fn lane(&self, lane: usize) -> usize {
        lane / STRIP * self.step + lane % STRIP
    }

    /// Where the row of a padded row number begins.
    pub fn slot(&self, row: usize) -> usize {
        row % self.geometry.extent(0) * self.row()
    }

    /// Floats of one unpadded image row.
    pub fn pixels(&self) -> usize {
        self.geometry.input[1] * self.geometry.channels
    }

    /// The columns of a phase that lie inside the image, numbered within the phase.
    pub fn inside(&self, phase: usize) -> core::ops::Range<usize> {
        let (pad, stride) = (self.geometry.pad[1], self.geometry.stride[1]);
        let first = pad.saturating_sub(phase).div_ceil(stride);
        first
            ..(pad + self.geometry.input[1])
                .saturating_sub(phase)
                .div_ceil(stride)
                .max(first)
    }
}

/// Turns the sums of a row `[phases][channels][lanes]` into gradients `[images][w][channels]`.
pub fn transpose_row(ring: &Ring, sums: &[f32], gradients: &mut [f32]) {
    let geometry = &ring.geometry;
    let channels = geometry.channels;
    for (phase, sums) in sums.chunks_exact(ring.phase).enumerate() {
        let inside = ring.inside(phase);
        let x = (inside.start * geometry.stride[1] + phase).wrapping_sub(geometry.pad[1]);
        let mut column = x.wrapping_mul(channels);
        let mut image = 0;
        let end = inside.end * ring.images;
        for first in (inside.start * ring.images..end).step_by(4) {
            let sums = &sums[ring.lane(first)..];
            let mut places = [0; 4];
            for place in &mut places[..4.min(end - first)] {
                *place = image * ring.pixels() + column;
                image += 1;
                if image == ring.images {
                    (column, image) = (column + geometry.stride[1] * channels, 0);
                }
            }
            let whole = if first + 4 <= end { channels & !3 } else { 0 };
            for channel in (0..whole).step_by(4) {
                let rows = core::array::from_fn(|i| read_four(sums, (channel + i) * ring.pitch));
                for (pixel, place) in F32x4::transpose(rows).into_iter().zip(places) {
                    pixel.store(gradients[place + channel..].first_chunk_mut().expect("a pixel"));
                }
            }
            for channel in (whole..channels).step_by(4) {
                let count = 4.min(channels - channel);
                let rows = core::array::from_fn(|i| read_four(sums, (channel + i.min(count - 1)) * ring.pitch));
                for (pixel, &place) in F32x4::transpose(rows).into_iter().zip(&places[..4.min(end - first)]) {
                    pixel.store_up_to(&mut gradients[place + channel..][..count]);
                }
            }
        }
    }
}

fn read_four(values: &[f32], at: usize) -> F32x4 {
    F32x4::load(values[at..].first_chunk().expect("four values"))
}
