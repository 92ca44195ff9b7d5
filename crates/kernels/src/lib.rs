//! Kernels of proxbit: every loop over numbers, and nothing else.
//!
//! No allocation, no globals, no JavaScript. Every module states the layout of its data and the order of its additions;
//! every kernel has a naive twin under `naive`, which is its oracle.

pub mod activation;
pub mod adaptive_sign;
pub mod avg_pool;
pub mod bits;
pub mod conv;
pub mod depthwise;
pub mod gather;
pub mod gemm;
pub mod loss;
pub mod math;
#[cfg(test)]
pub mod naive;
pub mod norm;
pub mod optimizer;
pub mod pool;
pub mod pool_bits;
mod pool_window;
pub mod prelu;
pub mod quantizer;
pub mod reduce;
pub mod shape;
pub mod simd;
pub mod standardize;
pub mod threshold;
