//! The matrix products, told apart by which operands are +-1.
//!
//! These files hold the tiles: the innermost loops over registers. Which windows and which filters a tile meets is decided
//! in [`crate::conv`].

pub mod bb_codewords;
pub mod bb_counts;
pub mod bb_lookup;
pub mod bb_popcnt64;
pub mod bb_popcnt8;
pub mod fb;
pub mod ff;
