//! Loops that apply a function of vectors to slices.

use crate::SPECIALISED;
use crate::simd::floats::{F32x4, Mask};

/// Applies `map` four lanes at a time; the last lanes are computed as a vector filled up with zeros, to the same bits.
/// True where an input is NaN.
#[inline(always)]
pub(crate) fn for_each<const N: usize>(
    inputs: [&[f32]; N],
    output: &mut [f32],
    map: impl Fn([F32x4; N]) -> F32x4,
) -> bool {
    if SPECIALISED {
        apply::<N, false>(inputs, output, map)
    } else {
        apply_in_one_loop(inputs, output, map)
    }
}

/// [`for_each`], whose results are added to what `output` holds where `accumulate`.
#[inline(always)]
pub(crate) fn for_each_onto<const N: usize>(
    inputs: [&[f32]; N],
    output: &mut [f32],
    accumulate: bool,
    map: impl Fn([F32x4; N]) -> F32x4,
) -> bool {
    if accumulate {
        apply::<N, true>(inputs, output, map)
    } else {
        apply::<N, false>(inputs, output, map)
    }
}

#[inline(always)]
fn apply<const N: usize, const ADD: bool>(
    inputs: [&[f32]; N],
    output: &mut [f32],
    map: impl Fn([F32x4; N]) -> F32x4,
) -> bool {
    let length = output.len();
    assert!(inputs.iter().all(|input| input.len() == length));
    let whole = length & !3;
    let mut nan = Mask::none();
    for at in (0..whole).step_by(4) {
        // SAFETY: `at + 4 <= length`, the length of every slice.
        let values = inputs.map(|input| unsafe { F32x4::read(input.as_ptr().add(at)) });
        nan = values.iter().fold(nan, |nan, value| nan.or(value.is_nan()));
        // SAFETY: as above.
        unsafe {
            let target = output.as_mut_ptr().add(at);
            let value = map(values);
            if ADD { F32x4::read(target) + value } else { value }.write(target);
        }
    }
    if whole < length {
        let values = inputs.map(|input| F32x4::load_up_to(&input[whole..]));
        nan = values.iter().fold(nan, |nan, value| nan.or(value.is_nan()));
        let (value, target) = (map(values), &mut output[whole..]);
        if ADD { F32x4::load_up_to(target) + value } else { value }.store_up_to(target);
    }
    nan.any()
}

/// [`for_each`] with the code of `map` in one place: the last lanes go through the same loop, out of a block of their own.
#[inline(always)]
fn apply_in_one_loop<const N: usize>(
    inputs: [&[f32]; N],
    output: &mut [f32],
    map: impl Fn([F32x4; N]) -> F32x4,
) -> bool {
    let length = output.len();
    assert!(inputs.iter().all(|input| input.len() == length));
    let whole = length & !3;
    let (mut last, mut result) = ([[0.0; 4]; N], [0.0; 4]);
    for (last, input) in last.iter_mut().zip(inputs) {
        last[..length - whole].copy_from_slice(&input[whole..]);
    }
    let (mut from, mut to) = (inputs.map(<[f32]>::as_ptr), output.as_mut_ptr());
    let (mut left, mut is_last) = (whole, false);
    let mut nan = Mask::none();
    loop {
        for at in (0..left).step_by(4) {
            // SAFETY: `at + 4` is at most `left`: the whole vectors of every slice, or then the four lanes of each block.
            unsafe {
                let values = from.map(|from| F32x4::read(from.add(at)));
                nan = values.iter().fold(nan, |nan, value| nan.or(value.is_nan()));
                map(values).write(to.add(at));
            }
        }
        if is_last || whole == length {
            break;
        }
        (from, to) = (last.each_ref().map(|last| last.as_ptr()), result.as_mut_ptr());
        (left, is_last) = (4, true);
    }
    output[whole..].copy_from_slice(&result[..length - whole]);
    nan.any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;

    #[test]
    fn both_forms_agree_for_every_number_of_last_lanes() {
        for length in 0..14 {
            let (a, mut b) = (reals(length, 1), reals(length, 2));
            for at in [None, length.checked_sub(1), length.checked_sub(5)] {
                if let Some(at) = at {
                    b[at] = f32::NAN;
                }
                let [mut one, mut other] = [(); 2].map(|()| vec![7.0; length]);
                let map = |[a, b]: [F32x4; 2]| a * b + a;
                let nan = apply::<2, false>([&a, &b], &mut one, map);
                assert_eq!(apply_in_one_loop([&a, &b], &mut other, map), nan);
                assert_eq!(nan, at.is_some() || b.iter().any(|b| b.is_nan()));
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&one), bits(&other));
            }
        }
    }
}
