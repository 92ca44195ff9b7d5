//! The way back through attention whose queries, keys and values are signs, one head of an image at a time.
//!
//! With V, Q and K of signs and A of bits, every product has an operand of bits, and is summed by tables (`signed`):
//!
//!   dA = dO V^T, dV = A^T dO, dS = dA through the matrix, dQ = dS K, dK = dS^T Q
//!
//! Sizes of signs are factors of dA, dQ and dK. A softmax is real, so its dV is the chain of `slices`. dA and dS never leave the cache.

use super::bits::{HeadSigns, Signs};
use super::fused::SignSizes;
use super::matrix::{Kind, Matrix, Turned, alpha_of};
use super::signed::{Onto, Real, multiply_signs, turn};
use super::slices::{Layout, Slice, Slices, multiply_slice, pack};
use crate::gemm::fb::{TABLE, TABLES};
use crate::shape::sizes::{
    attention_gradient_floats, attention_row_bytes, attention_selector_bytes, attention_soft_floats, groups,
    panel_floats,
};
use crate::simd::floats::Mask;

/// The operands and results of the way forward.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// Signs `[images][tokens][heads * width]`.
    pub queries: Signs<'a>,
    /// Signs `[images][keys][heads * width]`.
    pub keys: Signs<'a>,
    /// Signs `[images][keys][heads * value_width]`.
    pub values: Signs<'a>,
    /// Features of a head of the values.
    pub value_width: usize,
    /// The sizes of the signs.
    pub sizes: SignSizes,
    /// `Kept::soft`.
    pub soft: &'a [f32],
    /// `Kept::bits`.
    pub bits: &'a [u8],
}

/// Gradients in the layouts of the operands.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// At the queries.
    pub queries: &'a mut [f32],
    /// At the keys.
    pub keys: &'a mut [f32],
    /// At the values.
    pub values: &'a mut [f32],
    /// At the learned numbers `[heads]`, where somebody asks for them.
    pub parameters: Option<&'a mut [f32]>,
}

/// The scratch of one call, of [`attention_gradient_floats`] and [`attention_selector_bytes`].
#[derive(Debug)]
pub struct Scratch<'a> {
    /// Tables, gradients of a head, and turned products.
    pub floats: &'a mut [f32],
    /// Rows of the operand of signs.
    pub selectors: &'a mut [u8],
}

/// The pieces of the scratch.
struct Pieces<'a> {
    tables: &'a mut [f32],
    /// The gradient at the matrix, then at the scores: a row for each key, of the tokens rounded up to 4.
    matrix: &'a mut [f32],
    turned: &'a mut [f32],
    selectors: &'a mut [u8],
}

/// The gradients out of that at the results, `dy [images][tokens][heads * value_width]`. True where one is NaN that
/// the matrix may hold back.
pub fn attention_bits_backward(
    of: Matrix,
    images: usize,
    forward: Forward,
    dy: &[f32],
    mut onto: Gradients,
    scratch: Scratch,
) -> bool {
    let Matrix {
        heads,
        tokens,
        keys,
        width,
        ..
    } = of;
    let Forward {
        value_width,
        soft,
        bits,
        ..
    } = forward;
    let slices = images * heads;
    of.check(slices * tokens * keys);
    assert!(value_width > 0 && soft.len() == slices * attention_soft_floats(tokens, keys));
    assert_eq!(bits.len(), slices * tokens * attention_row_bytes(keys));
    assert_eq!(dy.len(), slices * tokens * value_width);
    assert_eq!(onto.queries.len(), slices * tokens * width);
    assert_eq!(onto.keys.len(), slices * keys * width);
    assert_eq!(onto.values.len(), slices * keys * value_width);
    let has_own = |given: &&mut [f32]| of.kind.has_parameter() && given.len() == heads;
    assert!(onto.parameters.as_ref().is_none_or(has_own));
    let Scratch { floats, selectors } = scratch;
    assert_eq!(
        floats.len(),
        attention_gradient_floats(tokens, keys, width, value_width)
    );
    assert_eq!(
        selectors.len(),
        attention_selector_bytes(tokens, keys, width, value_width)
    );
    let (tables, rest) = floats.split_at_mut((TABLES * TABLE).max(panel_floats(tokens, value_width)));
    let (matrix, turned) = rest.split_at_mut(attention_soft_floats(tokens, keys));
    let mut pieces = Pieces {
        tables,
        matrix,
        turned,
        selectors,
    };
    for head in 0..heads {
        let sum = (0..images).fold(0.0, |sum, image| {
            sum + head_backward(of, [image, head], forward, dy, &mut onto, &mut pieces)
        });
        if let Some(parameters) = &mut onto.parameters {
            parameters[head] = sum as f32;
        }
    }
    of.kind.holds_gradients() && Mask::of_nan(dy).any()
}

/// One head of an image. Returns its share of the gradient at the learned number, 0 where nobody asks for it.
#[inline(never)]
fn head_backward(
    of: Matrix,
    [image, head]: [usize; 2],
    forward: Forward,
    dy: &[f32],
    onto: &mut Gradients,
    pieces: &mut Pieces,
) -> f64 {
    let Matrix {
        kind,
        heads,
        tokens,
        keys,
        width,
        ..
    } = of;
    let Forward { value_width, sizes, .. } = forward;
    let number = image * heads + head;
    let place = |tokens: usize, width: usize| ((image * tokens * heads + head) * width, heads * width);
    let part = |signs, tokens: usize, width: usize| HeadSigns {
        signs,
        skip: image * tokens,
        features: heads * width,
        first: head * width,
        count: width,
    };
    let size = attention_soft_floats(tokens, keys);
    let soft = &forward.soft[number * size..][..size];
    let (start, down) = place(tokens, value_width);
    let result = Real {
        values: dy,
        start,
        down,
        turned: false,
        terms: tokens,
        lanes: value_width,
    };
    values_backward(of, [image, head], forward, result, onto.values, pieces);

    // dA = dO V^T, a row for each key.
    let values = part(forward.values, keys, value_width);
    for (key, row) in pieces
        .selectors
        .chunks_exact_mut(groups(value_width))
        .enumerate()
        .take(keys)
    {
        values.row(key, 0, row);
    }
    let [across, stride] = [tokens, keys].map(|count| count.next_multiple_of(4));
    let turned = Real {
        turned: true,
        terms: value_width,
        lanes: tokens,
        ..result
    };
    let Pieces {
        tables,
        matrix,
        turned: product,
        selectors,
    } = pieces;
    multiply_signs::<true>(
        turned,
        selectors,
        keys,
        tables,
        &mut Onto::scaled(matrix, across, sizes.values),
    );
    let own = Turned {
        kind,
        width,
        parameter: of.parameter(head),
        tokens,
        soft,
    };
    let sum = if onto.parameters.is_some() {
        own.parameter_gradient(matrix)
    } else {
        0.0
    };
    own.backward(matrix);

    // dQ = dS K and dK = dS^T Q, a row for each feature.
    part(forward.keys, keys, width).features_as_rows(keys, selectors);
    let scores = Real {
        values: matrix,
        start: 0,
        down: across,
        turned: false,
        terms: keys,
        lanes: tokens,
    };
    multiply_signs::<true>(
        scores,
        selectors,
        width,
        tables,
        &mut Onto::scaled(product, across, sizes.keys),
    );
    let (start, down) = place(tokens, width);
    turn(product, across, [tokens, width], onto.queries, start, down);
    part(forward.queries, tokens, width).features_as_rows(tokens, selectors);
    let scores = Real {
        turned: true,
        terms: tokens,
        lanes: keys,
        ..scores
    };
    multiply_signs::<true>(
        scores,
        selectors,
        width,
        tables,
        &mut Onto::scaled(product, stride, sizes.queries),
    );
    let (start, down) = place(keys, width);
    turn(product, stride, [keys, width], onto.keys, start, down);
    sum
}

/// dV = A^T dO, a row for each key.
#[inline(never)]
fn values_backward(
    of: Matrix,
    [image, head]: [usize; 2],
    forward: Forward,
    result: Real,
    onto: &mut [f32],
    pieces: &mut Pieces,
) {
    let Matrix {
        kind,
        heads,
        tokens,
        keys,
        ..
    } = of;
    let number = image * heads + head;
    let sizes = Slices {
        images: 1,
        heads,
        rows: keys,
        columns: forward.value_width,
        terms: tokens,
    };
    let split = Layout {
        split: true,
        transposed: false,
    };
    let to = sizes.slice(split, [image, head], [keys, forward.value_width]);
    if kind == Kind::Softmax {
        let panels = &mut pieces.tables[..panel_floats(tokens, forward.value_width)];
        let slice = sizes.slice(split, [image, head], [tokens, forward.value_width]);
        pack(result.values, slice, tokens, forward.value_width, panels);
        let from = Slice {
            start: number * attention_soft_floats(tokens, keys),
            down: tokens.next_multiple_of(4),
            right: 1,
        };
        multiply_slice(sizes, forward.soft, from, panels, 1.0, onto, to, false);
        return;
    }
    let bytes = attention_row_bytes(keys);
    let bits = HeadSigns {
        signs: Signs::Nibbles(&forward.bits[number * tokens * bytes..][..tokens * bytes]),
        skip: 0,
        features: 4 * bytes,
        first: 0,
        count: keys,
    };
    bits.features_as_rows(tokens, pieces.selectors);
    let mut onto = Onto {
        values: onto,
        start: to.start,
        down: to.down,
        factor: if kind == Kind::Elastic {
            alpha_of(of.parameter(head))
        } else {
            1.0
        },
    };
    if kind == Kind::Sign {
        multiply_signs::<true>(result, pieces.selectors, keys, pieces.tables, &mut onto);
    } else {
        multiply_signs::<false>(result, pieces.selectors, keys, pieces.tables, &mut onto);
    }
}

#[cfg(test)]
mod tests;
