//! Sizes of what callers set aside, in elements or bytes.
//!
//! TypeScript plans with the same sizes: `npm run generate` turns the public functions of this file into TypeScript. The
//! file therefore keeps to a small part of Rust: functions over whole numbers, each some `let`s and one expression.

use super::ConvShape;
use crate::gemm::fb::{STRIP, TABLE, TABLES};

/// Bytes of one pixel in the nibble layout: one for every 4 channels.
pub fn groups(channels: usize) -> usize {
    channels.div_ceil(4)
}

/// `u64` of one pixel in the word layout: one for every 64 channels.
pub fn words(channels: usize) -> usize {
    channels.div_ceil(64)
}

/// Bytes of `n` filters of `k` weights as bits in the model file.
pub fn file_bytes(k: usize, n: usize) -> usize {
    n * k.div_ceil(8)
}

/// Floats of a matrix `[K][N]` in panels of eight columns.
pub fn panel_floats(k: usize, n: usize) -> usize {
    n.next_multiple_of(8) * k
}

/// Floats at the beginning of the scratch of attention over bits: values as panels, and four rows of the matrix.
pub fn attention_scratch_floats(keys: usize, value_width: usize) -> usize {
    panel_floats(keys, value_width) + 4 * keys
}

/// Bytes behind them: keys and values as columns of nibbles, and four rows of distances and of bits of the matrix.
pub fn attention_column_bytes(keys: usize, width: usize, value_width: usize) -> usize {
    keys.next_multiple_of(32) * (groups(width) + 5) + value_width.next_multiple_of(32) * groups(keys)
}

/// Bytes of the scratch of attention over bits, of `keys` tokens and heads of `width` features, and `value_width` of values.
pub fn attention_scratch_bytes(keys: usize, width: usize, value_width: usize) -> usize {
    4 * attention_scratch_floats(keys, value_width) + attention_column_bytes(keys, width, value_width)
}

/// Bytes of a row of the matrix's bits.
pub fn attention_row_bytes(keys: usize) -> usize {
    keys.next_multiple_of(32) / 4
}

/// Floats that the way back keeps of a head's matrix: a row for each key, whose length is a multiple of 4.
pub fn attention_soft_floats(tokens: usize, keys: usize) -> usize {
    keys * tokens.next_multiple_of(4)
}

/// Floats at the beginning of the scratch of the way back through attention over bits: tables or panels, a head's gradient at
/// the matrix, and products whose rows are columns.
pub fn attention_gradient_floats(tokens: usize, keys: usize, width: usize, value_width: usize) -> usize {
    let turned = width * tokens.max(keys).next_multiple_of(4);
    (TABLES * TABLE).max(panel_floats(tokens, value_width)) + attention_soft_floats(tokens, keys) + turned
}

/// Bytes behind them: the rows of the operand of signs.
pub fn attention_selector_bytes(tokens: usize, keys: usize, width: usize, value_width: usize) -> usize {
    keys.max(width) * groups(tokens.max(keys).max(value_width))
}

/// Bytes of that scratch.
pub fn attention_gradient_bytes(tokens: usize, keys: usize, width: usize, value_width: usize) -> usize {
    4 * attention_gradient_floats(tokens, keys, width, value_width)
        + attention_selector_bytes(tokens, keys, width, value_width)
}

/// Floats of the scratch of attention over reals: keys and values as panels, and four rows of the matrix.
pub fn attention_real_scratch_floats(keys: usize, width: usize, value_width: usize) -> usize {
    panel_floats(width, keys) + panel_floats(keys, value_width) + 4 * keys
}

/// Bytes of the scratch of a product of signs over slices: the second operand as columns of nibbles, and four rows of the first.
pub fn sign_slice_bytes(columns: usize, terms: usize) -> usize {
    (columns.next_multiple_of(32) + 4) * groups(terms)
}

/// Floats at the beginning of the scratch of its way back: tables, and a product whose rows are columns.
pub fn sign_gradient_floats(rows: usize, columns: usize, terms: usize) -> usize {
    TABLES * TABLE + terms * rows.max(columns).next_multiple_of(4)
}

/// Bytes behind them: the rows of the operand of signs.
pub fn sign_gradient_selectors(rows: usize, columns: usize, terms: usize) -> usize {
    terms * groups(rows.max(columns))
}

/// Bytes of that scratch.
pub fn sign_gradient_bytes(rows: usize, columns: usize, terms: usize) -> usize {
    4 * sign_gradient_floats(rows, columns, terms) + sign_gradient_selectors(rows, columns, terms)
}

/// Windows along an axis that reach past the image, out of `out`.
fn cut_windows(out: usize, stride: usize, pad: usize, size: usize, extent: usize) -> usize {
    let first = pad.div_ceil(stride).min(out);
    let end = ((pad + size + stride).saturating_sub(extent) / stride)
        .max(first)
        .min(out);
    out - (end - first)
}

impl ConvShape {
    /// Positions of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel_height as usize * self.kernel_width as usize
    }

    /// Rows of the input from the first row of taps to the last, both counted.
    pub fn extent_height(&self) -> usize {
        (self.kernel_height as usize - 1) * self.dilation_height as usize + 1
    }

    /// Columns of the input from the first column of taps to the last, both counted.
    pub fn extent_width(&self) -> usize {
        (self.kernel_width as usize - 1) * self.dilation_width as usize + 1
    }

    /// Products summed into one output, which are the rows K of the kernel matrix.
    pub fn terms(&self) -> usize {
        self.taps() * self.channels as usize
    }

    /// Bytes of one pixel in the nibble layout.
    pub fn groups(&self) -> usize {
        groups(self.channels as usize)
    }

    /// `u64` of one pixel in the word layout.
    pub fn words(&self) -> usize {
        words(self.channels as usize)
    }

    /// Blocks of 16 filters, the last maybe not full.
    pub fn filter_blocks(&self) -> usize {
        (self.filters as usize).div_ceil(16)
    }

    /// Threes of groups of a window in the look-up weights.
    pub fn lookup_splits(&self) -> usize {
        (self.taps() * self.groups()).div_ceil(3)
    }

    /// Bytes of the look-up weights.
    pub fn lookup_weight_bytes(&self) -> usize {
        self.filter_blocks().div_ceil(4) * self.lookup_splits() * 192
    }

    /// Bytes of the codeword weights: two tables of 512 rows, and a byte for each channel of each filter.
    pub fn codeword_weight_bytes(&self) -> usize {
        2 * 512 * 16 + self.filter_blocks().div_ceil(4) * self.channels as usize * 64
    }

    /// Bytes of the weights of the `i8x16.popcnt` kernel.
    pub fn byte_weight_bytes(&self) -> usize {
        self.filter_blocks() * self.taps() * (self.channels as usize).div_ceil(8) * 16
    }

    /// Bytes of the weights of the `i64.popcnt` kernel.
    pub fn word_weight_bytes(&self) -> usize {
        (self.filters as usize).next_multiple_of(2) * self.taps() * self.words() * 8
    }

    /// Bytes of the weights of the kernel whose sums live in 8 bits.
    pub fn nibble_weight_bytes(&self) -> usize {
        self.filter_blocks() * 16 * self.taps() * self.groups()
    }

    /// Pixels of the unpadded input, all images together.
    pub fn input_pixels(&self) -> usize {
        self.images as usize * self.height as usize * self.width as usize
    }

    /// Pixels of the padded buffer, all images together.
    pub fn padded_pixels(&self) -> usize {
        self.images as usize * self.padded_height as usize * self.padded_width as usize
    }

    /// Pixels of the output, all images together.
    pub fn output_pixels(&self) -> usize {
        self.images as usize * self.out_height as usize * self.out_width as usize
    }

    /// Patterns of taps that fall on zero padding: none missing, and one for each row and column whose windows are cut.
    pub fn border_patterns(&self) -> usize {
        let rows = cut_windows(
            self.out_height as usize,
            self.stride_height as usize,
            self.pad_top as usize,
            self.height as usize,
            self.extent_height(),
        );
        let columns = cut_windows(
            self.out_width as usize,
            self.stride_width as usize,
            self.pad_left as usize,
            self.width as usize,
            self.extent_width(),
        );
        let zero = 1 - self.pad_one as usize;
        (1 + zero * rows) * (1 + zero * columns)
    }

    /// Starts of the sums of a +-1 by +-1 convolution, and limits of its counts: `i32`, of a row a pattern.
    pub fn start_count(&self) -> usize {
        self.border_patterns() * 16 * self.filter_blocks()
    }

    /// Bytes of the same.
    pub fn start_bytes(&self) -> usize {
        4 * self.start_count()
    }

    /// Floats of scratch that the product and the filters' gradient of `fb` need: a gap up to 64 bytes, the tables, then one
    /// sum per tap and filter.
    pub fn fb_table_floats(&self) -> usize {
        STRIP + TABLES * TABLE + self.taps() * self.filters as usize
    }

    /// Bytes of scratch for the bits of an image as one plane a channel, and for a line of each of four groups.
    pub fn fb_plane_bytes(&self) -> usize {
        let columns = (self.padded_width as usize).div_ceil(self.stride_width as usize);
        let pitch = self.padded_height as usize * self.stride_width as usize * columns + 16;
        4 * self.groups() * pitch + 4 * (columns.next_multiple_of(16) + 16)
    }

    /// Bytes of scratch of `fb_conv`.
    pub fn fb_forward_scratch_bytes(&self) -> usize {
        4 * self.fb_table_floats()
    }

    /// Bytes of scratch of `fb_conv_backward_filter`.
    pub fn fb_filter_scratch_bytes(&self) -> usize {
        4 * self.fb_table_floats() + self.fb_plane_bytes()
    }

    /// Bytes of the +-1 weights of `fb_conv_backward_input`: `[taps][channels][groups of 4 filters]`.
    pub fn fb_input_weight_bytes(&self) -> usize {
        self.terms() * groups(self.filters as usize)
    }

    /// Bytes of scratch of `fb_conv_backward_input`: a gap up to 64 bytes, the tables, the sums of as many padded rows as a
    /// window reaches over (an odd number of cache lines a channel and column phase), a row of gradients an image and one more.
    pub fn fb_input_scratch_bytes(&self) -> usize {
        let images = (self.images as usize).min(STRIP);
        let columns = (self.padded_width as usize).div_ceil(self.stride_width as usize);
        let lines = (columns * images + 3).div_ceil(STRIP);
        let row = self.stride_width as usize * self.channels as usize * STRIP * (lines + 1 - lines % 2);
        let gradients = (images + 1) * self.width as usize * self.channels as usize;
        4 * (STRIP + TABLES * TABLE + self.extent_height() * row + gradients)
    }

    /// Bytes of the +-1 weights of `fb_sign_conv`: `[taps][filters][groups of 4 channels]`.
    pub fn fb_sign_weight_bytes(&self) -> usize {
        self.taps() * self.filters as usize * groups(self.channels as usize)
    }

    /// Bytes of scratch of `fb_sign_conv`: those of `fb_conv_backward_input` for the adjoint.
    pub fn fb_sign_scratch_bytes(&self) -> usize {
        let images = (self.images as usize).min(STRIP);
        let columns = self.width as usize + self.extent_width() - 1;
        let lines = (columns * images + 3).div_ceil(STRIP);
        let row = self.filters as usize * STRIP * (lines + 1 - lines % 2);
        let values = (images + 1) * self.out_width as usize * self.filters as usize;
        4 * (STRIP + TABLES * TABLE + self.extent_height() * row + values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::arbitrary::{any_shapes, cases};
    use crate::conv::binary::border::Border;
    use crate::shape::ConvShape;

    use super::panel_floats;

    proptest! {
        #![proptest_config(cases(350))]

        #[test]
        fn panels_hold_every_column_eight_at_a_time(k in 1..70_usize, n in 1..70_usize) {
            prop_assert_eq!(panel_floats(k, n), n.div_ceil(8) * 8 * k);
        }

        #[test]
        fn border_patterns_are_those_that_the_kernels_walk(shape in any_shapes()) {
            for pad_one in [0, 1] {
                let shape = ConvShape { pad_one, ..shape };
                prop_assert_eq!(shape.border_patterns(), Border::of(&shape).patterns());
            }
        }
    }
}
