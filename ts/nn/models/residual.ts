/**
 * The residual layers of Bi-Real networks (Liu et al., 2018, "Bi-Real Net: Enhancing the Performance of 1-bit CNNs",
 * section 3). Every binary convolution has a shortcut of its own, which carries the real values past the sign.
 *
 *   x -> sign -> binary conv 3x3 -> batch norm -> + -> y
 *   x -> (average pool 2x2 -> real conv 1x1 -> batch norm, where the size changes) -^
 *
 * With the option `reactnet` the sign is RSign and RPReLU follows the sum (Liu et al., ECCV 2020, "ReActNet", section
 * 4.2).
 */
import type { SymbolicTensor } from "../layer.ts";
import { layers } from "../layers.ts";
import { head, headTakesSign, type ModelChoices, middleOperands } from "./options.ts";

/** `x` as the next product reads it: unchanged where the product takes its sign, otherwise through relu. */
function bent(x: SymbolicTensor, { activationQuantizer }: ModelChoices): SymbolicTensor {
  return activationQuantizer === null ? layers.relu().apply(x) : x;
}

/** One binary convolution with its shortcut. `strides` 2 halves height and width. */
function residualLayer(
  x: SymbolicTensor,
  filters: number,
  strides: 1 | 2,
  name: string,
  choices: ModelChoices,
): SymbolicTensor {
  const options = { filters, kernelSize: 3, strides, ...middleOperands(choices) };
  // In float the threshold is relu's. Both networks then have the same parameters, and one can start from the other.
  const moved = choices.reactnet ? layers.rsign({ name: `${name}_rsign` }).apply(x) : x;
  const sums = layers.binaryConv2d({ ...options, name: `${name}_conv` }).apply(bent(moved, choices));
  const normed = layers.batchNorm({ name: `${name}_norm` }).apply(sums);
  const terms = [normed, shortcut(x, filters, strides, name)];
  if (!choices.reactnet) return layers.add({ name }).apply(terms);
  return layers.rprelu({ name }).apply(layers.add({ name: `${name}_sum` }).apply(terms));
}

function shortcut(x: SymbolicTensor, filters: number, strides: 1 | 2, name: string): SymbolicTensor {
  if (strides === 1 && x.shape[2] === filters) return x;
  // "same", as the convolution beside it, so that odd sizes meet too.
  const pool = { poolSize: 2, padding: "same", name: `${name}_shortcut_pool` } as const;
  const pooled = strides === 1 ? x : layers.avgPool2d(pool).apply(x);
  const conv = layers.conv2d({ filters, kernelSize: 1, useBias: false, name: `${name}_shortcut_conv` });
  return layers.batchNorm({ name: `${name}_shortcut_norm` }).apply(conv.apply(pooled));
}

/**
 * Stages of `depth` residual layers, `filters` wide; every stage but the first halves height and width. Layers are named
 * stage1_1, stage1_2, ...
 */
export function residualStages(
  x: SymbolicTensor,
  filters: readonly number[],
  depth: number,
  choices: ModelChoices,
): SymbolicTensor {
  let value = x;
  for (const [stage, width] of filters.entries()) {
    for (let layer = 0; layer < depth; layer++) {
      const strides = stage > 0 && layer === 0 ? 2 : 1;
      value = residualLayer(value, width, strides, `stage${stage + 1}_${layer + 1}`, choices);
    }
  }
  return value;
}

/** Global average pool and the last layer. */
export function classifier(x: SymbolicTensor, choices: ModelChoices): SymbolicTensor {
  const start = headTakesSign(choices) ? x : bent(x, choices);
  const pooled = layers.globalAvgPool2d({ name: "pool" }).apply(start);
  return head(choices, "head").reduce((value, layer) => layer.apply(value), pooled);
}
