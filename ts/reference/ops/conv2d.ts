/** A convolution, with a border of zeros or ones. */
import { layers } from "../../nn/layers.ts";
import { convGeometry } from "../../nn/nodes.ts";
import { around, type Case, leaning, SIGNS } from "../cases.ts";
import { lacksKernel } from "../compare.ts";
import { padded, places } from "./images.ts";
import type { Applied, ReferenceOp } from "./op.ts";
import { isExactProduct, productValue, type Sums } from "./product.ts";
import { productDistance, productGradientDistance } from "./product-distance.ts";

function sumsOf({ tf, node, site }: Applied<"conv2d">): Sums {
  const { filters, kernelSize, strides, padding, padValue } = node.attributes;
  const steps = [...strides] as [number, number];
  const around = padValue === "one" ? 1 : 0;
  const geometry = convGeometry(node, site.inputShape);
  const pixels = kernelSize[0] * kernelSize[1];
  return {
    multiply: (x, kernel, border = around) => {
      const ofTensorFlow = padding === "valid" || (padding === "same" && border === 0);
      if (ofTensorFlow) return tf.conv2d(x as never, kernel as never, steps, padding);
      return tf.conv2d(padded(tf, x, geometry, border), kernel as never, steps, "valid");
    },
    taps: (x) => places(tf, x, geometry, around),
    terms: { forward: pixels * geometry.channels, input: pixels * filters },
  };
}

function windows(): readonly Case[] {
  const shapes = {
    "strides 2": { kernelSize: 3, strides: 2, padding: "same" },
    "2x2, strides 2": { kernelSize: 2, strides: 2, padding: "same" },
    "1x1, strides 2": { kernelSize: 1, strides: 2, padding: "valid" },
    "5x3, valid": { kernelSize: [5, 3], padding: "valid" },
    "4x4, strides 3x2, ones around": { kernelSize: 4, strides: [3, 2], padding: "same", padValue: "one" },
    "3x2, ones around as given": { kernelSize: [3, 2], padding: [2, 1], padValue: "one" },
  } as const;
  const operands = {
    real: { weightQuantizer: null, activationQuantizer: null },
    "+-1 x real": { weightQuantizer: null, activationQuantizer: "bnn" },
    // A bias would be rounded: without it only equality will do.
    "+-1 x +-1": { weightQuantizer: "bnn", activationQuantizer: "bnn", useBias: false },
  } as const;
  return Object.entries(shapes).flatMap(([window, options]) =>
    Object.entries(operands).map(([operand, quantizers]) =>
      around(`conv2d ${operand}, ${window}`, [7, 9, 9], (x) =>
        layers.conv2d({ filters: 10, name: "conv", ...options, ...quantizers }).apply(x),
      ),
    ),
  );
}

export const conv2d: ReferenceOp<"conv2d"> = {
  value: (given) => productValue(given, sumsOf(given)),
  distance: (given, value) => productDistance(given, sumsOf(given), value),
  gradientDistance: (given, gradient) => productGradientDistance(given, sumsOf(given), gradient),
  isExact: isExactProduct,
  // Asked beforehand, since tfjs keeps tensors of its own for good where a gradient ends in an error.
  lacks: (tf, at) => (at === "kernel" ? lacksKernel(tf, "Conv2DBackpropFilter") : null),
  cases: {
    operands: (kinds, operands) => {
      const same = { filters: 7, kernelSize: 3, padding: "same", useBias: false, name: "conv" } as const;
      return around(`conv2d ${kinds}`, [9, 7, 5], (x) => layers.conv2d({ ...same, ...operands }).apply(x));
    },
    windows,
    accumulated: (accumulator) => {
      const window = { filters: 9, kernelSize: 3, padding: "same", name: "conv", ...SIGNS, accumulator } as const;
      return [
        around(`conv2d in 8 bits, ${accumulator}`, [5, 4, 66], (x) => layers.conv2d(window).apply(leaning(x))),
        around(`conv2d in 8 bits, ${accumulator}, strides 2, ones around`, [6, 5, 47], (x) =>
          layers.conv2d({ ...window, strides: 2, padValue: "one" }).apply(leaning(x)),
        ),
      ];
    },
  },
};
