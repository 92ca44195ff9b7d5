//! Addresses to slices. A debug build checks every range once a call: that it is aligned to its element and lies in the
//! linear memory. A release build trusts its caller, which hands out addresses only from memory that it has reserved.

/// `length` elements at `address`.
///
/// # Safety
/// As `core::slice::from_raw_parts`.
#[inline(always)]
pub unsafe fn read<'a, T>(address: *const T, length: usize) -> &'a [T] {
    debug_assert!(
        is_inside(address, length),
        "{length} elements at {address:p} lie outside the memory"
    );
    // SAFETY: promised by the caller.
    unsafe { core::slice::from_raw_parts(address, length) }
}

/// `length` elements at `address`, to be written.
///
/// # Safety
/// As `core::slice::from_raw_parts_mut`.
#[inline(always)]
pub unsafe fn write<'a, T>(address: *mut T, length: usize) -> &'a mut [T] {
    debug_assert!(
        is_inside(address, length),
        "{length} elements at {address:p} lie outside the memory"
    );
    // SAFETY: promised by the caller.
    unsafe { core::slice::from_raw_parts_mut(address, length) }
}

fn is_inside<T>(address: *const T, length: usize) -> bool {
    let end = address as u64 + length as u64 * size_of::<T>() as u64;
    address.is_aligned() && !address.is_null() && end <= memory_bytes()
}

#[cfg(target_arch = "wasm32")]
fn memory_bytes() -> u64 {
    core::arch::wasm32::memory_size(0) as u64 * 65536
}

#[cfg(not(target_arch = "wasm32"))]
fn memory_bytes() -> u64 {
    u64::MAX
}
