/** A depthwise convolution. A filter is a column of the kernel as a matrix, with statistics of its own. */
import { layers } from "../../nn/layers.ts";
import { convGeometry } from "../../nn/nodes.ts";
import { around, type Case, USUAL_IMAGE, WINDOWED_IMAGE } from "../cases.ts";
import { lacksKernel } from "../compare.ts";
import { dilated, padded } from "./images.ts";
import { oncePer } from "./once.ts";
import type { Applied, ReferenceOp, Site } from "./op.ts";
import { isExactProduct, productValue, type Sums } from "./product.ts";
import { productDistance, productGradientDistance } from "./product-distance.ts";

type Given = Applied<"depthwiseConv2d">;

/** The node with its kernel as a matrix `[taps, filters]`. */
const asMatrix = oncePer((given: Given): Given => {
  const { tf, node, site } = given;
  const { kernelSize } = node.attributes;
  const taps = kernelSize[0] * kernelSize[1];
  const parameter: Site["parameter"] = (key) => {
    const value = site.parameter(key);
    return key === "kernel" ? tf.reshape(value, [taps, value.size / taps]) : value;
  };
  return { ...given, site: { ...site, parameter } };
});

function sumsOf({ tf, node, site }: Given): Sums {
  const { kernelSize, strides, dilationRate, depthMultiplier } = node.attributes;
  const geometry = convGeometry(node, site.inputShape);
  const taps = kernelSize[0] * kernelSize[1];
  return {
    multiply: (x, matrix, border = 0) => {
      const kernel = tf.reshape(matrix, [...kernelSize, geometry.channels, depthMultiplier]);
      const wide = dilated(tf, kernel, dilationRate);
      const steps = [...strides] as [number, number];
      return tf.depthwiseConv2d(padded(tf, x, geometry, border), wide as never, steps, "valid");
    },
    taps: () => [],
    terms: { forward: taps, input: taps * depthMultiplier },
  };
}

const WINDOWS = {
  "strides 2, same": { kernelSize: 3, strides: 2, padding: "same" },
  "2x3, two filters a channel": { kernelSize: [2, 3], depthMultiplier: 2 },
  "dilated, with borders": { kernelSize: [3, 2], dilationRate: [2, 3], padding: [3, 1], depthMultiplier: 3 },
} as const;

const lacking = { kernel: "DepthwiseConv2dNativeBackpropFilter", 0: "DepthwiseConv2dNativeBackpropInput" } as const;

export const depthwiseConv2d: ReferenceOp<"depthwiseConv2d"> = {
  value: (given) => productValue(asMatrix(given), sumsOf(given)),
  distance: (given, value) => productDistance(asMatrix(given), sumsOf(given), value),
  gradientDistance: (given, gradient) => {
    const distance = productGradientDistance(asMatrix(given), sumsOf(given), gradient);
    return given.tf.reshape(distance, gradient.gradient.shape);
  },
  isExact: isExactProduct,
  lacks: (tf, at) => (at === "kernel" || at === 0 ? lacksKernel(tf, lacking[at]) : null),
  cases: {
    operands: (kinds, operands) => {
      const same = { kernelSize: 3, padding: "same", depthMultiplier: 2, name: "conv" } as const;
      return around(`depthwiseConv2d ${kinds}`, WINDOWED_IMAGE, (x) =>
        layers.depthwiseConv2d({ ...same, ...operands }).apply(x),
      );
    },
    windows: (): readonly Case[] =>
      Object.entries(WINDOWS).map(([window, options]) =>
        around(`depthwiseConv2d ${window}`, WINDOWED_IMAGE, (x) =>
          layers.depthwiseConv2d({ ...options, name: "conv" }).apply(x),
        ),
      ),
    alone: () =>
      ["xnor", "adabin", "recu"].map((weightQuantizer) =>
        around(`depthwiseConv2d ${weightQuantizer}`, USUAL_IMAGE, (x) =>
          layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, name: "conv", weightQuantizer }).apply(x),
        ),
      ),
  },
};
