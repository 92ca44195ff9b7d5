//! Rows of a data set as batches.

use crate::memory::{read, write};
use proxbit_kernels::gather::{self, ImageShape};

/// The rows of `indices`, each a slice of its own: a data set may be larger than a slice.
///
/// # Safety
/// `data` is valid for all of these rows.
unsafe fn rows<'a, T: 'a>(data: *const T, indices: &'a [u32], row: usize) -> impl Iterator<Item = &'a [T]> {
    // SAFETY: the promise of the caller.
    indices
        .iter()
        .map(move |&index| unsafe { read(data.wrapping_add(index as usize * row), row) })
}

/// [`gather::gather_numbers`] over addresses; the pair is scale and offset.
///
/// # Safety
/// As the exports: `data` is valid for the rows of the indices, `out` for `count` rows.
unsafe fn gather_rows<T: Copy>(
    data: *const T,
    indices: *const u32,
    count: usize,
    row: usize,
    [scale, offset]: [f32; 2],
    out: *mut f32,
) where
    f32: From<T>,
{
    // SAFETY: the lengths are those that the caller promises.
    let (indices, out) = unsafe { (read(indices, count), write(out, count * row)) };
    // SAFETY: likewise.
    for (own, out) in unsafe { rows(data, indices, row) }.zip(out.chunks_exact_mut(row)) {
        gather::gather_numbers(own, &[0], row, scale, offset, out);
    }
}

/// [`gather::gather_views`] over addresses; the pairs are indices and views, scale and offset.
///
/// # Safety
/// As [`gather_rows`], for rows of an image; the views are as many as the indices.
unsafe fn gather_seen<T: Copy>(
    data: *const T,
    [indices, views]: [*const u32; 2],
    count: usize,
    shape: ImageShape,
    [scale, offset]: [f32; 2],
    out: *mut f32,
) where
    f32: From<T>,
{
    let row: usize = shape.iter().product();
    // SAFETY: the lengths are those that the caller promises.
    let (indices, views, out) = unsafe { (read(indices, count), read(views, count), write(out, count * row)) };
    // SAFETY: likewise.
    let images = unsafe { rows(data, indices, row) };
    for ((image, view), out) in images.zip(views).zip(out.chunks_exact_mut(row)) {
        gather::gather_views(image, &[0], &[*view], shape, scale, offset, out);
    }
}

exports! {
    /// Batch rows from bytes: out `f32 [count][row]` = data * scale + offset.
    fn gather_bytes(
        data: *const u8, indices: *const u32, count: usize, row: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        gather_rows(data, indices, count, row, [scale, offset], out);
        false
    }

    /// Batch rows from signed bytes: out `f32 [count][row]` = data * scale + offset.
    only("training")
    fn gather_signed_bytes(
        data: *const i8, indices: *const u32, count: usize, row: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        gather_rows(data, indices, count, row, [scale, offset], out);
        false
    }

    /// Batch rows from numbers of 16 bits: out `f32 [count][row]` = data * scale + offset.
    only("training")
    fn gather_words(
        data: *const u16, indices: *const u32, count: usize, row: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        gather_rows(data, indices, count, row, [scale, offset], out);
        false
    }

    /// Batch images `[height][width][channels]` from bytes, each mirrored and moved as its view's bits say (`View::from_bits`):
    /// out `f32 [count][height][width][channels]` = data * scale + offset.
    only("training")
    fn gather_views(
        data: *const u8, indices: *const u32, views: *const u32, count: usize, height: usize, width: usize,
        channels: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        gather_seen(data, [indices, views], count, [height, width, channels], [scale, offset], out);
        false
    }

    /// The same from signed bytes.
    only("training")
    fn gather_signed_byte_views(
        data: *const i8, indices: *const u32, views: *const u32, count: usize, height: usize, width: usize,
        channels: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        gather_seen(data, [indices, views], count, [height, width, channels], [scale, offset], out);
        false
    }

    /// The same from numbers of 16 bits.
    only("training")
    fn gather_word_views(
        data: *const u16, indices: *const u32, views: *const u32, count: usize, height: usize, width: usize,
        channels: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        gather_seen(data, [indices, views], count, [height, width, channels], [scale, offset], out);
        false
    }

    /// The same from reals.
    only("training")
    fn gather_real_views(
        data: *const f32, indices: *const u32, views: *const u32, count: usize, height: usize, width: usize,
        channels: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        gather_seen(data, [indices, views], count, [height, width, channels], [scale, offset], out);
        false
    }

    /// Batch rows from reals: out `f32 [count][row]`.
    only("training")
    fn gather_reals(data: *const f32, indices: *const u32, count: usize, row: usize, out: *mut f32) {
        let indices = read(indices, count);
        for (own, out) in rows(data, indices, row).zip(write(out, count * row).chunks_exact_mut(row)) {
            gather::gather_reals(own, &[0], row, out);
        }
        false
    }

    /// Labels of a batch: out `u32 [count]`.
    only("training")
    fn gather_labels(labels: *const u32, indices: *const u32, count: usize, out: *mut u32) {
        let indices = read(indices, count);
        let reach = indices.iter().max().map_or(0, |&largest| largest as usize + 1);
        gather::gather_labels(read(labels, reach), indices, write(out, count));
        false
    }
}
