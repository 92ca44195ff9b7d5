//! Naive twins: every kernel once more, written from its definition, as plainly as possible. They are the oracles.

pub mod attention;
pub mod binary;
pub mod pools;
pub mod real;
pub mod weights;
