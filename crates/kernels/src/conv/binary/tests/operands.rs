//! One convolution as all kernels take it, and what reads its bits.

use core::ops::Range;

use crate::arbitrary::conv_shape;
use crate::bits::{self, weights};
use crate::conv::binary::border::starts;
use crate::conv::binary::codewords::{codeword_conv, takes};
use crate::conv::binary::epilogue::{BitLayout, Epilogue};
use crate::conv::binary::lookup::lookup_conv;
use crate::conv::binary::popcnt::{popcnt8_conv, popcnt64_conv};
use crate::naive::binary as naive;
use crate::shape::ConvShape;
use crate::shared::Shared;

/// The operands of all kernels for the same convolution.
pub struct Operands {
    pub shape: ConvShape,
    nibbles: Vec<u8>,
    words: Vec<u64>,
    lookup_weights: Vec<u8>,
    codeword_weights: Vec<u8>,
    byte_weights: Vec<u8>,
    word_weights: Vec<u64>,
    pub starts: Vec<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    Lookup,
    /// It takes 3x3 kernels of few codewords alone.
    Codewords,
    Popcnt8,
    Popcnt64,
}

/// Those that take any kernel.
pub const KERNELS: [Kernel; 3] = [Kernel::Lookup, Kernel::Popcnt8, Kernel::Popcnt64];

impl Kernel {
    pub fn layout(self) -> BitLayout {
        if matches!(self, Self::Lookup | Self::Codewords) {
            BitLayout::Nibbles
        } else {
            BitLayout::Words
        }
    }

    /// Runs the kernel over the filters in two ranges.
    pub fn run(self, operands: &Operands, cut: usize, epilogue: &mut impl Epilogue) {
        let filters = operands.shape.filters as usize;
        for range in [0..cut, cut..filters] {
            self.run_range(operands, range, epilogue);
        }
    }

    pub fn run_range(self, operands: &Operands, range: Range<usize>, epilogue: &mut impl Epilogue) {
        let Operands {
            shape,
            nibbles,
            words,
            lookup_weights,
            codeword_weights,
            byte_weights,
            word_weights,
            ..
        } = operands;
        // SAFETY: every epilogue here is made for the shape of the operands, whose nibbles were packed by `bits`.
        unsafe {
            match self {
                Self::Lookup => lookup_conv(shape, nibbles, lookup_weights, range, epilogue),
                Self::Codewords => codeword_conv(shape, nibbles, codeword_weights, range, epilogue),
                Self::Popcnt8 => popcnt8_conv(shape, words, byte_weights, range, epilogue),
                Self::Popcnt64 => popcnt64_conv(shape, words, word_weights, range, epilogue),
            }
        }
    }
}

pub fn operands(shape: &ConvShape, x: &[f32], kernel: &[f32]) -> Operands {
    operands_of(shape, x, kernel, starts)
}

/// The same with starts of another kind.
pub fn operands_of(
    shape: &ConvShape,
    x: &[f32],
    kernel: &[f32],
    starts: fn(&ConvShape, &[i32], &mut [i32]),
) -> Operands {
    let (k, n) = (shape.terms(), shape.filters as usize);
    let mut file = vec![0; n * k.div_ceil(8)];
    let mut correction = vec![0; shape.taps() * n];
    weights::pack_file_bits(kernel, k, n, &mut file);
    weights::bb_correction(shape, &file, &mut correction);
    let panels = 16 * shape.filter_blocks() * shape.taps();
    let mut all = Operands {
        shape: *shape,
        nibbles: vec![0; shape.padded_pixels() * shape.groups()],
        words: vec![0; shape.padded_pixels() * shape.words()],
        lookup_weights: vec![0xff; shape.lookup_weight_bytes()],
        codeword_weights: vec![0xff; if takes(shape) { shape.codeword_weight_bytes() } else { 0 }],
        byte_weights: vec![0xff; panels * (shape.channels as usize).div_ceil(8)],
        word_weights: vec![u64::MAX; n.next_multiple_of(2) * shape.taps() * shape.words()],
        starts: vec![i32::MAX; shape.start_count()],
    };
    bits::fill_border_nibbles(shape, &mut all.nibbles);
    bits::sign_nibbles(shape, x, Shared::from(&mut all.nibbles[..]));
    bits::fill_border_words(shape, &mut all.words);
    bits::sign_words(shape, x, Shared::from(&mut all.words[..]));
    weights::pack_lookup_weights(shape, &file, &mut all.lookup_weights);
    if takes(shape) {
        weights::pack_codeword_weights(shape, &file, &mut all.codeword_weights);
    }
    weights::pack_byte_weights(shape, &file, &mut all.byte_weights);
    weights::pack_word_weights(shape, &file, &mut all.word_weights);
    starts(shape, &correction, &mut all.starts);
    all
}

/// A layer that reads what `shape` writes, with a border of its own.
pub fn next_of(shape: &ConvShape, seed: u64) -> ConvShape {
    let kernel = 1 + (seed % 4) as u32;
    let image = [shape.images, shape.out_height, shape.out_width, shape.filters];
    conv_shape(image, [kernel, kernel, 1], [1, 1], true, seed.is_multiple_of(3))
}

pub fn bytes(layout: BitLayout, shape: &ConvShape, bits: &[bool]) -> Vec<u8> {
    match layout {
        BitLayout::Nibbles => naive::nibbles(shape, bits),
        BitLayout::Words => naive::words(shape, bits)
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect(),
    }
}

/// A pixel of flips in the layout.
pub fn pixel(layout: BitLayout, flips: &[bool]) -> Vec<u8> {
    let filters = flips.len() as u32;
    bytes(
        layout,
        &conv_shape([1, 1, 1, filters], [1, 1, 1], [1, 1], true, false),
        flips,
    )
}

/// A multiple of 32 within the filters.
pub fn cut_of(shape: &ConvShape, seed: u64) -> usize {
    32 * (seed as usize % (shape.filters as usize / 32 + 1))
}
