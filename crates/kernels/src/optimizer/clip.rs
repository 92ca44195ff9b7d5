//! The bound on latent weights after a step.

/// A limit that never binds, where clipping is off.
pub(super) fn limit(clip: f32) -> f32 {
    if clip > 0.0 { clip } else { f32::INFINITY }
}

/// Clips, but leaves NaN as it is. No minimum and maximum, see `simd::floats`: LLVM would make relaxed ones of them.
#[inline(always)]
pub(super) fn clipped(value: f32, limit: f32) -> f32 {
    if value.abs() > limit {
        limit.copysign(value)
    } else {
        value
    }
}
