//! Naive twins: every kernel once more, written from its definition, as plainly as possible. They are the oracles.

use proptest::test_runner::Config;

pub mod binary;
pub mod pools;
pub mod real;
pub mod shapes;
pub mod weights;

/// The configuration of a property test over shapes: `usual` random cases, or as many as `PROXBIT_FUZZ_CASES` says, which
/// turns the property into a fuzz target.
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
