//! The maps against their definitions in f64, over the whole real line.

use super::*;
use proptest::prelude::*;

/// A bump between -1 and 2, and its slope's signs.
const SAMPLES: [f32; 5] = [-1.0, -0.25, 3.0, 0.5, 0.5];
const TABLE: Table = Table {
    from: -1.0,
    density: 4.0 / 3.0,
    samples: &SAMPLES,
};

const FORWARD: [Forward; 28] = [
    Forward::Identity,
    Forward::Sign,
    Forward::PiecewiseLinear { rho: 0.0, varrho: 0.0 },
    Forward::PiecewiseLinear { rho: 0.3, varrho: 0.25 },
    Forward::PiecewiseLinear { rho: 1.0, varrho: 0.5 },
    Forward::HardTanh,
    Forward::SignSwish { beta: 5.0 },
    Forward::Poly,
    Forward::Ede { t: 0.1 },
    Forward::Tanh { t: 0.1 },
    Forward::Tanh { t: 10.0 },
    Forward::ProxQuant { lambda: 0.0 },
    Forward::ProxQuant { lambda: 0.3 },
    Forward::ProxQuant { lambda: 2.0 },
    Forward::UnitLevels { levels: 1.0 },
    Forward::UnitLevels { levels: 3.0 },
    Forward::UnitLevels { levels: 65535.0 },
    Forward::SymmetricLevels { levels: 1.0 },
    Forward::SymmetricLevels { levels: 15.0 },
    Forward::Relu,
    Forward::Relu6,
    Forward::Sigmoid,
    Forward::Gelu,
    Forward::ElasticSign {
        alpha: 0.7,
        offset: 0.1,
    },
    Forward::ElasticSign {
        alpha: -1.0,
        offset: -0.5,
    },
    Forward::ElasticUnit {
        alpha: 0.7,
        offset: 0.1,
    },
    Forward::ElasticUnit {
        alpha: 1.0,
        offset: 0.0,
    },
    Forward::Table(TABLE),
];

const BACKWARD: [Backward; 26] = [
    Backward::One,
    Backward::Box,
    Backward::PolyPrime,
    Backward::SignSwishPrime { beta: 5.0 },
    Backward::EdePrime { t: 0.1 },
    Backward::EdePrime { t: 10.0 },
    Backward::TanhPrime { t: 0.1 },
    Backward::TanhPrime { t: 10.0 },
    Backward::RbnnPrime { t: 0.1 },
    Backward::RbnnPrime { t: 10.0 },
    Backward::RestePrime { o: 1.0 },
    Backward::RestePrime { o: 2.3 },
    Backward::RestePrime { o: 30.0 },
    Backward::FdaPrime { n: 0.0 },
    Backward::FdaPrime { n: 18.0 },
    Backward::UnitBox,
    Backward::ClippedBox { width: 0.7 },
    Backward::ReluPrime,
    Backward::Relu6Prime,
    Backward::SigmoidPrime,
    Backward::GeluPrime,
    Backward::ElasticBox {
        alpha: 0.7,
        offset: 0.1,
    },
    Backward::ElasticBox {
        alpha: -1.0,
        offset: -0.5,
    },
    Backward::ElasticUnitBox {
        alpha: 0.7,
        offset: 0.1,
    },
    Backward::ElasticUnitBox {
        alpha: 1.0,
        offset: 0.0,
    },
    Backward::Table(TABLE),
];

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / core::f64::consts::TAU.sqrt()
}

/// The normal distribution by its series (Marsaglia, "Evaluating the Normal Distribution", J. Stat. Softw. 11(4), 2004).
fn normal(x: f64) -> f64 {
    if x.abs() > 9.0 {
        return f64::from(x > 0.0);
    }
    let (mut term, mut sum) = (x, x);
    for odd in (3..400).step_by(2) {
        term *= x * x / f64::from(odd);
        sum += term;
    }
    0.5 + density(x) * sum
}

fn sign_of(x: f64) -> f64 {
    if x >= 0.0 { 1.0 } else { -1.0 }
}

fn interpolated(Table { from, density, samples }: Table, x: f64) -> f64 {
    let last = samples.len() - 1;
    let position = ((x - f64::from(from)) * f64::from(density)).clamp(0.0, last as f64);
    let at = (position as usize).min(last - 1);
    let [low, high] = [samples[at], samples[at + 1]].map(f64::from);
    low + (position - at as f64) * (high - low)
}

/// F by its definition (`spec`: the table of ProxConnect++), not by the form the kernel computes.
fn forward_twin(map: Forward, x: f64) -> f64 {
    match map {
        Forward::Identity => x,
        Forward::Sign => sign_of(x),
        Forward::PiecewiseLinear { rho, varrho } => {
            let (rho, varrho) = (f64::from(rho), f64::from(varrho));
            if x.abs() >= 1.0 - rho {
                sign_of(x)
            } else {
                sign_of(x) * (varrho + (1.0 - varrho) * x.abs() / (1.0 - rho))
            }
        }
        Forward::HardTanh => x.clamp(-1.0, 1.0),
        Forward::SignSwish { beta } => {
            // Far out the product of an infinite argument and a vanishing factor is its limit, 0.
            let bx = (f64::from(beta) * x).clamp(-700.0, 700.0);
            2.0 * logistic(bx) * (1.0 + bx * (1.0 - logistic(bx))) - 1.0
        }
        Forward::Poly if x < -1.0 => -1.0,
        Forward::Poly if x < 0.0 => x * x + 2.0 * x,
        Forward::Poly if x <= 1.0 => -x * x + 2.0 * x,
        Forward::Poly => 1.0,
        Forward::Ede { t } => (1.0 / f64::from(t)).max(1.0) * (f64::from(t) * x).tanh(),
        Forward::Tanh { t } => (f64::from(t) * x).tanh(),
        Forward::ProxQuant { lambda } => {
            // The nearest of -1 and 1, and the soft threshold of what is left.
            let away = x - sign_of(x);
            sign_of(x) + away.signum() * (away.abs() - f64::from(lambda)).max(0.0)
        }
        // Half-way points are those of the product in f32, which is exact in f64.
        Forward::UnitLevels { levels } => {
            let product = x.clamp(0.0, 1.0) * f64::from(levels);
            f64::from((product as f32).round_ties_even()) / f64::from(levels)
        }
        Forward::SymmetricLevels { levels } => {
            let share = (x.clamp(-1.0, 1.0) / 2.0 + 0.5) as f32;
            2.0 * f64::from((share * levels).round_ties_even()) / f64::from(levels) - 1.0
        }
        Forward::Relu => x.max(0.0),
        Forward::Relu6 => x.clamp(0.0, 6.0),
        Forward::Sigmoid => logistic(x),
        Forward::Gelu if x.is_infinite() => x.max(0.0),
        Forward::Gelu => x * normal(x),
        Forward::ElasticSign { alpha, offset } => f64::from(alpha.max(1e-5)) * sign_of(x - f64::from(offset)),
        // The jump is a number of f32.
        Forward::ElasticUnit { alpha, offset } if x >= f64::from(offset + alpha.max(1e-5) / 2.0) => {
            f64::from(alpha.max(1e-5))
        }
        Forward::ElasticUnit { .. } => 0.0,
        Forward::Table(table) => interpolated(table, x),
    }
}

fn backward_twin(map: Backward, x: f64) -> f64 {
    match map {
        Backward::One => 1.0,
        Backward::Box => f64::from(x.abs() <= 1.0),
        Backward::PolyPrime => (2.0 - 2.0 * x.abs()).max(0.0),
        Backward::SignSwishPrime { beta } => {
            let bx = (f64::from(beta) * x).clamp(-700.0, 700.0);
            f64::from(beta) * (2.0 - bx * (bx / 2.0).tanh()) / (1.0 + bx.cosh())
        }
        Backward::EdePrime { t } => {
            let (k, t) = ((1.0 / f64::from(t)).max(1.0), f64::from(t));
            k * t * (t * x).cosh().powi(-2)
        }
        Backward::TanhPrime { t } => f64::from(t) * (f64::from(t) * x).cosh().powi(-2),
        Backward::RbnnPrime { t } => {
            let (k, t) = ((1.0 / f64::from(t)).max(1.0), f64::from(t));
            (k * (core::f64::consts::SQRT_2 * t - t * t * x.abs())).max(0.0)
        }
        Backward::RestePrime { o } => {
            let o = f64::from(o);
            match x.abs() {
                a if a <= f64::from(0.1_f32) => 0.1_f64.powf(1.0 / o) / 0.1,
                a if a <= 1.5 => a.powf((1.0 - o) / o) / o,
                _ => 0.0,
            }
        }
        Backward::FdaPrime { n } if x.abs() <= 1.0 => {
            let cosines = (0..=n as usize).map(|i| ((2 * i + 1) as f64 * 0.1 * x).cos());
            0.4 / core::f64::consts::PI * cosines.sum::<f64>()
        }
        Backward::FdaPrime { .. } => 0.0,
        Backward::UnitBox => f64::from((0.0..=1.0).contains(&x)),
        Backward::ClippedBox { width } => f64::from(x.abs() <= f64::from(width)),
        Backward::ReluPrime => f64::from(x > 0.0),
        Backward::Relu6Prime => f64::from(x > 0.0 && x <= 6.0),
        Backward::SigmoidPrime => (x / 2.0).cosh().powi(-2) / 4.0,
        Backward::GeluPrime => normal(x) + x.clamp(-40.0, 40.0) * density(x),
        Backward::ElasticBox { alpha, offset } => {
            let [low, high] = [-1.0, 1.0].map(|side| f64::from(offset + side * alpha.max(1e-5)));
            f64::from((low..=high).contains(&x))
        }
        Backward::ElasticUnitBox { alpha, offset } => {
            let high = f64::from(offset + alpha.max(1e-5));
            f64::from((f64::from(offset)..=high).contains(&x))
        }
        Backward::Table(table) => interpolated(table, x),
    }
}

/// What errors of F at x are relative to.
fn scale(map: Forward, x: f32) -> f64 {
    match map {
        Forward::Ede { t } => (1.0 / f64::from(t)).max(1.0),
        Forward::ProxQuant { .. } | Forward::Relu | Forward::Gelu => f64::from(x.abs()).max(1.0),
        Forward::Table(_) => 10.0,
        _ => 1.2,
    }
}

/// The largest |B|: what its errors are relative to.
fn peak(map: Backward) -> f64 {
    match map {
        Backward::UnitBox | Backward::ReluPrime | Backward::Relu6Prime | Backward::GeluPrime => 1.0,
        Backward::ElasticBox { .. } | Backward::ElasticUnitBox { .. } => 1.0,
        Backward::Table(_) => 10.0,
        _ => backward_twin(map, 0.0),
    }
}

fn plain(map: Backward) -> Slope {
    let proximal = Forward::Identity;
    Slope { proximal, map }
}

fn forward(map: Forward, x: f32) -> f32 {
    let mut y = [f32::NAN];
    assert!(!quantize_forward(Forward::Identity, map, &[x], &mut y), "{map:?} {x}");
    y[0]
}

fn backward(map: Backward, x: f32, gy: f32) -> f32 {
    let mut gx = [f32::NAN];
    assert!(
        !quantize_backward(plain(map), &[x], &[gy], false, &mut gx),
        "{map:?} {x}"
    );
    gx[0]
}

/// A step through all floats, with zeros, denormals, kinks and infinities.
fn line() -> impl Iterator<Item = f32> {
    let kinks = [
        0.0,
        1e-45,
        1e-39,
        0.7,
        1.0,
        1.000_000_1,
        0.1,
        1.0 / 6.0,
        0.5,
        0.479_87,
        1.5,
        2.0,
        6.0,
        6.000_000_5,
        35.0,
        1e38,
        f32::MAX,
        f32::INFINITY,
    ];
    (0..0x7f80_0000_u32)
        .step_by(3331)
        .map(f32::from_bits)
        .chain(kinks)
        .flat_map(|x| [x, -x])
}

#[test]
fn forward_maps_follow_their_definitions_over_the_whole_line() {
    for map in FORWARD {
        for x in line() {
            let (y, expected) = (forward(map, x), forward_twin(map, f64::from(x)));
            if map == Forward::Identity || expected.is_infinite() {
                assert_eq!(f64::from(y), expected, "{map:?} {x}");
                continue;
            }
            let kink = matches!(map, Forward::PiecewiseLinear { rho, .. } if (x.abs() - (1.0 - rho)).abs() < 1e-6);
            let error = (f64::from(y) - expected).abs();
            assert!(kink || error <= 6e-7 * scale(map, x), "{map:?} {x}: {y} for {expected}");
        }
    }
}

#[test]
fn backward_maps_follow_their_definitions_over_the_whole_line() {
    for map in BACKWARD {
        for x in line() {
            let (b, expected) = (f64::from(backward(map, x, 1.0)), backward_twin(map, f64::from(x)));
            assert!(
                (b - expected).abs() <= 1e-6 * peak(map),
                "{map:?} {x}: {b} for {expected}"
            );
        }
    }
}

#[test]
fn sign_of_both_zeros_is_plus_one() {
    for zero in [0.0, -0.0] {
        assert_eq!(forward(Forward::Sign, zero), 1.0);
        assert_eq!(forward(Forward::PiecewiseLinear { rho: 0.5, varrho: 0.25 }, zero), 0.25);
        assert_eq!(forward(Forward::PiecewiseLinear { rho: 2.0, varrho: 0.0 }, zero), 1.0);
    }
}

#[test]
fn sign_swish_peaks_where_the_mathematics_says() {
    let beta = 5.0;
    let peak = 2.399_36 / beta;
    assert!((forward(Forward::SignSwish { beta }, peak) - 1.199_68).abs() < 1e-5);
    let lowest = line()
        .map(|x| backward(Backward::SignSwishPrime { beta }, x, 1.0))
        .fold(0.0, f32::min);
    assert!((lowest / beta + 0.0738).abs() < 1e-4);
}

proptest! {
    /// B = F' for the pairs that decompose with P = identity or a clip; difference quotients of the f64 definition.
    #[test]
    fn backward_is_the_derivative_of_forward(x in -3.0f32..3.0, beta in 0.5f32..50.0, t in 0.001f32..10.0) {
        let pairs = [
            (Forward::Identity, Backward::One),
            (Forward::Tanh { t }, Backward::TanhPrime { t }),
            (Forward::SignSwish { beta }, Backward::SignSwishPrime { beta }),
            (Forward::Poly, Backward::PolyPrime),
            (Forward::Ede { t }, Backward::EdePrime { t }),
            (Forward::Sigmoid, Backward::SigmoidPrime),
            (Forward::Gelu, Backward::GeluPrime),
        ];
        for (f, b) in pairs {
            let h = 1e-5;
            let at = |x: f64| forward_twin(f, x);
            let slope = (at(f64::from(x) + h) - at(f64::from(x) - h)) / (2.0 * h);
            let peak = backward_twin(b, 0.0).max(1.0);
            prop_assert!((f64::from(backward(b, x, 1.0)) - slope).abs() <= 3e-5 * peak * peak, "{:?} {}", f, x);
        }
    }

    /// A value's place in its tensor, tail or not, changes no bit.
    #[test]
    fn every_position_gives_the_same_bits(x in prop::collection::vec(-4.0f32..4.0, 1..14)) {
        for map in FORWARD {
            let mut y = vec![0.0; x.len()];
            prop_assert!(!quantize_forward(Forward::Identity, map, &x, &mut y));
            for (x, y) in x.iter().zip(&y) {
                prop_assert_eq!(forward(map, *x).to_bits(), y.to_bits());
            }
        }
        let gy: Vec<f32> = x.iter().map(|x| 1.5 - x).collect();
        for map in BACKWARD {
            let mut gx = vec![0.0; x.len()];
            prop_assert!(!quantize_backward(plain(map), &x, &gy, false, &mut gx));
            for i in 0..x.len() {
                prop_assert_eq!(backward(map, x[i], gy[i]).to_bits(), gx[i].to_bits());
                prop_assert_eq!(gx[i], gy[i] * backward(map, x[i], 1.0));
            }
        }
    }
}

#[test]
fn nan_is_reported_in_every_lane() {
    for at in 0..7 {
        let mut x = [0.5; 7];
        x[at] = f32::NAN;
        for map in FORWARD {
            assert!(
                quantize_forward(Forward::Identity, map, &x, &mut [0.0; 7]),
                "{map:?} {at}"
            );
        }
        for map in BACKWARD {
            assert!(
                quantize_backward(plain(map), &x, &[1.0; 7], false, &mut [0.0; 7]),
                "{map:?} {at}"
            );
            assert!(
                quantize_backward(plain(map), &[1.0; 7], &x, true, &mut [0.0; 7]),
                "{map:?} {at}"
            );
        }
    }
}

/// P, then the map, is the map of P(x): the same bits over more than one block, tails included, and NaN is seen.
#[test]
fn maps_are_composed_bit_for_bit() {
    let x: Vec<f32> = (0..2 * BLOCK as i32 + 7)
        .map(|i| (i - BLOCK as i32) as f32 / 97.0)
        .collect();
    let gy: Vec<f32> = x.iter().map(|x| 0.5 - x).collect();
    for proximal in FORWARD {
        let mut inner = vec![0.0; x.len()];
        quantize_forward(Forward::Identity, proximal, &x, &mut inner);
        for map in FORWARD {
            let (mut y, mut expected) = (vec![f32::NAN; x.len()], vec![0.0; x.len()]);
            assert!(!quantize_forward(proximal, map, &x, &mut y));
            quantize_forward(Forward::Identity, map, &inner, &mut expected);
            assert_eq!(y, expected, "{map:?} of {proximal:?}");
        }
        for map in BACKWARD {
            let (mut gx, mut expected) = (gy.clone(), gy.clone());
            assert!(!quantize_backward(Slope { proximal, map }, &x, &gy, true, &mut gx));
            quantize_backward(plain(map), &inner, &gy, true, &mut expected);
            assert_eq!(gx, expected, "{map:?} of {proximal:?}");
        }
        let mut bad = x.clone();
        bad[BLOCK + 3] = f32::NAN;
        let mut out = vec![0.0; x.len()];
        assert!(
            quantize_forward(proximal, Forward::Sign, &bad, &mut out),
            "{proximal:?}"
        );
        let map = Backward::One;
        assert!(
            quantize_backward(Slope { proximal, map }, &bad, &gy, false, &mut out),
            "{proximal:?}"
        );
        assert!(
            quantize_backward(Slope { proximal, map }, &x, &bad, false, &mut out),
            "{proximal:?}"
        );
    }
}

/// Bit for bit: at a kink both zeros and what is next to it take the side that the definition says.
#[test]
fn kinks_belong_to_their_side() {
    let x = [-2.0, -1.0, -0.5, -0.0, 0.0, 1e-45, 0.25, 1.0, 1.5, f32::INFINITY];
    let gradients = |map| x.map(|x| backward(map, x, 3.0));
    let values = |map| x.map(|x| forward(map, x).to_bits());
    let relu = [0.0, 0.0, 0.0, 0.0, 0.0, 1e-45, 0.25, 1.0, 1.5, f32::INFINITY];
    assert_eq!(values(Forward::Relu), relu.map(f32::to_bits));
    assert_eq!(
        gradients(Backward::ReluPrime),
        [0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 3.0, 3.0, 3.0, 3.0]
    );
    let clipped = [-1.0, -1.0, -0.5, -0.0, 0.0, 1e-45, 0.25, 1.0, 1.0, 1.0];
    assert_eq!(values(Forward::HardTanh), clipped.map(f32::to_bits));
    assert_eq!(
        gradients(Backward::Box),
        [0.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 0.0, 0.0]
    );
}

#[test]
fn half_a_level_goes_to_the_even_one() {
    let unit = |levels, x| forward(Forward::UnitLevels { levels }, x);
    assert_eq!([unit(1.0, 0.5), unit(2.0, 0.25), unit(2.0, 0.75)], [0.0, 0.0, 1.0]);
    let symmetric = |levels, x| forward(Forward::SymmetricLevels { levels }, x);
    assert_eq!(
        [symmetric(1.0, 0.0), symmetric(2.0, -0.5), symmetric(2.0, 0.5)],
        [-1.0, -1.0, 1.0]
    );
}

#[test]
fn a_table_is_met_at_its_samples_and_constant_outside() {
    let at = |x| forward(Forward::Table(TABLE), x);
    for (x, y) in [-1.0, -0.25, 0.5, 1.25, 2.0].into_iter().zip(SAMPLES) {
        assert!((at(x) - y).abs() <= 1e-6, "{x}");
    }
    assert_eq!(
        [at(-1.5), at(f32::NEG_INFINITY), at(2.5), at(f32::MAX)],
        [-1.0, -1.0, 0.5, 0.5]
    );
    let block: Vec<f32> = [5.0, -1.0, 4.0 / 3.0, 0.0]
        .into_iter()
        .chain(SAMPLES)
        .chain(SAMPLES.map(|y| 2.0 * y))
        .collect();
    let tables = Tables::of_block(&block).expect("a block of two tables");
    assert_eq!(tables.forward, TABLE);
    assert_eq!(tables.backward.samples[2], 6.0);
    assert!(Tables::of_block(&block[..13]).is_none() && Tables::of_block(&[1.0, 0.0, 1.0, 0.0, 1.0, 1.0]).is_none());
    assert_eq!(Forward::from_number(12, &[], Some(tables)), Some(Forward::Table(TABLE)));
    assert_eq!(
        Backward::from_number(11, &[], Some(tables)),
        Some(Backward::Table(tables.backward))
    );
    assert_eq!(
        (
            Forward::from_number(12, &[], None),
            Backward::from_number(11, &[], None)
        ),
        (None, None)
    );
}

#[test]
fn numbers_name_the_maps_of_the_boundary() {
    let parameters = [0.3, 0.25];
    let forward = |number| Forward::from_number(number, &parameters, None);
    let backward = |number| Backward::from_number(number, &parameters, None);
    assert_eq!(forward(2), Some(Forward::PiecewiseLinear { rho: 0.3, varrho: 0.25 }));
    assert_eq!(forward(6), Some(Forward::Ede { t: 0.3 }));
    assert_eq!(forward(8), Some(Forward::ProxQuant { lambda: 0.3 }));
    assert_eq!(forward(11), Some(Forward::SymmetricLevels { levels: 0.3 }));
    assert_eq!((forward(9), forward(19)), (None, None));
    assert_eq!(backward(3), Some(Backward::SignSwishPrime { beta: 0.3 }));
    assert_eq!(backward(8), Some(Backward::FdaPrime { n: 0.3 }));
    assert_eq!(backward(10), Some(Backward::ClippedBox { width: 0.3 }));
    assert_eq!(backward(18), None);
    // A map asks for as many parameters as `parameters` says, and is none with fewer.
    for number in (0..19).filter(|&number| number != 9 && number != 12) {
        let count = Forward::parameters(number);
        assert!(
            Forward::from_number(number, &parameters[..count], None).is_some(),
            "{number}"
        );
        assert!(count == 0 || Forward::from_number(number, &parameters[..count - 1], None).is_none());
    }
    for number in (0..18).filter(|&number| number != 11) {
        let count = Backward::parameters(number);
        assert!(
            Backward::from_number(number, &parameters[..count], None).is_some(),
            "{number}"
        );
        assert!(count == 0 || Backward::from_number(number, &[], None).is_none());
    }
}
