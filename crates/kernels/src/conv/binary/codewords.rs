//! The convolution of 3x3 kernels that are at most 16 codewords ([`crate::gemm::bb_codewords`]). Strips are those of look-up.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::check;
use super::epilogue::Epilogue;
use super::lookup::{PAIRS, Sink};
use super::pixels::{Pixel, Pixels};
use crate::gemm::bb_codewords::{BATCH, GROUPS, TABLE_BYTES, TAPS, codeword_batch, pair_rows, patches};
use crate::gemm::bb_counts::PanelCounts;
use crate::gemm::bb_lookup::PANEL;
use crate::shape::ConvShape;
use crate::simd::bytes::Bytes;

/// Rows that a strip has room for.
const ROOM: usize = 1 << 12;
/// The most channels, so that a strip holds a pair and counts are of 16 bits.
pub const MOST_CHANNELS: usize = 2048;

/// True for a shape that this kernel takes: 3x3, and 64 to 2048 channels, a multiple of 4.
pub fn takes(shape: &ConvShape) -> bool {
    let channels = shape.channels as usize;
    (shape.kernel_height, shape.kernel_width) == (3, 3)
        && channels.is_multiple_of(4)
        && (4 * GROUPS..=MOST_CHANNELS).contains(&channels)
}

/// As [`super::lookup::lookup_conv`], with codeword weights.
///
/// # Safety
/// As there. Codewords of filters must be below 16.
///
/// # Panics
/// As there, and for a shape that it does not take.
pub unsafe fn codeword_conv<E: Epilogue>(
    shape: &ConvShape,
    nibbles: &[u8],
    weights: &[u8],
    filters: Range<usize>,
    epilogue: &mut E,
) {
    let next = epilogue.next().copied();
    // SAFETY: the promises are the same, and the sink is the epilogue.
    unsafe { convolve(shape, nibbles, weights, filters, next, epilogue) }
}

/// [`codeword_conv`], compiled once for all epilogues.
///
/// # Safety
/// As for [`codeword_conv`], with `sink` for the epilogue, whose next layer is `next`.
#[inline(never)]
unsafe fn convolve(
    shape: &ConvShape,
    nibbles: &[u8],
    weights: &[u8],
    filters: Range<usize>,
    next: Option<ConvShape>,
    sink: &mut dyn Sink,
) {
    check(shape, nibbles.len() >= shape.padded_pixels() * shape.groups(), &filters);
    assert!(takes(shape) && weights.len() >= shape.codeword_weight_bytes());
    let channels = shape.channels as usize;
    let groups = shape.groups();
    let runs = shape.runs(groups);
    let taps: [usize; TAPS] =
        core::array::from_fn(|tap| tap / 3 * runs.stride + tap % 3 * shape.dilation_width as usize * groups);
    let mut pixels = Pixels::new(shape, next.as_ref());
    let mut strip = [Pixel::default(); 2 * PAIRS];
    let mut rows = MaybeUninit::<[Bytes; ROOM]>::uninit();
    let mut of_pixels = [MaybeUninit::<[u16; MOST_CHANNELS]>::uninit(); 2];
    let mut counts = [PanelCounts::ZERO; PAIRS];
    let most = 2 * PAIRS.min(ROOM / channels);
    let batch = channels.div_ceil(channels.div_ceil(BATCH));
    let (table, panels) = weights.split_at(TABLE_BYTES);
    let mut left = shape.output_pixels();
    while left > 0 {
        let used = left.min(most);
        strip[..used].fill_with(|| pixels.advance());
        left -= used;
        let pairs = used.div_ceil(2);
        // SAFETY: a consistent shape has the window of every pixel in its padded nibbles, whose taps are those offsets. Patches
        // and rows have room for all channels.
        unsafe {
            let rows = rows.as_mut_ptr().cast::<Bytes>();
            for pair in 0..pairs {
                for (i, out) in of_pixels.iter_mut().enumerate() {
                    let window = strip[(2 * pair + i).min(used - 1)].window * groups;
                    patches(nibbles.as_ptr().add(window), &taps, groups, out.as_mut_ptr().cast());
                }
                let [a, b] = of_pixels.each_ref().map(|patches| patches.as_ptr().cast::<u16>());
                pair_rows(table.as_ptr(), a, b, channels, rows.add(pair * channels));
            }
            let mut filter = filters.start;
            while filter < filters.end {
                let end = (filter / (16 * PANEL) + 1) * 16 * PANEL;
                let blocks = (end.min(filters.end) - filter).div_ceil(16);
                let (panel, block) = (filter / 16 / PANEL, filter / 16 % PANEL);
                for from in (0..channels).step_by(batch) {
                    let length = batch.min(channels - from);
                    let weights = panels.as_ptr().add(16 * ((panel * channels + from) * PANEL + block));
                    let (rows, counts, first) = (rows.add(from).cast_const(), &mut counts[..pairs], from == 0);
                    // A range begins at an even block, so an even number of blocks is in the panel, and the core is shorter.
                    if blocks > 2 {
                        codeword_batch::<PANEL>(rows, channels, weights, length, first, counts);
                    } else {
                        codeword_batch::<2>(rows, channels, weights, length, first, counts);
                    }
                }
                sink.put_strip(&strip[..used], filter, blocks, &counts);
                filter = end;
            }
        }
    }
}
