//! The WebAssembly twin of the float vectors: one instruction a method.

use core::arch::wasm32::*;
use core::ops::{Add, Div, Mul, Neg, Sub};

/// Four lanes of `f32`.
#[derive(Clone, Copy)]
pub struct F32x4(pub(in crate::simd) v128);

/// Four lanes of `true` or `false`.
#[derive(Clone, Copy)]
pub struct Mask(v128);

/// Two lanes of `f64`.
#[derive(Clone, Copy)]
pub struct F64x2(v128);

macro_rules! operator {
    ($vector:ident, $trait:ident, $method:ident, $instruction:ident) => {
        impl $trait for $vector {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self($instruction(self.0, other.0))
            }
        }
    };
}
operator!(F32x4, Add, add, f32x4_add);
operator!(F32x4, Sub, sub, f32x4_sub);
operator!(F32x4, Mul, mul, f32x4_mul);
operator!(F32x4, Div, div, f32x4_div);
operator!(F64x2, Add, add, f64x2_add);
operator!(F64x2, Sub, sub, f64x2_sub);
operator!(F64x2, Mul, mul, f64x2_mul);

impl Neg for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(f32x4_neg(self.0))
    }
}

impl F32x4 {
    /// The same value in every lane.
    #[inline(always)]
    pub fn splat(value: f32) -> Self {
        Self(f32x4_splat(value))
    }

    /// Four consecutive values.
    #[inline(always)]
    pub fn load(source: &[f32; 4]) -> Self {
        // SAFETY: a reference to four floats is readable for sixteen bytes.
        unsafe { Self::read(source.as_ptr()) }
    }

    /// Writes the four lanes.
    #[inline(always)]
    pub fn store(self, target: &mut [f32; 4]) {
        // SAFETY: a mutable reference to four floats is writable for sixteen bytes.
        unsafe { self.write(target.as_mut_ptr()) }
    }

    /// Four consecutive values from an address.
    ///
    /// # Safety
    /// `source` must be readable for 16 bytes.
    #[inline(always)]
    pub unsafe fn read(source: *const f32) -> Self {
        // SAFETY: 16 bytes are readable, and the instruction has no alignment requirement.
        Self(unsafe { v128_load(source.cast()) })
    }

    /// Four consecutive values, `index` floats past an address. The index becomes the instruction's own offset where
    /// it is a constant: the sum is promised not to wrap, which a pointer's own arithmetic loses in loops.
    ///
    /// # Safety
    /// `source + index` must be readable for 16 bytes.
    #[inline(always)]
    pub unsafe fn read_at(source: *const f32, index: usize) -> Self {
        // SAFETY: the floats at the sum are readable, and a readable address does not wrap.
        unsafe { Self::read((source as usize).unchecked_add(4 * index) as *const f32) }
    }

    /// Writes the four lanes to an address.
    ///
    /// # Safety
    /// `target` must be writable for 16 bytes.
    #[inline(always)]
    pub unsafe fn write(self, target: *mut f32) {
        // SAFETY: 16 bytes are writable, and the instruction has no alignment requirement.
        unsafe { v128_store(target.cast(), self.0) }
    }

    /// One value from an address, in every lane.
    ///
    /// # Safety
    /// `source` must be readable for 4 bytes.
    #[inline(always)]
    pub unsafe fn read_splat(source: *const f32) -> Self {
        // SAFETY: 4 bytes are readable, and the instruction has no alignment requirement.
        Self(unsafe { v128_load32_splat(source.cast()) })
    }

    /// Lane i of vector j becomes lane j of vector i.
    #[inline(always)]
    pub fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let (ab_low, ab_high) = (
            i32x4_shuffle::<0, 4, 1, 5>(a.0, b.0),
            i32x4_shuffle::<2, 6, 3, 7>(a.0, b.0),
        );
        let (cd_low, cd_high) = (
            i32x4_shuffle::<0, 4, 1, 5>(c.0, d.0),
            i32x4_shuffle::<2, 6, 3, 7>(c.0, d.0),
        );
        [
            Self(i64x2_shuffle::<0, 2>(ab_low, cd_low)),
            Self(i64x2_shuffle::<1, 3>(ab_low, cd_low)),
            Self(i64x2_shuffle::<0, 2>(ab_high, cd_high)),
            Self(i64x2_shuffle::<1, 3>(ab_high, cd_high)),
        ]
    }

    /// Bit `i` is set where lane `i` is at least zero; `-0.0` is, NaN is not.
    #[inline(always)]
    pub fn sign_bits(self) -> u32 {
        u32::from(i32x4_bitmask(f32x4_ge(self.0, f32x4_splat(0.0))))
    }

    /// Absolute value.
    #[inline(always)]
    pub fn abs(self) -> Self {
        Self(f32x4_abs(self.0))
    }

    /// `other < self ? other : self`.
    #[inline(always)]
    pub fn pseudo_min(self, other: Self) -> Self {
        other.less(self).select(other, self)
    }

    /// `self < other ? other : self`.
    #[inline(always)]
    pub fn pseudo_max(self, other: Self) -> Self {
        self.less(other).select(other, self)
    }

    /// The magnitude of `self` with the sign bit of `sign`.
    #[inline(always)]
    pub fn copy_sign(self, sign: Self) -> Self {
        Self(v128_bitselect(sign.0, self.0, f32x4_splat(-0.0)))
    }

    /// `self < other`.
    #[inline(always)]
    pub fn less(self, other: Self) -> Mask {
        Mask(f32x4_lt(self.0, other.0))
    }

    /// `self <= other`.
    #[inline(always)]
    pub fn at_most(self, other: Self) -> Mask {
        Mask(f32x4_le(self.0, other.0))
    }

    /// Bit `i` is set where lane `i` is at least zero; `-0.0` is, NaN is not.
    #[inline(always)]
    pub fn signs(self) -> u8 {
        i32x4_bitmask(f32x4_ge(self.0, f32x4_splat(0.0)))
    }

    /// [`Self::signs`] of four vectors, the first in the lowest bits.
    #[inline(always)]
    pub fn signs_of_four(vectors: [Self; 4]) -> u16 {
        let [a, b, c, d] = vectors.map(|vector| f32x4_ge(vector.0, f32x4_splat(0.0)));
        i8x16_bitmask(i8x16_narrow_i16x8(i16x8_narrow_i32x4(a, b), i16x8_narrow_i32x4(c, d)))
    }

    /// Lanes that are NaN.
    #[inline(always)]
    pub fn is_nan(self) -> Mask {
        Mask(f32x4_ne(self.0, self.0))
    }

    /// The four lanes as f64, exactly.
    #[inline(always)]
    pub fn widen(self) -> [F64x2; 2] {
        let high = i64x2_shuffle::<1, 1>(self.0, self.0);
        [
            F64x2(f64x2_promote_low_f32x4(self.0)),
            F64x2(f64x2_promote_low_f32x4(high)),
        ]
    }

    /// The nine lowest bits moved to the top: where they hold `n + 127`, the result is `2^n`.
    #[inline(always)]
    pub fn low_bits_as_exponent(self) -> Self {
        Self(i32x4_shl(self.0, 23))
    }
}

impl Mask {
    /// No lane set.
    #[inline(always)]
    pub fn none() -> Self {
        Self(i32x4_splat(0))
    }

    /// Lanes set in either.
    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(v128_or(self.0, other.0))
    }

    /// Whether any lane is set.
    #[inline(always)]
    pub fn any(self) -> bool {
        v128_any_true(self.0)
    }

    /// Lanes set where the byte is `number`, for sixteen bytes in order.
    ///
    /// # Safety
    /// `bytes` must be readable for 16 bytes.
    #[inline(always)]
    pub unsafe fn of_bytes(bytes: *const u8, number: u8) -> [Self; 4] {
        // SAFETY: 16 bytes are readable, and the instruction has no alignment requirement.
        let equal = i8x16_eq(unsafe { v128_load(bytes.cast()) }, u8x16_splat(number));
        let (low, high) = (i16x8_extend_low_i8x16(equal), i16x8_extend_high_i8x16(equal));
        [
            Self(i32x4_extend_low_i16x8(low)),
            Self(i32x4_extend_high_i16x8(low)),
            Self(i32x4_extend_low_i16x8(high)),
            Self(i32x4_extend_high_i16x8(high)),
        ]
    }

    /// Writes `number` to those of sixteen bytes whose lane is set.
    ///
    /// # Safety
    /// `bytes` must be readable and writable for 16 bytes.
    #[inline(always)]
    pub unsafe fn mark_bytes(masks: [Self; 4], number: u8, bytes: *mut u8) {
        let (low, high) = (
            i16x8_narrow_i32x4(masks[0].0, masks[1].0),
            i16x8_narrow_i32x4(masks[2].0, masks[3].0),
        );
        // SAFETY: 16 bytes are readable and writable, and the instructions have no alignment requirement.
        unsafe {
            let marked = v128_bitselect(
                u8x16_splat(number),
                v128_load(bytes.cast()),
                i8x16_narrow_i16x8(low, high),
            );
            v128_store(bytes.cast(), marked);
        }
    }

    /// `yes` where the lane is set, `no` elsewhere.
    #[inline(always)]
    pub fn select(self, yes: F32x4, no: F32x4) -> F32x4 {
        F32x4(v128_bitselect(yes.0, no.0, self.0))
    }

    /// `yes` where the lane is set, +0 elsewhere.
    #[inline(always)]
    pub fn keep(self, yes: F32x4) -> F32x4 {
        F32x4(v128_and(yes.0, self.0))
    }
}

impl F64x2 {
    /// The same value in both lanes.
    #[inline(always)]
    pub fn splat(value: f64) -> Self {
        Self(f64x2_splat(value))
    }

    /// Absolute value.
    #[inline(always)]
    pub fn abs(self) -> Self {
        Self(f64x2_abs(self.0))
    }

    /// Two consecutive `f32`, exactly: one instruction of the machine, where widening a vector's halves takes four.
    ///
    /// # Safety
    /// `source` must be readable for 8 bytes.
    #[inline(always)]
    pub unsafe fn widen(source: *const f32) -> Self {
        // SAFETY: 8 bytes are readable, and the instruction has no alignment requirement.
        Self(f64x2_promote_low_f32x4(unsafe { v128_load64_zero(source.cast()) }))
    }

    /// Two consecutive values.
    #[inline(always)]
    pub fn load(source: &[f64; 2]) -> Self {
        // SAFETY: a reference to two doubles is readable for sixteen bytes.
        Self(unsafe { v128_load(source.as_ptr().cast()) })
    }

    /// Writes the two lanes.
    #[inline(always)]
    pub fn store(self, target: &mut [f64; 2]) {
        // SAFETY: a mutable reference to two doubles is writable for sixteen bytes.
        unsafe { v128_store(target.as_mut_ptr().cast(), self.0) }
    }
}
