//! The search for signs against its definition.

use super::*;
use crate::arbitrary::{cases, reals, seeds, signs};
use proptest::prelude::*;

const DRAWS: Draws = Draws {
    key: [11, 22],
    update: 3,
};

/// -v of all neurons, worked on by `jobs` calls.
fn search(x: &[f32], dy: &[f32], inputs: usize, outputs: usize, sweeps: usize, jobs: usize) -> Vec<f32> {
    let rows = x.len() / inputs;
    let mut bits = vec![u32::MAX; rows * words(inputs)];
    assert!(!pack_rows(x, inputs, &mut bits));
    let batch = Batch {
        x: &bits,
        dy,
        inputs,
        outputs,
    };
    let mut out = vec![f32::NAN; inputs * outputs];
    let each = outputs.div_ceil(jobs);
    for first in (0..outputs).step_by(each) {
        let (mut sums, mut wanted, mut own) = (vec![7; rows], vec![f32::NAN; rows], vec![9; 2 * words(inputs)]);
        let scratch = Scratch {
            sums: &mut sums,
            wanted: &mut wanted,
            bits: &mut own,
        };
        let count = each.min(outputs - first);
        assert!(!search_signs(
            batch,
            first,
            count,
            sweeps,
            DRAWS,
            scratch,
            out.as_mut_slice().into()
        ));
    }
    out
}

/// `sum_i y_i sign(x_i . v)` of a neuron, from real numbers.
fn value(x: &[f32], dy: &[f32], v: &[f32], neuron: usize, outputs: usize) -> f64 {
    x.chunks(v.len())
        .enumerate()
        .map(|(row, x)| {
            let dot: f32 = x.iter().zip(v).map(|(x, v)| x * v).sum();
            -f64::from(dy[row * outputs + neuron]) * if dot >= 0.0 { 1.0 } else { -1.0 }
        })
        .sum()
}

fn column(out: &[f32], neuron: usize, outputs: usize) -> Vec<f32> {
    out.iter().skip(neuron).step_by(outputs).map(|v| -v).collect()
}

/// A neuron without gradients has no direction, and its column stays 0.
fn has_none(dy: &[f32], neuron: usize, outputs: usize) -> bool {
    dy.iter().skip(neuron).step_by(outputs).all(|&v| v == 0.0)
}

/// All directions of so many signs, in the order of their numbers.
fn all(inputs: usize) -> impl Iterator<Item = Vec<f32>> {
    (0..1u32 << inputs).map(move |number| {
        (0..inputs)
            .map(|k| if number >> k & 1 == 1 { 1.0 } else { -1.0 })
            .collect()
    })
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn few_inputs_have_the_best_of_all_directions(
        inputs in 1usize..9, outputs in 1usize..4, rows in 1usize..20, seed in seeds(),
    ) {
        let (x, dy) = (signs(rows * inputs, seed), reals(rows * outputs, seed + 1));
        let out = search(&x, &dy, inputs, outputs, 3, 1);
        for neuron in 0..outputs {
            if has_none(&dy, neuron, outputs) {
                prop_assert!(column(&out, neuron, outputs).iter().all(|&v| v == 0.0));
                continue;
            }
            let mut best = (f64::NEG_INFINITY, vec![]);
            for v in all(inputs) {
                let own = value(&x, &dy, &v, neuron, outputs);
                if own > best.0 {
                    best = (own, v);
                }
            }
            prop_assert_eq!(column(&out, neuron, outputs), best.1);
        }
    }

    #[test]
    fn many_inputs_have_no_worse_than_the_start(
        inputs in 17usize..70, outputs in 1usize..5, rows in 1usize..30, sweeps in 0usize..5, seed in seeds(),
    ) {
        let (x, dy) = (signs(rows * inputs, seed), reals(rows * outputs, seed + 1));
        let out = search(&x, &dy, inputs, outputs, sweeps, 1);
        for neuron in 0..outputs {
            let found = column(&out, neuron, outputs);
            if has_none(&dy, neuron, outputs) {
                prop_assert!(found.iter().all(|&v| v == 0.0));
                continue;
            }
            prop_assert!(found.iter().all(|v| v.abs() == 1.0));
            let start: Vec<f32> = (0..inputs)
                .map(|k| {
                    let sum: f64 = (0..rows)
                        .map(|row| -f64::from(dy[row * outputs + neuron]) * f64::from(x[row * inputs + k]))
                        .sum();
                    if sum >= 0.0 { 1.0 } else { -1.0 }
                })
                .collect();
            if sweeps == 0 {
                prop_assert_eq!(&found, &start);
            }
            let (found, start) = (value(&x, &dy, &found, neuron, outputs), value(&x, &dy, &start, neuron, outputs));
            prop_assert!(found >= start - 1e-9, "{found} from {start}");
        }
        prop_assert_eq!(out, search(&x, &dy, inputs, outputs, sweeps, outputs));
    }
}

#[test]
fn annealing_comes_close_to_planted_directions() {
    // Rows ask for the sign that a hidden direction gives them, so that the best value is their number.
    let (inputs, rows) = (20, 24);
    let (mut before, mut after) = (0.0, 0.0);
    for seed in 0..20 {
        let hidden = signs(inputs, seed);
        let x = signs(rows * inputs, seed + 100);
        let toward = |x: &[f32]| x.iter().zip(&hidden).map(|(x, v)| x * v).sum::<f32>() >= 0.0;
        let dy: Vec<f32> = x.chunks(inputs).map(|x| if toward(x) { -1.0 } else { 1.0 }).collect();
        let best = |sweeps: usize| value(&x, &dy, &column(&search(&x, &dy, inputs, 1, sweeps, 1), 0, 1), 0, 1);
        before += best(0);
        after += best(40);
    }
    let most = 20.0 * rows as f64;
    // The start leaves much undone, and annealing hardly anything.
    assert!(
        before < 0.85 * most && after > 0.85 * most,
        "{before} and {after} of {most}"
    );
}

#[test]
fn what_is_not_finite_is_reported() {
    assert!(pack_rows(&[1.0, f32::NAN], 2, &mut [0]));
    let batch = Batch {
        x: &[1, 2],
        dy: &[1.0, f32::INFINITY],
        inputs: 2,
        outputs: 1,
    };
    let scratch = Scratch {
        sums: &mut [0; 2],
        wanted: &mut [0.0; 2],
        bits: &mut [0; 2],
    };
    assert!(search_signs(batch, 0, 1, 1, DRAWS, scratch, (&mut [0.0; 2][..]).into()));
}

#[test]
fn a_neuron_without_gradients_has_no_direction() {
    for inputs in [3, 40] {
        let x = signs(2 * inputs, 1);
        let out = search(&x, &[0.0, 0.5, -0.0, 0.25], inputs, 2, 5, 1);
        assert!(out.iter().step_by(2).all(|&v| v == 0.0));
        assert!(out.iter().skip(1).step_by(2).all(|&v| v.abs() == 1.0));
    }
}
