//! Noisy supervision (Han, Wang, Xu, Xu, Wu and Xu, "Training Binary Neural Networks through Learning with Noisy Supervision",
//! ICML 2020): a small network maps the latent weights of a filter together to the weights whose signs count, and the signs
//! of the latent weights are labels of it, of which some are wrong.
//!
//! The network makes of a filter `w [k]` the numbers `t = w + sum_j u_j tanh(v_j . w + c_j)`. Where all u are 0, t is w. Layout:
//! `w [k][n]`, a column a filter; a unit of `mapping [units][2 k + 1]` is v, c and u; `hidden [units][n]` are the tanh. Sums over
//! rows are f32 in order; those over filters are f64, rounded once.

use crate::math::exp_f64;

/// `t` and the hidden values. Returns true where a result is not finite.
pub fn map_filters(w: &[f32], n: usize, mapping: &[f32], hidden: &mut [f32], t: &mut [f32]) -> bool {
    let k = rows_of(w, n, mapping, hidden);
    assert!(t.len() == w.len());
    t.copy_from_slice(w);
    for (unit, hidden) in mapping.chunks_exact(2 * k + 1).zip(hidden.chunks_exact_mut(n)) {
        let (v, rest) = unit.split_at(k);
        let (c, u) = rest.split_at(1);
        hidden.fill(c[0]);
        for (v, row) in v.iter().zip(w.chunks_exact(n)) {
            add_scaled(hidden, *v, row);
        }
        for value in hidden.iter_mut() {
            *value = tanh(*value);
        }
        for (u, row) in u.iter().zip(t.chunks_exact_mut(n)) {
            add_scaled(row, *u, hidden);
        }
    }
    t.iter().any(|value| !value.is_finite())
}

/// The gradients `dw` and `d_mapping` of `dt`; `hidden` as the way forward left it, `room [n]`.
pub fn map_filters_backward(
    [w, mapping, hidden, dt]: [&[f32]; 4],
    n: usize,
    room: &mut [f32],
    d_mapping: &mut [f32],
    dw: &mut [f32],
) {
    let k = rows_of(w, n, mapping, hidden);
    assert!(dt.len() == w.len() && dw.len() == w.len() && d_mapping.len() == mapping.len() && room.len() == n);
    dw.copy_from_slice(dt);
    let units = mapping
        .chunks_exact(2 * k + 1)
        .zip(d_mapping.chunks_exact_mut(2 * k + 1));
    for ((unit, d_unit), hidden) in units.zip(hidden.chunks_exact(n)) {
        let (v, rest) = unit.split_at(k);
        let (d_v, d_rest) = d_unit.split_at_mut(k);
        let (d_c, d_u) = d_rest.split_at_mut(1);
        room.fill(0.0);
        for ((u, d_u), dt) in rest[1..].iter().zip(d_u).zip(dt.chunks_exact(n)) {
            add_scaled(room, *u, dt);
            *d_u = dot(hidden, dt);
        }
        for (room, hidden) in room.iter_mut().zip(hidden) {
            *room *= 1.0 - hidden * hidden;
        }
        d_c[0] = room.iter().map(|&value| f64::from(value)).sum::<f64>() as f32;
        let rows = w.chunks_exact(n).zip(dw.chunks_exact_mut(n));
        for ((v, d_v), (w, dw)) in v.iter().zip(d_v).zip(rows) {
            *d_v = dot(room, w);
            add_scaled(dw, *v, room);
        }
    }
}

/// The sum over weights of the unbiased loss with the label y = sign(w) and flip rates rho, `rates` being those of +1 and of
/// -1, and `factor` times its slopes in `dt`:
///
///   [(1 - rho_{-y}) (t - y)^2 - rho_y (t + y)^2] / d,   slope 2 (t - y (1 - rho_{-y} + rho_y) / d),   d = 1 - rho_+ - rho_-
pub fn supervise_signs(w: &[f32], t: &[f32], rates: [f64; 2], factor: f64, dt: &mut [f32]) -> f64 {
    assert!(w.len() == t.len() && w.len() == dt.len());
    let d = 1.0 - rates[0] - rates[1];
    let mut sum = 0.0;
    for ((&w, &t), dt) in w.iter().zip(t).zip(dt) {
        let (y, own, other) = if w >= 0.0 {
            (1.0, rates[0], rates[1])
        } else {
            (-1.0, rates[1], rates[0])
        };
        let t = f64::from(t);
        sum += ((1.0 - other) * (t - y) * (t - y) - own * (t + y) * (t + y)) / d;
        *dt = (factor * 2.0 * (t - y * (1.0 - other + own) / d)) as f32;
    }
    sum
}

/// k, out of lengths that go together.
fn rows_of(w: &[f32], n: usize, mapping: &[f32], hidden: &[f32]) -> usize {
    assert!(n > 0 && !w.is_empty() && w.len().is_multiple_of(n) && hidden.len().is_multiple_of(n));
    let k = w.len() / n;
    assert!(mapping.len() == hidden.len() / n * (2 * k + 1));
    k
}

fn add_scaled(y: &mut [f32], factor: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter()
        .zip(b)
        .fold(0.0, |sum, (&a, &b)| sum + f64::from(a) * f64::from(b)) as f32
}

/// Rounded once.
fn tanh(x: f32) -> f32 {
    let t = exp_f64(-2.0 * f64::from(x).abs());
    (((1.0 - t) / (1.0 + t)) as f32).copysign(x)
}

#[cfg(test)]
mod tests;
