/**
 * The block of BinaryViT: Le and Li, "BinaryViT: Pushing Binary Vision Transformers Towards Convolutional Models", CVPR
 * Workshops 2023. Every linear layer has a residual of its own, a batch norm, and RPReLU behind the sum. Learned shifts stand
 * before signs. The value of the attention takes query, key and value as residuals. Both branches are scaled from 0.1, and
 * beside the MLP stand average pools of its normed input, whose scale starts from 0. It has no GELU.
 */
import type { Layer, LayerChain, SymbolicTensor } from "../layer.ts";
import { layers } from "../layers.ts";
import { attention, type Block, dropped, isReal, linear, type TransformerChoices, through } from "./transformer.ts";

/** The sum of `parts`, under names behind `name`. */
const sumOf = (name: string, [first, ...others]: readonly [SymbolicTensor, ...SymbolicTensor[]]): SymbolicTensor =>
  others.reduce((sum, part, i) => layers.add({ name: `${name}${i + 1}` }).apply([sum, part]), first);

/** A linear layer over signs behind a learned shift, with batch norm, `residual` and RPReLU. */
function bentLinear(
  x: SymbolicTensor,
  residual: SymbolicTensor,
  name: string,
  choices: TransformerChoices,
): SymbolicTensor {
  const units = residual.shape.at(-1) as number;
  const norm = isReal(choices) ? [layers.batchNorm({ name: `${name}_norm` })] : [];
  const sums = through(x, layers.rsign({ name: `${name}_move` }), ...linear(units, name, choices), ...norm);
  return through(sumOf(`${name}_sum`, [sums, residual]), bend(name));
}

const bend = (name: string): LayerChain => layers.rprelu({ name: `${name}_act` });

function attended(x: SymbolicTensor, name: string, choices: TransformerChoices): SymbolicTensor {
  const start = layers.batchNorm({ name: `${name}.norm1` }).apply(x);
  const parts = (["q", "k", "v"] as const).map((part) => bentLinear(start, start, `${name}.attn.${part}`, choices));
  const moved = parts.map((part, i) => layers.rsign({ name: `${name}.attn.${"qkv"[i]}_sign` }).apply(part));
  const mixed = layers.batchNorm({ name: `${name}.attn_norm` }).apply(attention(`${name}.attn`, choices).apply(moved));
  const value = through(sumOf(`${name}.attn_sum`, [mixed, ...parts]), bend(`${name}.attn`));
  return bentLinear(value, value, `${name}.attn.proj`, choices);
}

/** `x` so many times, feature after feature. */
function repeated(x: SymbolicTensor, times: number, name: string): SymbolicTensor {
  let all = x;
  for (let i = 1; i < times; i++) all = layers.concatenate({ name: `${name}${i}` }).apply([all, x]);
  return all;
}

/** Means of `size` neighbouring features. */
function narrowed(x: SymbolicTensor, size: number, name: string): SymbolicTensor {
  const [tokens = 0, features = 0] = x.shape;
  const window = { poolSize: [1, size], strides: [1, size], name: `${name}_pool` } as const;
  return through(
    x,
    layers.reshape({ targetShape: [tokens, features, 1], name: `${name}_image` }),
    layers.avgPool2d(window),
    layers.reshape({ targetShape: [tokens, features / size], name }),
  );
}

function mlp(x: SymbolicTensor, name: string, choices: TransformerChoices): SymbolicTensor {
  const wide = repeated(x, choices.ratio, `${name}.mlp.repeat`);
  const hidden = bentLinear(x, wide, `${name}.mlp.fc1`, choices);
  return bentLinear(hidden, narrowed(hidden, choices.ratio, `${name}.mlp.mean`), `${name}.mlp.fc2`, choices);
}

/** Average pools over the image that the tokens stand in, each with a scale from 0 and a shift. */
function pooled(
  x: SymbolicTensor,
  [rows, columns]: readonly [number, number],
  name: string,
): readonly SymbolicTensor[] {
  const [tokens = 0, features = 0] = x.shape;
  const image = layers.reshape({ targetShape: [rows, columns, features], name: `${name}.image` }).apply(x);
  const windows = [
    [1, 3],
    [3, 1],
    [1, 5],
    [5, 1],
  ] as const;
  return windows.map((poolSize) => {
    const own = `${name}.pool${poolSize.join("x")}`;
    return through(
      image,
      layers.avgPool2d({ poolSize, strides: 1, padding: "same", name: own }),
      layers.layerScale({ initialValue: 0, name: `${own}_scale` }),
      layers.shift({ name: `${own}_shift` }),
      layers.reshape({ targetShape: [tokens, features], name: `${own}_tokens` }),
    );
  });
}

/** The block over the tokens of an image of `sides`. */
export const binaryVitBlock =
  (sides: readonly [number, number]): Block =>
  (x, name, rate, choices) => {
    const branch = (number: 1 | 2): readonly Layer[] => [
      layers.layerScale({ initialValue: 0.1, name: `${name}.ls${number}` }),
      ...dropped(`${name}.drop_path${number}`, rate),
    ];
    const first = through(attended(x, name, choices), ...branch(1));
    const middle = layers.add({ name: `${name}.sum` }).apply([first, x]);
    const normed = layers.batchNorm({ name: `${name}.norm2` }).apply(middle);
    const second = through(mlp(normed, name, choices), ...branch(2));
    const all = sumOf(`${name}.mlp_sum`, [second, ...pooled(normed, sides, name)]);
    return layers.add({ name }).apply([all, middle]);
  };
