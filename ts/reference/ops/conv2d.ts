/** A convolution, with a border of zeros or ones, and perhaps in groups. tfjs knows no groups, so each is one of its own. */
import { layers } from "../../nn/layers.ts";
import { convGeometry } from "../../nn/nodes.ts";
import { groupsOf } from "../../nn/ops/channel-groups.ts";
import { dilationOf } from "../../nn/ops/dilation.ts";
import { around, type Case, leaning, SIGNS, WINDOWED_IMAGE } from "../cases.ts";
import { lacksKernel } from "../compare.ts";
import type { Tensor } from "../tensorflow.ts";
import { dilated, padded, places } from "./images.ts";
import type { Applied, ReferenceOp } from "./op.ts";
import { isExactProduct, productValue, type Sums } from "./product.ts";
import { productDistance, productGradientDistance } from "./product-distance.ts";

function sumsOf({ tf, node, site }: Applied<"conv2d">): Sums {
  const { filters, kernelSize, strides, padding, padValue } = node.attributes;
  const [dilation, groups] = [dilationOf(node.attributes), groupsOf(node.attributes)];
  const steps = [...strides] as [number, number];
  const around = padValue === "one" ? 1 : 0;
  const geometry = convGeometry(node, site.inputShape);
  const pixels = kernelSize[0] * kernelSize[1];
  return {
    multiply: (x, kernel, border = around) => {
      const ofTensorFlow = padding === "valid" || (padding === "same" && border === 0);
      const [own, image] = ofTensorFlow ? [padding, x] : ["valid" as const, padded(tf, x, geometry, border)];
      const wide = dilated(tf, kernel, dilation);
      if (groups === 1) return tf.conv2d(image as never, wide as never, steps, own);
      const kernels = tf.split(wide, groups, 3);
      const sums = tf
        .split(image as Tensor, groups, 3)
        .map((channels, group) => tf.conv2d(channels as never, kernels[group] as never, steps, own));
      return tf.concat(sums, 3);
    },
    taps: (x) => places(tf, x, geometry, around),
    groups,
    hasKernelGradient: lacksKernel(tf, "Conv2DBackpropFilter") === null,
    terms: { forward: (pixels * geometry.channels) / groups, input: (pixels * filters) / groups },
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
    "3x3, dilated by 2": { kernelSize: 3, padding: "same", dilationRate: 2 },
    "2x3, dilated by 3 and 1, ones around": { kernelSize: [2, 3], padding: 1, padValue: "one", dilationRate: [3, 1] },
    "3x3, three groups": { filters: 12, kernelSize: 3, padding: "same", groups: 3 },
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
      return around(`conv2d ${kinds}`, WINDOWED_IMAGE, (x) => layers.conv2d({ ...same, ...operands }).apply(x));
    },
    windows,
    alone: () =>
      ["elastic", "elastic-unit"].map((activationQuantizer) =>
        around(`conv2d ${activationQuantizer} x +-1, scaled, strides 2`, WINDOWED_IMAGE, (x) =>
          layers
            .conv2d({
              ...{ filters: 7, kernelSize: 3, padding: "same", strides: 2, name: "conv" },
              ...{ weightQuantizer: "xnor", activationQuantizer },
            })
            .apply(x),
        ),
      ),
    accumulated: (accumulator) => {
      const window = { filters: 9, kernelSize: 3, padding: "same", name: "conv", ...SIGNS, accumulator } as const;
      return [
        around(`conv2d in 8 bits, ${accumulator}`, [6, 5, 47], (x) => layers.conv2d(window).apply(leaning(x))),
        around(`conv2d in 8 bits, ${accumulator}, strides 2, ones around`, [6, 5, 47], (x) =>
          layers.conv2d({ ...window, strides: 2, padValue: "one" }).apply(leaning(x)),
        ),
        around(`conv2d in 8 bits, ${accumulator}, dilated`, [6, 5, 47], (x) =>
          layers.conv2d({ ...window, dilationRate: [1, 2] }).apply(leaning(x)),
        ),
        around(`conv2d in 8 bits, ${accumulator}, three groups`, [4, 5, 138], (x) =>
          layers.conv2d({ ...window, groups: 3 }).apply(leaning(x)),
        ),
      ];
    },
  },
};
