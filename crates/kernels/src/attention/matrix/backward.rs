//! The way back through the matrix: the gradients at the scores, and at the learned numbers.

use super::{Kind, Matrix, alpha_of, scale_of};
use crate::reduce::{four, sum_row};
use crate::simd::floats::{F32x4, F64x2, Mask};

/// The gradient at the scores, in the place of `gradient`, which is that at A (at alpha A for the elastic kind). `soft` is
/// what [`super::matrix_forward`] left of the scores. `dparameters [heads]` receives those of these images, where the kind has
/// parameters. True where a gradient at A is NaN that the matrix may hold back.
pub fn matrix_backward(of: Matrix, soft: &[f32], gradient: &mut [f32], dparameters: Option<&mut [f32]>) -> bool {
    of.check(soft.len());
    assert_eq!(soft.len(), gradient.len());
    let nan = of.kind.holds_gradients() && Mask::of_nan(gradient).any();
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
    nan
}

/// The gradient of a row's scores in the place of that of its A.
fn backward_row(kind: Kind, width: usize, parameter: f32, soft: &[f32], gradient: &mut [f32]) {
    let scale = F32x4::splat(scale_of(width));
    let (one, two, zero) = (F32x4::splat(1.0), F32x4::splat(2.0), F32x4::splat(0.0));
    match kind {
        Kind::Softmax | Kind::Threshold => {}
        Kind::Elastic => {
            let divisor = F32x4::splat(alpha_of(parameter));
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
fn parameter_gradient(kind: Kind, parameter: f32, soft: &[f32], gradient: &[f32]) -> f64 {
    let factor = parameter_factor(kind, parameter);
    sum_row(soft.len(), |at, lanes| {
        let factor = factor(F32x4::load_up_to(&soft[at..at + lanes]));
        let (factor, g) = (factor.widen(), F32x4::load_up_to(&gradient[at..at + lanes]).widen());
        [factor[0] * g[0], factor[1] * g[1]]
    })
}

/// The factor of the gradient at A in that at the learned number.
#[inline(always)]
fn parameter_factor(kind: Kind, parameter: f32) -> impl Fn(F32x4) -> F32x4 {
    let (one, two, zero) = (F32x4::splat(1.0), F32x4::splat(2.0), F32x4::splat(0.0));
    let (half, given) = (F32x4::splat(0.5), F32x4::splat(parameter));
    let divisor = F32x4::splat(alpha_of(parameter));
    move |p| {
        if kind == Kind::Elastic {
            let q = p / divisor;
            q.at_most(one).select(half.less(q).keep(one) - q, one)
        } else {
            -(two - two * (p - given).abs()).pseudo_max(zero)
        }
    }
}

/// A head of an image whose rows are keys, `[keys][tokens, rounded up to 4]`.
#[derive(Clone, Copy)]
pub(in crate::attention) struct Turned<'a> {
    pub kind: Kind,
    pub width: usize,
    /// alpha or offset.
    pub parameter: f32,
    pub tokens: usize,
    /// The numbers that the way forward kept.
    pub soft: &'a [f32],
}

impl Turned<'_> {
    /// [`super::matrix_backward`] of the head. Its sums run over the keys in order.
    #[inline(never)]
    pub fn backward(&self, gradient: &mut [f32]) {
        let (one, two, zero) = (F32x4::splat(1.0), F32x4::splat(2.0), F32x4::splat(0.0));
        let scale = F32x4::splat(scale_of(self.width));
        match self.kind {
            Kind::Softmax | Kind::Threshold => self.columns(gradient, |_, g| g),
            Kind::Elastic => {
                let divisor = F32x4::splat(alpha_of(self.parameter));
                self.columns(gradient, |p, g| (p / divisor).at_most(one).keep(g));
            }
            Kind::Boolean => each(self.soft, gradient, |s, g| s.abs().less(one).keep(g * scale)),
            Kind::Sign => {
                let offset = F32x4::splat(self.parameter);
                self.columns(gradient, |p, g| (two - two * (p - offset).abs()).pseudo_max(zero) * g);
            }
        }
    }

    /// The way back through A by its slope, then through the softmax, of four tokens at a time.
    #[inline(always)]
    fn columns(&self, gradient: &mut [f32], slope: impl Fn(F32x4, F32x4) -> F32x4) {
        let scale = F32x4::splat(scale_of(self.width));
        let stride = self.tokens.next_multiple_of(4);
        for first in (0..stride).step_by(4) {
            let mut sums = [F64x2::splat(0.0); 2];
            for (soft, gradient) in self.soft.chunks_exact(stride).zip(gradient.chunks_exact_mut(stride)) {
                let (p, target) = (vector(soft, first), vector_mut(gradient, first));
                let g = slope(p, F32x4::load(target));
                g.store(target);
                let (p, g) = (p.widen(), g.widen());
                sums = [sums[0] + p[0] * g[0], sums[1] + p[1] * g[1]];
            }
            let mean = F32x4::load(&lanes(sums).map(|sum| sum as f32));
            for (soft, gradient) in self.soft.chunks_exact(stride).zip(gradient.chunks_exact_mut(stride)) {
                let target = vector_mut(gradient, first);
                (vector(soft, first) * (F32x4::load(target) - mean) * scale).store(target);
            }
        }
    }

    /// The gradient at the learned number, out of that at A.
    #[inline(never)]
    pub fn parameter_gradient(&self, gradient: &[f32]) -> f64 {
        let factor = parameter_factor(self.kind, self.parameter);
        let stride = self.tokens.next_multiple_of(4);
        let mut sum = 0.0;
        for first in (0..stride).step_by(4) {
            let mut sums = [F64x2::splat(0.0); 2];
            for (soft, gradient) in self.soft.chunks_exact(stride).zip(gradient.chunks_exact(stride)) {
                let (factor, g) = (factor(vector(soft, first)).widen(), vector(gradient, first).widen());
                sums = [sums[0] + factor[0] * g[0], sums[1] + factor[1] * g[1]];
            }
            sum = lanes(sums)[..4.min(self.tokens - first)]
                .iter()
                .fold(sum, |sum, lane| sum + lane);
        }
        sum
    }
}

#[inline(always)]
fn vector(row: &[f32], first: usize) -> F32x4 {
    F32x4::load(row[first..].first_chunk().expect("a stride of whole vectors"))
}

#[inline(always)]
fn vector_mut(row: &mut [f32], first: usize) -> &mut [f32; 4] {
    row[first..].first_chunk_mut().expect("a stride of whole vectors")
}

/// The four sums.
#[inline(always)]
fn lanes(sums: [F64x2; 2]) -> [f64; 4] {
    let mut pairs = [[0.0; 2]; 2];
    for (sum, pair) in sums.into_iter().zip(&mut pairs) {
        sum.store(pair);
    }
    [pairs[0][0], pairs[0][1], pairs[1][0], pairs[1][1]]
}
