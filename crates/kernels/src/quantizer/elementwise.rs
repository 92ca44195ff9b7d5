//! Loops that apply a function of vectors to slices.

use crate::simd::floats::{F32x4, Mask};

/// Applies `map` four lanes at a time; the last lanes are computed as a vector filled up with zeros, to the same bits.
/// True where an input is NaN.
#[inline(always)]
pub(crate) fn for_each<const N: usize>(
    inputs: [&[f32]; N],
    output: &mut [f32],
    map: impl Fn([F32x4; N]) -> F32x4,
) -> bool {
    apply::<N, false>(inputs, output, map)
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
