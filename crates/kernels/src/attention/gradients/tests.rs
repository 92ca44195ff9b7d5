use super::*;
use crate::arbitrary::{cases, dense, reals, seeds, signs, with_nan};
use crate::attention::fused::{self, Inputs, Kept, Values, attention_bits, attention_bits_kept};
use crate::attention::matrix::{matrix_backward, matrix_forward};
use crate::naive::attention::{grouped, products};
use crate::naive::binary;
use crate::shape::sizes::{attention_column_bytes, attention_scratch_floats};
use proptest::prelude::*;
use proptest::sample::select;

const fn layout(split: bool, transposed: bool) -> Layout {
    Layout { split, transposed }
}
const SPLIT: Layout = layout(true, false);
const ACROSS: Layout = layout(true, true);
const WHOLE: Layout = layout(false, false);
const TURNED: Layout = layout(false, true);

#[derive(Clone, Debug)]
struct Case {
    kind: Kind,
    images: usize,
    heads: usize,
    tokens: usize,
    keys: usize,
    width: usize,
    value_width: usize,
    words: bool,
    seed: u64,
}

fn any_case() -> impl Strategy<Value = Case> {
    let tokens = || prop_oneof![4 => 1usize..20, 1 => select(vec![49usize, 64, 65, 197])];
    let width = || prop_oneof![3 => 1usize..81, 1 => select(vec![8usize, 16, 32, 64])];
    let sizes = (1usize..3, 1usize..5, tokens(), tokens(), width(), width());
    ((0u32..5).prop_map(Kind::of), sizes, any::<bool>(), seeds()).prop_map(
        |(kind, (images, heads, tokens, keys, width, value_width), words, seed)| Case {
            kind,
            images,
            heads,
            tokens: if keys > 40 { tokens.min(66) } else { tokens },
            keys,
            width,
            value_width,
            words,
            seed,
        },
    )
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Gradients at queries, keys, values and parameters.
type All = [Vec<f32>; 4];

/// The way back through a row of the matrix, whose sum runs over the keys in order.
fn scores_backward(of: Matrix, parameter: f32, soft: &[f32], gradient: &mut [f32]) {
    let scale = (1.0 / (of.width as f64).sqrt()) as f32;
    let mut mean = 0.0;
    for (&p, g) in soft.iter().zip(&mut *gradient) {
        *g = match of.kind {
            Kind::Softmax | Kind::Threshold => *g,
            Kind::Elastic => f32::from(u8::from(p / parameter.max(1e-5) <= 1.0)) * *g,
            Kind::Boolean if p.abs() < 1.0 => *g * scale,
            Kind::Boolean => 0.0,
            Kind::Sign => (2.0 - 2.0 * (p - parameter).abs()).max(0.0) * *g,
        };
        mean += f64::from(p) * f64::from(*g);
    }
    if of.kind != Kind::Boolean {
        for (p, g) in soft.iter().zip(gradient) {
            *g = p * (*g - mean as f32) * scale;
        }
    }
}

/// The way back by naive products in the order of tables.
fn twin(of: Matrix, images: usize, value_width: usize, [q, k, v]: [&[f32]; 3], dy: &[f32]) -> All {
    let Matrix {
        heads,
        tokens,
        keys,
        width,
        ..
    } = of;
    let sizes = |rows, columns, terms| Slices {
        images,
        heads,
        rows,
        columns,
        terms,
    };
    let mut soft: Vec<f32> = products(sizes(tokens, keys, width), [SPLIT, ACROSS, WHOLE], q, k);
    let mut matrix = vec![0.0; soft.len()];
    matrix_forward(of, &mut soft, Some(&mut matrix));
    let mut gradient = grouped(sizes(tokens, keys, value_width), [SPLIT, ACROSS, WHOLE], dy, v);
    let mut learned = vec![0.0; of.parameters.len()];
    let mut scratch = gradient.clone();
    let asked = of.kind.has_parameter().then_some(&mut learned[..]);
    matrix_backward(of, &soft, &mut scratch, asked);
    for (number, gradient) in gradient.chunks_exact_mut(keys).enumerate() {
        scores_backward(
            of,
            of.parameter(number / tokens % heads),
            &soft[number * keys..][..keys],
            gradient,
        );
    }
    let layouts = [TURNED, SPLIT, SPLIT];
    let forward = sizes(keys, value_width, tokens);
    let mut dv: Vec<f32> = if of.kind == Kind::Softmax {
        products(forward, layouts, &soft, dy)
    } else {
        grouped(forward, layouts, &matrix, dy)
    };
    if of.kind == Kind::Elastic {
        for (i, value) in dv.iter_mut().enumerate() {
            *value *= of.parameter(i / value_width % heads);
        }
    }
    let dq = grouped(sizes(tokens, width, keys), [WHOLE, SPLIT, SPLIT], &gradient, k);
    let dk = grouped(sizes(keys, width, tokens), layouts, &gradient, q);
    [dq, dk, dv, learned]
}

/// The signs of a tensor in both layouts.
fn packed(rows: usize, features: usize, values: &[f32]) -> (Vec<u8>, Vec<u64>) {
    let shape = dense(rows as u32, features as u32, 1);
    let bits: Vec<bool> = values.iter().map(|&value| value > 0.0).collect();
    (binary::nibbles(&shape, &bits), binary::words(&shape, &bits))
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn what_is_kept_and_all_gradients_are_those_of_the_definitions(case in any_case()) {
        let Case { kind, images, heads, tokens, keys, width, value_width, words, seed } = case;
        let count = if kind.has_parameter() { heads } else { 0 };
        let parameters: Vec<f32> = reals(count, seed + 3).iter().map(|x| (1.5 + 1.4 * x) / keys as f32).collect();
        let of = Matrix { kind, heads, tokens, keys, width, parameters: &parameters };
        let rows = [(images * tokens, width, seed), (images * keys, width, seed + 1), (images * keys, value_width, seed + 2)];
        // Powers of two, under which no product over reals is rounded more often.
        let [one, two, three] = [0, 2, 4].map(|at| 0.25 * f32::from(1u8 << (seed >> at & 3)));
        let given = SignSizes { queries: one, keys: two, values: three };
        let operands = rows.map(|(rows, width, seed)| signs(rows * heads * width, seed));
        let operands = [(0, one), (1, two), (2, three)].map(|(i, size): (usize, f32)| operands[i].iter().map(|x| x * size).collect::<Vec<_>>());
        let [q, k, v] = [0, 1, 2].map(|i| &operands[i][..]);
        let both = [0, 1, 2].map(|i| packed(rows[i].0, heads * rows[i].1, &operands[i]));
        let [queries, own, values] = [0, 1, 2].map(|i| {
            if words { Signs::Words(&both[i].1) } else { Signs::Nibbles(&both[i].0) }
        });
        let slices = images * heads;
        let inputs = Inputs { queries, keys: own, values: Values::Signs(values), value_width, sizes: given };
        let mut floats = vec![f32::NAN; attention_scratch_floats(keys, value_width)];
        let mut bytes = vec![0xff; attention_column_bytes(keys, width, value_width)];
        let mut out = [vec![f32::NAN; slices * tokens * value_width], vec![f32::NAN; slices * tokens * value_width]];
        let (mut soft, mut kept) = (vec![f32::NAN; slices * attention_soft_floats(tokens, keys)], vec![0xff; slices * tokens * attention_row_bytes(keys)]);
        let scratch = fused::Scratch { floats: &mut floats, bytes: &mut bytes };
        attention_bits_kept(of, images, inputs, &mut out[0], scratch, Kept { soft: &mut soft, bits: &mut kept });
        let scratch = fused::Scratch { floats: &mut floats, bytes: &mut bytes };
        attention_bits(of, images, inputs, &mut out[1], scratch);
        prop_assert_eq!(bits(&out[0]), bits(&out[1]));

        let sizes = Slices { images, heads, rows: tokens, columns: keys, terms: width };
        let mut scores: Vec<f32> = products(sizes, [SPLIT, ACROSS, WHOLE], q, k);
        let mut matrix = vec![f32::NAN; scores.len()];
        matrix_forward(of, &mut scores, Some(&mut matrix));
        let stride = tokens.next_multiple_of(4);
        for (i, score) in scores.iter().enumerate() {
            let (slice, token, key) = (i / keys / tokens, i / keys % tokens, i % keys);
            prop_assert_eq!(soft[(slice * keys + key) * stride + token].to_bits(), score.to_bits());
        }

        let dy = reals(slices * tokens * value_width, seed + 4);
        let wanted = twin(of, images, value_width, [q, k, v], &dy);
        let mut found: All = [0, 1, 2, 3].map(|i| vec![f32::NAN; wanted[i].len()]);
        let [dq, dk, dv, learned] = &mut found;
        let mut floats = vec![f32::NAN; attention_gradient_floats(tokens, keys, width, value_width)];
        let mut selectors = vec![0xf0; attention_selector_bytes(tokens, keys, width, value_width)];
        let forward = Forward { queries, keys: own, values, value_width, sizes: given, soft: &soft, bits: &kept };
        let parameters = kind.has_parameter().then_some(&mut learned[..]);
        let onto = Gradients { queries: dq, keys: dk, values: dv, parameters };
        let scratch = Scratch { floats: &mut floats, selectors: &mut selectors };
        prop_assert!(!attention_bits_backward(of, images, forward, &dy, onto, scratch));
        for (found, wanted) in found.iter().zip(&wanted).take(3) {
            prop_assert!(found.iter().zip(wanted).all(|(found, wanted)| found == wanted));
        }
        // Sums of f64 in another order, each of at most this size.
        let most = three * dy.iter().fold(0f32, |most, x| most.max(x.abs()));
        let size = f64::from(most) * (2 * images * tokens * keys * value_width) as f64;
        for (found, wanted) in found[3].iter().zip(&wanted[3]) {
            let bound = f64::from(f32::EPSILON * wanted.abs()) + 1e-12 * size;
            prop_assert!(f64::from(found - wanted).abs() <= bound);
        }

        // A NaN is reported, or it is in a gradient.
        let dirty = with_nan(dy.clone(), seed as usize % dy.len());
        let [dq, dk, dv, _] = &mut found;
        let onto = Gradients { queries: dq, keys: dk, values: dv, parameters: None };
        let scratch = Scratch { floats: &mut floats, selectors: &mut selectors };
        let nan = attention_bits_backward(of, images, forward, &dirty, onto, scratch);
        prop_assert!(nan || found[..3].iter().flatten().any(|x| x.is_nan()));

        // The order of tables is an order of the same sum.
        let sizes = Slices { columns: keys, terms: value_width, ..sizes };
        let exact: Vec<f64> = products(sizes, [SPLIT, ACROSS, WHOLE], &dy, v);
        let bound = f64::from(most) * f64::from(f32::EPSILON) * (value_width * value_width) as f64;
        for (found, exact) in grouped(sizes, [SPLIT, ACROSS, WHOLE], &dy, v).iter().zip(exact) {
            prop_assert!((f64::from(*found) - exact).abs() <= bound);
        }
    }
}
