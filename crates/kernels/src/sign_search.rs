//! QP-SBGD's direction of a dense layer (Krahn et al., "Projected Stochastic Gradient Descent with Quantum Annealed Binary
//! Gradients", 2023): for every neuron the `v` of +-1 that maximises `sum_i y_i sign(x_i . v)`, `y = -dL/d(output)`.
//!
//! Up to 16 inputs all `v` are tried; of equal ones the least counts, read as a number whose bit k says that v_k is +1. With
//! more inputs `v` is annealed by single flips from `sign(sum_i y_i x_i)`; a flip of v_j moves `z_i = x_i . v` by -2 x_ij v_j.
//!
//! Bits are u32 words, least first, 1 for +1, unused bits 0. `x [rows][words]`, `dy [rows][outputs]`, sign(0) = +1. Sums are
//! f64, rows in order. A draw is a function of numbers alone, so no result depends on who works on which neuron.

use crate::dropout::{Draws, philox};
use crate::math::ln_f64;
use crate::shared::Shared;

/// All directions are tried up to so many inputs.
pub const EXHAUSTIVE: usize = 16;

/// Words of so many signs.
pub const fn words(signs: usize) -> usize {
    signs.div_ceil(32)
}

/// The signs of `x [rows][n]` as bits. True where an x is NaN.
pub fn pack_rows(x: &[f32], n: usize, out: &mut [u32]) -> bool {
    assert!(n > 0 && x.len().is_multiple_of(n) && out.len() == x.len() / n * words(n));
    let mut nan = false;
    for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(words(n))) {
        for (x, word) in x.chunks(32).zip(out) {
            *word = 0;
            for (bit, x) in x.iter().enumerate() {
                nan |= x.is_nan();
                *word |= u32::from(*x >= 0.0) << bit;
            }
        }
    }
    nan
}

/// A batch as a neuron sees it.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Signs of the inputs, `[rows][words]`.
    pub x: &'a [u32],
    /// Gradients of the loss at the outputs, `[rows][outputs]`.
    pub dy: &'a [f32],
    /// Signs of a row.
    pub inputs: usize,
    /// Neurons.
    pub outputs: usize,
}

/// Room for one neuron.
#[derive(Debug)]
pub struct Scratch<'a> {
    /// `[rows]`: x . v of each row.
    pub sums: &'a mut [i32],
    /// `[rows]`: y of the neuron.
    pub wanted: &'a mut [f32],
    /// `[2][words]`: v as it stands, and the best so far.
    pub bits: &'a mut [u32],
}

/// -v of the neurons from `first` on, `count` of them, in their columns of `out [inputs][outputs]`: where a gradient stands. It is 0
/// for a neuron whose y is 0 in every row, for which all v are as good.
/// `sweeps` is how often annealing goes over all inputs. True where a dy is not finite.
pub fn search_signs(
    batch: Batch<'_>,
    first: usize,
    count: usize,
    sweeps: usize,
    draws: Draws,
    scratch: Scratch<'_>,
    out: Shared<'_, f32>,
) -> bool {
    let Batch { x, dy, inputs, outputs } = batch;
    let Scratch { sums, wanted, bits } = scratch;
    let rows = wanted.len();
    let size = words(inputs);
    assert!(inputs > 0 && x.len() == rows * size && dy.len() == rows * outputs && sums.len() == rows);
    assert!(bits.len() == 2 * size && first + count <= outputs && out.length() == inputs * outputs);
    let (v, best) = bits.split_at_mut(size);
    let mut bad = false;
    for neuron in first..first + count {
        for (y, dy) in wanted.iter_mut().zip(dy.iter().skip(neuron).step_by(outputs)) {
            bad |= !dy.is_finite();
            *y = -dy;
        }
        if wanted.iter().all(|&y| y == 0.0) {
            for input in 0..inputs {
                // SAFETY: as below.
                unsafe { *out.at(input * outputs + neuron, 1) = 0.0 };
            }
            continue;
        }
        if inputs <= EXHAUSTIVE {
            best[0] = try_all(x, wanted, inputs);
        } else {
            let mut own = Annealing {
                x,
                y: wanted,
                inputs,
                v,
                sums,
            };
            own.anneal(neuron, sweeps, draws, best);
        }
        for input in 0..inputs {
            let toward = if bit(best, input) { -1.0 } else { 1.0 };
            // SAFETY: the place lies in `inputs` rows of `outputs`, and a column is one call's own.
            unsafe { *out.at(input * outputs + neuron, 1) = toward };
        }
    }
    bad
}

fn bit(bits: &[u32], at: usize) -> bool {
    bits[at / 32] >> (at % 32) & 1 == 1
}

/// x . v of one row.
fn dot(x: &[u32], v: &[u32], inputs: usize) -> i32 {
    let apart: u32 = x.iter().zip(v).map(|(x, v)| (x ^ v).count_ones()).sum();
    inputs as i32 - 2 * apart as i32
}

/// `sum_i y_i sign(z_i)`.
fn objective(y: &[f32], z: impl Iterator<Item = i32>) -> f64 {
    y.iter()
        .zip(z)
        .fold(0.0, |sum, (&y, z)| sum + f64::from(if z >= 0 { y } else { -y }))
}

fn try_all(x: &[u32], y: &[f32], inputs: usize) -> u32 {
    let mut best = (f64::NEG_INFINITY, 0);
    for v in 0..1u32 << inputs {
        let value = objective(y, x.iter().map(|&x| dot(&[x], &[v], inputs)));
        if value > best.0 {
            best = (value, v);
        }
    }
    best.1
}

struct Annealing<'a> {
    x: &'a [u32],
    y: &'a [f32],
    inputs: usize,
    v: &'a mut [u32],
    sums: &'a mut [i32],
}

impl Annealing<'_> {
    fn rows(&self) -> core::slice::ChunksExact<'_, u32> {
        self.x.chunks_exact(words(self.inputs))
    }

    /// `v = sign(sum_i y_i x_i)` and its sums.
    fn start(&mut self) {
        self.v.fill(0);
        for input in 0..self.inputs {
            let toward = self
                .rows()
                .zip(self.y)
                .fold(0.0, |sum, (x, &y)| sum + f64::from(if bit(x, input) { y } else { -y }));
            self.v[input / 32] |= u32::from(toward >= 0.0) << (input % 32);
        }
        let (x, v, inputs) = (self.x, &*self.v, self.inputs);
        for (sum, x) in self.sums.iter_mut().zip(x.chunks_exact(words(inputs))) {
            *sum = dot(x, v, inputs);
        }
    }

    /// The gain of a flip of v at `input`.
    fn gain(&self, input: usize) -> f64 {
        let plus = bit(self.v, input);
        let mut gain = 0.0;
        for ((x, &y), &z) in self.rows().zip(self.y).zip(&*self.sums) {
            let moved = if bit(x, input) == plus { z - 2 } else { z + 2 };
            if (moved >= 0) != (z >= 0) {
                gain += 2.0 * f64::from(if moved >= 0 { y } else { -y });
            }
        }
        gain
    }

    fn flip(&mut self, input: usize) {
        let plus = bit(self.v, input);
        let size = words(self.inputs);
        for (x, z) in self.x.chunks_exact(size).zip(self.sums.iter_mut()) {
            *z += if bit(x, input) == plus { -2 } else { 2 };
        }
        self.v[input / 32] ^= 1 << (input % 32);
    }

    /// Leaves the best `v` that was met in `best`. The temperature falls from twice the mean of |y| to 0 in a line; a flip
    /// that loses is made with the probability e^(gain / temperature).
    fn anneal(&mut self, neuron: usize, sweeps: usize, draws: Draws, best: &mut [u32]) {
        self.start();
        best.copy_from_slice(self.v);
        let mut value = objective(self.y, self.sums.iter().copied());
        let mut most = value;
        let mean = self.y.iter().map(|&y| f64::from(y.abs())).sum::<f64>() / self.y.len() as f64;
        for sweep in 0..sweeps {
            let temperature = 2.0 * mean * (1.0 - (sweep + 1) as f64 / sweeps as f64);
            for input in 0..self.inputs {
                let gain = self.gain(input);
                let draw = philox(
                    [(sweep * self.inputs + input) as u32, neuron as u32, draws.update, 1],
                    draws.key,
                )[0];
                // In (0, 1], so that its logarithm is finite.
                let chance = (f64::from(draw) + 1.0) / 4_294_967_296.0;
                if gain <= 0.0 && gain <= temperature * ln_f64(chance) {
                    continue;
                }
                self.flip(input);
                value += gain;
                if value > most {
                    most = value;
                    best.copy_from_slice(self.v);
                }
            }
        }
        // Sums of gains are rounded, so the best is held against the start once more.
        let found = objective(self.y, self.rows().map(|x| dot(x, best, self.inputs)));
        self.start();
        if found < objective(self.y, self.sums.iter().copied()) {
            best.copy_from_slice(self.v);
        }
    }
}

#[cfg(test)]
mod tests;
