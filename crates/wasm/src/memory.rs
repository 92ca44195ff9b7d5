//! Addresses to slices. A debug build checks every range once a call: that it is aligned to its element and lies in the
//! linear memory. A release build trusts its caller, which hands out addresses only from memory that it has reserved.

use proxbit_kernels::shared::Shared;

/// Nothing is allocated in a core whose memory is its own, but what wasm-bindgen links in could free something. Threads get
/// their stacks by the usual allocator.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
mod allocator {
    use core::alloc::{GlobalAlloc, Layout};

    struct Nothing;

    // SAFETY: no memory is ever handed out, which null says, so none is given back.
    unsafe impl GlobalAlloc for Nothing {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            core::ptr::null_mut()
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }

    #[global_allocator]
    static NOTHING: Nothing = Nothing;
}

/// `length` elements at `address`.
///
/// # Safety
/// As `core::slice::from_raw_parts`: the address is aligned and valid to read for the length, and nobody writes one of the
/// elements while the slice lives.
#[inline(always)]
pub unsafe fn read<'a, T>(address: *const T, length: usize) -> &'a [T] {
    check(address, length);
    // SAFETY: the promises are those of `from_raw_parts`, and every bit pattern is a `T` of the boundary, which are numbers.
    unsafe { core::slice::from_raw_parts(address, length) }
}

/// `length` elements at `address`, to be written.
///
/// # Safety
/// As `core::slice::from_raw_parts_mut`: the address is aligned and valid to read and write for the length, and nobody else
/// touches one of the elements while the slice lives.
#[inline(always)]
pub unsafe fn write<'a, T>(address: *mut T, length: usize) -> &'a mut [T] {
    check(address, length);
    // SAFETY: the promises are those of `from_raw_parts_mut`, and the numbers are initialised, because the memory is.
    unsafe { core::slice::from_raw_parts_mut(address, length) }
}

/// `length` elements at `address`, of which other threads may touch those that the kernel leaves alone.
///
/// # Safety
/// As [`Shared::new`].
#[inline(always)]
pub unsafe fn share<'a, T>(address: *mut T, length: usize) -> Shared<'a, T> {
    check(address, length);
    // SAFETY: the promises are those of `Shared::new`.
    unsafe { Shared::new(address, length) }
}

#[inline(always)]
fn check<T>(address: *const T, length: usize) {
    debug_assert!(
        is_inside(address, length),
        "{length} elements at {address:p} lie outside the memory"
    );
}

fn is_inside<T>(address: *const T, length: usize) -> bool {
    let bytes = length as u64 * size_of::<T>() as u64;
    let is_slice = bytes <= isize::MAX as u64;
    is_slice && address.is_aligned() && !address.is_null() && address as u64 + bytes <= memory_bytes()
}

#[cfg(target_arch = "wasm32")]
fn memory_bytes() -> u64 {
    core::arch::wasm32::memory_size(0) as u64 * 65536
}

#[cfg(not(target_arch = "wasm32"))]
fn memory_bytes() -> u64 {
    u64::MAX
}
