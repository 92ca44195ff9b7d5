//! Adam and AdamW, in the order of operations of PyTorch.

use super::clip::{clipped, limit};

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
        // A gradient whose square is infinite moves nothing, so the mean square tells; and a bound hides what it bounds.
        bad |= !(moved.is_finite() && v.is_finite());
    }
    bad
}
