//! Bounds on gradients, before an optimizer reads them.
//!
//! The norm is that of all gradients together (Pascanu et al., "On the difficulty of training recurrent neural networks",
//! ICML 2013, algorithm 1). Its square is a sum of shares in f64, which are added up in their order.

use super::clip::clipped;

/// `g[i]` kept within `[-limit, limit]`; NaN stays.
pub fn clip_gradient_value(g: &mut [f32], limit: f32) {
    for g in g {
        *g = clipped(*g, limit);
    }
}

/// `g *= limit / norm` where the norm, the root of the sum of `squares`, exceeds `limit`. Returns true where the norm is not
/// finite.
pub fn clip_gradient_norm(g: &mut [f32], squares: &[f64], limit: f32) -> bool {
    let norm = squares.iter().sum::<f64>().sqrt();
    if norm > f64::from(limit) {
        let factor = (f64::from(limit) / norm) as f32;
        for g in g {
            *g *= factor;
        }
    }
    !norm.is_finite()
}
