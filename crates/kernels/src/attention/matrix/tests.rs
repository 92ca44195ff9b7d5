use super::*;
use crate::arbitrary::{cases, reals, seeds, signs, with_nan};
use crate::naive::attention::{matrix_row, matrix_row_gradient, parameter_of};
use proptest::prelude::*;

const UNIT: f64 = f32::EPSILON as f64;
const KINDS: [Kind; 5] = [Kind::Softmax, Kind::Threshold, Kind::Elastic, Kind::Boolean, Kind::Sign];

#[derive(Clone, Debug)]
struct Case {
    kind: Kind,
    images: usize,
    heads: usize,
    tokens: usize,
    keys: usize,
    width: usize,
    seed: u64,
    /// The scores are those of signs.
    whole: bool,
}

fn any_case() -> impl Strategy<Value = Case> {
    let tokens = || prop_oneof![4 => 1usize..20, 1 => proptest::sample::select(vec![49usize, 64, 65, 197])];
    (
        0u32..5,
        1usize..3,
        1usize..5,
        tokens(),
        tokens(),
        1usize..81,
        seeds(),
        any::<bool>(),
    )
        .prop_map(|(kind, images, heads, tokens, keys, width, seed, whole)| Case {
            kind: Kind::of(kind),
            images,
            heads,
            tokens: tokens.min(if keys > 64 { 5 } else { 50 }),
            keys,
            width,
            seed,
            whole,
        })
}

impl Case {
    fn length(&self) -> usize {
        self.images * self.heads * self.tokens * self.keys
    }

    fn scores(&self) -> Vec<f32> {
        let width = self.width;
        if self.whole {
            let terms = signs(self.length() * width, self.seed);
            return terms.chunks_exact(width).map(|terms| terms.iter().sum()).collect();
        }
        let spread = 3.0 * (width as f32).sqrt();
        reals(self.length(), self.seed).iter().map(|x| spread * x).collect()
    }

    fn parameters(&self) -> Vec<f32> {
        let count = if self.kind.has_parameter() { self.heads } else { 0 };
        let keys = self.keys as f32;
        reals(count, self.seed + 1).iter().map(|x| (1.5 + x) / keys).collect()
    }

    fn matrix<'a>(&self, parameters: &'a [f32]) -> Matrix<'a> {
        let Self {
            kind,
            heads,
            tokens,
            keys,
            width,
            ..
        } = *self;
        Matrix {
            kind,
            heads,
            tokens,
            keys,
            width,
            parameters,
        }
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn matrices_and_gradients_follow_the_definition(case in any_case()) {
        let (parameters, scores) = (case.parameters(), case.scores());
        let of = case.matrix(&parameters);
        let (mut soft, mut matrix, mut alone) = (scores.clone(), vec![f32::NAN; scores.len()], scores.clone());
        prop_assert!(!matrix_forward(of, &mut soft, Some(&mut matrix)));
        prop_assert!(!matrix_forward(of, &mut alone, None));
        prop_assert_eq!(&alone, &matrix);
        let gradient = reals(scores.len(), case.seed + 2);
        let (mut found, mut again) = (gradient.clone(), gradient.clone());
        let mut dparameters = vec![f32::NAN; parameters.len()];
        let has_parameter = case.kind.has_parameter();
        prop_assert!(!matrix_backward(of, &soft, &mut found, has_parameter.then_some(&mut dparameters[..])));
        prop_assert!(!matrix_backward(of, &soft, &mut again, None));
        prop_assert_eq!(&again, &found);
        let mut dirty = with_nan(gradient.clone(), case.seed as usize % gradient.len());
        prop_assert!(matrix_backward(of, &soft, &mut dirty, None) || dirty.iter().any(|x| x.is_nan()));
        let (mut sums, mut sizes) = (vec![0.0; case.heads], vec![0.0; case.heads]);
        for row in 0..scores.len() / case.keys {
            let own = row * case.keys..(row + 1) * case.keys;
            let parameter = parameter_of(of, row);
            let exact = wide(&scores[own.clone()]);
            let [kept, values, margins] = matrix_row(case.kind, case.width, parameter, &exact);
            let most = exact.iter().fold(f64::MIN, |most, &score| most.max(score));
            let root = (case.width as f64).sqrt();
            for (j, i) in own.clone().enumerate() {
                // The exponential is off by 1.4 units, its argument by two roundings of a distance below the largest.
                let far = 2.0 * ((most - exact[j]) / root).min(88.0);
                let bound = (10.0 + far) * UNIT * kept[j].abs() + 2e-38;
                prop_assert!((f64::from(soft[i]) - kept[j]).abs() <= bound, "{} {}", soft[i], kept[j]);
                let near = (20.0 + 2.0 * far) * UNIT * if case.kind == Kind::Elastic { 0.5 } else { kept[j].abs() };
                if margins[j].abs() > near || case.kind == Kind::Boolean {
                    let bound = if case.kind == Kind::Softmax { bound } else { 0.0 };
                    prop_assert!((f64::from(matrix[i]) - values[j]).abs() <= bound, "{} {}", matrix[i], values[j]);
                }
            }
            let (kept, g) = (wide(&soft[own.clone()]), wide(&gradient[own.clone()]));
            let (dscores, dparameter) = matrix_row_gradient(case.kind, case.width, parameter, &kept, &g);
            let size: f64 = kept.iter().zip(&g).map(|(p, g)| 2.0 * (p * g).abs()).sum();
            for (j, i) in own.enumerate() {
                let bound = 6.0 * UNIT * (kept[j].abs().min(1.0) * (2.0 * g[j].abs() + size) + g[j].abs()) / root + 1e-38;
                let bound = if case.kind == Kind::Sign { 2.0 * bound } else { bound };
                prop_assert!((f64::from(found[i]) - dscores[j]).abs() <= bound, "{} {}", found[i], dscores[j]);
            }
            let head = row / case.tokens % case.heads;
            sums[head] += dparameter;
            sizes[head] += g.iter().map(|g| 2.0 * g.abs()).sum::<f64>();
        }
        for ((found, sum), size) in dparameters.iter().zip(sums).zip(sizes) {
            prop_assert!((f64::from(*found) - sum).abs() <= 4.0 * UNIT * size, "{found} {sum}");
        }
    }

    /// BiViT's threshold over signs: a Hamming distance within floor(sqrt(d) ln 4 / 2) of the row's least.
    #[test]
    fn thresholds_of_signs_are_distances(keys in 1usize..70, width in 1usize..600, seed in seeds()) {
        let terms = signs(keys * width, seed);
        let mut row: Vec<f32> = terms.chunks_exact(width).map(|terms| terms.iter().sum()).collect();
        let distances: Vec<usize> = row.iter().map(|score| (width as f32 - score) as usize / 2).collect();
        let least = *distances.iter().min().expect("a key");
        let within = least + ((width as f64).sqrt() * 4f64.ln() / 2.0).floor() as usize;
        prop_assert!(!forward_row(Kind::Threshold, width, 0.0, &mut row, None));
        let wanted: Vec<f32> = distances.iter().map(|&distance| f32::from(u8::from(distance <= within))).collect();
        prop_assert_eq!(row, wanted);
    }
}

/// The function that the way back is the derivative of: A with the map that stands in the place of its steps.
fn smooth(kind: Kind, width: usize, parameter: f64, scores: &[f64]) -> Vec<f64> {
    let [soft, ..] = matrix_row(kind, width, parameter, scores);
    let map = |x: f64| match kind {
        Kind::Softmax | Kind::Threshold => x,
        Kind::Elastic => x.min(parameter),
        Kind::Boolean => x.clamp(-1.0, 1.0),
        Kind::Sign => (x - parameter) * (2.0 - (x - parameter).abs()),
    };
    soft.into_iter().map(map).collect()
}

#[test]
fn gradients_are_difference_quotients_of_the_smooth_twins() {
    for kind in KINDS {
        let case = Case {
            kind,
            images: 1,
            heads: 1,
            tokens: 1,
            keys: 7,
            width: 9,
            seed: 5,
            whole: false,
        };
        let (scores, gradient, parameters) = (case.scores(), reals(7, 9), case.parameters());
        let of = case.matrix(&parameters);
        let (mut soft, mut found) = (scores.clone(), gradient.clone());
        matrix_forward(of, &mut soft, Some(&mut [0.0; 7]));
        let mut own = vec![f32::NAN; parameters.len()];
        let dparameters = kind.has_parameter().then_some(&mut own[..]);
        matrix_backward(of, &soft, &mut found, dparameters);
        let parameter = parameter_of(of, 0);
        let loss = |scores: &[f64], parameter: f64| -> f64 {
            let values = smooth(kind, 9, parameter, scores);
            values.iter().zip(&gradient).map(|(a, &g)| a * f64::from(g)).sum()
        };
        let exact = wide(&scores);
        for (i, &found) in found.iter().enumerate() {
            let moved = |by: f64| {
                let mut scores = exact.clone();
                scores[i] += by;
                loss(&scores, parameter)
            };
            let quotient = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (quotient - f64::from(found)).abs() < 1e-6,
                "{kind:?} {i}: {found} {quotient}"
            );
        }
        if let [own] = own[..] {
            let quotient = (loss(&exact, parameter + 1e-6) - loss(&exact, parameter - 1e-6)) / 2e-6;
            // The elastic kind has round(q) where its smooth twin has q: that part belongs to the value, not to the slope.
            let values = soft.iter().zip(&gradient).map(|(&p, &g)| {
                let q = f64::from(p) / parameter;
                let rounded = if kind == Kind::Elastic && q <= 1.0 {
                    f64::from(q > 0.5) - q
                } else {
                    0.0
                };
                rounded * f64::from(g)
            });
            let wanted = quotient + values.sum::<f64>();
            assert!((wanted - f64::from(own)).abs() < 1e-5, "{kind:?}: {own} {wanted}");
        }
    }
}

#[test]
fn nan_is_reported_by_every_kind() {
    for kind in KINDS {
        let parameter = if kind.has_parameter() { 0.2 } else { 0.0 };
        for at in 0..5 {
            for keeps in [false, true] {
                let mut row = [1.0, 2.0, 3.0, -4.0, 5.0];
                let mut target = [0.0; 5];
                assert!(!forward_row(
                    kind,
                    4,
                    parameter,
                    &mut row.clone(),
                    keeps.then_some(&mut target[..])
                ));
                row[at] = f32::NAN;
                assert!(
                    forward_row(kind, 4, parameter, &mut row, keeps.then_some(&mut target[..])),
                    "{kind:?} {at}"
                );
            }
        }
    }
}

#[test]
fn a_half_rounds_to_zero_and_small_scales_are_held() {
    let mut row = [0.0; 4];
    assert!(!forward_row(Kind::Elastic, 4, 0.5, &mut row, None));
    assert_eq!(row, [0.0; 4]);
    assert!(!forward_row(Kind::Elastic, 4, 0.499, &mut row, None));
    assert_eq!(row, [1.0; 4]);
    for alpha in [0.0, -1.0] {
        let mut row = [0.0, -60.0];
        assert!(!forward_row(Kind::Elastic, 4, alpha, &mut row, None));
        assert_eq!(row, [1.0, 0.0]);
    }
}
