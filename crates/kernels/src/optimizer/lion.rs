//! Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023, algorithm 2).

use super::clip::{clipped, limit};

/// Constants of Lion.
#[derive(Clone, Copy, Debug)]
pub struct Lion {
    /// Step size.
    pub learning_rate: f32,
    /// The direction is the sign of beta1 m + (1 - beta1) g.
    pub beta1: f32,
    /// m <- beta2 m + (1 - beta2) g.
    pub beta2: f32,
    /// Decoupled decay: w <- w - lr decay w before the step.
    pub weight_decay: f32,
    /// Weights are clipped to `[-clip, clip]` after the step; 0 for no clipping.
    pub clip: f32,
}

/// `w -= lr decay w; w -= lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g`, with sign(0) = 0.
pub fn lion_step(w: &mut [f32], g: &[f32], m: &mut [f32], hyper: &Lion) -> bool {
    assert!(g.len() == w.len() && m.len() == w.len());
    let limit = limit(hyper.clip);
    let kept = 1.0 - hyper.learning_rate * hyper.weight_decay;
    let mut bad = false;
    for ((w, &g), m) in w.iter_mut().zip(g).zip(m) {
        let mixed = hyper.beta1 * *m + (1.0 - hyper.beta1) * g;
        let direction = if mixed == 0.0 { 0.0 } else { 1f32.copysign(mixed) };
        let moved = *w * kept - hyper.learning_rate * direction;
        *w = clipped(moved, limit);
        *m = hyper.beta2 * *m + (1.0 - hyper.beta2) * g;
        // A sign is finite whatever it is of, so the mean tells.
        bad |= !(moved.is_finite() && m.is_finite());
    }
    bad
}
