/** A product of matrices: a row is a vector, or a place of a value with more axes. */
import { layers } from "../../nn/layers.ts";
import { around, type Case, leaning, SIGNS } from "../cases.ts";
import type { Applied, ReferenceOp } from "./op.ts";
import { isExactProduct, productValue, type Sums } from "./product.ts";
import { productDistance, productGradientDistance } from "./product-distance.ts";

const sumsOf = ({ tf, node, site }: Applied<"dense">): Sums => ({
  multiply: (x, kernel) => {
    const [inputs, units] = kernel.shape as [number, number];
    const sums = tf.matMul(tf.reshape(x, [-1, inputs]), kernel as never);
    return tf.reshape(sums, [...x.shape.slice(0, -1), units]);
  },
  taps: (x) => [x],
  terms: { forward: site.inputShape.at(-1) as number, input: node.attributes.units },
});

/** Over the last axis of more. */
const tokens = (): readonly Case[] => [
  around("dense of tokens, +-1 x +-1", [3, 5, 5], (x) =>
    layers.dense({ units: 37, name: "dense", ...SIGNS }).apply(layers.reshape({ targetShape: [15, 5] }).apply(x)),
  ),
  ...["elastic", "elastic-unit"].map((activationQuantizer) =>
    around(`dense of tokens, ${activationQuantizer} x +-1, scaled`, [3, 5, 5], (x) =>
      layers.dense({ units: 37, name: "dense", weightQuantizer: "xnor", activationQuantizer }).apply(x),
    ),
  ),
  around("dense of tokens, soft x soft, scaled", [3, 5, 5], (x) =>
    layers.dense({ units: 37, name: "dense", weightQuantizer: "xnor", activationQuantizer: "bnn++" }).apply(x),
  ),
];

export const dense: ReferenceOp<"dense"> = {
  value: (given) => productValue(given, sumsOf(given)),
  distance: (given, value) => productDistance(given, sumsOf(given), value),
  gradientDistance: (given, gradient) => productGradientDistance(given, sumsOf(given), gradient),
  isExact: isExactProduct,
  cases: {
    operands: (kinds, operands) =>
      around(`dense ${kinds}`, [3, 5, 5], (x) =>
        layers.dense({ units: 37, name: "dense", ...operands }).apply(layers.flatten().apply(x)),
      ),
    alone: tokens,
    accumulated: (accumulator) => [
      around(`dense of tokens in 8 bits, ${accumulator}`, [5, 4, 29], (x) =>
        layers.dense({ units: 7, name: "dense", ...SIGNS, accumulator }).apply(leaning(x)),
      ),
      around(`dense in 8 bits, ${accumulator}, with a bias`, [5, 4, 29], (x) =>
        layers
          .dense({ units: 7, name: "dense", ...SIGNS, accumulator, useBias: true })
          .apply(layers.flatten().apply(leaning(x))),
      ),
    ],
  },
};
