//! One step of an optimizer over one parameter: elementwise, in f32, one file a method.
//!
//! Every step returns true where a number that it wrote is no longer finite.

mod adam;
mod bop;
mod clip;
mod direction;
mod flips;
mod gradients;
mod lion;
mod rmsprop;
mod sgd;

pub use adam::{Adam, adam_step};
pub use bop::{Bop, Bop2, bop_second_step, bop_step};
pub use direction::direction_step;
pub use flips::count_flips;
pub use gradients::{clip_gradient_norm, clip_gradient_value};
pub use lion::{Lion, lion_step};
pub use rmsprop::{RmsProp, rmsprop_step};
pub use sgd::{Sgd, sgd_step};

#[cfg(test)]
mod epsilon_tests;
#[cfg(test)]
mod more_tests;
#[cfg(test)]
mod pytorch_tests;
#[cfg(test)]
mod tests;
