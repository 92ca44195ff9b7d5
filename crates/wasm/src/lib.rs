//! The boundary between JavaScript and the kernels: exported functions over addresses and descriptors.

mod binary;
mod binary_conv;
mod memory;
mod real;

// Nothing here is called through wasm-bindgen, yet its tool needs the crate linked in: for shared memory it gives every
// thread its own stack and thread-local storage (`__wbindgen_start`).
use wasm_bindgen as _;
