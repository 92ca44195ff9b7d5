//! Stochastic gradient descent, in the order of operations of PyTorch.

use super::clip::{clipped, limit};

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
                let moved = *w - hyper.learning_rate * direction;
                *w = clipped(moved, limit);
                bad |= !moved.is_finite();
            }
        }
        _ => {
            assert!(hyper.momentum == 0.0, "momentum needs its buffer");
            for (w, &g) in w.iter_mut().zip(g) {
                let g = g + hyper.weight_decay * *w;
                let moved = *w - hyper.learning_rate * g;
                *w = clipped(moved, limit);
                bad |= !moved.is_finite();
            }
        }
    }
    bad
}
