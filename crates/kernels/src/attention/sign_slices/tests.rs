use super::*;
use crate::arbitrary::{cases, dense, reals, seeds, signs};
use crate::attention::slices::Layout;
use crate::naive::attention::{grouped, products};
use crate::naive::binary;
use proptest::prelude::*;
use proptest::sample::select;

const WHOLE: Layout = Layout {
    split: false,
    transposed: false,
};
const TURNED: Layout = Layout {
    split: false,
    transposed: true,
};

const fn layout(transposed: bool) -> Layout {
    if transposed { TURNED } else { WHOLE }
}

fn any_sizes() -> impl Strategy<Value = Slices> {
    let side = || prop_oneof![5 => 1usize..41, 1 => select(vec![49usize, 63, 64, 65, 127, 128, 129])];
    let terms = prop_oneof![3 => 1usize..81, 1 => select(vec![128usize, 251, 252, 253, 255, 256, 257, 300, 505, 513])];
    (1usize..3, 1usize..4, side(), side(), terms).prop_map(|(images, heads, rows, columns, terms)| Slices {
        images,
        heads,
        rows,
        columns,
        terms,
    })
}

/// The sizes of the operands, `[rows, features]` of all slices.
fn shapes(sizes: Slices, transposed: bool) -> [[usize; 2]; 2] {
    let Slices {
        rows, columns, terms, ..
    } = sizes;
    let count = sizes.images * sizes.heads;
    let [height, width] = if transposed { [columns, terms] } else { [terms, columns] };
    [[count * rows, terms], [count * height, width]]
}

/// The signs of a matrix in both layouts.
struct Packed(Vec<u8>, Vec<u64>);

impl Packed {
    fn of([rows, features]: [usize; 2], values: &[f32]) -> Self {
        let shape = dense(rows as u32, features as u32, 1);
        let bits: Vec<bool> = values.iter().map(|&value| value > 0.0).collect();
        Self(binary::nibbles(&shape, &bits), binary::words(&shape, &bits))
    }

    fn signs(&self, words: bool) -> Signs<'_> {
        if words {
            Signs::Words(&self.1)
        } else {
            Signs::Nibbles(&self.0)
        }
    }
}

/// The product of two matrices of +-1 over bits.
fn over_bits(sizes: Slices, transposed: bool, words: bool, [a, b]: [&[f32]; 2]) -> Vec<f32> {
    let Slices {
        images,
        heads,
        rows,
        columns,
        terms,
    } = sizes;
    let [first, second] = shapes(sizes, transposed);
    let (a, b) = (Packed::of(first, a), Packed::of(second, b));
    let mut out = vec![f32::NAN; images * heads * rows * columns];
    let mut scratch = vec![0xff; sign_slice_bytes(columns, terms)];
    let b = SignSlices {
        signs: b.signs(words),
        transposed,
    };
    multiply_sign_slices(sizes, a.signs(words), b, &mut out, &mut scratch);
    out
}

/// Calls a way back with scratch that holds anything, and returns `length` numbers.
fn with_scratch(sizes: Slices, length: usize, run: impl FnOnce(&mut [f32], Scratch)) -> Vec<f32> {
    let Slices {
        rows, columns, terms, ..
    } = sizes;
    let mut out = vec![f32::NAN; length];
    let mut floats = vec![f32::NAN; sign_gradient_floats(rows, columns, terms)];
    let mut selectors = vec![0xf0; sign_gradient_selectors(rows, columns, terms)];
    let scratch = Scratch {
        floats: &mut floats,
        selectors: &mut selectors,
    };
    run(&mut out, scratch);
    out
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn products_are_the_whole_numbers_of_the_definition(
        sizes in any_sizes(), transposed: bool, words: bool, seed in seeds(),
    ) {
        let [a, b] = shapes(sizes, transposed).map(|[rows, features]| signs(rows * features, seed + features as u64));
        let wanted: Vec<f32> = products(sizes, [WHOLE, layout(transposed), WHOLE], &a, &b);
        prop_assert_eq!(bits(&over_bits(sizes, transposed, words, [&a, &b])), bits(&wanted));
    }

    #[test]
    fn gradients_are_products_in_the_order_of_tables(
        sizes in any_sizes(), transposed: bool, words: bool, seed in seeds(),
    ) {
        let Slices { rows, columns, terms, .. } = sizes;
        let shapes = shapes(sizes, transposed);
        let [a, b] = shapes.map(|[rows, features]| signs(rows * features, seed + features as u64));
        let dy = reals(sizes.images * sizes.heads * rows * columns, seed + 1);
        let [first, second] = [Packed::of(shapes[0], &a), Packed::of(shapes[1], &b)];

        let of_first = Slices { columns: terms, terms: columns, ..sizes };
        let wanted = grouped(of_first, [WHOLE, layout(!transposed), WHOLE], &dy, &b);
        let found = with_scratch(sizes, a.len(), |out, scratch| {
            first_gradient(sizes, SignSlices { signs: second.signs(words), transposed }, &dy, out, scratch)
        });
        prop_assert_eq!(bits(&found), bits(&wanted));

        let wanted = if transposed {
            grouped(Slices { rows: columns, columns: terms, terms: rows, ..sizes }, [TURNED, WHOLE, WHOLE], &dy, &a)
        } else {
            grouped(Slices { rows: terms, terms: rows, ..sizes }, [TURNED, WHOLE, WHOLE], &a, &dy)
        };
        let found = with_scratch(sizes, b.len(), |out, scratch| {
            second_gradient(sizes, first.signs(words), transposed, &dy, out, scratch)
        });
        prop_assert_eq!(bits(&found), bits(&wanted));
    }
}

/// Counts as large as 16 bits hold.
#[test]
fn the_most_terms_are_counted() {
    let sizes = Slices {
        images: 1,
        heads: 1,
        rows: 1,
        columns: 2,
        terms: MOST_TERMS,
    };
    let ones = vec![1.0; MOST_TERMS];
    let b: Vec<f32> = [-1.0, 1.0].map(|sign| vec![sign; MOST_TERMS]).concat();
    let wanted = [-(MOST_TERMS as f32), MOST_TERMS as f32];
    for words in [false, true] {
        assert_eq!(over_bits(sizes, true, words, [&ones, &b]), wanted);
        let across: Vec<f32> = (0..2 * MOST_TERMS).map(|i| [-1.0, 1.0][i % 2]).collect();
        assert_eq!(over_bits(sizes, false, words, [&ones, &across]), wanted);
    }
}
