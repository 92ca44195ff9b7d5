//! One way to export: the macro, with the words that its parameters are described in.
//!
//! `npm run generate` reads every `exports!` block and makes the typed calls of TypeScript out of it. There a pointer to
//! constants is a place that is read, a pointer to what may change one that is written, and [`Maybe`] one that may be left
//! out. A pointer to an array says how many elements a block of fixed size has. [`Flag`] is a boolean, all else a number.

use crate::memory::{read, share, write};
use proxbit_kernels::conv::geometry::Geometry;
use proxbit_kernels::shape::ConvShape;
pub use proxbit_kernels::shape::Flag;
use proxbit_kernels::shared::Shared;

/// An address that may be 0, which stands for nothing.
pub type Maybe<P> = P;

/// Defines exports. The body is what the kernel says about bad numbers, true for found.
///
/// - `product(bb, "2x64", 4)` before a function says which product it does, by its two operands (`f` real, `b` +-1). Then
///   follows its tile, which it keeps in registers, rows x columns of the result: pixels x filters forward, rows of the kernel
///   matrix x filters in filter gradients, pixels x channels in input gradients. Smaller tiles do the rest of a shape. The
///   number is how many input channels its smallest unit holds: channels that fill no unit cost as much as a whole one.
/// - `only("training")` before a function leaves it out of a core without that feature, which only runs packed models.
///   `only("layers")` leaves it out of the small core, which has the kernels of most convolutional networks.
/// - `once(size)` before a function says that sessions call it once, at set-up. The cores that only run packed models have it
///   short rather than fast.
/// - `answer` before a function says that it returns no status but a number that was asked for.
macro_rules! exports {
    ($(
        $(#[$doc:meta])*
        $(only($feature:literal))?
        $(product($($product:tt)*))?
        $(once($aim:ident))?
        $(answer)?
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// 1. Every address must be aligned to its elements, and valid for the length that its tensor has by the shapes and
        ///    the counts. Only an address that may be left out may be 0. No length overflows.
        /// 2. During the call nobody touches an element that the function writes, and nobody writes one that it reads: no other
        ///    thread, and no other argument but for a residual that is the output.
        /// 3. Nobody touches the rest of a tensor that is written either, unless the kernel takes it as `Shared`.
        /// 4. In nibbles, and in the weights of `fb_conv_backward_input` and `fb_sign_conv`, the low half of every byte is 0. In
        ///    the weights of look-up by codewords it is the high half.
        $(#[cfg(feature = $feature)])?
        $(#[cfg_attr(all(target_arch = "wasm32", not(feature = "training")), optimize($aim))])?
        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> u32 {
            // SAFETY: the body makes slices of the lengths in 1, which 2 and 3 allow, and hands nibbles to kernels as in 4.
            u32::from(unsafe { $body })
        }
    )*};
}

/// `length` values, or nothing where the address is 0.
///
/// # Safety
/// As [`read`] where the address is not 0.
pub unsafe fn optional<'a, T>(address: Maybe<*const T>, length: usize) -> Option<&'a [T]> {
    // SAFETY: the address is not 0, so the promises are those of `read`.
    (!address.is_null()).then(|| unsafe { read(address, length) })
}

/// `length` values to write, or nothing where the address is 0.
///
/// # Safety
/// As [`write`] where the address is not 0.
pub unsafe fn optional_mut<'a, T>(address: Maybe<*mut T>, length: usize) -> Option<&'a mut [T]> {
    // SAFETY: the address is not 0, so the promises are those of `write`.
    (!address.is_null()).then(|| unsafe { write(address, length) })
}

/// `length` values of which others may touch some, or nothing where the address is 0.
///
/// # Safety
/// As [`share`] where the address is not 0.
pub unsafe fn optional_shared<'a, T>(address: Maybe<*mut T>, length: usize) -> Option<Shared<'a, T>> {
    // SAFETY: the address is not 0, so the promises are those of `share`.
    (!address.is_null()).then(|| unsafe { share(address, length) })
}

/// Lengths of the tensors of a convolution.
pub struct Lengths {
    pub input: usize,
    pub padded: usize,
    pub kernel: usize,
    pub rows: usize,
    pub output: usize,
    pub filters: usize,
    pub dilated: usize,
    pub nibbles: usize,
}

impl Lengths {
    pub fn of(shape: &ConvShape) -> Self {
        let geometry = Geometry::of(shape);
        let [height, width] = geometry.input;
        let positions = geometry.images * geometry.positions();
        Self {
            input: geometry.images * height * width * geometry.channels,
            padded: positions * geometry.channels,
            kernel: geometry.rows() * geometry.filters,
            rows: geometry.rows(),
            output: geometry.images * geometry.pixels() * geometry.filters,
            filters: geometry.filters,
            dilated: geometry.images
                * (height + geometry.extent(0) - 1)
                * (width + geometry.extent(1) - 1)
                * geometry.filters,
            nibbles: positions * geometry.channels.div_ceil(4),
        }
    }
}
