//! The maps against their definitions in f64, over the whole real line.

use super::*;
use proptest::prelude::*;

const FORWARD: [Forward; 9] = [
    Forward::Identity,
    Forward::Sign,
    Forward::PiecewiseLinear { rho: 0.0, varrho: 0.0 },
    Forward::PiecewiseLinear { rho: 0.3, varrho: 0.25 },
    Forward::PiecewiseLinear { rho: 1.0, varrho: 0.5 },
    Forward::HardTanh,
    Forward::SignSwish { beta: 5.0 },
    Forward::Polynomial,
    Forward::ErrorDecay { t: 0.1 },
];

const BACKWARD: [Backward; 6] = [
    Backward::One,
    Backward::Box,
    Backward::PolynomialPrime,
    Backward::SignSwishPrime { beta: 5.0 },
    Backward::ErrorDecayPrime { t: 0.1 },
    Backward::ErrorDecayPrime { t: 10.0 },
];

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn sign_of(x: f64) -> f64 {
    if x >= 0.0 { 1.0 } else { -1.0 }
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
        Forward::Polynomial if x < -1.0 => -1.0,
        Forward::Polynomial if x < 0.0 => x * x + 2.0 * x,
        Forward::Polynomial if x <= 1.0 => -x * x + 2.0 * x,
        Forward::Polynomial => 1.0,
        Forward::ErrorDecay { t } => (1.0 / f64::from(t)).max(1.0) * (f64::from(t) * x).tanh(),
    }
}

fn backward_twin(map: Backward, x: f64) -> f64 {
    match map {
        Backward::One => 1.0,
        Backward::Box => f64::from(x.abs() <= 1.0),
        Backward::PolynomialPrime => (2.0 - 2.0 * x.abs()).max(0.0),
        Backward::SignSwishPrime { beta } => {
            let bx = (f64::from(beta) * x).clamp(-700.0, 700.0);
            f64::from(beta) * (2.0 - bx * (bx / 2.0).tanh()) / (1.0 + bx.cosh())
        }
        Backward::ErrorDecayPrime { t } => {
            let (k, t) = ((1.0 / f64::from(t)).max(1.0), f64::from(t));
            k * t * (1.0 - (t * x).tanh().powi(2))
        }
    }
}

/// Largest value of |F|, |B|: what errors are relative to.
fn scale(map: Forward) -> f64 {
    if let Forward::ErrorDecay { t } = map {
        (1.0 / f64::from(t)).max(1.0)
    } else {
        1.2
    }
}

fn forward(map: Forward, x: f32) -> f32 {
    let mut y = [f32::NAN];
    assert!(!quantize_forward(map, &[x], &mut y), "{map:?} {x}");
    y[0]
}

fn backward(map: Backward, x: f32, gy: f32) -> f32 {
    let mut gx = [f32::NAN];
    assert!(!quantize_backward(map, &[x], &[gy], false, &mut gx), "{map:?} {x}");
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
        0.479_87,
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
            if map == Forward::Identity {
                assert_eq!(y, x);
                continue;
            }
            let kink = matches!(map, Forward::PiecewiseLinear { rho, .. } if (x.abs() - (1.0 - rho)).abs() < 1e-6);
            let error = (f64::from(y) - expected).abs();
            assert!(kink || error <= 6e-7 * scale(map), "{map:?} {x}: {y} for {expected}");
        }
    }
}

#[test]
fn backward_maps_follow_their_definitions_over_the_whole_line() {
    for map in BACKWARD {
        for x in line() {
            let (b, expected) = (f64::from(backward(map, x, 1.0)), backward_twin(map, f64::from(x)));
            let peak = backward_twin(map, 0.0);
            assert!((b - expected).abs() <= 1e-6 * peak, "{map:?} {x}: {b} for {expected}");
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
            (Forward::SignSwish { beta }, Backward::SignSwishPrime { beta }),
            (Forward::Polynomial, Backward::PolynomialPrime),
            (Forward::ErrorDecay { t }, Backward::ErrorDecayPrime { t }),
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
            prop_assert!(!quantize_forward(map, &x, &mut y));
            for (x, y) in x.iter().zip(&y) {
                prop_assert_eq!(forward(map, *x).to_bits(), y.to_bits());
            }
        }
        let gy: Vec<f32> = x.iter().map(|x| 1.5 - x).collect();
        for map in BACKWARD {
            let mut gx = vec![0.0; x.len()];
            prop_assert!(!quantize_backward(map, &x, &gy, false, &mut gx));
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
            assert!(quantize_forward(map, &x, &mut [0.0; 7]), "{map:?} {at}");
        }
        for map in BACKWARD {
            assert!(
                quantize_backward(map, &x, &[1.0; 7], false, &mut [0.0; 7]),
                "{map:?} {at}"
            );
            assert!(
                quantize_backward(map, &[1.0; 7], &x, true, &mut [0.0; 7]),
                "{map:?} {at}"
            );
        }
    }
}

#[test]
fn numbers_name_the_maps_of_the_boundary() {
    let parameters = [0.3, 0.25];
    let named: Vec<_> = (0..8).map(|number| Forward::from_number(number, &parameters)).collect();
    assert_eq!(named[2], Some(Forward::PiecewiseLinear { rho: 0.3, varrho: 0.25 }));
    assert_eq!(named[6], Some(Forward::ErrorDecay { t: 0.3 }));
    assert_eq!(named[7], None);
    assert_eq!(
        Backward::from_number(3, &parameters),
        Some(Backward::SignSwishPrime { beta: 0.3 })
    );
    assert_eq!(Backward::from_number(5, &parameters), None);
    assert_eq!(Forward::from_number(4, &[]), None);
    assert_eq!(
        (Forward::parameters(2), Forward::parameters(4), Backward::parameters(4)),
        (2, 1, 1)
    );
}
