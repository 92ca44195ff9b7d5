//! Bop: a binary weight has no latent one behind it, it is -1 or +1 from the start and is flipped where the mean of its
//! gradients has the sign of the weight and is larger than a threshold (Helwegen et al., "Latent Weights Do Not Exist",
//! NeurIPS 2019, algorithm 1). In the second-order form the mean is divided by the root of the mean square
//! (Suarez-Ramirez et al., "A Bop and Beyond: A Second Order Optimizer for Binarized Neural Networks", 2021).
//!
//! Both means are written m + gamma (g - m), not (1 - gamma) m + gamma g: in f32 1 - 1e-7 is 1 - 1.19e-7.

/// Constants of Bop.
#[derive(Clone, Copy, Debug)]
pub struct Bop {
    /// m <- (1 - gamma) m + gamma g.
    pub gamma: f32,
    /// tau: a weight is flipped where w m > tau, strictly.
    pub threshold: f32,
}

/// Constants of second-order Bop.
#[derive(Clone, Copy, Debug)]
pub struct Bop2 {
    /// m <- (1 - gamma) m + gamma g.
    pub gamma: f32,
    /// v <- (1 - sigma) v + sigma g^2.
    pub sigma: f32,
    /// tau: a weight is flipped where w m / (sqrt(v) + epsilon) > tau, strictly.
    pub threshold: f32,
    /// Added to the root of v.
    pub epsilon: f32,
    /// m is divided by it first: 1 - (1 - gamma)^t in the unbiased form, 1 in the biased one.
    pub correction1: f32,
    /// v is divided by it first: 1 - (1 - sigma)^t or 1.
    pub correction2: f32,
}

/// `m += gamma (g - m)`; then w is flipped where `w m > threshold`. The weights are -1 and +1.
pub fn bop_step(w: &mut [f32], g: &[f32], m: &mut [f32], hyper: &Bop) -> bool {
    assert!(g.len() == w.len() && m.len() == w.len());
    let mut bad = false;
    for ((w, &g), m) in w.iter_mut().zip(g).zip(m) {
        *m += hyper.gamma * (g - *m);
        *w = flipped(*w, *m, hyper.threshold);
        bad |= !m.is_finite();
    }
    bad
}

/// `m += gamma (g - m); v += sigma (g^2 - v)`; then w is flipped where
/// `w (m / correction1) / (sqrt(v / correction2) + epsilon) > threshold`. The weights are -1 and +1.
pub fn bop_second_step(w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], hyper: &Bop2) -> bool {
    assert!(g.len() == w.len() && m.len() == w.len() && v.len() == w.len());
    let mut bad = false;
    for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
        *m += hyper.gamma * (g - *m);
        *v += hyper.sigma * (g * g - *v);
        let score = *m / hyper.correction1 / ((*v / hyper.correction2).sqrt() + hyper.epsilon);
        *w = flipped(*w, score, hyper.threshold);
        bad |= !(m.is_finite() && v.is_finite());
    }
    bad
}

#[inline(always)]
fn flipped(w: f32, score: f32, threshold: f32) -> f32 {
    if w * score > threshold { -w } else { w }
}
