/** Networks with an attention of every kind of matrix, over real, soft and hard operands. */

import type { SymbolicTensor } from "../../../nn/layer.ts";
import { layers } from "../../../nn/layers.ts";
import type { AttentionOptions } from "../../../nn/ops/attention.ts";
import { around, type Case, USUAL_IMAGE } from "../../cases.ts";

/** An attention over the rows of an image, with fewer keys than queries. */
function rowsOf(x: SymbolicTensor, options: AttentionOptions): SymbolicTensor {
  const inputs = (
    [
      ["query", 1, 5],
      ["key", 2, 5],
      ["value", 2, 3],
    ] as const
  ).map(([name, down, filters]) => {
    const made = layers.conv2d({ filters, kernelSize: 1, strides: [down, 1], name }).apply(x);
    return layers.reshape({ targetShape: [6 / down, 5 * filters], name: `${name}_rows` }).apply(made);
  });
  return layers.attention({ name: "attention", ...options }).apply(inputs);
}

const all = (name: string) => ({ queryQuantizer: name, keyQuantizer: name, valueQuantizer: name });

export const attentionCases = (): readonly Case[] => {
  const made = (title: string, options: AttentionOptions): Case =>
    around(`attention, ${title}`, USUAL_IMAGE, (x) => rowsOf(x, options));
  // One for each kind, in heads of one size: backends take their time for every new shape.
  return [
    made("softmax of reals", { heads: 5 }),
    made("threshold of signs", { heads: 5, matrix: "threshold", ...all("poly") }),
    made("elastic, soft by hard", { heads: 5, matrix: "elastic", queryQuantizer: "bnn++", keyQuantizer: "poly" }),
    made("boolean of soft ones", { heads: 5, matrix: "boolean", ...all("bnn++") }),
    made("softmax of learned values", {
      ...{ heads: 5, queryQuantizer: "elastic", keyQuantizer: "elastic-unit", valueQuantizer: "elastic" },
    }),
    made("threshold of learned signs", { heads: 5, matrix: "threshold", ...all("elastic") }),
    made("sign, over signs", { heads: 5, matrix: "sign", valueQuantizer: "poly" }),
  ];
};
