//! Vectors of four `f32` and two `f64`: the WebAssembly instructions, and a portable twin with the same names.
//!
//! Both twins round every operation separately, as IEEE 754 says: a product is rounded before it is added, nothing is
//! ever fused, and no relaxed instruction is used. So a kernel written in these vectors gives the very same bits in
//! WebAssembly and on the host, where the tests run.
//!
//! `pseudo_min` and `pseudo_max` are the comparisons `b < a ? b : a` and `a < b ? b : a`: a NaN in `self` (the first
//! operand) stays a NaN. They are spelled as a comparison and a bitwise selection, for where relaxed SIMD is enabled LLVM
//! turns `f32x4.pmin` and `pmax`, and every plain `if a < b { a } else { b }` that it vectorises, into `relaxed_min` and
//! `relaxed_max`, whose results for NaN and for zeros differ from machine to machine.

use crate::SPECIALISED;
use core::array::from_fn;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub use portable::{F32x4, F64x2, Mask};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::{F32x4, F64x2, Mask};

impl Mask {
    /// Lanes in which one of the fours of `values` is NaN.
    pub fn of_nan(values: &[f32]) -> Self {
        values
            .chunks(4)
            .fold(Self::none(), |nan, four| nan.or(F32x4::load_up_to(four).is_nan()))
    }
}

impl F32x4 {
    /// The first four values of `source`, or all of them and zeros where there are fewer.
    #[inline(always)]
    pub fn load_up_to(source: &[f32]) -> Self {
        match source.first_chunk() {
            Some(four) => Self::load(four),
            // In place, because a call would cost more than so few values.
            None if SPECIALISED => Self::load_few(source),
            None => Self::load_few_apart(source),
        }
    }

    /// Lane by lane.
    #[inline(always)]
    fn load_few(source: &[f32]) -> Self {
        let mut lanes = [0.0; 4];
        for (lane, &value) in lanes.iter_mut().zip(source) {
            *lane = value;
        }
        Self::load(&lanes)
    }

    #[inline(never)]
    fn load_few_apart(source: &[f32]) -> Self {
        Self::load_few(source)
    }

    /// Writes the first four values of `target`, or all of them where there are fewer.
    #[inline(always)]
    pub fn store_up_to(self, target: &mut [f32]) {
        match target.first_chunk_mut() {
            Some(four) => self.store(four),
            None if SPECIALISED => self.store_few(target),
            None => self.store_few_apart(target),
        }
    }

    #[inline(always)]
    fn store_few(self, target: &mut [f32]) {
        for (value, lane) in target.iter_mut().zip(self.to_array()) {
            *value = lane;
        }
    }

    #[inline(never)]
    fn store_few_apart(self, target: &mut [f32]) {
        self.store_few(target);
    }

    /// All of `source` (1 to `4 V` values), and zeros after them.
    #[inline(always)]
    pub fn load_lanes<const V: usize>(source: &[f32]) -> [Self; V] {
        if source.len() == 4 * V {
            // SAFETY: `source` holds `4 V` floats, so four follow each multiple of 4.
            from_fn(|v| unsafe { Self::read_at(source.as_ptr(), 4 * v) })
        } else {
            from_fn(|v| Self::load_up_to(source.get(4 * v..).unwrap_or_default()))
        }
    }

    /// Writes all of `target` (1 to `4 V` values).
    #[inline(always)]
    pub fn store_lanes<const V: usize>(vectors: [Self; V], target: &mut [f32]) {
        if target.len() == 4 * V {
            for (v, vector) in vectors.into_iter().enumerate() {
                // SAFETY: `target` holds `4 V` floats, so four follow each multiple of 4.
                unsafe { vector.write(target.as_mut_ptr().add(4 * v)) };
            }
        } else {
            for (v, vector) in vectors.into_iter().enumerate() {
                vector.store_up_to(target.get_mut(4 * v..).unwrap_or_default());
            }
        }
    }

    /// `lanes` consecutive values from an address, `1 <= lanes <= 4 V`, and zeros after them.
    ///
    /// # Safety
    /// `source` must be aligned to a float and readable for `lanes` of them.
    #[inline(always)]
    pub unsafe fn load_lanes_at<const V: usize>(source: *const f32, lanes: usize) -> [Self; V] {
        if lanes == 4 * V {
            // SAFETY: `4 V` floats are readable, so four follow each multiple of 4.
            from_fn(|v| unsafe { Self::read_at(source, 4 * v) })
        } else {
            let mut values = [[0.0; 4]; V];
            for (lane, value) in values.as_flattened_mut()[..lanes].iter_mut().enumerate() {
                // SAFETY: `lane` is below `lanes`.
                *value = unsafe { *source.add(lane) };
            }
            from_fn(|v| Self::load(&values[v]))
        }
    }

    /// Writes the first `lanes` values, `1 <= lanes <= 4 V`, to an address.
    ///
    /// # Safety
    /// `target` must be aligned to a float and writable for `lanes` of them.
    #[inline(always)]
    pub unsafe fn store_lanes_at<const V: usize>(vectors: [Self; V], target: *mut f32, lanes: usize) {
        if lanes == 4 * V {
            for (v, vector) in vectors.into_iter().enumerate() {
                // SAFETY: `4 V` floats are writable, so four follow each multiple of 4.
                unsafe { vector.write(target.add(4 * v)) };
            }
        } else {
            let values = vectors.map(Self::to_array);
            for (lane, value) in values.as_flattened()[..lanes].iter().enumerate() {
                // SAFETY: `lane` is below `lanes`.
                unsafe { *target.add(lane) = *value };
            }
        }
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
