//! Noisy supervision: the map of a filter's latent weights, and the loss of its signs.

use crate::memory::{read, write};
use proxbit_kernels::filter_map;

exports! {
    /// t `f32 [k][n]` = w + sum_j u_j tanh(v_j . w + c_j) by filter; mapping `f32 [units][2 k + 1]` is v, c and u of each unit,
    /// hidden `f32 [units][n]` the tanh.
    only("training")
    fn map_filters(
        w: *const f32, k: usize, n: usize, mapping: *const f32, units: usize, hidden: *mut f32, t: *mut f32,
    ) {
        let mapping = read(mapping, units * (2 * k + 1));
        filter_map::map_filters(read(w, k * n), n, mapping, write(hidden, units * n), write(t, k * n))
    }

    /// dw `f32 [k][n]` and d_mapping of dt `f32 [k][n]`; hidden as `map_filters` leaves it, room `f32 [n]`.
    only("training")
    fn map_filters_backward(
        w: *const f32, k: usize, n: usize, mapping: *const f32, units: usize, hidden: *const f32, dt: *const f32,
        room: *mut f32, d_mapping: *mut f32, dw: *mut f32,
    ) {
        let size = units * (2 * k + 1);
        let given = [read(w, k * n), read(mapping, size), read(hidden, units * n), read(dt, k * n)];
        let (room, d_mapping) = (write(room, n), write(d_mapping, size));
        filter_map::map_filters_backward(given, n, room, d_mapping, write(dw, k * n));
        false
    }

    /// result = the sum of the unbiased losses of t with labels sign(w); dt = factor times their slopes. plus and minus are the
    /// rates at which labels +1 and -1 are wrong.
    only("training")
    fn supervise_signs(
        w: *const f32, t: *const f32, count: usize, plus: f32, minus: f32, factor: f32, dt: *mut f32,
        result: *mut [f64; 1],
    ) {
        let rates = [f64::from(plus), f64::from(minus)];
        let (w, t) = (read(w, count), read(t, count));
        let sum = filter_map::supervise_signs(w, t, rates, f64::from(factor), write(dt, count));
        write(result.cast::<f64>(), 1)[0] = sum;
        !sum.is_finite()
    }
}
