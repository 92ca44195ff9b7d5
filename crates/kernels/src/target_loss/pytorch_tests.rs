//! Losses and gradients with the numbers of PyTorch 1.13 (`torch.nn.functional`, in f64), made once.

use super::*;
use crate::loss::{Objective, softmax_cross_entropy};
use crate::soft_loss::{SoftTruth, soft_cross_entropy};

const OUTPUTS: [f32; 6] = [1.5, -0.5, 0.25, -2.0, 0.75, 3.0];
const REALS: [f32; 6] = [1.0, -1.0, 0.5, 0.5, 0.25, -1.5];
const SEVERAL: [f32; 6] = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
const SHARES: [f32; 6] = [0.7, 0.2, 0.1, 0.1, 0.1, 0.8];
const ROWS: Rows = Rows {
    size: 3,
    valid: 2,
    weights: None,
    inverse_batch: 0.5,
};

/// The sum 4.479622149788362 + 15.321276823417776 of both, and the gradient of the first.
const TEACHER: (f64, [f64; 6]) = (
    19.800898973206138,
    [
        -0.191512047953034,
        0.285220419599386,
        -0.093708371646352,
        -0.665897440529339,
        -0.194062890055219,
        0.859960330584559,
    ],
);

fn assert_same(name: &str, loss: f64, gradient: &[f32], wanted: (f64, [f64; 6])) {
    assert!((loss - wanted.0).abs() < 1e-7, "{name}: {loss} {}", wanted.0);
    for (g, wanted) in gradient.iter().zip(wanted.1) {
        assert!((f64::from(*g) - wanted).abs() < 1e-7, "{name}: {g} {wanted}");
    }
}

#[test]
fn losses_over_targets() {
    let sixth = 1.0 / 6.0;
    let cases = [
        (
            "binary_cross_entropy_with_logits",
            TargetLoss::BinaryCrossEntropy { smoothing: 0.0 },
            SEVERAL,
            0.8023026751288862,
            [
                -0.030404253967726,
                0.062923444799691,
                -0.0729705831857,
                0.019867153670353,
                -0.053470216804101,
                0.158762354470406,
            ],
        ),
        (
            "mse_loss",
            TargetLoss::SquaredError,
            REALS,
            4.552083333333333,
            [sixth, sixth, -sixth / 2.0, -5.0 * sixth, sixth, 1.5],
        ),
        (
            "l1_loss",
            TargetLoss::AbsoluteError,
            REALS,
            1.4583333333333333,
            [sixth, sixth, -sixth, -sixth, sixth, sixth],
        ),
        (
            "huber_loss",
            TargetLoss::Huber { delta: 1.0 },
            REALS,
            1.0677083333333333,
            [sixth / 2.0, sixth / 2.0, -sixth / 4.0, -sixth, sixth / 2.0, sixth],
        ),
        (
            "mean of clamp(1 - y z)",
            TargetLoss::Hinge,
            SEVERAL,
            0.9166666666666666,
            [0.0, sixth, -sixth, 0.0, -sixth, sixth],
        ),
        (
            "mean of clamp(1 - y z)^2",
            TargetLoss::SquaredHinge,
            SEVERAL,
            2.8125,
            [0.0, sixth, -sixth * 1.5, 0.0, -sixth / 2.0, sixth * 8.0],
        ),
    ];
    for (name, loss, targets, value, slopes) in cases {
        let mut gradient = [9.0; 6];
        let found = target_loss(
            loss,
            &OUTPUTS,
            Truth::Targets(&targets),
            ROWS,
            Some(&mut gradient),
            None,
        );
        assert_same(name, found.loss / 2.0, &gradient, (value, slopes));
    }
}

#[test]
fn cross_entropy_with_classes() {
    let plain = [
        -0.148343011989113,
        0.047591598074587,
        0.100751413914525,
        0.003029278748784,
        -0.452614107658172,
        0.449584828909378,
    ];
    let smoothed = [
        -0.11500967865578,
        0.030924931407921,
        0.084084747247859,
        -0.013637387917882,
        -0.419280774324839,
        0.432918162242721,
    ];
    for (smoothing, value, slopes) in [(0.0, 1.35411770387189, plain), (0.1, 1.41661770387189, smoothed)] {
        let objective = Objective {
            inverse_batch: 0.5,
            smoothing,
            weights: None,
        };
        let mut gradient = [9.0; 6];
        let found = softmax_cross_entropy(&OUTPUTS, &[0, 1], 2, 3, objective, Some(&mut gradient), None);
        assert_same("cross_entropy", found.loss / 2.0, &gradient, (value, slopes));
    }
}

#[test]
fn cross_entropy_with_shares_and_with_a_teacher() {
    let mut gradient = [9.0; 6];
    let truth = SoftTruth {
        temperature: None,
        smoothing: 0.0,
    };
    let found = soft_cross_entropy(&OUTPUTS, &SHARES, truth, ROWS, Some(&mut gradient), None);
    let slopes = [
        0.001656988010887,
        -0.052408401925413,
        0.050751413914525,
        -0.046970721251216,
        -0.002614107658172,
        0.049584828909378,
    ];
    assert_same(
        "cross_entropy",
        found.loss / 2.0,
        &gradient,
        (0.8541177038718899, slopes),
    );

    // T^2 kl_div(log_softmax(z / T), softmax(t / T)) plus T^2 times the entropy of the teacher.
    let teacher = REALS.map(|t| 3.0 * t);
    let truth = SoftTruth {
        temperature: Some(4.0),
        smoothing: 0.0,
    };
    let found = soft_cross_entropy(&OUTPUTS, &teacher, truth, ROWS, Some(&mut gradient), None);
    assert_same("kl_div", found.loss / 2.0, &gradient, TEACHER);
}
