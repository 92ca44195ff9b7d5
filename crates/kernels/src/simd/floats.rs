//! Vectors of four `f32` and two `f64`: the WebAssembly instructions, and a portable twin with the same names.
//!
//! Both twins round every operation separately, as IEEE 754 says: a product is rounded before it is added, nothing is
//! ever fused, and no relaxed instruction is used. So a kernel written in these vectors gives the very same bits in
//! WebAssembly and on the host, where the tests run.
//!
//! `pseudo_min` and `pseudo_max` are the comparisons `b < a ? b : a` and `a < b ? b : a`: one instruction on x86-64, and
//! a NaN in `self` (the first operand) stays a NaN.

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub use portable::{F32x4, F64x2, Mask};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::{F32x4, F64x2, Mask};

impl F32x4 {
    /// The first `source.len()` (at most 4) lanes from `source`, the others 0.
    #[inline(always)]
    pub fn load_partial(source: &[f32]) -> Self {
        let mut lanes = [0.0; 4];
        lanes[..source.len()].copy_from_slice(source);
        Self::load(&lanes)
    }

    /// Writes the first `target.len()` (at most 4) lanes.
    #[inline(always)]
    pub fn store_partial(self, target: &mut [f32]) {
        let lanes = self.to_array();
        target.copy_from_slice(&lanes[..target.len()]);
    }

    /// The four lanes.
    #[inline(always)]
    pub fn to_array(self) -> [f32; 4] {
        let mut lanes = [0.0; 4];
        self.store(&mut lanes);
        lanes
    }

    /// All lanes clamped to `[-limit, limit]`; NaN stays NaN.
    #[inline(always)]
    pub fn clamp_magnitude(self, limit: f32) -> Self {
        self.pseudo_min(Self::splat(limit)).pseudo_max(Self::splat(-limit))
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use core::arch::wasm32::*;
    use core::ops::{Add, Div, Mul, Neg, Sub};

    /// Four lanes of `f32`.
    #[derive(Clone, Copy)]
    pub struct F32x4(v128);

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
            // SAFETY: promised by the caller; the instruction has no alignment requirement.
            Self(unsafe { v128_load(source.cast()) })
        }

        /// Writes the four lanes to an address.
        ///
        /// # Safety
        /// `target` must be writable for 16 bytes.
        #[inline(always)]
        pub unsafe fn write(self, target: *mut f32) {
            // SAFETY: promised by the caller; the instruction has no alignment requirement.
            unsafe { v128_store(target.cast(), self.0) }
        }

        /// One value from an address, in every lane.
        ///
        /// # Safety
        /// `source` must be readable for 4 bytes.
        #[inline(always)]
        pub unsafe fn read_splat(source: *const f32) -> Self {
            // SAFETY: promised by the caller; the instruction has no alignment requirement.
            Self(unsafe { v128_load32_splat(source.cast()) })
        }

        /// Absolute value.
        #[inline(always)]
        pub fn abs(self) -> Self {
            Self(f32x4_abs(self.0))
        }

        /// Square root, correctly rounded.
        #[inline(always)]
        pub fn sqrt(self) -> Self {
            Self(f32x4_sqrt(self.0))
        }

        /// The nearest integer, ties to even.
        #[inline(always)]
        pub fn nearest(self) -> Self {
            Self(f32x4_nearest(self.0))
        }

        /// `other < self ? other : self`.
        #[inline(always)]
        pub fn pseudo_min(self, other: Self) -> Self {
            Self(f32x4_pmin(self.0, other.0))
        }

        /// `self < other ? other : self`.
        #[inline(always)]
        pub fn pseudo_max(self, other: Self) -> Self {
            Self(f32x4_pmax(self.0, other.0))
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

        /// Lanes that are NaN.
        #[inline(always)]
        pub fn is_nan(self) -> Mask {
            Mask(f32x4_ne(self.0, self.0))
        }

        /// `2^self` for integral lanes in `[-126, 127]`.
        #[inline(always)]
        pub fn power_of_two(self) -> Self {
            Self(i32x4_shl(
                i32x4_add(i32x4_trunc_sat_f32x4(self.0), i32x4_splat(127)),
                23,
            ))
        }

        /// Lanes 0 and 1 as `f64`, exactly.
        #[inline(always)]
        pub fn widen_low(self) -> F64x2 {
            F64x2(f64x2_promote_low_f32x4(self.0))
        }

        /// Lanes 2 and 3 as `f64`, exactly.
        #[inline(always)]
        pub fn widen_high(self) -> F64x2 {
            F64x2(f64x2_promote_low_f32x4(i64x2_shuffle::<1, 1>(self.0, self.0)))
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
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable {
    use core::array::from_fn;
    use core::ops::{Add, Div, Mul, Neg, Sub};

    /// Four lanes of `f32`.
    #[derive(Clone, Copy)]
    #[repr(align(16))]
    pub struct F32x4([f32; 4]);

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
            // SAFETY: promised by the caller.
            Self(unsafe { source.cast::<[f32; 4]>().read_unaligned() })
        }

        /// Writes the four lanes to an address.
        ///
        /// # Safety
        /// `target` must be writable for 16 bytes.
        #[inline(always)]
        pub unsafe fn write(self, target: *mut f32) {
            // SAFETY: promised by the caller.
            unsafe { target.cast::<[f32; 4]>().write_unaligned(self.0) }
        }

        /// One value from an address, in every lane.
        ///
        /// # Safety
        /// `source` must be readable for 4 bytes.
        #[inline(always)]
        pub unsafe fn read_splat(source: *const f32) -> Self {
            // SAFETY: promised by the caller.
            Self([unsafe { source.read_unaligned() }; 4])
        }

        /// Absolute value.
        #[inline(always)]
        pub fn abs(self) -> Self {
            Self(self.0.map(f32::abs))
        }

        /// Square root, correctly rounded.
        #[inline(always)]
        pub fn sqrt(self) -> Self {
            Self(self.0.map(f32::sqrt))
        }

        /// The nearest integer, ties to even.
        #[inline(always)]
        pub fn nearest(self) -> Self {
            Self(self.0.map(f32::round_ties_even))
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

        /// Lanes that are NaN.
        #[inline(always)]
        pub fn is_nan(self) -> Mask {
            Mask(self.0.map(f32::is_nan))
        }

        /// `2^self` for integral lanes in `[-126, 127]`.
        #[inline(always)]
        pub fn power_of_two(self) -> Self {
            Self(
                self.0
                    .map(|x| f32::from_bits(((x as i32).wrapping_add(127) << 23) as u32)),
            )
        }

        /// Lanes 0 and 1 as `f64`, exactly.
        #[inline(always)]
        pub fn widen_low(self) -> F64x2 {
            F64x2([f64::from(self.0[0]), f64::from(self.0[1])])
        }

        /// Lanes 2 and 3 as `f64`, exactly.
        #[inline(always)]
        pub fn widen_high(self) -> F64x2 {
            F64x2([f64::from(self.0[2]), f64::from(self.0[3])])
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
}
