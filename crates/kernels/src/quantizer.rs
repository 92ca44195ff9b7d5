//! The forward and backward maps of ProxConnect++ (Lu, Yu, Li, Partovi Nia, NeurIPS 2023, arXiv 2402.17710), elementwise.
//!
//! Forward `y = F(x)`, backward `gx = gy * B(x)`, with F = T o P and B = T' o P of a proximal map P (Theorem 1). Where P is
//! not the identity, P goes through a small block on the stack and the other map reads that, so that pairs of maps are
//! composed without a loop for every pair.
//!
//! With `u = beta x / 2` the SignSwish pair is written with tanh and sech^2, which overflow nowhere:
//! `SS(x) = tanh u + u sech^2 u`, `SS'(x) = beta sech^2 u (1 - u tanh u)`; `u` is clamped to +-40, beyond which SS is +-1
//! to the last bit and SS' below 1e-32 beta. sign(0) and sign(-0) are +1.
//!
//! Both directions return 1 (true) where an input is NaN; the values then mean nothing.

mod backward;
mod elastic;
mod elementwise;
mod forward;
mod maps;
mod normal;
mod sampled;

pub use elastic::{elastic_gradients, size_of};
pub(crate) use elementwise::{for_each, for_each_onto};
pub use maps::{Backward, Forward, Slope};
pub use sampled::{TABLE_HEADER, Table, Tables};

/// Floats of a block that P writes and the next map reads: they stay in the first level of the cache.
const BLOCK: usize = 256;

/// `y = map(P(x))`; true where an x is NaN.
pub fn quantize_forward(proximal: Forward, map: Forward, x: &[f32], y: &mut [f32]) -> bool {
    // A small core maps by functions of layers alone, which have no P.
    if !cfg!(feature = "maps") || proximal == Forward::Identity {
        return forward::map_forward(map, x, y);
    }
    assert_eq!(x.len(), y.len());
    let mut block = [0.0; BLOCK];
    let mut nan = false;
    for (x, y) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)) {
        let inner = &mut block[..x.len()];
        nan |= forward::map_forward(proximal, x, inner);
        forward::map_forward(map, inner, y);
    }
    nan
}

/// `gx = gy * map(P(x))`, added to what is in `gx` where `accumulate`; true where an x or a gy is NaN.
pub fn quantize_backward(slope: Slope, x: &[f32], gy: &[f32], accumulate: bool, gx: &mut [f32]) -> bool {
    let Slope { proximal, map } = slope;
    if proximal == Forward::Identity {
        return backward::map_backward(map, x, gy, accumulate, gx);
    }
    assert!(x.len() == gy.len() && x.len() == gx.len());
    let mut block = [0.0; BLOCK];
    let mut nan = false;
    for ((x, gy), gx) in x.chunks(BLOCK).zip(gy.chunks(BLOCK)).zip(gx.chunks_mut(BLOCK)) {
        let inner = &mut block[..x.len()];
        nan |= forward::map_forward(proximal, x, inner);
        nan |= backward::map_backward(map, inner, gy, accumulate, gx);
    }
    nan
}

/// k = max(1/t, 1).
fn error_decay_scale(t: f32) -> f32 {
    (1.0 / t).max(1.0)
}

#[cfg(test)]
mod tests;
