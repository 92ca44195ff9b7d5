//! The convolution of +-1 activations with +-1 kernels, by three kernels, each with three epilogues: real sums, the bits of the
//! next layer by thresholds, or normalised reals. A fourth takes 3x3 kernels that are few different ones ([`codewords`]).
//!
//! Sums are `[images][out_height][out_width][filters]`. A zero padding is stored as bits 0, that is read as -1; what sums
//! start from makes up for it ([`border`]). A padding with +1 is stored as such.
//!
//! Beside them stands a convolution whose sums are kept in 8 bits as they grow ([`accumulate8`]).

pub mod accumulate8;
pub mod border;
pub mod codewords;
pub mod epilogue;
pub mod lookup;
pub mod pixels;
pub mod popcnt;

use core::ops::Range;

use crate::shape::ConvShape;

/// What every kernel asks of its arguments.
fn check(shape: &ConvShape, readable: bool, filters: &Range<usize>) {
    assert!(shape.terms() > 0, "a window must not be empty");
    assert!(shape.is_consistent() && readable);
    let all = shape.filters as usize;
    assert!(
        filters.end <= all
            && filters.start.is_multiple_of(32)
            && (filters.end.is_multiple_of(32) || filters.end == all),
        "filters come in panels of 32"
    );
}

#[cfg(test)]
mod accumulate8_tests;
#[cfg(test)]
mod tests;
