//! The way back through the matrix: the gradients at the scores, and at the learned numbers.

use super::{Kind, Matrix, divisor_of, scale_of};
use crate::reduce::{four, sum_row};
use crate::simd::floats::F32x4;

/// The gradient at the scores, in the place of `gradient`, which is that at A (at alpha A for the elastic kind). `soft` is
/// what [`super::matrix_forward`] left of the scores. `dparameters [heads]` receives those of these images, where the kind has
/// parameters.
pub fn matrix_backward(of: Matrix, soft: &[f32], gradient: &mut [f32], dparameters: Option<&mut [f32]>) {
    of.check(soft.len());
    assert_eq!(soft.len(), gradient.len());
    let block = of.tokens * of.keys;
    if let Some(dparameters) = dparameters {
        assert!(of.kind.has_parameter() && dparameters.len() == of.heads);
        for (head, target) in dparameters.iter_mut().enumerate() {
            let slices = soft.chunks_exact(block).zip(gradient.chunks_exact(block));
            let own = slices.skip(head).step_by(of.heads);
            let rows = own.flat_map(|(soft, gradient)| soft.chunks_exact(of.keys).zip(gradient.chunks_exact(of.keys)));
            let parameter = of.parameter(head);
            *target = rows.fold(0.0, |sum, (soft, gradient)| {
                sum + parameter_gradient(of.kind, parameter, soft, gradient)
            }) as f32;
        }
    }
    for (number, (soft, gradient)) in soft
        .chunks_exact(of.keys)
        .zip(gradient.chunks_exact_mut(of.keys))
        .enumerate()
    {
        backward_row(
            of.kind,
            of.width,
            of.parameter(number / of.tokens % of.heads),
            soft,
            gradient,
        );
    }
}

/// The gradient of a row's scores in the place of that of its A.
pub(in crate::attention) fn backward_row(kind: Kind, width: usize, parameter: f32, soft: &[f32], gradient: &mut [f32]) {
    let scale = F32x4::splat(scale_of(width));
    let (one, two, zero) = (F32x4::splat(1.0), F32x4::splat(2.0), F32x4::splat(0.0));
    match kind {
        Kind::Softmax | Kind::Threshold => {}
        Kind::Elastic => {
            let divisor = F32x4::splat(divisor_of(parameter));
            each(soft, gradient, |p, g| (p / divisor).at_most(one).keep(g));
        }
        Kind::Boolean => each(soft, gradient, |s, g| s.abs().less(one).keep(g * scale)),
        Kind::Sign => {
            let offset = F32x4::splat(parameter);
            each(soft, gradient, |p, g| {
                (two - two * (p - offset).abs()).pseudo_max(zero) * g
            });
        }
    }
    if kind != Kind::Boolean {
        let sum = sum_row(soft.len(), |at, lanes| {
            // SAFETY: `sum_row` asks for elements of the row.
            let (p, g) = unsafe { (four(soft, at, lanes), four(gradient, at, lanes)) };
            [p[0] * g[0], p[1] * g[1]]
        });
        let mean = F32x4::splat(sum as f32);
        each(soft, gradient, |p, g| p * (g - mean) * scale);
    }
}

/// `gradient = map(soft, gradient)`, four at a time.
#[inline(always)]
fn each(soft: &[f32], gradient: &mut [f32], map: impl Fn(F32x4, F32x4) -> F32x4) {
    for at in (0..soft.len()).step_by(4) {
        let target = &mut gradient[at..];
        map(F32x4::load_up_to(&soft[at..]), F32x4::load_up_to(target)).store_up_to(target);
    }
}

/// The gradient at the learned number, of one row.
pub(in crate::attention) fn parameter_gradient(kind: Kind, parameter: f32, soft: &[f32], gradient: &[f32]) -> f64 {
    let (one, two, zero) = (F32x4::splat(1.0), F32x4::splat(2.0), F32x4::splat(0.0));
    let (half, given) = (F32x4::splat(0.5), F32x4::splat(parameter));
    let divisor = F32x4::splat(divisor_of(parameter));
    sum_row(soft.len(), |at, lanes| {
        let p = F32x4::load_up_to(&soft[at..at + lanes]);
        let factor = if kind == Kind::Elastic {
            let q = p / divisor;
            q.at_most(one).select(half.less(q).keep(one) - q, one)
        } else {
            -(two - two * (p - given).abs()).pseudo_max(zero)
        };
        let (factor, g) = (factor.widen(), F32x4::load_up_to(&gradient[at..at + lanes]).widen());
        [factor[0] * g[0], factor[1] * g[1]]
    })
}
