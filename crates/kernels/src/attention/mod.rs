//! Attention of several heads (Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2): the products over
//! the slices of the heads, and the maps of the attention matrix.
//!
//! Layouts: queries `[images][tokens][heads * d]`, keys `[images][keys][heads * d]`, values `[images][keys][heads * e]`,
//! results `[images][tokens][heads * e]`, and the matrix `[images][heads][tokens][keys]`. A head has contiguous features.

pub mod bits;
mod counts;
pub mod fused;
pub mod gradients;
pub mod matrix;
mod rows;
pub mod sign_slices;
mod signed;
pub mod slices;
pub mod whole;
