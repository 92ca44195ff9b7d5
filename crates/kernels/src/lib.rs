//! Kernels of proxbit: every loop over numbers, and nothing else.
//!
//! No allocation, no globals, no JavaScript. Every module states the layout of its data and the order of its additions;
//! every kernel has a naive twin under `naive`, which is its oracle.

/// True where loops are compiled anew for sizes that occur often. Without them one form does all, to the same bits, in a
/// smaller core.
pub(crate) const SPECIALISED: bool = cfg!(feature = "specialised");

pub mod adaptive_sign;
#[cfg(test)]
pub mod arbitrary;
pub mod attention;
pub mod avg_pool;
pub mod bilinear;
pub mod bits;
mod channel_gradients;
pub mod codebook;
pub mod concatenate;
pub mod contrast;
pub mod conv;
pub mod depthwise;
pub mod distance;
pub mod divergence;
pub mod drop_path;
pub mod dropout;
pub mod elu;
pub mod filter_map;
pub mod gather;
pub mod gemm;
pub mod layer_norm;
pub mod layer_scale;
pub mod leaky_relu;
pub mod loss;
pub mod magnitude;
pub mod math;
pub mod moments;
pub mod multiply;
#[cfg(test)]
pub mod naive;
pub mod norm;
pub mod optimizer;
pub mod permute;
pub mod pool;
pub mod pool_bits;
mod pool_window;
pub mod prelu;
pub mod quantizer;
pub mod reduce;
pub mod rotate;
pub mod shape;
pub mod shared;
pub mod sign_search;
pub mod simd;
pub mod sine_squares;
pub mod soft_loss;
pub mod softmax;
pub mod standardize;
pub mod target_loss;
pub mod threshold;
pub mod unit_deviation;
pub mod up_sampling;
pub mod zero_padding;
