//! Memory of which one call touches a part, while others may hold the rest.
//!
//! Threads that share a layer write into one output. Ranges of filters interleave within each pixel, and the rows of a padded
//! buffer that one part is given begin with rows of the part before it. A `&mut [T]` over such memory would promise that
//! nobody else touches any of it, and optimizers build on that promise. [`Shared`] is an address with a length instead.
//! Elements are reached by address, and a slice is made only of what one call has to itself.

use core::marker::PhantomData;
use core::ptr::NonNull;

/// `length` elements from an address on, of which others may touch those that the holder does not.
#[derive(Debug)]
pub struct Shared<'a, T> {
    start: NonNull<T>,
    length: usize,
    life: PhantomData<&'a mut [T]>,
}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// `length` elements at `start`.
    ///
    /// # Safety
    /// 1. `start` is aligned, not null, and for `'a` valid to read and write for `length` elements in one allocation.
    /// 2. During `'a` no other thread touches an element that is written through the result, and none writes one that is
    ///    read.
    /// 3. During `'a` no reference covers an element that is written through the result.
    #[inline(always)]
    pub unsafe fn new(start: *mut T, length: usize) -> Self {
        debug_assert!(start.is_aligned() && !start.is_null());
        Self {
            // SAFETY: `start` is not null, by promise 1.
            start: unsafe { NonNull::new_unchecked(start) },
            length,
            life: PhantomData,
        }
    }

    /// The number of elements.
    #[inline(always)]
    pub fn length(self) -> usize {
        self.length
    }

    /// The address of `count` elements from number `first` on.
    ///
    /// # Safety
    /// `first + count` must be at most the length.
    #[inline(always)]
    pub unsafe fn at(self, first: usize, count: usize) -> *mut T {
        debug_assert!(first <= self.length && count <= self.length - first);
        // SAFETY: `first` is at most the length, so the address lies in the allocation or at its end.
        unsafe { self.start.as_ptr().add(first) }
    }

    /// `count` elements from number `first` on.
    ///
    /// # Safety
    /// While the slice lives, nobody else touches one of these elements: no thread, no other slice and no address.
    ///
    /// # Panics
    /// When they do not lie in the memory.
    #[inline(always)]
    pub unsafe fn slice(self, first: usize, count: usize) -> &'a mut [T] {
        assert!(
            first <= self.length && count <= self.length - first,
            "a part lies in its memory"
        );
        // SAFETY: the range was just checked, it is valid by promise 1 of `new`, and the caller has it to itself.
        unsafe { core::slice::from_raw_parts_mut(self.at(first, count), count) }
    }
}

impl<'a> Shared<'a, u64> {
    /// The same memory as bytes.
    pub fn bytes(self) -> Shared<'a, u8> {
        Shared {
            start: self.start.cast(),
            length: size_of::<u64>() * self.length,
            life: PhantomData,
        }
    }
}

impl<'a, T> From<&'a mut [T]> for Shared<'a, T> {
    fn from(all: &'a mut [T]) -> Self {
        // SAFETY: a slice is valid for its length, and for `'a` nobody else touches what it borrows.
        unsafe { Self::new(all.as_mut_ptr(), all.len()) }
    }
}

#[cfg(test)]
mod tests;
