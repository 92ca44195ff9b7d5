//! The way back through an operation with a learned number for each channel, in one pass over the rows: the gradient at the
//! input, and the sums that are the gradients at the numbers. Products of two f32 are exact in f64.

use crate::reduce::fold_columns;
use crate::simd::floats::F32x4;

/// The operands of the way back through an operation with a number for each channel.
#[derive(Clone, Copy)]
pub struct ChannelGradients<'a> {
    /// The input, `[rows][c]`.
    pub x: &'a [f32],
    /// The gradient at the output, `[rows][c]`.
    pub dy: &'a [f32],
    /// `[c]`.
    pub numbers: &'a [f32],
    /// True where the gradient at the input is added to what is there.
    pub accumulate: bool,
}

/// The fate of the gradient at the input: it is left out, written or added.
const WRITE: u8 = 0;
const ADD: u8 = 1;
const NONE: u8 = 2;

/// One pass over the rows: `dx = share(x, dy, number)` where it is asked for, and the sums of `factor(x) dy` of each channel,
/// in f64 over rows in order and rounded once.
#[inline(always)]
pub fn channel_gradients(
    given: ChannelGradients,
    dx: Option<&mut [f32]>,
    sums: &mut [f32],
    share: impl Fn(F32x4, F32x4, F32x4) -> F32x4,
    factor: impl Fn(F32x4) -> F32x4,
) {
    let ChannelGradients {
        x,
        dy,
        numbers,
        accumulate,
    } = given;
    let c = numbers.len();
    assert!(c > 0 && sums.len() == c && x.len() == dy.len() && x.len().is_multiple_of(c));
    match dx {
        None => channel_pass::<NONE>(given, core::ptr::null_mut(), sums, share, factor),
        Some(dx) => {
            assert_eq!(dx.len(), x.len());
            if accumulate {
                channel_pass::<ADD>(given, dx.as_mut_ptr(), sums, share, factor);
            } else {
                channel_pass::<WRITE>(given, dx.as_mut_ptr(), sums, share, factor);
            }
        }
    }
}

/// Unless `NONE` is asked for, `dx` must be as long as x.
#[inline(always)]
fn channel_pass<const MODE: u8>(
    ChannelGradients { x, dy, numbers, .. }: ChannelGradients,
    dx: *mut f32,
    sums: &mut [f32],
    share: impl Fn(F32x4, F32x4, F32x4) -> F32x4,
    factor: impl Fn(F32x4) -> F32x4,
) {
    let c = numbers.len();
    fold_columns::<1>(
        x.len() / c,
        c,
        |row, first, lanes| {
            let at = row * c + first;
            // SAFETY: `fold_columns` asks for `lanes` columns from `first` on that exist, and all tensors have the rows of `x`.
            unsafe {
                let few = |values: *const f32| F32x4::load_lanes_at::<1>(values, lanes)[0];
                let (value, gradient) = (few(x.as_ptr().add(at)), few(dy.as_ptr().add(at)));
                if MODE != NONE {
                    let share = share(value, gradient, few(numbers.as_ptr().add(first)));
                    let target = dx.add(at);
                    let share = if MODE == ADD { few(target) + share } else { share };
                    F32x4::store_lanes_at([share], target, lanes);
                }
                let (value, gradient) = (factor(value).widen(), gradient.widen());
                [[value[0] * gradient[0], value[1] * gradient[1]]]
            }
        },
        |_, channel, sum| sums[channel] = sum as f32,
    );
}
