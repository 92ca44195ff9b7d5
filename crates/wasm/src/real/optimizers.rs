//! Steps of the optimizers, and the signs that they turn.

use super::optional_mut;
use crate::memory::{read, write};
use proxbit_kernels::optimizer;

exports! {
    /// hyper `f32 [5]` = learning rate, momentum, weight decay, nesterov (0 or 1), clip; momentum_buffer `f32 [n]`, or 0
    /// where the momentum is 0.
    fn sgd_step(w: *mut f32, g: *const f32, momentum_buffer: *mut f32, n: usize, hyper: *const f32) {
        let [learning_rate, momentum, weight_decay, nesterov, clip] = *hyper.cast::<[f32; 5]>();
        let hyper = optimizer::Sgd { learning_rate, momentum, weight_decay, nesterov: nesterov != 0.0, clip };
        let velocity = optional_mut(momentum_buffer, n);
        optimizer::sgd_step(write(w, n), read(g, n), velocity, &hyper)
    }

    /// hyper `f32 [9]` = learning rate, beta1, beta2, epsilon, weight decay, decoupled (0 or 1), 1 - beta1^t,
    /// 1 - beta2^t, clip; m and v `f32 [n]`.
    fn adam_step(w: *mut f32, g: *const f32, m: *mut f32, v: *mut f32, n: usize, hyper: *const f32) {
        let [learning_rate, beta1, beta2, epsilon, weight_decay, decoupled, first, second, clip] =
            *hyper.cast::<[f32; 9]>();
        let hyper = optimizer::Adam {
            learning_rate,
            beta1,
            beta2,
            epsilon,
            weight_decay,
            decoupled: decoupled != 0.0,
            bias_correction1: first,
            bias_correction2: second,
            clip,
        };
        let (m, v) = (write(m, n), write(v, n));
        optimizer::adam_step(write(w, n), read(g, n), m, v, &hyper)
    }

    /// hyper `f32 [2]` = gamma, threshold; w `f32 [n]` of -1 and +1, m `f32 [n]`.
    fn bop_step(w: *mut f32, g: *const f32, m: *mut f32, n: usize, hyper: *const f32) {
        let [gamma, threshold] = *hyper.cast::<[f32; 2]>();
        optimizer::bop_step(write(w, n), read(g, n), write(m, n), &optimizer::Bop { gamma, threshold })
    }

    /// hyper `f32 [6]` = gamma, sigma, threshold, epsilon, 1 - (1 - gamma)^t, 1 - (1 - sigma)^t (both 1 in the biased
    /// form); w `f32 [n]` of -1 and +1, m and v `f32 [n]`.
    fn bop_second_step(w: *mut f32, g: *const f32, m: *mut f32, v: *mut f32, n: usize, hyper: *const f32) {
        let [gamma, sigma, threshold, epsilon, correction1, correction2] = *hyper.cast::<[f32; 6]>();
        let hyper = optimizer::Bop2 { gamma, sigma, threshold, epsilon, correction1, correction2 };
        optimizer::bop_second_step(write(w, n), read(g, n), write(m, n), write(v, n), &hyper)
    }

    /// out `u32 [1]` = how many signs of after `f32 [n]` are not those of before.
    fn count_flips(before: *const f32, after: *const f32, n: usize, out: *mut u32) {
        write(out, 1)[0] = optimizer::count_flips(read(before, n), read(after, n));
        false
    }
}
