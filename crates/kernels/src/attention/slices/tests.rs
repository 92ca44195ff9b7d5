use super::*;
use crate::arbitrary::{cases, reals, seeds, signs, sizes};
use crate::naive::attention::products;
use proptest::prelude::*;

fn tokens() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 1usize..20, 1 => proptest::sample::select(vec![49usize, 64, 65, 197])]
}

fn shapes() -> impl Strategy<Value = Slices> {
    (1usize..3, 1usize..5, tokens(), tokens(), sizes(81)).prop_map(|(images, heads, rows, columns, terms)| Slices {
        images,
        heads,
        rows,
        columns,
        terms,
    })
}

fn layouts() -> impl Strategy<Value = [Layout; 3]> {
    any::<[bool; 5]>().prop_map(|[a, b, c, d, e]| {
        [(a, b), (c, d), (e, false)].map(|(split, transposed)| Layout { split, transposed })
    })
}

/// The product of `a` and `b`, onto `before` where that is given.
fn run(
    sizes: Slices,
    layouts: [Layout; 3],
    [a, b]: [&[f32]; 2],
    alphas: Option<&[f32]>,
    before: Option<&[f32]>,
) -> Vec<f32> {
    let length = sizes.images * sizes.heads * sizes.rows * sizes.columns;
    let mut values = before.map_or(vec![f32::NAN; length], <[f32]>::to_vec);
    let mut scratch = vec![f32::NAN; sizes.columns.next_multiple_of(8) * sizes.terms];
    let operand = |values, layout| Operand { values, layout };
    let target = Target {
        values: &mut values,
        split: layouts[2].split,
        accumulate: before.is_some(),
    };
    let (a, b) = (operand(a, layouts[0]), operand(b, layouts[1]));
    multiply_slices(sizes, a, b, alphas, target, &mut scratch);
    values
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn products_are_chains_in_order(sizes in shapes(), layouts in layouts(), seed in seeds()) {
        let slices = sizes.images * sizes.heads;
        let (a, b) = (reals(slices * sizes.rows * sizes.terms, seed), reals(slices * sizes.terms * sizes.columns, seed + 1));
        let wanted: Vec<f32> = products(sizes, layouts, &a, &b);
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&run(sizes, layouts, [&a, &b], None, None)), bits(&wanted));

        let (alphas, before) = (reals(sizes.heads, seed + 2), reals(wanted.len(), seed + 3));
        let width = sizes.columns;
        let head = |i: usize| if layouts[2].split { i / width % sizes.heads } else { i / width / sizes.rows % sizes.heads };
        let scaled: Vec<f32> = wanted.iter().enumerate().map(|(i, sum)| sum * alphas[head(i)].max(1e-5)).collect();
        prop_assert_eq!(bits(&run(sizes, layouts, [&a, &b], Some(&alphas), None)), bits(&scaled));
        let added: Vec<f32> = before.iter().zip(&scaled).map(|(before, sum)| before + sum).collect();
        prop_assert_eq!(bits(&run(sizes, layouts, [&a, &b], Some(&alphas), Some(&before))), bits(&added));
    }

    #[test]
    fn products_of_signs_are_whole_numbers(sizes in shapes(), layouts in layouts(), seed in seeds()) {
        let slices = sizes.images * sizes.heads;
        let (a, b) = (signs(slices * sizes.rows * sizes.terms, seed), signs(slices * sizes.terms * sizes.columns, seed + 1));
        let wanted: Vec<f64> = products(sizes, layouts, &a, &b);
        let found: Vec<f64> = run(sizes, layouts, [&a, &b], None, None).into_iter().map(f64::from).collect();
        prop_assert_eq!(found, wanted);
    }
}
