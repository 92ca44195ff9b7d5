//! Quantizers: their maps, and what is done to weights before them.

use crate::exports::{Flag, Maybe, optional};
use crate::memory::{read, write};
use proxbit_kernels::quantizer::{self, Backward, Forward, Slope, TABLE_HEADER, Tables};
use proxbit_kernels::standardize;

/// The two maps of a block of samples, or none where the address is 0.
///
/// # Safety
/// The address must be 0, or that of a whole block, as item 1 of every export demands.
unsafe fn tables<'a>(address: *const f32) -> Option<Tables<'a>> {
    // SAFETY: a block begins with its header.
    let header = unsafe { optional(address, TABLE_HEADER) }?.first_chunk()?;
    // SAFETY: a whole block has as many floats as its header says.
    Some(Tables::of_block(unsafe { read(address, Tables::floats(header)) }).expect("samples"))
}

/// The proximal map of this number, and the parameters that follow its own.
///
/// # Safety
/// `params` must be 0, or the address of as many floats as the proximal map has, and `others` more.
unsafe fn proximal<'a>(
    number: u32,
    params: *const f32,
    others: usize,
    tables: Option<Tables<'a>>,
) -> (Forward<'a>, &'a [f32]) {
    let own = Forward::parameters(number);
    // SAFETY: `own + others` floats lie there, by this function's own demand.
    let params = unsafe { optional(params, own + others) }.unwrap_or_default();
    let map = Forward::from_number(number, params, tables).expect("proximal map");
    (map, params.get(own..).unwrap_or_default())
}

/// The way back through the maps of these numbers.
///
/// # Safety
/// `table` must be as [`tables`] demands. `params` must be 0, or the address of the parameters of both maps.
pub(super) unsafe fn slope<'a>(first: u32, map: u32, params: *const f32, table: *const f32) -> Slope<'a> {
    // SAFETY: `table` is as `tables` demands, by this function's own demand.
    let tables = unsafe { tables(table) };
    // SAFETY: the parameters of both maps lie at `params`, or it is 0.
    let (proximal, params) = unsafe { proximal(first, params, Backward::parameters(map), tables) };
    let map = Backward::from_number(map, params, tables).expect("backward map");
    Slope { proximal, map }
}

exports! {
    /// y = map(P(x)) with the forward maps of these numbers; parameters `f32`: those of P, then those of the map. table
    /// where given: `f32 [count, from, density, 0]`, the forward and the backward map's samples `[count]` (see `Tables`).
    fn quantize_forward(
        proximal: u32, map: u32, x: *const f32, y: *mut f32, count: usize, parameters: Maybe<*const f32>,
        table: Maybe<*const f32>,
    ) {
        let tables = tables(table);
        let (proximal, parameters) = self::proximal(proximal, parameters, Forward::parameters(map), tables);
        let map = Forward::from_number(map, parameters, tables).expect("forward map");
        quantizer::quantize_forward(proximal, map, read(x, count), write(y, count))
    }

    /// dx = dy * map(P(x)) with P the forward map of the first number and the backward map of the second, added to dx where
    /// `accumulate`; parameters and table as in `quantize_forward`.
    only("training")
    fn quantize_backward(
        proximal: u32, map: u32, x: *const f32, dy: *const f32, accumulate: Flag, dx: *mut f32, count: usize,
        parameters: Maybe<*const f32>, table: Maybe<*const f32>,
    ) {
        let (x, dy) = (read(x, count), read(dy, count));
        let slope = slope(proximal, map, parameters, table);
        quantizer::quantize_backward(slope, x, dy, accumulate != 0, write(dx, count))
    }

    /// The gradients at the two parameters `f32 [2]` of the elastic forward map of this number, out of those `dy` at its values
    /// of x, to out `f32 [2]`.
    only("training")
    fn elastic_gradients(
        map: u32, x: *const f32, dy: *const f32, count: usize, parameters: *const f32, out: *mut f32,
    ) {
        let map = Forward::from_number(map, read(parameters, 2), None).expect("elastic map");
        write(out, 2).copy_from_slice(&quantizer::elastic_gradients(map, read(x, count), read(dy, count)));
        false
    }

    /// out `f32 [n]` = mean |w| of every filter of w `f32 [k][n]`, or of the kernel where `whole`.
    only("training")
    fn weight_scale(w: *const f32, k: usize, n: usize, whole: Flag, out: *mut f32) {
        standardize::weight_scale(read(w, k * n), whole != 0, write(out, n))
    }

    /// out `f32 [k][n]` = (w - mean) gain / deviation by filter; statistics `f32 [3][n]` = gain / deviation, deviation, mean.
    only("training")
    fn standardize_filters(w: *const f32, k: usize, n: usize, gain: f32, out: *mut f32, statistics: *mut f32) {
        standardize::standardize_filters(read(w, k * n), gain, write(out, k * n), write(statistics, 3 * n))
    }

    /// out `f32 [count]` = tanh w / max |tanh w|, slopes `f32 [count]` = (1 - tanh^2 w) / max |tanh w|.
    only("training")
    fn standardize_tanh(w: *const f32, count: usize, out: *mut f32, slopes: *mut f32) {
        standardize::standardize_tanh(read(w, count), write(out, count), write(slopes, count))
    }

    /// out `f32 [count]` = sin(omega w), slopes `f32 [count]` = omega cos(omega w).
    only("training")
    fn standardize_sine(w: *const f32, count: usize, omega: f32, out: *mut f32, slopes: *mut f32) {
        standardize::standardize_sine(read(w, count), omega, write(out, count), write(slopes, count))
    }

    /// out `f32 [size]` = parameters, and in the place of tau the width -mean |w| ln(2 - 2 tau) of w `f32 [count]`.
    only("training")
    fn quantile_width(w: *const f32, count: usize, parameters: *const f32, size: usize, place: usize, out: *mut f32) {
        standardize::quantile_width(read(w, count), read(parameters, size), place, write(out, size))
    }

    /// y `f32 [count]`, a part from element `first` on, times factors `f32 [n]` by column.
    only("training")
    fn multiply_columns(y: *mut f32, count: usize, factors: *const f32, n: usize, first: usize) {
        standardize::multiply_columns(write(y, count), read(factors, n), first);
        false
    }
}
