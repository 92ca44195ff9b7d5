//! Exports over signs: their layouts, and the products of two +-1 operands.

mod attention;
mod bits;
mod convolutions;
mod slices;
mod weights;
