//! The portable twin of the float vectors: arrays, every operation rounded as WebAssembly rounds it.

use core::array::from_fn;
use core::ops::{Add, Div, Mul, Neg, Sub};

/// Four lanes of `f32`.
#[derive(Clone, Copy)]
#[repr(align(16))]
pub struct F32x4(pub(in crate::simd) [f32; 4]);

/// Four lanes of `true` or `false`.
#[derive(Clone, Copy)]
pub struct Mask([bool; 4]);

/// Two lanes of `f64`.
#[derive(Clone, Copy)]
#[repr(align(16))]
pub struct F64x2([f64; 2]);

macro_rules! operator {
    ($vector:ident, $trait:ident, $method:ident, $operator:tt) => {
        impl $trait for $vector {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(from_fn(|i| self.0[i] $operator other.0[i]))
            }
        }
    };
}
operator!(F32x4, Add, add, +);
operator!(F32x4, Sub, sub, -);
operator!(F32x4, Mul, mul, *);
operator!(F32x4, Div, div, /);
operator!(F64x2, Add, add, +);
operator!(F64x2, Sub, sub, -);
operator!(F64x2, Mul, mul, *);

impl Neg for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(self.0.map(|x| -x))
    }
}

impl F32x4 {
    /// The same value in every lane.
    #[inline(always)]
    pub fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    /// Four consecutive values.
    #[inline(always)]
    pub fn load(source: &[f32; 4]) -> Self {
        Self(*source)
    }

    /// Writes the four lanes.
    #[inline(always)]
    pub fn store(self, target: &mut [f32; 4]) {
        *target = self.0;
    }

    /// Four consecutive values from an address.
    ///
    /// # Safety
    /// `source` must be readable for 16 bytes.
    #[inline(always)]
    pub unsafe fn read(source: *const f32) -> Self {
        // SAFETY: four floats are 16 bytes, and no alignment is asked for.
        Self(unsafe { source.cast::<[f32; 4]>().read_unaligned() })
    }

    /// Four consecutive values, `index` floats past an address.
    ///
    /// # Safety
    /// `source + index` must be readable for 16 bytes.
    #[inline(always)]
    pub unsafe fn read_at(source: *const f32, index: usize) -> Self {
        // SAFETY: four floats are 16 bytes, and an address of readable ones lies in their allocation.
        unsafe { Self::read(source.add(index)) }
    }

    /// Writes the four lanes to an address.
    ///
    /// # Safety
    /// `target` must be writable for 16 bytes.
    #[inline(always)]
    pub unsafe fn write(self, target: *mut f32) {
        // SAFETY: four floats are 16 bytes, and no alignment is asked for.
        unsafe { target.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    /// One value from an address, in every lane.
    ///
    /// # Safety
    /// `source` must be readable for 4 bytes.
    #[inline(always)]
    pub unsafe fn read_splat(source: *const f32) -> Self {
        // SAFETY: a float is 4 bytes, and no alignment is asked for.
        Self([unsafe { source.read_unaligned() }; 4])
    }

    /// Lane i of vector j becomes lane j of vector i.
    #[inline(always)]
    pub fn transpose(vectors: [Self; 4]) -> [Self; 4] {
        from_fn(|i| Self(from_fn(|j| vectors[j].0[i])))
    }

    /// Bit `i` is set where lane `i` is at least zero; `-0.0` is, NaN is not.
    #[inline(always)]
    pub fn sign_bits(self) -> u32 {
        (0..4).fold(0, |bits, i| bits | u32::from(self.0[i] >= 0.0) << i)
    }

    /// Absolute value.
    #[inline(always)]
    pub fn abs(self) -> Self {
        Self(self.0.map(f32::abs))
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
        Self(from_fn(|i| self.0[i].copysign(sign.0[i])))
    }

    /// `self < other`.
    #[inline(always)]
    pub fn less(self, other: Self) -> Mask {
        Mask(from_fn(|i| self.0[i] < other.0[i]))
    }

    /// `self <= other`.
    #[inline(always)]
    pub fn at_most(self, other: Self) -> Mask {
        Mask(from_fn(|i| self.0[i] <= other.0[i]))
    }

    /// Bit `i` is set where lane `i` is at least zero; `-0.0` is, NaN is not.
    #[inline(always)]
    pub fn signs(self) -> u8 {
        (0..4).map(|i| u8::from(self.0[i] >= 0.0) << i).sum()
    }

    /// [`Self::signs`] of four vectors, the first in the lowest bits.
    #[inline(always)]
    pub fn signs_of_four(vectors: [Self; 4]) -> u16 {
        (0..4).map(|v| u16::from(vectors[v].signs()) << (4 * v)).sum()
    }

    /// Lanes that are NaN.
    #[inline(always)]
    pub fn is_nan(self) -> Mask {
        Mask(self.0.map(f32::is_nan))
    }

    /// The four lanes as f64, exactly.
    #[inline(always)]
    pub fn widen(self) -> [F64x2; 2] {
        let [a, b, c, d] = self.0.map(f64::from);
        [F64x2([a, b]), F64x2([c, d])]
    }

    /// The nine lowest bits moved to the top: where they hold `n + 127`, the result is `2^n`.
    #[inline(always)]
    pub fn low_bits_as_exponent(self) -> Self {
        Self(self.0.map(|x| f32::from_bits(x.to_bits() << 23)))
    }
}

impl Mask {
    /// No lane set.
    #[inline(always)]
    pub fn none() -> Self {
        Self([false; 4])
    }

    /// Lanes set in either.
    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] | other.0[i]))
    }

    /// Whether any lane is set.
    #[inline(always)]
    pub fn any(self) -> bool {
        self.0.contains(&true)
    }

    /// Lanes set where the byte is `number`, for sixteen bytes in order.
    ///
    /// # Safety
    /// `bytes` must be readable for 16 bytes.
    #[inline(always)]
    pub unsafe fn of_bytes(bytes: *const u8, number: u8) -> [Self; 4] {
        // SAFETY: `4 v + i` is below 16.
        from_fn(|v| Self(from_fn(|i| unsafe { *bytes.add(4 * v + i) } == number)))
    }

    /// Writes `number` to those of sixteen bytes whose lane is set.
    ///
    /// # Safety
    /// `bytes` must be readable and writable for 16 bytes.
    #[inline(always)]
    pub unsafe fn mark_bytes(masks: [Self; 4], number: u8, bytes: *mut u8) {
        for (i, set) in masks.map(|mask| mask.0).as_flattened().iter().enumerate() {
            if *set {
                // SAFETY: there are 16 lanes, so `i` is below 16.
                unsafe { *bytes.add(i) = number };
            }
        }
    }

    /// `yes` where the lane is set, `no` elsewhere.
    #[inline(always)]
    pub fn select(self, yes: F32x4, no: F32x4) -> F32x4 {
        F32x4(from_fn(|i| if self.0[i] { yes.0[i] } else { no.0[i] }))
    }

    /// `yes` where the lane is set, +0 elsewhere.
    #[inline(always)]
    pub fn keep(self, yes: F32x4) -> F32x4 {
        self.select(yes, F32x4::splat(0.0))
    }
}

impl F64x2 {
    /// The same value in both lanes.
    #[inline(always)]
    pub fn splat(value: f64) -> Self {
        Self([value; 2])
    }

    /// Absolute value.
    #[inline(always)]
    pub fn abs(self) -> Self {
        Self(self.0.map(f64::abs))
    }

    /// Two consecutive `f32`, exactly: one instruction of the machine, where widening a vector's halves takes four.
    ///
    /// # Safety
    /// `source` must be readable for 8 bytes.
    #[inline(always)]
    pub unsafe fn widen(source: *const f32) -> Self {
        // SAFETY: two floats are 8 bytes, and no alignment is asked for.
        Self(from_fn(|i| f64::from(unsafe { source.add(i).read_unaligned() })))
    }

    /// Two consecutive values.
    #[inline(always)]
    pub fn load(source: &[f64; 2]) -> Self {
        Self(*source)
    }

    /// Writes the two lanes.
    #[inline(always)]
    pub fn store(self, target: &mut [f64; 2]) {
        *target = self.0;
    }
}
