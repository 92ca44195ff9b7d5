//! The WebAssembly twin of the byte vectors: one instruction a method, where there is one.

use core::arch::wasm32::*;

use crate::simd::floats::F32x4;

/// Sixteen bytes.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Bytes(v128);

/// Eight unsigned 16-bit numbers.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Shorts(v128);

/// Four signed 32-bit numbers.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Ints(v128);

impl Bytes {
    /// Sixteen zeros.
    pub const ZERO: Self = Self(u8x16(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));

    /// Reads 16 bytes; no alignment is asked for.
    ///
    /// # Safety
    /// `from` must be readable for 16 bytes.
    #[inline(always)]
    pub unsafe fn load(from: *const u8) -> Self {
        // SAFETY: 16 bytes are readable, and no alignment is asked for.
        Self(unsafe { v128_load(from.cast()) })
    }

    /// Reads one byte into all sixteen.
    ///
    /// # Safety
    /// `from` must be readable.
    #[inline(always)]
    pub unsafe fn load_splat(from: *const u8) -> Self {
        // SAFETY: one byte is readable.
        Self(unsafe { v128_load8_splat(from) })
    }

    /// Reads 8 bytes into the lower half; the upper half is zero.
    ///
    /// # Safety
    /// `from` must be readable for 8 bytes.
    #[inline(always)]
    pub unsafe fn load_half(from: *const u8) -> Self {
        // SAFETY: 8 bytes are readable, and no alignment is asked for.
        Self(unsafe { v128_load64_zero(from.cast()) })
    }

    /// Writes 16 bytes; no alignment is asked for.
    ///
    /// # Safety
    /// `to` must be writable for 16 bytes.
    #[inline(always)]
    pub unsafe fn store(self, to: *mut u8) {
        // SAFETY: 16 bytes are writable, and no alignment is asked for.
        unsafe { v128_store(to.cast(), self.0) }
    }

    /// Lane by lane sum, modulo 256.
    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(u8x16_add(self.0, other.0))
    }

    /// Lane by lane sum of signed bytes, kept at -128 and 127.
    #[inline(always)]
    pub fn add_saturating(self, other: Self) -> Self {
        Self(i8x16_add_sat(self.0, other.0))
    }

    /// Taken as eight 16-bit numbers, each shifted down by 4 bits.
    #[inline(always)]
    pub fn shift_down_4(self) -> Self {
        Self(u16x8_shr(self.0, 4))
    }

    /// Taken as eight 16-bit numbers, each shifted down by a bit.
    #[inline(always)]
    pub fn shift_down_1(self) -> Self {
        Self(u16x8_shr(self.0, 1))
    }

    /// Lane by lane and.
    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(v128_and(self.0, other.0))
    }

    /// Taken as eight 16-bit numbers: the byte at an even place is the lower half.
    #[inline(always)]
    pub fn to_shorts(self) -> Shorts {
        Shorts(self.0)
    }

    /// The bytes of `self` and `other` by turns: those of the lower halves, then those of the upper halves.
    #[inline(always)]
    pub fn interleave(self, other: Self) -> [Self; 2] {
        [
            Self(i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(
                self.0, other.0,
            )),
            Self(i8x16_shuffle::<
                8,
                24,
                9,
                25,
                10,
                26,
                11,
                27,
                12,
                28,
                13,
                29,
                14,
                30,
                15,
                31,
            >(self.0, other.0)),
        ]
    }

    /// Lane by lane exclusive or.
    #[inline(always)]
    pub fn xor(self, other: Self) -> Self {
        Self(v128_xor(self.0, other.0))
    }

    /// Bit `i` of the high nibble of lane `l` of vector `j` becomes bit `j` of the high nibble of lane `l` of vector `i`. The
    /// low nibbles must be zero.
    #[inline(always)]
    pub fn transpose_high_nibbles([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let exchange = |a: v128, b: v128, bits: u32, mask: v128| {
            let differing = v128_and(v128_xor(u64x2_shr(a, bits), b), mask);
            (v128_xor(a, u64x2_shl(differing, bits)), v128_xor(b, differing))
        };
        let (twos, ones) = (u8x16_splat(0x30), u8x16_splat(0x50));
        let (a, c) = exchange(a.0, c.0, 2, twos);
        let (b, d) = exchange(b.0, d.0, 2, twos);
        let (a, b) = exchange(a, b, 1, ones);
        let (c, d) = exchange(c, d, 1, ones);
        [Self(a), Self(b), Self(c), Self(d)]
    }

    /// Byte `i` of all sixteen quads, for `i` in 0 to 3.
    #[inline(always)]
    pub fn separate_quads(quads: &[u8; 64]) -> [Self; 4] {
        let [a, b, c, d] = [0, 16, 32, 48].map(|from| {
            // SAFETY: sixteen bytes of the 64.
            let four = unsafe { v128_load(quads.as_ptr().add(from).cast()) };
            i8x16_shuffle::<0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15>(four, four)
        });
        let (ab_low, ab_high) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
        let (cd_low, cd_high) = (i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d));
        [
            Self(i64x2_shuffle::<0, 2>(ab_low, cd_low)),
            Self(i64x2_shuffle::<1, 3>(ab_low, cd_low)),
            Self(i64x2_shuffle::<0, 2>(ab_high, cd_high)),
            Self(i64x2_shuffle::<1, 3>(ab_high, cd_high)),
        ]
    }

    /// The same byte sixteen times.
    #[inline(always)]
    pub fn splat(value: u8) -> Self {
        Self(u8x16_splat(value))
    }

    /// Lane by lane the smaller one, both unsigned.
    #[inline(always)]
    pub fn min(self, other: Self) -> Self {
        Self(u8x16_min(self.0, other.0))
    }

    /// Bit `i` is set where lane `i` is at most lane `i` of `other`, both unsigned.
    #[inline(always)]
    pub fn at_most(self, other: Self) -> u32 {
        u32::from(i8x16_bitmask(u8x16_le(self.0, other.0)))
    }

    /// Lane by lane or.
    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(v128_or(self.0, other.0))
    }

    /// Lane `i` of the answer is lane `indices[i]` of `self`. Every index must be below 16.
    #[inline(always)]
    pub fn lookup(self, indices: Self) -> Self {
        #[cfg(target_feature = "relaxed-simd")]
        return Self(i8x16_relaxed_swizzle(self.0, indices.0));
        #[cfg(not(target_feature = "relaxed-simd"))]
        return Self(i8x16_swizzle(self.0, indices.0));
    }

    /// The number of bits set in each byte.
    #[inline(always)]
    pub fn count_ones(self) -> Self {
        Self(u8x16_popcnt(self.0))
    }

    /// The sixteen bytes as 16-bit numbers, in order.
    #[inline(always)]
    pub fn widen(self) -> [Shorts; 2] {
        [
            Shorts(u16x8_extend_low_u8x16(self.0)),
            Shorts(u16x8_extend_high_u8x16(self.0)),
        ]
    }

    /// The sixteen bytes, taken as signed, as reals, in order.
    #[inline(always)]
    pub fn signed_reals(self) -> [F32x4; 4] {
        let (low, high) = (i16x8_extend_low_i8x16(self.0), i16x8_extend_high_i8x16(self.0));
        [
            i32x4_extend_low_i16x8(low),
            i32x4_extend_high_i16x8(low),
            i32x4_extend_low_i16x8(high),
            i32x4_extend_high_i16x8(high),
        ]
        .map(|ints| F32x4(f32x4_convert_i32x4(ints)))
    }

    /// Taken as four `f32`: bit `i` is set where lane `i` is at least zero; `-0.0` is, NaN is not.
    #[inline(always)]
    pub fn real_signs(self) -> u32 {
        u32::from(i32x4_bitmask(f32x4_ge(self.0, f32x4_splat(0.0))))
    }

    /// Taken as four `f32`: all bits of a lane are set where it is NaN, none elsewhere.
    #[inline(always)]
    pub fn real_nans(self) -> Self {
        Self(f32x4_ne(self.0, self.0))
    }

    /// Of 64 masks in order, lanes with all bits or none: bit `4 + i % 4` of lane `i / 4` is set where mask `i` is.
    #[inline(always)]
    pub fn mask_nibbles(masks: [[Shorts; 2]; 4]) -> Self {
        let bits = u32x4_splat(0x8040_2010);
        let [a, b, c, d] =
            masks.map(|[low, high]| u16x8_extadd_pairwise_u8x16(v128_and(i8x16_narrow_i16x8(low.0, high.0), bits)));
        let (ab, cd) = (u8x16_narrow_i16x8(a, b), u8x16_narrow_i16x8(c, d));
        Self(u8x16_narrow_i16x8(
            u16x8_extadd_pairwise_u8x16(ab),
            u16x8_extadd_pairwise_u8x16(cd),
        ))
    }

    /// Is any bit set?
    #[inline(always)]
    pub fn any(self) -> bool {
        v128_any_true(self.0)
    }
}

impl Shorts {
    /// Eight zeros.
    pub const ZERO: Self = Self(u16x8(0, 0, 0, 0, 0, 0, 0, 0));

    /// Lane by lane sum, modulo 65536.
    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(u16x8_add(self.0, other.0))
    }

    /// The eight numbers as 32-bit numbers, in order.
    #[inline(always)]
    pub fn widen(self) -> [Ints; 2] {
        [
            Ints(u32x4_extend_low_u16x8(self.0)),
            Ints(u32x4_extend_high_u16x8(self.0)),
        ]
    }

    /// Eight times the same number.
    #[inline(always)]
    pub fn splat(value: u16) -> Self {
        Self(u16x8_splat(value))
    }

    /// Lane by lane difference, modulo 65536.
    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(u16x8_sub(self.0, other.0))
    }

    /// Lane by lane and.
    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(v128_and(self.0, other.0))
    }

    /// Every lane shifted down by `BITS` bits.
    #[inline(always)]
    pub fn shift_down<const BITS: u32>(self) -> Self {
        Self(u16x8_shr(self.0, BITS))
    }

    /// Every lane shifted up by `BITS` bits.
    #[inline(always)]
    pub fn shift_up<const BITS: u32>(self) -> Self {
        Self(u16x8_shl(self.0, BITS))
    }

    /// All bits of a lane are set where it is less than that of `other`, both taken as signed; none elsewhere.
    #[inline(always)]
    pub fn less(self, other: Self) -> Self {
        Self(i16x8_lt(self.0, other.0))
    }

    /// Bit `i` is set where the highest bit of lane `i` of `low`, then of `high`, is set: for masks.
    #[inline(always)]
    pub fn mask_bits([low, high]: [Self; 2]) -> u32 {
        u32::from(i8x16_bitmask(i8x16_narrow_i16x8(low.0, high.0)))
    }
}

impl Ints {
    /// Four zeros.
    pub const ZERO: Self = Self(i32x4(0, 0, 0, 0));

    /// Four times the same number.
    #[inline(always)]
    pub fn splat(value: i32) -> Self {
        Self(i32x4_splat(value))
    }

    /// Reads four numbers; no alignment is asked for.
    ///
    /// # Safety
    /// `from` must be readable for 4 numbers.
    #[inline(always)]
    pub unsafe fn load(from: *const i32) -> Self {
        // SAFETY: 4 numbers are readable, and no alignment is asked for.
        Self(unsafe { v128_load(from.cast()) })
    }

    /// Writes four numbers; no alignment is asked for.
    ///
    /// # Safety
    /// `to` must be writable for 4 numbers.
    #[inline(always)]
    pub unsafe fn store(self, to: *mut i32) {
        // SAFETY: 4 numbers are writable, and no alignment is asked for.
        unsafe { v128_store(to.cast(), self.0) }
    }

    /// Lane by lane sum.
    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(i32x4_add(self.0, other.0))
    }

    /// Lane by lane difference.
    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(i32x4_sub(self.0, other.0))
    }

    /// The four numbers as the nearest `f32`: exact below 2^24.
    #[inline(always)]
    pub fn to_reals(self) -> F32x4 {
        F32x4(f32x4_convert_i32x4(self.0))
    }

    /// These four, then the four of `high`, as 16-bit numbers: what lies outside becomes the nearest bound of `i16`.
    #[inline(always)]
    pub fn narrow(self, high: Self) -> Shorts {
        Shorts(i16x8_narrow_i32x4(self.0, high.0))
    }

    /// Bit `i` is set where lane `i` is at least lane `i` of `other`.
    #[inline(always)]
    pub fn at_least(self, other: Self) -> u32 {
        u32::from(i32x4_bitmask(i32x4_ge(self.0, other.0)))
    }
}
