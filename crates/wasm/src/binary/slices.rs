//! Products of two operands of signs over slices, and their gradients.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::attention::bits::Signs;
use proxbit_kernels::attention::sign_slices::{
    Scratch, SignSlices, first_gradient, multiply_sign_slices, second_gradient,
};
use proxbit_kernels::attention::slices::Slices;
use proxbit_kernels::shape::sizes::{groups, sign_gradient_floats, sign_gradient_selectors, sign_slice_bytes, words};

/// Rows and features of all slices of the second operand.
fn second_of(
    Slices {
        images,
        heads,
        columns,
        terms,
        ..
    }: Slices,
    transposed: Flag,
) -> [usize; 2] {
    let [rows, features] = if transposed != 0 {
        [columns, terms]
    } else {
        [terms, columns]
    };
    [images * heads * rows, features]
}

/// The pieces of a scratch of `sign_gradient_bytes`.
///
/// # Safety
/// As for an export.
unsafe fn pieces<'a>(
    Slices {
        rows, columns, terms, ..
    }: Slices,
    scratch: *mut f32,
) -> Scratch<'a> {
    let floats = sign_gradient_floats(rows, columns, terms);
    // SAFETY: the promises of the caller; the bytes follow the floats.
    unsafe {
        let selectors = write(
            scratch.add(floats).cast(),
            sign_gradient_selectors(rows, columns, terms),
        );
        Scratch {
            floats: write(scratch, floats),
            selectors,
        }
    }
}

exports! {
    /// out `f32 [images][heads][rows][columns]` = a b of every slice, of unpadded nibbles `[rows][terms]` and `[terms][columns]`,
    /// or `[columns][terms]` where transposed. Terms are at most 65535; scratch of `sign_slice_bytes(columns, terms)`.
    only("layers")
    product(bb, "4x32", 4)
    fn bb_slices_nibbles(
        a: *const u8, b: *const u8, images: usize, heads: usize, rows: usize, columns: usize, terms: usize,
        b_transposed: Flag, out: *mut f32, scratch: *mut u8,
    ) {
        let sizes = Slices { images, heads, rows, columns, terms };
        let count = images * heads * rows;
        let [height, width] = second_of(sizes, b_transposed);
        let signs = Signs::Nibbles(read(b, height * groups(width)));
        let b = SignSlices { signs, transposed: b_transposed != 0 };
        let a = Signs::Nibbles(read(a, count * groups(terms)));
        multiply_sign_slices(sizes, a, b, write(out, count * columns), write(scratch, sign_slice_bytes(columns, terms)));
        false
    }

    /// The same of words, which the popcount kernels read.
    only("layers")
    product(bb, "4x32", 4)
    fn bb_slices_words(
        a: *const u64, b: *const u64, images: usize, heads: usize, rows: usize, columns: usize, terms: usize,
        b_transposed: Flag, out: *mut f32, scratch: *mut u8,
    ) {
        let sizes = Slices { images, heads, rows, columns, terms };
        let count = images * heads * rows;
        let [height, width] = second_of(sizes, b_transposed);
        let signs = Signs::Words(read(b, height * words(width)));
        let b = SignSlices { signs, transposed: b_transposed != 0 };
        let a = Signs::Words(read(a, count * words(terms)));
        multiply_sign_slices(sizes, a, b, write(out, count * columns), write(scratch, sign_slice_bytes(columns, terms)));
        false
    }

    /// da `f32 [images][heads][rows][terms]` of the products of `bb_slices_nibbles`, out of dy and the nibbles of b; scratch of
    /// `sign_gradient_bytes(rows, columns, terms)`.
    only("training")
    product(fb, "3x16", 4)
    fn fb_slices_first(
        dy: *const f32, b: *const u8, images: usize, heads: usize, rows: usize, columns: usize, terms: usize,
        b_transposed: Flag, out: *mut f32, scratch: *mut f32,
    ) {
        let sizes = Slices { images, heads, rows, columns, terms };
        let count = images * heads * rows;
        let [height, width] = second_of(sizes, b_transposed);
        let signs = Signs::Nibbles(read(b, height * groups(width)));
        let b = SignSlices { signs, transposed: b_transposed != 0 };
        first_gradient(sizes, b, read(dy, count * columns), write(out, count * terms), pieces(sizes, scratch));
        false
    }

    /// db in the layout of b, out of dy and the nibbles of a.
    only("training")
    product(fb, "3x16", 4)
    fn fb_slices_second(
        dy: *const f32, a: *const u8, images: usize, heads: usize, rows: usize, columns: usize, terms: usize,
        b_transposed: Flag, out: *mut f32, scratch: *mut f32,
    ) {
        let sizes = Slices { images, heads, rows, columns, terms };
        let count = images * heads;
        let a = Signs::Nibbles(read(a, count * rows * groups(terms)));
        let (dy, out) = (read(dy, count * rows * columns), write(out, count * columns * terms));
        second_gradient(sizes, a, b_transposed != 0, dy, out, pieces(sizes, scratch));
        false
    }
}
