//! Thresholds against the expression they stand for, at every integer of the range.

use proptest::prelude::*;

use super::*;
use crate::arbitrary::{cases, conv_shape, scales};
use crate::conv::binary::border::limits;

/// The unfused expression, once more: batch normalisation, then sign.
fn unfused(sum: i32, factor: f32, scale: f32, shift: f32) -> bool {
    value(sum, factor, scale, shift) >= 0.0
}

fn value(sum: i32, factor: f32, scale: f32, shift: f32) -> f32 {
    let sum = sum as f32 * factor;
    let scaled = sum * scale;
    scaled + shift
}

fn fold(factor: Option<f32>, scale: f32, shift: f32, bound: i32) -> (i32, bool, bool) {
    fold_at(0.0, factor, scale, shift, bound)
}

fn fold_at(middle: f32, factor: Option<f32>, scale: f32, shift: f32, bound: i32) -> (i32, bool, bool) {
    let (mut threshold, mut flip) = ([0], [9]);
    let bad = fold_thresholds(
        factor.as_ref().map(core::slice::from_ref),
        &[scale],
        &[shift],
        middle,
        bound,
        &mut threshold,
        &mut flip,
    );
    (threshold[0], flip[0] == 1, bad)
}

fn check(scale: f32, shift: f32, bound: i32) {
    check_scaled(None, scale, shift, bound);
}

fn check_scaled(factor: Option<f32>, scale: f32, shift: f32, bound: i32) {
    let (threshold, flip, bad) = fold(factor, scale, shift, bound);
    assert!(!bad);
    for sum in -bound..=bound {
        assert_eq!(
            (sum >= threshold) ^ flip,
            unfused(sum, factor.unwrap_or(1.0), scale, shift),
            "{sum} * {factor:?} * {scale} + {shift}"
        );
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn the_bit_is_the_sign_of_the_expression(scale in scales(), shift in scales(), bound in 1..3000i32) {
        check(scale, shift, bound);
    }

    #[test]
    fn sums_may_leave_with_a_factor(factor in 0.0f32..4.0, scale in scales(), shift in scales(), bound in 1..3000i32) {
        for factor in [factor, factor * 1e-30, factor * 1e30] {
            check_scaled(Some(factor), scale, shift, bound);
        }
    }

    #[test]
    fn a_layer_behind_may_have_a_middle_of_its_own(
        middle in scales(), factor in prop_oneof![Just(1.0f32), 0.0f32..4.0], scale in scales(), shift in scales(),
        at in -40..40i32, bound in 1..3000i32,
    ) {
        // Also one that a sum meets.
        for middle in [middle, value(at, factor, scale, shift)].into_iter().filter(|middle| middle.is_finite()) {
            let (threshold, flip, bad) = fold_at(middle, Some(factor), scale, shift, bound);
            prop_assert!(!bad);
            for sum in -bound..=bound {
                prop_assert_eq!((sum >= threshold) ^ flip, value(sum, factor, scale, shift) >= middle);
            }
        }
    }

    #[test]
    fn ties_go_to_plus_one(scale in -100i32..100, at in -500i32..500) {
        // Exact in f32: the expression is zero at `at`.
        check(scale as f32 / 8.0, -(scale * at) as f32 / 8.0, 600);
    }

    #[test]
    fn near_ties_round_as_the_expression_does(scale in prop::num::f32::NORMAL, at in -500i32..500) {
        prop_assume!(scale.abs() < 1e30 && scale.abs() > 1e-30);
        let shift = -(at as f32 * scale);
        for shift in [shift, shift.next_up(), shift.next_down()] {
            check(scale, shift, 600);
        }
    }
}

/// Every sum that `terms` signs can have beside the expression, by thresholds and by the limits of counts made from them.
fn check_counts(terms: u32, scale: f32, shift: f32) {
    let shape = conv_shape([1, 1, 1, terms], [1, 1, 1], [1, 1], false, false);
    let bound = terms as i32;
    let (threshold, flip, _) = fold(None, scale, shift, bound);
    let starts = vec![bound; shape.start_count()];
    let mut limit = vec![0; shape.start_count()];
    limits(&shape, &starts, &[threshold], &mut limit);
    for count in 0..=bound {
        let sum = bound - 2 * count;
        let wanted = unfused(sum, 1.0, scale, shift);
        assert_eq!((sum >= threshold) ^ flip, wanted, "{sum} of {terms}: {scale} {shift}");
        assert_eq!((count < limit[0]) ^ flip, wanted, "{count} of {terms}: {scale} {shift}");
    }
}

/// Sums are odd where the terms are, and thresholds either: at sums that occur, between two of them, and past both ends.
#[test]
fn odd_and_even_thresholds_fall_where_odd_and_even_sums_do() {
    for terms in [1, 2, 3, 4, 9, 16, 27, 64, 65] {
        for scale in [1.0, -1.0, 0.5, -0.5, 3.0] {
            for at in -(terms as i32) - 3..=terms as i32 + 3 {
                // Exact in f32: zero at `at`, just past it, and in the middle between two sums.
                for beside in [0.0, 0.25, -0.25, 0.5, -0.5] {
                    check_counts(terms, scale, scale * (beside - at as f32));
                }
            }
        }
    }
}

#[test]
fn the_edges_of_the_range() {
    assert_eq!(fold(None, 1.0, 1000.0, 10), (-10, false, false));
    assert_eq!(fold(None, 1.0, -1000.0, 10), (11, false, false));
    assert_eq!(fold(None, -1.0, 1000.0, 10), (11, true, false));
    assert_eq!(fold(None, -1.0, -1000.0, 10), (-10, true, false));
    assert_eq!(fold(None, 0.0, 0.0, 10), (i32::MIN, false, false));
    assert_eq!(fold(None, -0.0, -0.0, 10), (i32::MIN, false, false));
    assert_eq!(fold(None, 0.0, -1e-30, 10), (i32::MAX, false, false));
    assert_eq!(fold(None, 1.0, 0.5, (1 << 30) - 1), (0, false, false));
}

#[test]
fn bad_numbers_are_reported() {
    for (scale, shift) in [
        (f32::NAN, 0.0),
        (1.0, f32::NAN),
        (f32::INFINITY, 0.0),
        (1.0, f32::NEG_INFINITY),
    ] {
        assert!(fold(None, scale, shift, 10).2, "{scale} {shift}");
    }
    for middle in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(fold_at(middle, None, 1.0, 0.0, 10).2, "{middle}");
    }
    for factor in [f32::NAN, f32::INFINITY, -1.0] {
        assert!(fold(Some(factor), 1.0, 0.0, 10).2, "{factor}");
    }
}
