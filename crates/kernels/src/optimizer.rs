//! One step of stochastic gradient descent or Adam, in the order of operations of PyTorch; elementwise, in f32.
//!
//! Both return true where a weight is no longer finite.

/// Constants of stochastic gradient descent.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f32,
    /// mu: v <- mu v + g. At 0 no buffer is touched.
    pub momentum: f32,
    /// lambda: g <- g + lambda w.
    pub weight_decay: f32,
    /// Whether the step is g + mu v instead of v.
    pub nesterov: bool,
    /// Weights are clipped to `[-clip, clip]` after the step; 0 for no clipping.
    pub clip: f32,
}

/// Constants of Adam (Kingma, Ba 2015) and of AdamW (decoupled decay; Loshchilov, Hutter 2019).
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// Step size.
    pub learning_rate: f32,
    /// m <- beta1 m + (1 - beta1) g.
    pub beta1: f32,
    /// v <- beta2 v + (1 - beta2) g^2.
    pub beta2: f32,
    /// Added to the root of v.
    pub epsilon: f32,
    /// Weight decay: into the gradient, or, decoupled, w <- w - lr decay w before the step.
    pub weight_decay: f32,
    /// Whether the decay is decoupled.
    pub decoupled: bool,
    /// 1 - beta1^t.
    pub bias_correction1: f32,
    /// 1 - beta2^t.
    pub bias_correction2: f32,
    /// Weights are clipped to `[-clip, clip]` after the step; 0 for no clipping.
    pub clip: f32,
}

/// A limit that never binds, where clipping is off.
fn limit(clip: f32) -> f32 {
    if clip > 0.0 { clip } else { f32::INFINITY }
}

/// Clips, but leaves NaN as it is. No minimum and maximum, see `simd::floats`: LLVM would make relaxed ones of them.
#[inline(always)]
fn clipped(value: f32, limit: f32) -> f32 {
    if value.abs() > limit {
        limit.copysign(value)
    } else {
        value
    }
}

/// `g += decay w; v = mu v + g; w -= lr v` (with nesterov: `w -= lr (g + mu v)`). `velocity` may be absent when the
/// momentum is 0.
pub fn sgd_step(w: &mut [f32], g: &[f32], velocity: Option<&mut [f32]>, hyper: &Sgd) -> bool {
    assert_eq!(g.len(), w.len());
    let limit = limit(hyper.clip);
    let mut bad = false;
    match velocity {
        Some(velocity) if hyper.momentum != 0.0 => {
            assert_eq!(velocity.len(), w.len());
            let (from_gradient, from_velocity) = if hyper.nesterov {
                (1.0, hyper.momentum)
            } else {
                (0.0, 1.0)
            };
            for ((w, &g), v) in w.iter_mut().zip(g).zip(velocity) {
                let g = g + hyper.weight_decay * *w;
                *v = hyper.momentum * *v + g;
                let direction = from_gradient * g + from_velocity * *v;
                *w = clipped(*w - hyper.learning_rate * direction, limit);
                bad |= !w.is_finite();
            }
        }
        _ => {
            assert!(hyper.momentum == 0.0, "momentum needs its buffer");
            for (w, &g) in w.iter_mut().zip(g) {
                let g = g + hyper.weight_decay * *w;
                *w = clipped(*w - hyper.learning_rate * g, limit);
                bad |= !w.is_finite();
            }
        }
    }
    bad
}

/// `m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
/// w -= lr/bias_correction1 * m / (sqrt(v)/sqrt(bias_correction2) + epsilon)`. The caller's bias corrections should be
/// powers of the same f32 betas.
pub fn adam_step(w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], hyper: &Adam) -> bool {
    assert!(g.len() == w.len() && m.len() == w.len() && v.len() == w.len());
    let limit = limit(hyper.clip);
    let step = hyper.learning_rate / hyper.bias_correction1;
    let root = hyper.bias_correction2.sqrt();
    let (into_gradient, kept) = if hyper.decoupled {
        (0.0, 1.0 - hyper.learning_rate * hyper.weight_decay)
    } else {
        (hyper.weight_decay, 1.0)
    };
    let mut bad = false;
    for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
        let g = g + into_gradient * *w;
        *m = hyper.beta1 * *m + (1.0 - hyper.beta1) * g;
        *v = hyper.beta2 * *v + (1.0 - hyper.beta2) * (g * g);
        let moved = *w * kept - step * (*m / (v.sqrt() / root + hyper.epsilon));
        *w = clipped(moved, limit);
        bad |= !w.is_finite();
    }
    bad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naive::real::reals;

    const LENGTH: usize = 11;

    fn wide(values: &[f32]) -> Vec<f64> {
        values.iter().map(|&value| f64::from(value)).collect()
    }

    fn assert_near(result: &[f32], twin: &[f64]) {
        for (result, twin) in result.iter().zip(twin) {
            assert!(
                (f64::from(*result) - twin).abs() < 2e-6 * twin.abs().max(1.0),
                "{result} {twin}"
            );
        }
    }

    #[test]
    fn twenty_steps_of_sgd_follow_the_f64_twin() {
        let settings = [
            (0.0, 0.0, false, 0.0),
            (0.9, 0.0, false, 0.0),
            (0.9, 1e-2, true, 0.0),
            (0.5, 0.0, false, 0.4),
        ];
        for (momentum, weight_decay, nesterov, clip) in settings {
            let hyper = Sgd {
                learning_rate: 0.05,
                momentum,
                weight_decay,
                nesterov,
                clip,
            };
            let [lr, mu, decay] = [hyper.learning_rate, momentum, weight_decay].map(f64::from);
            let mut w = reals(LENGTH, 1);
            let mut v = [0.0; LENGTH];
            let (mut twin, mut twin_v) = (wide(&w), vec![0.0; LENGTH]);
            for step in 0..20 {
                let g = reals(LENGTH, 100 + step);
                let velocity = (momentum != 0.0).then_some(&mut v[..]);
                assert!(!sgd_step(&mut w, &g, velocity, &hyper));
                for i in 0..LENGTH {
                    let g = f64::from(g[i]) + decay * twin[i];
                    twin_v[i] = mu * twin_v[i] + g;
                    twin[i] -= lr * if nesterov { g + mu * twin_v[i] } else { twin_v[i] };
                    if clip > 0.0 {
                        twin[i] = twin[i].clamp(-f64::from(clip), f64::from(clip));
                    }
                }
            }
            assert_near(&w, &twin);
        }
    }

    #[test]
    fn twenty_steps_of_adam_follow_the_f64_twin() {
        for (weight_decay, decoupled, clip) in [(0.0, false, 0.0), (0.01, false, 0.0), (0.01, true, 0.5)] {
            let mut hyper = Adam {
                learning_rate: 0.01,
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                weight_decay,
                decoupled,
                bias_correction1: 0.0,
                bias_correction2: 0.0,
                clip,
            };
            let [lr, beta1, beta2, epsilon] =
                [hyper.learning_rate, hyper.beta1, hyper.beta2, hyper.epsilon].map(f64::from);
            let decay = f64::from(weight_decay);
            let mut w = reals(LENGTH, 1);
            let (mut m, mut v) = (vec![0.0; LENGTH], vec![0.0; LENGTH]);
            let (mut twin, mut twin_m, mut twin_v) = (wide(&w), vec![0.0; LENGTH], vec![0.0; LENGTH]);
            for step in 1..=20 {
                let g = reals(LENGTH, 200 + step as u64);
                let corrections = [1.0 - beta1.powi(step), 1.0 - beta2.powi(step)];
                [hyper.bias_correction1, hyper.bias_correction2] = corrections.map(|correction| correction as f32);
                assert!(!adam_step(&mut w, &g, &mut m, &mut v, &hyper));
                for i in 0..LENGTH {
                    let mut g = f64::from(g[i]);
                    if decoupled {
                        twin[i] *= 1.0 - lr * decay;
                    } else {
                        g += decay * twin[i];
                    }
                    twin_m[i] = beta1 * twin_m[i] + (1.0 - beta1) * g;
                    twin_v[i] = beta2 * twin_v[i] + (1.0 - beta2) * g * g;
                    let root = (twin_v[i] / corrections[1]).sqrt() + epsilon;
                    twin[i] -= lr * (twin_m[i] / corrections[0]) / root;
                    if clip > 0.0 {
                        twin[i] = twin[i].clamp(-f64::from(clip), f64::from(clip));
                    }
                }
            }
            assert_near(&w, &twin);
        }
    }

    #[test]
    fn weights_that_are_not_finite_are_reported() {
        let sgd = Sgd {
            learning_rate: 0.1,
            momentum: 0.9,
            weight_decay: 0.0,
            nesterov: false,
            clip: 0.0,
        };
        let adam = Adam {
            learning_rate: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
            bias_correction1: 0.1,
            bias_correction2: 0.001,
            clip: 0.0,
        };
        for bad in [f32::NAN, f32::INFINITY] {
            let g = [0.0, 1.0, 2.0, 3.0, bad];
            assert!(sgd_step(&mut [0.0; 5], &g, Some(&mut [0.0; 5]), &sgd));
            assert!(sgd_step(&mut [0.0; 5], &g, None, &Sgd { momentum: 0.0, ..sgd }));
            assert!(adam_step(&mut [0.0; 5], &g, &mut [0.0; 5], &mut [0.0; 5], &adam));
        }
        let clipped = Sgd {
            momentum: 0.0,
            clip: 1.0,
            ..sgd
        };
        assert!(sgd_step(&mut [0.0], &[f32::NAN], None, &clipped));
    }
}
