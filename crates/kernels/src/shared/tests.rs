//! Parts of shared memory lie where they should, and a kernel that writes one leaves the rest alone.

use core::fmt::Debug;
use core::ops::Range;
use core::ptr::with_exposed_provenance_mut;
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::arbitrary::{any_shapes, cases, conv_shape, reals, seeds};
use crate::bits::{sign_nibbles, sign_words};
use crate::naive::binary as naive;
use crate::norm::normalize;
use crate::pool_bits::{max_pool_nibbles, max_pool_words};
use crate::shape::ConvShape;

#[test]
fn parts_lie_where_their_numbers_say() {
    let mut numbers = [1_u64, 2, 3, 4];
    let all = Shared::from(&mut numbers[..]);
    assert_eq!((all.length(), all.bytes().length()), (4, 32));
    // SAFETY: the parts lie in the memory and do not meet.
    unsafe {
        all.slice(1, 2).fill(7);
        all.at(3, 1).write(9);
        all.bytes().slice(1, 1)[0] = 1;
    }
    assert_eq!(numbers, [u64::from_le_bytes([1, 1, 0, 0, 0, 0, 0, 0]), 7, 7, 9]);
}

#[test]
#[should_panic(expected = "a part lies in its memory")]
fn a_slice_past_the_end_is_refused() {
    let mut numbers = [0_u8; 4];
    // SAFETY: nobody else touches the array.
    unsafe { Shared::from(&mut numbers[..]).slice(2, 3) };
}

#[test]
#[should_panic(expected = "a part lies in its memory")]
fn a_slice_whose_end_has_no_number_is_refused() {
    let mut numbers = [0_u8; 4];
    // SAFETY: nobody else touches the array.
    unsafe { Shared::from(&mut numbers[..]).slice(2, usize::MAX) };
}

/// Some rows of the image of a layer, as the layer's window over a part of its padded buffer. The part begins `rows.start` rows
/// down, with rows that the part before it writes.
fn rows_of(shape: &ConvShape, rows: &Range<usize>) -> ConvShape {
    ConvShape {
        height: rows.len() as u32,
        padded_height: shape.pad_top + rows.len() as u32,
        kernel_height: 1,
        dilation_height: 1,
        stride_height: 1,
        out_height: 1,
        ..*shape
    }
}

/// Writes an image in two parts, each by a thread of its own, then one of the parts alone over `rubbish`. `write` gets the
/// rows, their window and their memory.
fn check_parts<T: Copy + Debug + PartialEq + Send + Sync>(
    shape: &ConvShape,
    cut: usize,
    [border, rubbish]: [T; 2],
    expected: &[T],
    write: impl Fn(&Range<usize>, ConvShape, Shared<T>) + Sync,
) {
    let height = shape.height as usize;
    let line = expected.len() / shape.padded_height as usize;
    let part = |rows: &Range<usize>, address: usize| {
        let window = rows_of(shape, rows);
        let start: *mut T = with_exposed_provenance_mut(address);
        // SAFETY: the window ends at or above the end of the buffer, and each part writes the rows of the image alone that
        // are its own.
        let memory = unsafe { Shared::new(start.add(rows.start * line), window.padded_height as usize * line) };
        write(rows, window, memory);
    };
    let parts = [0..cut, cut..height];
    let mut together = vec![border; expected.len()];
    let address = together.as_mut_ptr().expose_provenance();
    thread::scope(|scope| {
        for rows in parts.iter().filter(|rows| !rows.is_empty()) {
            scope.spawn(|| part(rows, address));
        }
    });
    assert_eq!(together, expected);
    for rows in parts.iter().filter(|rows| !rows.is_empty()) {
        let mut alone = vec![rubbish; expected.len()];
        part(rows, alone.as_mut_ptr().expose_provenance());
        let (pad, first) = (shape.pad_left as usize, shape.pad_top as usize + rows.start);
        let pixel = line / shape.padded_width as usize;
        for (at, (&found, &wanted)) in alone.iter().zip(expected).enumerate() {
            let (row, column) = (at / line, at % line / pixel);
            let is_own =
                (first..first + rows.len()).contains(&row) && (pad..pad + shape.width as usize).contains(&column);
            assert_eq!(
                found,
                if is_own { wanted } else { rubbish },
                "{rows:?} at {row}, {column}"
            );
        }
    }
}

/// The pixels of an image, each a window of a pool.
fn pixels_of(shape: &ConvShape, height: u32) -> ConvShape {
    let [width, channels] = [shape.width, shape.channels];
    conv_shape([1, height, width, channels], [1, 1, channels], [1, 1], false, false)
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn parts_of_an_image_touch_rows_of_their_own_alone(shape in any_shapes(), seed in seeds()) {
        let shape = ConvShape { images: 1, pad_one: 0, ..shape };
        let cut = seed as usize % (shape.height as usize + 1);
        let row = (shape.width * shape.channels) as usize;
        let x = reals(shape.input_pixels() * shape.channels as usize, seed);
        let signs: Vec<bool> = x.iter().map(|&x| x >= 0.0).collect();
        let (nibbles, words) = (naive::nibbles(&shape, &signs), naive::words(&shape, &signs));
        let x_of = |rows: &Range<usize>| &x[rows.start * row..rows.end * row];

        check_parts(&shape, cut, [0, 0xab], &nibbles, |rows, window, out| {
            assert!(!sign_nibbles(&window, x_of(rows), out));
        });
        check_parts(&shape, cut, [0, 0xab], &words, |rows, window, out| {
            assert!(!sign_words(&window, x_of(rows), out));
        });
        let ones = vec![1.0; shape.channels as usize];
        let zeros = vec![0.0; shape.channels as usize];
        check_parts(&shape, cut, [0, 0xab], &nibbles, |rows, window, out| {
            let (x, mut y) = (x_of(rows), vec![0.0; rows.len() * row]);
            assert!(!normalize(x, &ones, &zeros, None, &mut y, Some((&window, out))));
        });
        let line = shape.width as usize;
        let no_flips = vec![0; shape.groups()];
        let source = naive::nibbles(&pixels_of(&shape, shape.height), &signs);
        check_parts(&shape, cut, [0, 0xab], &nibbles, |rows, window, out| {
            let bits = &source[rows.start * line * shape.groups()..];
            max_pool_nibbles(&pixels_of(&shape, window.height), bits, &no_flips, &window, out);
        });
        let no_flips = vec![0; shape.words()];
        let source = naive::words(&pixels_of(&shape, shape.height), &signs);
        check_parts(&shape, cut, [0, 0xab], &words, |rows, window, out| {
            let bits = &source[rows.start * line * shape.words()..];
            max_pool_words(&pixels_of(&shape, window.height), bits, &no_flips, &window, out);
        });
    }
}
