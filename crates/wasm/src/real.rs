//! Exports over real numbers: training, and the real layers of inference.
//!
//! Every function takes addresses in linear memory (aligned to their elements; read and written ranges must not overlap)
//! and returns a status: 0 = fine, 1 = a bad number (NaN or infinity) was found. Lengths follow from the shapes, as the
//! kernels' documentation states; an impossible shape traps. Where an address may be absent, 0 stands for nothing.

use crate::memory::{read, write};
use proxbit_kernels::conv::geometry::Geometry;
use proxbit_kernels::shape::ConvShape;

/// Defines exports: the body is what the kernel says about bad numbers, true for found.
macro_rules! exports {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// Every address must be valid for the length its tensor has by the shape and the counts, written tensors must
        /// overlap no other argument, and numbers of maps and activations must exist.
        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> u32 {
            // SAFETY: promised by the caller.
            u32::from(unsafe { $body })
        }
    )*};
}

mod batches;
mod layers;
mod maps;
mod norm;
mod optimizers;
mod products;
mod tensors;

/// `length` values, or nothing where the address is 0.
unsafe fn optional<'a, T>(address: *const T, length: usize) -> Option<&'a [T]> {
    // SAFETY: promised by the caller of the export.
    (!address.is_null()).then(|| unsafe { read(address, length) })
}

/// `length` values to write, or nothing where the address is 0.
unsafe fn optional_mut<'a, T>(address: *mut T, length: usize) -> Option<&'a mut [T]> {
    // SAFETY: promised by the caller of the export.
    (!address.is_null()).then(|| unsafe { write(address, length) })
}

/// Lengths of the tensors of a convolution.
struct Lengths {
    input: usize,
    padded: usize,
    kernel: usize,
    rows: usize,
    output: usize,
    filters: usize,
    dilated: usize,
    nibbles: usize,
}

impl Lengths {
    fn of(shape: &ConvShape) -> Self {
        let geometry = Geometry::of(shape);
        let [height, width] = geometry.input;
        let [kernel_height, kernel_width] = geometry.kernel;
        let positions = geometry.images * geometry.positions();
        Self {
            input: geometry.images * height * width * geometry.channels,
            padded: positions * geometry.channels,
            kernel: geometry.rows() * geometry.filters,
            rows: geometry.rows(),
            output: geometry.images * geometry.pixels() * geometry.filters,
            filters: geometry.filters,
            dilated: geometry.images * (height + kernel_height - 1) * (width + kernel_width - 1) * geometry.filters,
            nibbles: positions * geometry.channels.div_ceil(4),
        }
    }
}
