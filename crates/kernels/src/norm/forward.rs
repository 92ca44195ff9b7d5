//! The values of batch normalisation, in one pass with what follows it: the residual sum and the next layer's signs.

use super::ROWS;
use crate::shape::ConvShape;
use crate::shared::Shared;
use crate::simd::floats::{F32x4, Mask};
use core::array::from_fn;
use core::ops::Range;

/// `y = x * scale + shift` per channel, product rounded, then added. True where a y is NaN.
pub fn affine(x: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32]) -> bool {
    normalize(x, scale, shift, None, y, None)
}

/// `y = (x * scale + shift) + residual` per channel, every operation rounded; and, if asked for, the signs of y as the
/// padded nibbles of the next layer's input (see [`crate::bits`]), whose border is left alone. True where a y is NaN.
pub fn normalize(
    x: &[f32],
    scale: &[f32],
    shift: &[f32],
    residual: Option<&[f32]>,
    y: &mut [f32],
    signs: Option<(&ConvShape, Shared<u8>)>,
) -> bool {
    let c = scale.len();
    assert!(c > 0 && shift.len() == c && x.len() == y.len() && x.len().is_multiple_of(c));
    assert!(residual.is_none_or(|residual| residual.len() == x.len()));
    let pass = Pass {
        x: x.as_ptr(),
        residual: residual.map_or(x.as_ptr(), <[f32]>::as_ptr),
        y: y.as_mut_ptr(),
        scale,
        shift,
    };
    let mut nan = Mask::none();
    // SAFETY: all tensors have the length of `x`, whole rows of `c`. A consistent shape has an image row's nibbles in the padded
    // buffer, whose length is checked; no other call writes them meanwhile.
    unsafe {
        match signs {
            None => {
                let rows = x.len() / c;
                match residual {
                    None => pass.rows::<false, false>(0, rows, core::ptr::null_mut(), &mut nan),
                    Some(_) => pass.rows::<true, false>(0, rows, core::ptr::null_mut(), &mut nan),
                }
            }
            Some((shape, nibbles)) => {
                assert!(shape.is_consistent() && shape.channels as usize == c && shape.input_pixels() * c == x.len());
                assert_eq!(nibbles.length(), shape.padded_pixels() * shape.groups());
                let width = shape.width as usize;
                for (source, target) in shape.interior_rows() {
                    let nibbles = nibbles.at(target * shape.groups(), width * shape.groups());
                    match residual {
                        None => pass.rows::<false, true>(source, width, nibbles, &mut nan),
                        Some(_) => pass.rows::<true, true>(source, width, nibbles, &mut nan),
                    }
                }
            }
        }
    }
    nan.any()
}

/// The operands of [`normalize`].
struct Pass<'a> {
    x: *const f32,
    residual: *const f32,
    y: *mut f32,
    scale: &'a [f32],
    shift: &'a [f32],
}

impl Pass<'_> {
    /// Rows `first..first + count`; their nibbles follow each other from `nibbles` on.
    ///
    /// # Safety
    /// The rows must lie in all tensors, `c` floats each, and `residual` must be one with `RESIDUAL`. With `SIGNS`, `nibbles` must
    /// be writable for `count` pixels of nibbles.
    unsafe fn rows<const RESIDUAL: bool, const SIGNS: bool>(
        &self,
        first: usize,
        count: usize,
        nibbles: *mut u8,
        nan: &mut Mask,
    ) {
        let c = self.scale.len();
        for start in (0..count).step_by(ROWS) {
            let rows = first + start..first + count.min(start + ROWS);
            let mut at = 0;
            // SAFETY: the channels that a block takes lie below `c`, the rows among those promised here, and `start` pixels
            // come before the nibbles of the first.
            unsafe {
                let nibbles = nibbles.wrapping_add(start * c.div_ceil(4));
                while at + 16 <= c {
                    self.block::<RESIDUAL, SIGNS, 4>(rows.clone(), at, nibbles, nan);
                    at += 16;
                }
                while at + 4 <= c {
                    self.block::<RESIDUAL, SIGNS, 1>(rows.clone(), at, nibbles, nan);
                    at += 4;
                }
                if at < c {
                    self.tail::<RESIDUAL, SIGNS>(rows, at, nibbles, nan);
                }
            }
        }
    }

    /// The channels `at..at + 4 V` of some rows, whose scale and shift stay in registers.
    ///
    /// # Safety
    /// As for [`Pass::rows`] and these rows, with `nibbles` those of the first; `at + 4 V` must be at most `c`, and `at` a
    /// multiple of 4.
    #[inline(always)]
    unsafe fn block<const RESIDUAL: bool, const SIGNS: bool, const V: usize>(
        &self,
        rows: Range<usize>,
        at: usize,
        nibbles: *mut u8,
        nan: &mut Mask,
    ) {
        let (c, groups) = (self.scale.len(), self.scale.len().div_ceil(4));
        let mut bad = *nan;
        // SAFETY: scale and shift have `c` floats, and so has each of the rows in every tensor. A pixel has a nibble for each
        // four channels.
        unsafe {
            let scale: [F32x4; V] = from_fn(|v| F32x4::read(self.scale.as_ptr().add(at + 4 * v)));
            let shift: [F32x4; V] = from_fn(|v| F32x4::read(self.shift.as_ptr().add(at + 4 * v)));
            let mut nibble = nibbles.wrapping_add(at / 4);
            for row in rows {
                let place = row * c + at;
                let values: [F32x4; V] = from_fn(|v| {
                    let mut value = F32x4::read_at(self.x.add(place), 4 * v) * scale[v] + shift[v];
                    if RESIDUAL {
                        value = value + F32x4::read_at(self.residual.add(place), 4 * v);
                    }
                    bad = bad.or(value.is_nan());
                    value.write(self.y.add(place + 4 * v));
                    value
                });
                if SIGNS {
                    write_signs(values, nibble);
                }
                nibble = nibble.wrapping_add(groups);
            }
        }
        *nan = bad;
    }

    /// The last one to three channels of some rows.
    ///
    /// # Safety
    /// As for [`Pass::block`], but one to three channels must be left from `at` on.
    unsafe fn tail<const RESIDUAL: bool, const SIGNS: bool>(
        &self,
        rows: Range<usize>,
        at: usize,
        nibbles: *mut u8,
        nan: &mut Mask,
    ) {
        let (c, groups) = (self.scale.len(), self.scale.len().div_ceil(4));
        let [scale, shift] = [self.scale, self.shift].map(|values| F32x4::load_up_to(&values[at..]));
        for (number, row) in rows.enumerate() {
            let place = row * c + at;
            // SAFETY: a row has `c - at` floats from `place` on, in every tensor, and a pixel one more nibble. No slice outlives
            // its load or store.
            unsafe {
                let few =
                    |values: *const f32| F32x4::load_up_to(core::slice::from_raw_parts(values.add(place), c - at));
                let mut value = few(self.x) * scale + shift;
                if RESIDUAL {
                    value = value + few(self.residual);
                }
                *nan = nan.or(value.is_nan());
                value.store_up_to(core::slice::from_raw_parts_mut(self.y.add(place), c - at));
                if SIGNS {
                    // Bits past the last channel are 0.
                    *nibbles.add(number * groups + at / 4) = (value.signs() & (0xf >> (4 + at - c))) << 4;
                }
            }
        }
    }
}

/// Writes the signs of `4 V` values as `V` nibbles.
///
/// # Safety
/// `nibbles` must be writable for `V` bytes.
#[inline(always)]
unsafe fn write_signs<const V: usize>(values: [F32x4; V], nibbles: *mut u8) {
    // SAFETY: four bytes are written where `V` is 4, else one for each of the `V` values.
    unsafe {
        if V == 4 {
            let signs = u32::from(F32x4::signs_of_four(from_fn(|v| values[v])));
            // Sixteen bits apart into the high halves of four bytes.
            let pairs = (signs | signs << 8) & 0x00ff_00ff;
            let bytes = (pairs << 4 | pairs << 8) & 0xf0f0_f0f0;
            nibbles.cast::<[u8; 4]>().write(bytes.to_le_bytes());
        } else {
            for (v, value) in values.into_iter().enumerate() {
                *nibbles.add(v) = value.signs() << 4;
            }
        }
    }
}
