use super::*;
use crate::arbitrary::{cases, dense, reals, seeds, signs};
use crate::attention::matrix::matrix_forward;
use crate::attention::slices::{Operand, Target, multiply_slices};
use crate::attention::whole::{Reals, attention_reals};
use crate::naive::attention::products;
use crate::naive::binary;
use crate::shape::sizes::attention_real_scratch_floats;
use proptest::prelude::*;
use proptest::sample::select;

#[derive(Clone, Debug)]
struct Case {
    kind: Kind,
    images: usize,
    heads: usize,
    tokens: usize,
    keys: usize,
    width: usize,
    value_width: usize,
    real_values: bool,
    words: bool,
    seed: u64,
}

fn any_case() -> impl Strategy<Value = Case> {
    let tokens = || prop_oneof![4 => 1usize..20, 1 => select(vec![49usize, 64, 65, 197])];
    let width = || prop_oneof![3 => 1usize..81, 1 => select(vec![8usize, 16, 32, 64])];
    let kinds = prop_oneof![3 => (0u32..5).prop_map(Kind::of), 1 => Just(Kind::Threshold)];
    let wide = prop_oneof![9 => width(), 1 => 240usize..WIDEST + 1];
    let sizes = (1usize..3, 1usize..5, tokens(), tokens(), wide, width());
    (kinds, sizes, any::<[bool; 2]>(), seeds()).prop_map(
        |(kind, (images, heads, tokens, keys, width, value_width), [real_values, words], seed)| Case {
            kind,
            images,
            heads,
            tokens: if keys > 40 { tokens.min(9) } else { tokens },
            keys,
            width,
            value_width,
            real_values,
            words,
            seed,
        },
    )
}

/// Powers of two, under which no product over reals is rounded more often than over bits.
fn some_sizes(seed: u64) -> SignSizes {
    let [queries, keys, values] = [0, 2, 4].map(|at| 0.25 * f32::from(1u8 << (seed >> at & 3)));
    SignSizes { queries, keys, values }
}

fn times(values: &[f32], size: f32) -> Vec<f32> {
    values.iter().map(|value| value * size).collect()
}

/// The signs of a tensor in both layouts.
fn packed(rows: usize, features: usize, values: &[f32]) -> (Vec<u8>, Vec<u64>) {
    let shape = dense(rows as u32, features as u32, 1);
    let bits: Vec<bool> = values.iter().map(|&value| value > 0.0).collect();
    (binary::nibbles(&shape, &bits), binary::words(&shape, &bits))
}

fn chosen<'a>(words: bool, (nibbles, long): &'a (Vec<u8>, Vec<u64>)) -> Signs<'a> {
    if words {
        Signs::Words(long)
    } else {
        Signs::Nibbles(nibbles)
    }
}

const fn split(transposed: bool) -> Layout {
    Layout {
        split: true,
        transposed,
    }
}
const SPLIT: [Layout; 2] = [split(false), split(true)];
const WHOLE: Layout = Layout {
    split: false,
    transposed: false,
};

/// Scores, map and product by the kernels over reals.
fn over_reals(of: Matrix, images: usize, value_width: usize, [q, k, v]: [&[f32]; 3]) -> Vec<f32> {
    let slices = images * of.heads;
    let (mut scores, mut out) = (
        vec![0.0; slices * of.tokens * of.keys],
        vec![0.0; slices * of.tokens * value_width],
    );
    let multiply = |sizes: Slices, a, b, alphas, values: &mut [f32], split| {
        let mut scratch = vec![0.0; panel_floats(sizes.terms, sizes.columns)];
        let target = Target {
            values,
            split,
            accumulate: false,
        };
        multiply_slices(sizes, a, b, alphas, target, &mut scratch);
    };
    let sizes = |columns, terms| Slices {
        images,
        heads: of.heads,
        rows: of.tokens,
        columns,
        terms,
    };
    let operand = |values, layout| Operand { values, layout };
    multiply(
        sizes(of.keys, of.width),
        operand(q, SPLIT[0]),
        operand(k, SPLIT[1]),
        None,
        &mut scores,
        false,
    );
    assert!(!matrix_forward(of, &mut scores, None));
    let alphas = (of.kind == Kind::Elastic).then_some(of.parameters);
    multiply(
        sizes(value_width, of.keys),
        operand(&scores, WHOLE),
        operand(v, SPLIT[0]),
        alphas,
        &mut out,
        true,
    );
    out
}

/// The same by the kernel that has all three in one, in which no NaN is met.
fn in_one(of: Matrix, images: usize, value_width: usize, [queries, keys, values]: [&[f32]; 3]) -> Vec<f32> {
    let mut out = vec![f32::NAN; images * of.tokens * of.heads * value_width];
    let mut scratch = vec![f32::NAN; attention_real_scratch_floats(of.keys, of.width, value_width)];
    let inputs = Reals {
        queries,
        keys,
        values,
        value_width,
    };
    assert!(!attention_reals(of, images, inputs, &mut out, &mut scratch));
    out
}

/// The same by the kernel over bits.
fn over_bits(of: Matrix, images: usize, inputs: Inputs) -> Vec<f32> {
    let mut out = vec![f32::NAN; images * of.tokens * of.heads * inputs.value_width];
    let mut floats = vec![f32::NAN; attention_scratch_floats(of.keys, inputs.value_width)];
    let mut bytes = vec![0xff; attention_column_bytes(of.keys, of.width, inputs.value_width)];
    let scratch = Scratch {
        floats: &mut floats,
        bytes: &mut bytes,
    };
    attention_bits(of, images, inputs, &mut out, scratch);
    out
}

proptest! {
    #![proptest_config(cases(160))]

    #[test]
    fn bits_give_what_reals_give(case in any_case()) {
        let Case { kind, images, heads, tokens, keys, width, value_width, real_values, words, seed } = case;
        let count = if kind == Kind::Elastic || kind == Kind::Sign { heads } else { 0 };
        let parameters: Vec<f32> = reals(count, seed + 3).iter().map(|x| (1.5 + 1.6 * x) / keys as f32).collect();
        let of = Matrix { kind, heads, tokens, keys, width, parameters: &parameters };
        let (q, k) = (signs(images * tokens * heads * width, seed), signs(images * keys * heads * width, seed + 1));
        let length = images * keys * heads * value_width;
        let v = if real_values { reals(length, seed + 2) } else { signs(length, seed + 2) };
        let packed = [
            packed(images * tokens, heads * width, &q),
            packed(images * keys, heads * width, &k),
            packed(images * keys, heads * value_width, &v),
        ];
        let [queries, own, signs] = [0, 1, 2].map(|i| chosen(words, &packed[i]));
        let values = if real_values { Values::Reals(&v) } else { Values::Signs(signs) };
        let sizes = SignSizes { values: if real_values { 1.0 } else { some_sizes(seed).values }, ..some_sizes(seed) };
        let found = over_bits(of, images, Inputs { queries, keys: own, values, value_width, sizes });
        let sized = [times(&q, sizes.queries), times(&k, sizes.keys), times(&v, sizes.values)];
        let wanted = over_reals(of, images, value_width, [&sized[0], &sized[1], &sized[2]]);
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&found), bits(&wanted));
        let (q, k) = (reals(q.len(), seed + 4), reals(k.len(), seed + 5));
        let wanted = over_reals(of, images, value_width, [&q, &k, &v]);
        prop_assert_eq!(bits(&in_one(of, images, value_width, [&q, &k, &v])), bits(&wanted));
    }

    /// Thresholds and signs of scores, from distances alone.
    #[test]
    fn bits_of_the_matrix_follow_from_distances(
        tokens in 1usize..9, keys in 1usize..70, width in 1usize..81, value_width in 1usize..40, boolean: bool, seed in seeds(),
    ) {
        let (q, k) = (signs(tokens * width, seed), signs(keys * width, seed + 1));
        let v = signs(keys * value_width, seed + 2);
        let sizes = Slices { images: 1, heads: 1, rows: tokens, columns: keys, terms: width };
        let scores: Vec<f64> = products(sizes, [SPLIT[0], SPLIT[1], WHOLE], &q, &k);
        let distances: Vec<usize> = scores.iter().map(|score| (width as f64 - score) as usize / 2).collect();
        let reach = ((width as f64).sqrt() * 4f64.ln() / 2.0).floor() as usize;
        let matrix = distances.chunks_exact(keys).flat_map(|row| {
            let least = row.iter().min().expect("a key");
            row.iter().map(move |&h| f32::from(u8::from(if boolean { 2 * h < width } else { h <= least + reach })))
        });
        let matrix: Vec<f32> = matrix.collect();
        let sizes = Slices { columns: value_width, terms: keys, ..sizes };
        let wanted: Vec<f64> = products(sizes, [WHOLE, SPLIT[0], SPLIT[0]], &matrix, &v);
        let kind = if boolean { Kind::Boolean } else { Kind::Threshold };
        let of = Matrix { kind, heads: 1, tokens, keys, width, parameters: &[] };
        let packed = [packed(tokens, width, &q), packed(keys, width, &k), packed(keys, value_width, &v)];
        let [queries, own, values] = [0, 1, 2].map(|i| chosen(false, &packed[i]));
        let found = over_bits(of, 1, Inputs { queries, keys: own, values: Values::Signs(values), value_width, sizes: SignSizes::ONE });
        prop_assert_eq!(found.into_iter().map(f64::from).collect::<Vec<_>>(), wanted);
    }
}

#[test]
fn long_rows_of_keys_are_counted_in_16_bits() {
    let (keys, width, value_width) = (1500, 8, 3);
    let (q, k, v) = (
        signs(5 * width, 1),
        signs(keys * width, 2),
        signs(keys * value_width, 3),
    );
    for (kind, parameters) in [
        (Kind::Threshold, &[][..]),
        (Kind::Boolean, &[]),
        (Kind::Sign, &[0.5 / 1500.0]),
        (Kind::Elastic, &[1.5 / 1500.0]),
    ] {
        let of = Matrix {
            kind,
            heads: 1,
            tokens: 5,
            keys,
            width,
            parameters,
        };
        let packed = [
            packed(5, width, &q),
            packed(keys, width, &k),
            packed(keys, value_width, &v),
        ];
        let [queries, own, values] = [0, 1, 2].map(|i| chosen(true, &packed[i]));
        let values = Values::Signs(values);
        let inputs = Inputs {
            queries,
            keys: own,
            values,
            value_width,
            sizes: SignSizes::ONE,
        };
        assert_eq!(
            over_bits(of, 1, inputs),
            over_reals(of, 1, value_width, [&q, &k, &v]),
            "{kind:?}"
        );
    }
}

/// Counts of 63 nibbles that are all ones, and distances as far as a byte holds them.
#[test]
fn the_largest_counts_fit() {
    let (keys, width) = (1100, WIDEST);
    let (q, v) = (vec![1.0; width], vec![1.0; keys]);
    let own: Vec<f32> = (0..keys * width)
        .map(|i| if i / width < 100 { 1.0 } else { -1.0 })
        .collect();
    for (k, wanted) in [(&own[..], [100.0, 100.0]), (&own[100 * width..], [1000.0, 0.0])] {
        let keys = k.len() / width;
        let packed = [
            packed(1, width, &q),
            packed(keys, width, k),
            packed(keys, 1, &v[..keys]),
        ];
        let [queries, own, values] = [0, 1, 2].map(|i| chosen(false, &packed[i]));
        for (kind, wanted) in [Kind::Threshold, Kind::Boolean].into_iter().zip(wanted) {
            let of = Matrix {
                kind,
                heads: 1,
                tokens: 1,
                keys,
                width,
                parameters: &[],
            };
            let values = Values::Signs(values);
            let inputs = Inputs {
                queries,
                keys: own,
                values,
                value_width: 1,
                sizes: SignSizes::ONE,
            };
            assert_eq!(over_bits(of, 1, inputs), [wanted], "{kind:?}, {keys} keys");
        }
    }
}
