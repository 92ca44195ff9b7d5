//! Convolutions: windows of a padded buffer as runs, fed to the tiles of [`crate::gemm`].

pub mod binary;
pub mod geometry;
pub mod mixed;
pub mod real;
