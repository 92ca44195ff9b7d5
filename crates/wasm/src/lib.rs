//! The boundary between JavaScript and the kernels: exported functions over addresses and descriptors.
//!
//! Every function returns a status: 0 = fine, 1 = a bad number (NaN or infinity) was found. Addresses are aligned to their
//! elements, and what is read and what is written must not overlap. Lengths follow from the shapes, as the kernels'
//! documentation states; an impossible shape traps, and so does a number of a map or an activation that does not exist.

// The standard library is built from source, so that the compiler takes its unstable features anyway.
#![cfg_attr(all(target_arch = "wasm32", not(feature = "training")), feature(optimize_attribute))]
// The core that only runs packed models leaves out exports, and with them the need of what they import.
#![cfg_attr(not(feature = "training"), allow(dead_code, unused_imports))]

#[macro_use]
mod exports;
mod binary;
mod memory;
mod real;

// Nothing here is called through wasm-bindgen, yet its tool needs the crate linked in: for shared memory it gives every
// thread its own stack and thread-local storage (`__wbindgen_start`).
use wasm_bindgen as _;
