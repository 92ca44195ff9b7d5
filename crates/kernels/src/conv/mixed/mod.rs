//! Convolutions with one real and one +-1 operand by four-Russians tables: forward, and both gradients.
//!
//! What makes the tables and what selects from them:
//!
//! | product | tables | selectors | lanes |
//! |---|---|---|---|
//! | [`forward`] | 4 channels of the kernel | the input's nibbles | filters |
//! | [`filter`] | 4 output pixels of `dy` | one channel's bits at 4 pixels | filters |
//! | [`input`] | 4 filters of `dy` | the kernel's signs | output pixels |
//!
//! With zero-padding the border nibbles read as -1, and forward and filter products are corrected: forward, a tap outside
//! the image contributed minus the sum of its weights; for the filters, minus the sum of `dy` over the pixels whose tap
//! falls outside. What was wrongly added is given back, so an element carries the rounding error of those terms too.
//! One-padding (border bits 1) needs no correction, nor does the input's gradient.

use super::geometry::Geometry;
use crate::gemm::fb::{STRIP, TABLE, TABLES};
#[cfg(test)]
use crate::shape::ConvShape;

pub mod filter;
pub mod forward;
pub mod input;
mod planes;

/// The tables, at a multiple of 64 bytes so that no vector lies across two cache lines, and what follows them.
fn split_tables(scratch: &mut [f32]) -> (&mut [f32], &mut [f32]) {
    let gap = (scratch.as_ptr() as usize).wrapping_neg() % 64 / size_of::<f32>();
    let (used, _) = scratch
        .len()
        .checked_sub(STRIP)
        .map(|used| scratch[gap..].split_at_mut(used))
        .expect("scratch");
    used.split_at_mut(TABLES * TABLE)
}

/// `target += source`, element by element.
fn add(source: &[f32], target: &mut [f32]) {
    for (target, value) in target.iter_mut().zip(source) {
        *target += value;
    }
}

/// Calls `with` with the constant number of vectors that hold `lanes` (1 to 16) lanes.
macro_rules! by_vectors {
    ($lanes:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match usize::div_ceil($lanes, 4) {
            1 => $function::<1>($($argument),*),
            2 => $function::<2>($($argument),*),
            3 => $function::<3>($($argument),*),
            _ => $function::<4>($($argument),*),
        }
    };
}
/// Calls a function over segments of this many tables (0: any) made for that length, where there is one.
macro_rules! by_length {
    ($length:expr, $function:ident::<$vectors:tt>($($argument:expr),* $(,)?)) => {
        match $length {
            2 => $function::<2, $vectors>($($argument),*),
            4 => $function::<4, $vectors>($($argument),*),
            8 => $function::<8, $vectors>($($argument),*),
            _ => $function::<0, $vectors>($($argument),*),
        }
    };
}
pub(crate) use by_length;

use by_vectors;

#[cfg(test)]
/// A zero-padded border is added as -1 and given back, so at most twice the products' magnitude is rounded.
fn bound(shape: &ConvShape) -> ConvShape {
    ConvShape { pad_one: 1, ..*shape }
}
