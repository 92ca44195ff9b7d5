//! RMSprop (Tieleman and Hinton, "Lecture 6.5", Coursera 2012), in the order of operations of PyTorch.

use super::clip::{clipped, limit};

/// Constants of RMSprop.
#[derive(Clone, Copy, Debug)]
pub struct RmsProp {
    /// Step size.
    pub learning_rate: f32,
    /// v <- rho v + (1 - rho) g^2.
    pub rho: f32,
    /// mu: b <- mu b + g / (sqrt(v) + epsilon). At 0 the buffer b is not touched.
    pub momentum: f32,
    /// Added to the root of v.
    pub epsilon: f32,
    /// lambda: g <- g + lambda w.
    pub weight_decay: f32,
    /// Weights are clipped to `[-clip, clip]` after the step; 0 for no clipping.
    pub clip: f32,
}

/// `g += decay w; v = rho v + (1 - rho) g^2; b = mu b + g / (sqrt(v) + epsilon); w -= lr b`.
pub fn rmsprop_step(w: &mut [f32], g: &[f32], v: &mut [f32], b: &mut [f32], hyper: &RmsProp) -> bool {
    assert!(g.len() == w.len() && v.len() == w.len() && b.len() == w.len());
    let limit = limit(hyper.clip);
    let mut bad = false;
    for (((w, &g), v), b) in w.iter_mut().zip(g).zip(v).zip(b) {
        let g = g + hyper.weight_decay * *w;
        *v = hyper.rho * *v + (1.0 - hyper.rho) * (g * g);
        let scaled = g / (v.sqrt() + hyper.epsilon);
        let direction = if hyper.momentum == 0.0 {
            scaled
        } else {
            *b = hyper.momentum * *b + scaled;
            *b
        };
        let moved = *w - hyper.learning_rate * direction;
        *w = clipped(moved, limit);
        // A gradient whose square is infinite moves nothing, so the mean square tells.
        bad |= !(moved.is_finite() && v.is_finite());
    }
    bad
}
