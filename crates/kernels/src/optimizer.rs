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

/// Clips, but leaves NaN as it is.
#[inline(always)]
fn clipped(value: f32, limit: f32) -> f32 {
    let low = if value < -limit { -limit } else { value };
    if low > limit { limit } else { low }
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
