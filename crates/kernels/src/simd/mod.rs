//! The vector types: the only place of the project that names an instruction.
//!
//! Each file holds one family of 16-byte vectors twice, under the same names: once over WebAssembly SIMD and once over
//! plain arrays. A kernel is written a single time against these names; on the host it runs on the portable twin, which
//! gives the very same bits, so the tests of the host speak for the WebAssembly build.

pub mod bytes;
pub mod floats;
