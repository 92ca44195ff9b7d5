//! Terms over the distribution of weights.

use crate::memory::{read, write};
use proxbit_kernels::divergence::{self, Normalizers};
use proxbit_kernels::moments::{self, Moments};

exports! {
    /// moments = mean, 1 / deviation, mean z^3 and kurtosis of `count` weights; result = (kurtosis - target)^2.
    only("training")
    fn kurtosis(weights: *const f32, count: usize, target: f32, moments: *mut [f64; 4], result: *mut [f64; 1]) {
        let found = moments::moments(read(weights, count));
        let Moments { mean, scale, third, kurtosis } = found;
        write(moments.cast::<f64>(), 4).copy_from_slice(&[mean, scale, third, kurtosis]);
        let distance = kurtosis - f64::from(target);
        write(result.cast::<f64>(), 1)[0] = distance * distance;
        !(distance * distance).is_finite()
    }

    /// y += factor times the slopes of (kurtosis - target)^2 at `count` weights of a tensor of `size` with these moments.
    only("training")
    fn add_kurtosis_slopes(
        weights: *const f32, moments: *const [f64; 4], size: usize, target: f32, factor: f32, y: *mut f32, count: usize,
    ) {
        let &[mean, scale, third, kurtosis] = read(moments.cast::<f64>(), 4) else { return 1 };
        let known = Moments { mean, scale, third, kurtosis };
        let (target, factor) = (f64::from(target), f64::from(factor));
        moments::add_kurtosis_slopes(read(weights, count), known, size, target, factor, write(y, count));
        false
    }

    /// normalizers = largest and sum of both; result = divergence of softmax(weights / T) from softmax(teacher / T).
    only("training")
    fn weight_divergence(
        weights: *const f32, teacher: *const f32, count: usize, temperature: f32, normalizers: *mut [f64; 4],
        result: *mut [f64; 1],
    ) {
        let (weights, teacher) = (read(weights, count), read(teacher, count));
        let (total, Normalizers { own, teacher }) = divergence::divergence(weights, teacher, f64::from(temperature));
        write(normalizers.cast::<f64>(), 4).copy_from_slice(&[own[0], own[1], teacher[0], teacher[1]]);
        write(result.cast::<f64>(), 1)[0] = total;
        !total.is_finite()
    }

    /// y += factor times the slopes of the divergence at `count` weights of the tensor that has these normalizers.
    only("training")
    fn add_divergence_slopes(
        weights: *const f32, teacher: *const f32, normalizers: *const [f64; 4], temperature: f32, factor: f32, y: *mut f32,
        count: usize,
    ) {
        let &[a, b, c, d] = read(normalizers.cast::<f64>(), 4) else { return 1 };
        let known = Normalizers { own: [a, b], teacher: [c, d] };
        let (weights, teacher) = (read(weights, count), read(teacher, count));
        let (temperature, factor) = (f64::from(temperature), f64::from(factor));
        divergence::add_divergence_slopes(weights, teacher, known, temperature, factor, write(y, count));
        false
    }
}
