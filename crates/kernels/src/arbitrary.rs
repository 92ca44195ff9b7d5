//! Generators for property tests: shapes with every kind of tail, values with zeros of both signs, places for a NaN.

mod shapes;
mod values;

use proptest::test_runner::Config;

pub use shapes::{
    any_shapes, any_undilated_shapes, conv_shape, dense, dilated_shape, pools, small_shapes, undilated_shapes,
};
pub use values::{flips, places, reals, scales, seeds, signs, sizes, with_nan};

/// The configuration of a property test: `usual` random cases, or as many as `PROXBIT_FUZZ_CASES` says, which turns the
/// property into a fuzz target.
///
/// # Panics
/// When the variable holds anything but a whole number.
pub fn cases(usual: u32) -> Config {
    let wanted =
        std::env::var("PROXBIT_FUZZ_CASES").map(|text| text.parse().expect("PROXBIT_FUZZ_CASES: a whole number"));
    Config {
        cases: wanted.unwrap_or(usual),
        // Strategies draw again where a kernel is larger than the image; many cases take many such draws.
        max_local_rejects: u32::MAX,
        ..Config::default()
    }
}

#[test]
fn no_property_writes_a_file() {
    assert!(Config::default().failure_persistence.is_none());
}
