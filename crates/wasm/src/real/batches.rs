//! Rows of a data set as batches.

use crate::memory::{read, write};
use proxbit_kernels::gather;

/// Rows that the indices reach into.
fn reach(indices: &[u32]) -> usize {
    indices.iter().max().map_or(0, |&largest| largest as usize + 1)
}

exports! {
    /// Batch rows from bytes: out `f32 [count][row]` = data * scale + offset.
    fn gather_bytes(
        data: *const u8, indices: *const u32, count: usize, row: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        let indices = read(indices, count);
        let data = read(data, reach(indices) * row);
        gather::gather_numbers(data, indices, row, scale, offset, write(out, count * row));
        false
    }

    /// The same from signed bytes.
    only("training")
    fn gather_signed_bytes(
        data: *const i8, indices: *const u32, count: usize, row: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        let indices = read(indices, count);
        let data = read(data, reach(indices) * row);
        gather::gather_numbers(data, indices, row, scale, offset, write(out, count * row));
        false
    }

    /// The same from numbers of 16 bits.
    only("training")
    fn gather_words(
        data: *const u16, indices: *const u32, count: usize, row: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        let indices = read(indices, count);
        let data = read(data, reach(indices) * row);
        gather::gather_numbers(data, indices, row, scale, offset, write(out, count * row));
        false
    }

    /// Batch images `[height][width][channels]` from bytes, each mirrored and moved as its view's bits say (`View::from_bits`):
    /// out `f32 [count][height][width][channels]` = data * scale + offset.
    only("training")
    fn gather_views(
        data: *const u8, indices: *const u32, views: *const u32, count: usize, height: usize, width: usize,
        channels: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        let indices = read(indices, count);
        let data = read(data, reach(indices) * height * width * channels);
        let out = write(out, count * height * width * channels);
        gather::gather_views(data, indices, read(views, count), [height, width, channels], scale, offset, out);
        false
    }

    /// The same from signed bytes.
    only("training")
    fn gather_signed_byte_views(
        data: *const i8, indices: *const u32, views: *const u32, count: usize, height: usize, width: usize,
        channels: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        let indices = read(indices, count);
        let data = read(data, reach(indices) * height * width * channels);
        let out = write(out, count * height * width * channels);
        gather::gather_views(data, indices, read(views, count), [height, width, channels], scale, offset, out);
        false
    }

    /// The same from numbers of 16 bits.
    only("training")
    fn gather_word_views(
        data: *const u16, indices: *const u32, views: *const u32, count: usize, height: usize, width: usize,
        channels: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        let indices = read(indices, count);
        let data = read(data, reach(indices) * height * width * channels);
        let out = write(out, count * height * width * channels);
        gather::gather_views(data, indices, read(views, count), [height, width, channels], scale, offset, out);
        false
    }

    /// The same from reals.
    only("training")
    fn gather_real_views(
        data: *const f32, indices: *const u32, views: *const u32, count: usize, height: usize, width: usize,
        channels: usize, scale: f32, offset: f32, out: *mut f32,
    ) {
        let indices = read(indices, count);
        let data = read(data, reach(indices) * height * width * channels);
        let out = write(out, count * height * width * channels);
        gather::gather_views(data, indices, read(views, count), [height, width, channels], scale, offset, out);
        false
    }

    /// Batch rows from reals: out `f32 [count][row]`.
    only("training")
    fn gather_reals(data: *const f32, indices: *const u32, count: usize, row: usize, out: *mut f32) {
        let indices = read(indices, count);
        let data = read(data, reach(indices) * row);
        gather::gather_reals(data, indices, row, write(out, count * row));
        false
    }

    /// Labels of a batch: out `u32 [count]`.
    only("training")
    fn gather_labels(labels: *const u32, indices: *const u32, count: usize, out: *mut u32) {
        let indices = read(indices, count);
        gather::gather_labels(read(labels, reach(indices)), indices, write(out, count));
        false
    }
}
