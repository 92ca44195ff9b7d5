/**
 * The block of ViT and DeiT, with norms in front: x + attention(norm(x)), then x + MLP(norm(x)). Dosovitskiy et al., "An Image
 * is Worth 16x16 Words", ICLR 2021, section 3.1. Where layers take signs, GELU has no place: the norm of the MLP's first layer
 * stands before the signs of its second, and another one behind the attention.
 */
import type { SymbolicTensor } from "../layer.ts";
import { layers } from "../layers.ts";
import {
  attention,
  type Block,
  dropped,
  linear,
  normBefore,
  type TransformerChoices,
  takesSigns,
  through,
} from "./transformer.ts";

/** The branch of the attention, in front of the sum. `useBias` is about query, key and value. */
function attended(x: SymbolicTensor, name: string, choices: TransformerChoices, useBias: boolean): SymbolicTensor {
  const start = normBefore(`${name}.norm1`, choices).apply(x);
  const [query, key, value] = (["q", "k", "v"] as const).map((part) =>
    through(start, ...linear(choices.dim, `${name}.attn.${part}`, choices, useBias)),
  ) as [SymbolicTensor, SymbolicTensor, SymbolicTensor];
  const mixed = attention(`${name}.attn`, choices).apply([query, key, value]);
  const norm = takesSigns(choices) ? [layers.batchNorm({ name: `${name}.attn_norm` })] : [];
  return through(mixed, ...norm, ...linear(choices.dim, `${name}.attn.proj`, choices));
}

/** The layers of the MLP. */
function mlp(x: SymbolicTensor, name: string, choices: TransformerChoices): SymbolicTensor {
  const bent = takesSigns(choices) ? [] : [layers.activation({ activation: "gelu", name: `${name}.mlp.act` })];
  const hidden = through(x, ...linear(choices.ratio * choices.dim, `${name}.mlp.fc1`, choices), ...bent);
  return through(hidden, ...linear(choices.dim, `${name}.mlp.fc2`, choices));
}

const added = (name: string, x: SymbolicTensor, branch: SymbolicTensor): SymbolicTensor =>
  layers.add({ name }).apply([branch, x]);

export const plainBlock: Block = (x, name, rate, choices) => {
  const first = through(attended(x, name, choices, true), ...dropped(`${name}.drop_path1`, rate));
  const middle = added(`${name}.sum1`, x, first);
  const normed = normBefore(`${name}.norm2`, choices).apply(middle);
  const second = through(mlp(normed, name, choices), ...dropped(`${name}.drop_path2`, rate));
  return added(name, middle, second);
};

/**
 * The block of CCT, which takes the second residual behind the second norm. Hassani et al., "Escaping the Big Data Paradigm
 * with Compact Transformers", arXiv 2104.05704, as its authors' code has it.
 */
export const compactBlock: Block = (x, name, rate, choices) => {
  const first = through(attended(x, name, choices, false), ...dropped(`${name}.drop_path1`, rate));
  const normed = normBefore(`${name}.norm2`, choices).apply(added(`${name}.sum1`, x, first));
  const second = through(mlp(normed, name, choices), ...dropped(`${name}.drop_path2`, rate));
  return added(name, normed, second);
};
