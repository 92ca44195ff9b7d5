//! Three steps with the numbers of PyTorch 1.13 (`torch.optim`, in f64), made once.

use super::*;

const WEIGHTS: [f32; 4] = [0.5, -0.25, 0.0, 1.5];
const GRADIENTS: [[f32; 4]; 3] = [[0.1, -0.2, 0.3, 0.0], [0.05, 0.4, -0.3, 0.01], [-0.5, 0.2, 0.1, 1.0]];

/// That three steps end in `wanted`.
fn assert_steps(mut step: impl FnMut(i32, &mut [f32], &[f32]) -> bool, wanted: [f64; 4]) {
    let mut w = WEIGHTS;
    for (i, g) in GRADIENTS.iter().enumerate() {
        assert!(!step(i as i32 + 1, &mut w, g));
    }
    for (w, wanted) in w.iter().zip(wanted) {
        assert!((f64::from(*w) - wanted).abs() < 5e-7, "{w} {wanted}");
    }
}

#[test]
fn sgd_with_momentum_and_in_nesterovs_form() {
    let momentum = [0.5134, -0.2918, -0.0343, 1.3981];
    // With a weight decay of 0.01.
    let nesterov = [0.5431634119805, -0.3256726481053, -0.0406695657700, 1.2952409617115];
    for (is_nesterov, weight_decay, wanted) in [(false, 0.0, momentum), (true, 0.01, nesterov)] {
        let hyper = Sgd {
            learning_rate: 0.1,
            momentum: 0.9,
            weight_decay,
            nesterov: is_nesterov,
            clip: 0.0,
        };
        let mut v = [0.0; 4];
        assert_steps(|_, w, g| sgd_step(w, g, Some(&mut v), &hyper), wanted);
    }
}

#[test]
fn rmsprop_without_and_with_momentum() {
    let plain = [0.4846209855220, -0.2605443658857, -0.0164922512052, 1.4367568796930];
    // With momentum, an epsilon of 1e-3 and a weight decay of 0.01.
    let moving = [0.4193824546154, -0.2327463811206, -0.0492439548730, 1.3508235421704];
    for (momentum, epsilon, weight_decay, wanted) in [(0.0, 1e-7, 0.0, plain), (0.9, 1e-3, 0.01, moving)] {
        let hyper = RmsProp {
            learning_rate: 0.01,
            rho: 0.9,
            momentum,
            epsilon,
            weight_decay,
            clip: 0.0,
        };
        let (mut v, mut b) = ([0.0; 4], [0.0; 4]);
        assert_steps(|_, w, g| rmsprop_step(w, g, &mut v, &mut b, &hyper), wanted);
    }
}

#[test]
fn adam_with_either_weight_decay() {
    let coupled = [0.4851394898231, -0.2487179574667, -0.0105397971477, 1.4735657273447];
    let decoupled = [0.4838723851230, -0.2481205223470, -0.0105248242799, 1.4816252749718];
    for (weight_decay, is_decoupled, wanted) in [(0.01, false, coupled), (0.1, true, decoupled)] {
        let (mut m, mut v) = ([0.0; 4], [0.0; 4]);
        let step = |step: i32, w: &mut [f32], g: &[f32]| {
            let hyper = Adam {
                learning_rate: 0.01,
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                weight_decay,
                decoupled: is_decoupled,
                bias_correction1: (1.0 - f64::from(0.9f32).powi(step)) as f32,
                bias_correction2: (1.0 - f64::from(0.999f32).powi(step)) as f32,
                clip: 0.0,
            };
            adam_step(w, g, &mut m, &mut v, &hyper)
        };
        assert_steps(step, wanted);
    }
}

/// `torch.nn.utils.clip_grad_norm_` adds 1e-6 to the norm; 1 / 13 is what it comes to but for that.
#[test]
fn norms_are_those_of_all_gradients_together() {
    let squares = [25.0, 144.0];
    let (mut first, mut second) = ([3.0, 4.0], [12.0]);
    assert!(!clip_gradient_norm(&mut first, &squares, 1.0));
    assert!(!clip_gradient_norm(&mut second, &squares, 1.0));
    for (g, wanted) in [(first[0], 0.2307692), (first[1], 0.3076923), (second[0], 0.9230769)] {
        assert!((g - wanted).abs() < 1e-6, "{g} {wanted}");
    }
}
