//! The bits of an image, one plane a channel, ready to select by: for the gradient of the filters.
//!
//! A plane is `[padded rows][phases][columns]`, a byte a position. The columns of a phase are those with the same remainder
//! by the horizontal stride, so that neighbours there are under the same tap of neighbouring output pixels. A byte holds
//! the channel's bits at four neighbours, from its own position on, as a nibble times 16.

use super::Geometry;
use crate::shape::ConvShape;
use crate::simd::bytes::Bytes;

/// Positions worked on at a time.
const BLOCK: usize = 16;

/// Sizes of the planes of one image.
pub struct Planes {
    groups: usize,
    rows: usize,
    width: usize,
    /// Phases of the columns.
    pub phases: usize,
    /// Columns of a phase.
    pub columns: usize,
}

impl Planes {
    /// The planes of a shape.
    pub fn of(shape: &ConvShape) -> Self {
        let geometry = Geometry::of(shape);
        let phases = geometry.stride[1];
        Self {
            groups: shape.groups(),
            rows: geometry.padded[0],
            width: geometry.padded[1],
            phases,
            columns: geometry.padded[1].div_ceil(phases),
        }
    }

    /// Bytes from one channel's plane to the next one's: a block may be written past a row's end.
    pub fn pitch(&self) -> usize {
        self.rows * self.phases * self.columns + BLOCK
    }

    /// Bytes of all planes, those of channels that fill up the last group among them.
    pub fn bytes(&self) -> usize {
        4 * self.groups * self.pitch()
    }

    /// Bytes of scratch that `gather` needs: a line for each of four groups, and the neighbours of its last block.
    pub fn line_bytes(&self) -> usize {
        4 * self.line()
    }

    fn line(&self) -> usize {
        self.columns.next_multiple_of(BLOCK) + BLOCK
    }

    /// Writes the planes of an image `[rows][width][groups]` of nibbles. Positions past the end of a row read as 0.
    pub fn gather(&self, image: &[u8], lines: &mut [u8], planes: &mut [u8]) {
        assert!(lines.len() == self.line_bytes() && planes.len() == self.bytes());
        lines.fill(0);
        for row in 0..self.rows {
            let pixels = &image[row * self.width * self.groups..][..self.width * self.groups];
            for phase in 0..self.phases {
                let place = (row * self.phases + phase) * self.columns;
                for group in (0..self.groups).step_by(4) {
                    let groups = 4.min(self.groups - group);
                    self.separate(pixels, phase, group, groups, lines);
                    for (line, group) in lines.chunks_exact(self.line()).zip(group..group + groups) {
                        let planes = &mut planes[4 * group * self.pitch()..][..4 * self.pitch()];
                        self.windows(line, place, planes);
                    }
                }
            }
        }
    }

    /// Copies up to four groups of the pixels of a phase, each into a line of its own.
    fn separate(&self, pixels: &[u8], phase: usize, group: usize, groups: usize, lines: &mut [u8]) {
        let step = self.phases * self.groups;
        let count = self.width.saturating_sub(phase).div_ceil(self.phases);
        for first in (0..self.columns).step_by(BLOCK) {
            let mut block = [[0; 4]; BLOCK];
            let start = first * step + phase * self.groups + group;
            for (i, quad) in block[..count.saturating_sub(first).min(BLOCK)].iter_mut().enumerate() {
                let pixel = &pixels[start + i * step..];
                match pixel.first_chunk() {
                    Some(four) if groups == 4 => *quad = *four,
                    _ => quad[..groups].copy_from_slice(&pixel[..groups]),
                }
            }
            let separated = Bytes::separate_quads(block.as_flattened().try_into().expect("64 bytes"));
            for (line, bytes) in lines.chunks_exact_mut(self.line()).zip(separated) {
                // SAFETY: the slice, which was checked, holds a block.
                unsafe { bytes.store(line[first..first + BLOCK].as_mut_ptr()) };
            }
        }
    }

    /// Writes a row of the planes of four channels, from their place on, out of the line of their nibbles.
    fn windows(&self, line: &[u8], place: usize, planes: &mut [u8]) {
        for first in (0..self.columns).step_by(BLOCK) {
            let neighbours = &line[first..first + BLOCK + 3];
            // SAFETY: the slice holds a block and three more bytes, so a block begins at each of the first four.
            let four = core::array::from_fn(|i| unsafe { Bytes::load(neighbours[i..].as_ptr()) });
            for (channel, bits) in Bytes::transpose_high_nibbles(four).into_iter().enumerate() {
                let target = channel * self.pitch() + place + first;
                // What lies past the row is written again with the next, or never read.
                // SAFETY: the slice, which was checked, holds a block.
                unsafe { bits.store(planes[target..target + BLOCK].as_mut_ptr()) };
            }
        }
    }
}
