//! The portable twin of the byte vectors: arrays, lane by lane.

use core::array::from_fn;

use crate::simd::floats::F32x4;

/// Sixteen bytes.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Bytes([u8; 16]);

/// Eight unsigned 16-bit numbers.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Shorts([u16; 8]);

/// Four signed 32-bit numbers.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Ints([i32; 4]);

impl Bytes {
    /// Sixteen zeros.
    pub const ZERO: Self = Self([0; 16]);

    /// Reads 16 bytes; no alignment is asked for.
    ///
    /// # Safety
    /// `from` must be readable for 16 bytes.
    #[inline(always)]
    pub unsafe fn load(from: *const u8) -> Self {
        // SAFETY: 16 bytes are readable, and no alignment is asked for.
        Self(unsafe { from.cast::<[u8; 16]>().read_unaligned() })
    }

    /// Reads one byte into all sixteen.
    ///
    /// # Safety
    /// `from` must be readable.
    #[inline(always)]
    pub unsafe fn load_splat(from: *const u8) -> Self {
        // SAFETY: one byte is readable.
        Self([unsafe { *from }; 16])
    }

    /// Reads 8 bytes into the lower half; the upper half is zero.
    ///
    /// # Safety
    /// `from` must be readable for 8 bytes.
    #[inline(always)]
    pub unsafe fn load_half(from: *const u8) -> Self {
        // SAFETY: 8 bytes are readable, and no alignment is asked for.
        let half = unsafe { from.cast::<[u8; 8]>().read_unaligned() };
        Self(from_fn(|i| if i < 8 { half[i] } else { 0 }))
    }

    /// Writes 16 bytes; no alignment is asked for.
    ///
    /// # Safety
    /// `to` must be writable for 16 bytes.
    #[inline(always)]
    pub unsafe fn store(self, to: *mut u8) {
        // SAFETY: 16 bytes are writable, and no alignment is asked for.
        unsafe { to.cast::<[u8; 16]>().write_unaligned(self.0) }
    }

    /// Lane by lane sum, modulo 256.
    #[inline(always)]
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_add(other.0[i])))
    }

    /// Lane by lane sum of signed bytes, kept at -128 and 127.
    #[inline(always)]
    pub fn add_saturating(self, other: Self) -> Self {
        Self(from_fn(|i| (self.0[i] as i8).saturating_add(other.0[i] as i8) as u8))
    }

    fn shorts(self, change: impl Fn(u16) -> u16) -> Self {
        let shorts: [[u8; 2]; 8] =
            from_fn(|i| change(u16::from_le_bytes([self.0[2 * i], self.0[2 * i + 1]])).to_le_bytes());
        Self(from_fn(|i| shorts[i / 2][i % 2]))
    }

    /// Taken as eight 16-bit numbers, each shifted down by 4 bits.
    #[inline(always)]
    pub fn shift_down_4(self) -> Self {
        self.shorts(|short| short >> 4)
    }

    /// Taken as eight 16-bit numbers, each shifted down by a bit.
    #[inline(always)]
    pub fn shift_down_1(self) -> Self {
        self.shorts(|short| short >> 1)
    }

    /// Lane by lane and.
    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] & other.0[i]))
    }

    /// Taken as eight 16-bit numbers: the byte at an even place is the lower half.
    #[inline(always)]
    pub fn to_shorts(self) -> Shorts {
        Shorts(from_fn(|i| u16::from_le_bytes([self.0[2 * i], self.0[2 * i + 1]])))
    }

    /// The bytes of `self` and `other` by turns: those of the lower halves, then those of the upper halves.
    #[inline(always)]
    pub fn interleave(self, other: Self) -> [Self; 2] {
        [0, 8].map(|from| {
            Self(from_fn(|i| {
                if i % 2 == 0 {
                    self.0[from + i / 2]
                } else {
                    other.0[from + i / 2]
                }
            }))
        })
    }

    /// Lane by lane exclusive or.
    #[inline(always)]
    pub fn xor(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] ^ other.0[i]))
    }

    /// Bit `i` of the high nibble of lane `l` of vector `j` becomes bit `j` of the high nibble of lane `l` of vector `i`. The
    /// low nibbles must be zero.
    #[inline(always)]
    pub fn transpose_high_nibbles(vectors: [Self; 4]) -> [Self; 4] {
        let bit = |j: usize, lane: usize, i: usize| vectors[j].0[lane] >> (4 + i) & 1;
        from_fn(|i| {
            Self(from_fn(|lane| {
                (0..4).fold(0, |bits, j| bits | bit(j, lane, i) << (4 + j))
            }))
        })
    }

    /// Byte `i` of all sixteen quads, for `i` in 0 to 3.
    #[inline(always)]
    pub fn separate_quads(quads: &[u8; 64]) -> [Self; 4] {
        from_fn(|i| Self(from_fn(|quad| quads[4 * quad + i])))
    }

    /// The same byte sixteen times.
    #[inline(always)]
    pub fn splat(value: u8) -> Self {
        Self([value; 16])
    }

    /// Lane by lane the smaller one, both unsigned.
    #[inline(always)]
    pub fn min(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].min(other.0[i])))
    }

    /// Bit `i` is set where lane `i` is at most lane `i` of `other`, both unsigned.
    #[inline(always)]
    pub fn at_most(self, other: Self) -> u32 {
        (0..16).fold(0, |bits, i| bits | u32::from(self.0[i] <= other.0[i]) << i)
    }

    /// Lane by lane or.
    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] | other.0[i]))
    }

    /// Lane `i` of the answer is lane `indices[i]` of `self`. Every index must be below 16.
    #[inline(always)]
    pub fn lookup(self, indices: Self) -> Self {
        Self(from_fn(|i| self.0[usize::from(indices.0[i] & 15)]))
    }

    /// The number of bits set in each byte.
    #[inline(always)]
    pub fn count_ones(self) -> Self {
        Self(self.0.map(|byte| byte.count_ones() as u8))
    }

    /// The sixteen bytes as 16-bit numbers, in order.
    #[inline(always)]
    pub fn widen(self) -> [Shorts; 2] {
        [0, 8].map(|from| Shorts(from_fn(|i| u16::from(self.0[from + i]))))
    }

    /// The sixteen bytes, taken as signed, as reals, in order.
    #[inline(always)]
    pub fn signed_reals(self) -> [F32x4; 4] {
        from_fn(|q| F32x4(from_fn(|i| f32::from(self.0[4 * q + i] as i8))))
    }

    fn reals(self) -> [f32; 4] {
        from_fn(|i| f32::from_le_bytes(from_fn(|j| self.0[4 * i + j])))
    }

    /// Taken as four `f32`: bit `i` is set where lane `i` is at least zero; `-0.0` is, NaN is not.
    #[inline(always)]
    pub fn real_signs(self) -> u32 {
        let reals = self.reals();
        (0..4).fold(0, |bits, i| bits | u32::from(reals[i] >= 0.0) << i)
    }

    /// Taken as four `f32`: all bits of a lane are set where it is NaN, none elsewhere.
    #[inline(always)]
    pub fn real_nans(self) -> Self {
        let reals = self.reals();
        Self(from_fn(|i| if reals[i / 4].is_nan() { 0xff } else { 0 }))
    }

    /// Of 64 masks in order, lanes with all bits or none: bit `4 + i % 4` of lane `i / 4` is set where mask `i` is.
    #[inline(always)]
    pub fn mask_nibbles(masks: [[Shorts; 2]; 4]) -> Self {
        Self(from_fn(|lane| {
            (0..4).fold(0, |nibble, bit| {
                let i = 4 * lane + bit;
                nibble | ((masks[i / 16][i / 8 % 2].0[i % 8] & 1) as u8) << (4 + bit)
            })
        }))
    }

    /// Is any bit set?
    #[inline(always)]
    pub fn any(self) -> bool {
        self.0 != [0; 16]
    }
}

impl Shorts {
    /// Eight zeros.
    pub const ZERO: Self = Self([0; 8]);

    /// Lane by lane sum, modulo 65536.
    #[inline(always)]
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_add(other.0[i])))
    }

    /// The eight numbers as 32-bit numbers, in order.
    #[inline(always)]
    pub fn widen(self) -> [Ints; 2] {
        [0, 4].map(|from| Ints(from_fn(|i| i32::from(self.0[from + i]))))
    }

    /// Eight times the same number.
    #[inline(always)]
    pub fn splat(value: u16) -> Self {
        Self([value; 8])
    }

    /// Lane by lane difference, modulo 65536.
    #[inline(always)]
    #[allow(clippy::should_implement_trait)]
    pub fn sub(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_sub(other.0[i])))
    }

    /// Lane by lane and.
    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] & other.0[i]))
    }

    /// Every lane shifted down by `BITS` bits.
    #[inline(always)]
    pub fn shift_down<const BITS: u32>(self) -> Self {
        Self(self.0.map(|lane| lane >> BITS))
    }

    /// Every lane shifted up by `BITS` bits.
    #[inline(always)]
    pub fn shift_up<const BITS: u32>(self) -> Self {
        Self(self.0.map(|lane| lane << BITS))
    }

    /// All bits of a lane are set where it is less than that of `other`, both taken as signed; none elsewhere.
    #[inline(always)]
    pub fn less(self, other: Self) -> Self {
        Self(from_fn(|i| {
            if (self.0[i] as i16) < other.0[i] as i16 {
                u16::MAX
            } else {
                0
            }
        }))
    }

    /// Bit `i` is set where the highest bit of lane `i` of `low`, then of `high`, is set: for masks.
    #[inline(always)]
    pub fn mask_bits([low, high]: [Self; 2]) -> u32 {
        let lanes = low.0.into_iter().chain(high.0).enumerate();
        lanes.fold(0, |bits, (i, lane)| bits | u32::from(lane >> 15) << i)
    }
}

impl Ints {
    /// Four zeros.
    pub const ZERO: Self = Self([0; 4]);

    /// Four times the same number.
    #[inline(always)]
    pub fn splat(value: i32) -> Self {
        Self([value; 4])
    }

    /// Reads four numbers; no alignment is asked for.
    ///
    /// # Safety
    /// `from` must be readable for 4 numbers.
    #[inline(always)]
    pub unsafe fn load(from: *const i32) -> Self {
        // SAFETY: 4 numbers are readable, and no alignment is asked for.
        Self(unsafe { from.cast::<[i32; 4]>().read_unaligned() })
    }

    /// Writes four numbers; no alignment is asked for.
    ///
    /// # Safety
    /// `to` must be writable for 4 numbers.
    #[inline(always)]
    pub unsafe fn store(self, to: *mut i32) {
        // SAFETY: 4 numbers are writable, and no alignment is asked for.
        unsafe { to.cast::<[i32; 4]>().write_unaligned(self.0) }
    }

    /// Lane by lane sum.
    #[inline(always)]
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_add(other.0[i])))
    }

    /// Lane by lane difference.
    #[inline(always)]
    #[allow(clippy::should_implement_trait)]
    pub fn sub(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_sub(other.0[i])))
    }

    /// The four numbers as the nearest `f32`: exact below 2^24.
    #[inline(always)]
    pub fn to_reals(self) -> F32x4 {
        F32x4(self.0.map(|number| number as f32))
    }

    /// These four, then the four of `high`, as 16-bit numbers: what lies outside becomes the nearest bound of `i16`.
    #[inline(always)]
    pub fn narrow(self, high: Self) -> Shorts {
        let clamp = |number: i32| number.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as u16;
        Shorts(from_fn(|i| clamp(if i < 4 { self.0[i] } else { high.0[i - 4] })))
    }

    /// Bit `i` is set where lane `i` is at least lane `i` of `other`.
    #[inline(always)]
    pub fn at_least(self, other: Self) -> u32 {
        (0..4).fold(0, |bits, i| bits | u32::from(self.0[i] >= other.0[i]) << i)
    }
}
