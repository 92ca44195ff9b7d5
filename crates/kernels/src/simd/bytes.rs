//! Vectors of whole numbers: sixteen bytes, eight 16-bit numbers, four 32-bit numbers.
//!
//! The binary kernels count disagreeing bits in [`Bytes`], widen the counts into [`Shorts`] before a byte can overflow, and
//! those into [`Ints`]. Lane 0 is the lowest address. Arithmetic wraps; the kernels never let it.
//!
//! `lookup` takes indices below 16 only. Under that condition the relaxed swizzle (one instruction on x86-64, where the
//! plain one is two) is exact on every machine, hence it is used wherever the build allows it.

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub use portable::{Bytes, Ints, Shorts};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::{Bytes, Ints, Shorts};
