//! Steps of the optimizers, and the signs that they turn.

use crate::exports::{Maybe, optional_mut};
use crate::memory::{read, write};
use proxbit_kernels::optimizer;

exports! {
    /// hyper = learning rate, momentum, weight decay, nesterov (0 or 1), clip; velocity `f32 [count]`, not needed where the
    /// momentum is 0.
    only("training")
    fn sgd_step(
        weights: *mut f32, gradient: *const f32, velocity: Maybe<*mut f32>, count: usize, hyper: *const [f32; 5],
    ) {
        let [learning_rate, momentum, weight_decay, nesterov, clip] = *hyper;
        let hyper = optimizer::Sgd { learning_rate, momentum, weight_decay, nesterov: nesterov != 0.0, clip };
        let velocity = optional_mut(velocity, count);
        optimizer::sgd_step(write(weights, count), read(gradient, count), velocity, &hyper)
    }

    /// hyper = learning rate, beta1, beta2, epsilon, weight decay, decoupled (0 or 1), 1 - beta1^t,
    /// 1 - beta2^t, clip; mean and square `f32 [count]`.
    only("training")
    fn adam_step(
        weights: *mut f32, gradient: *const f32, mean: *mut f32, square: *mut f32, count: usize,
        hyper: *const [f32; 9],
    ) {
        let [learning_rate, beta1, beta2, epsilon, weight_decay, decoupled, first, second, clip] = *hyper;
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
        let (mean, square) = (write(mean, count), write(square, count));
        optimizer::adam_step(write(weights, count), read(gradient, count), mean, square, &hyper)
    }

    /// hyper = gamma, threshold; weights `f32 [count]` of -1 and +1, mean `f32 [count]`.
    only("training")
    fn bop_step(
        weights: *mut f32, gradient: *const f32, mean: *mut f32, count: usize, hyper: *const [f32; 2],
    ) {
        let [gamma, threshold] = *hyper;
        let (weights, gradient) = (write(weights, count), read(gradient, count));
        optimizer::bop_step(weights, gradient, write(mean, count), &optimizer::Bop { gamma, threshold })
    }

    /// hyper = gamma, sigma, threshold, epsilon, 1 - (1 - gamma)^t, 1 - (1 - sigma)^t (both 1 in the biased
    /// form); weights `f32 [count]` of -1 and +1, mean and square `f32 [count]`.
    only("training")
    fn bop_second_step(
        weights: *mut f32, gradient: *const f32, mean: *mut f32, square: *mut f32, count: usize,
        hyper: *const [f32; 6],
    ) {
        let [gamma, sigma, threshold, epsilon, correction1, correction2] = *hyper;
        let hyper = optimizer::Bop2 { gamma, sigma, threshold, epsilon, correction1, correction2 };
        let (mean, square) = (write(mean, count), write(square, count));
        optimizer::bop_second_step(write(weights, count), read(gradient, count), mean, square, &hyper)
    }

    /// hyper = learning rate, rho, momentum, epsilon, weight decay, clip; square and velocity `f32 [count]`.
    only("training")
    fn rmsprop_step(
        weights: *mut f32, gradient: *const f32, square: *mut f32, velocity: *mut f32, count: usize,
        hyper: *const [f32; 6],
    ) {
        let [learning_rate, rho, momentum, epsilon, weight_decay, clip] = *hyper;
        let hyper = optimizer::RmsProp { learning_rate, rho, momentum, epsilon, weight_decay, clip };
        let (square, velocity) = (write(square, count), write(velocity, count));
        optimizer::rmsprop_step(write(weights, count), read(gradient, count), square, velocity, &hyper)
    }

    /// hyper = learning rate, beta1, beta2, weight decay, clip; mean `f32 [count]`.
    only("training")
    fn lion_step(
        weights: *mut f32, gradient: *const f32, mean: *mut f32, count: usize, hyper: *const [f32; 5],
    ) {
        let [learning_rate, beta1, beta2, weight_decay, clip] = *hyper;
        let hyper = optimizer::Lion { learning_rate, beta1, beta2, weight_decay, clip };
        optimizer::lion_step(write(weights, count), read(gradient, count), write(mean, count), &hyper)
    }

    /// gradient `f32 [count]` is kept within -limit and limit.
    only("training")
    fn clip_gradient_value(gradient: *mut f32, count: usize, limit: f32) {
        optimizer::clip_gradient_value(write(gradient, count), limit);
        false
    }

    /// gradient `f32 [count]` is scaled by limit / norm where the norm is larger; squares `f64 [shares]` sum up to its square.
    only("training")
    fn clip_gradient_norm(gradient: *mut f32, count: usize, squares: *const f64, shares: usize, limit: f32) {
        optimizer::clip_gradient_norm(write(gradient, count), read(squares, shares), limit)
    }

    /// out = how many signs of after `f32 [count]` are not those of before.
    only("training")
    fn count_flips(before: *const f32, after: *const f32, count: usize, out: *mut [u32; 1]) {
        write(out, 1)[0] = [optimizer::count_flips(read(before, count), read(after, count))];
        false
    }
}
