use super::*;
use crate::arbitrary::{dense, reals, undilated_shapes};
use crate::conv::real::pad_real;
use proptest::prelude::*;

/// A shape with one to three filters a channel, taps next to each other or apart, and the dilation.
fn cases() -> impl Strategy<Value = (ConvShape, [usize; 2])> {
    (undilated_shapes(), 1u32..4, any::<[bool; 2]>()).prop_map(|(shape, multiplier, apart)| {
        let shape = ConvShape {
            filters: shape.channels * multiplier,
            ..shape
        };
        // Two taps at the ends of a window, or as many as it has places.
        let along = |kernel: u32, apart: bool| if apart { (kernel as usize - 1).max(1) } else { 1 };
        let dilation = [
            along(shape.kernel_height, apart[0]),
            along(shape.kernel_width, apart[1]),
        ];
        (shape, dilation)
    })
}

/// Calls `visit(place in x or nothing outside, place in w, place in y)` for every product of the definition: output elements,
/// then taps, in order.
fn for_each_product(shape: &ConvShape, dilation: [usize; 2], mut visit: impl FnMut(Option<usize>, usize, usize)) {
    let s = shape;
    let (c, n) = (s.channels as usize, s.filters as usize);
    let along = |out: u32, stride: u32, tap: usize, pad: u32, size: u32| {
        let at = (out * stride) as i64 + tap as i64 - i64::from(pad);
        (0..i64::from(size)).contains(&at).then_some(at as usize)
    };
    let mut output = 0;
    for image in 0..s.images as usize {
        for (oy, ox) in (0..s.out_height).flat_map(|oy| (0..s.out_width).map(move |ox| (oy, ox))) {
            for o in 0..n {
                let mut tap = 0;
                for ky in (0..s.kernel_height as usize).step_by(dilation[0]) {
                    for kx in (0..s.kernel_width as usize).step_by(dilation[1]) {
                        let y = along(oy, s.stride_height, ky, s.pad_top, s.height);
                        let x = along(ox, s.stride_width, kx, s.pad_left, s.width);
                        let place = y
                            .zip(x)
                            .map(|(y, x)| ((image * s.height as usize + y) * s.width as usize + x) * c + o / (n / c));
                        visit(place, tap * n + o, output);
                        tap += 1;
                    }
                }
                output += 1;
            }
        }
    }
}

/// Lengths of x (unpadded), w and y.
fn lengths(shape: &ConvShape, dilation: [usize; 2]) -> [usize; 3] {
    let taps =
        (shape.kernel_height as usize).div_ceil(dilation[0]) * (shape.kernel_width as usize).div_ceil(dilation[1]);
    let x = shape.images * shape.height * shape.width * shape.channels;
    let y = shape.images * shape.out_height * shape.out_width * shape.filters;
    [x as usize, taps * shape.filters as usize, y as usize]
}

fn padded(shape: &ConvShape, x: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; shape.padded_pixels() * shape.channels as usize];
    pad_real(shape, x, &mut out);
    out
}

proptest! {
    #![proptest_config(crate::arbitrary::cases(256))]

    #[test]
    fn sums_are_those_of_the_definition_in_order((shape, dilation) in cases(), seed in 0u64..1000) {
        let [inputs, weights, outputs] = lengths(&shape, dilation);
        let (x, w) = (reals(inputs, seed), reals(weights, seed + 1));
        let bias = reals(shape.filters as usize, seed + 2);
        let border = if shape.pad_one == 1 { 1.0 } else { 0.0 };
        let mut expected = vec![0.0; outputs];
        for_each_product(&shape, dilation, |at, k, out| expected[out] += at.map_or(border, |at| x[at]) * w[k]);
        let mut y = vec![f32::NAN; outputs];
        depthwise_conv(&shape, dilation, &padded(&shape, &x), &w, None, &mut y);
        prop_assert_eq!(&y, &expected);
        depthwise_conv(&shape, dilation, &padded(&shape, &x), &w, Some(&bias), &mut y);
        for (i, (y, sum)) in y.iter().zip(expected).enumerate() {
            prop_assert_eq!(*y, sum + bias[i % bias.len()]);
        }
    }

    #[test]
    fn filters_have_the_gradient_of_the_definition_in_order((shape, dilation) in cases(), seed in 0u64..1000) {
        let [inputs, weights, outputs] = lengths(&shape, dilation);
        let (x, dy) = (reals(inputs, seed), reals(outputs, seed + 1));
        let border = if shape.pad_one == 1 { 1.0 } else { 0.0 };
        let mut expected = vec![0.0; weights];
        for_each_product(&shape, dilation, |at, k, out| expected[k] += at.map_or(border, |at| x[at]) * dy[out]);
        let mut dw = vec![f32::NAN; weights];
        depthwise_conv_backward_filter(&shape, dilation, &padded(&shape, &x), &dy, &mut dw);
        prop_assert_eq!(dw, expected);
    }

    #[test]
    fn inputs_have_the_gradient_of_the_definition((shape, dilation) in cases(), seed in 0u64..1000) {
        let [inputs, weights, outputs] = lengths(&shape, dilation);
        let (w, dy, before) = (reals(weights, seed), reals(outputs, seed + 1), reals(inputs, seed + 2));
        let (mut expected, mut magnitude) = (vec![0.0; inputs], vec![0.0; inputs]);
        for_each_product(&shape, dilation, |at, k, out| {
            if let Some(at) = at {
                expected[at] += f64::from(w[k]) * f64::from(dy[out]);
                magnitude[at] += (f64::from(w[k]) * f64::from(dy[out])).abs();
            }
        });
        let mut dx = vec![f32::NAN; inputs];
        depthwise_conv_backward_input(&shape, dilation, &w, &dy, false, &mut dx);
        let mut onto = before.clone();
        depthwise_conv_backward_input(&shape, dilation, &w, &dy, true, &mut onto);
        // Every product and every addition is rounded once.
        let terms = weights / shape.channels as usize + 2;
        for i in 0..inputs {
            let unit = terms as f64 * f64::from(f32::EPSILON);
            prop_assert!((f64::from(dx[i]) - expected[i]).abs() <= unit * magnitude[i]);
            let sum = f64::from(before[i]) + expected[i];
            prop_assert!((f64::from(onto[i]) - sum).abs() <= unit * (magnitude[i] + f64::from(before[i]).abs()));
        }
    }
}

#[test]
#[should_panic(expected = "multiplier")]
fn filters_that_are_no_multiple_of_the_channels_are_refused() {
    let shape = ConvShape {
        filters: 3,
        ..dense(1, 2, 2)
    };
    depthwise_conv(&shape, [1, 1], &[0.0; 2], &[0.0; 3], None, &mut [0.0; 3]);
}
