/**
 * The parts that blocks of vision transformers share. A linear layer with a quantized operand has no bias and a batch norm
 * behind it: sums of signs have another scale than the residuals that they are added to. With real operands the layers are
 * those of timm, by its names.
 */
import type { QuantizerChoice } from "../fields.ts";
import type { Layer, LayerChain, SymbolicTensor } from "../layer.ts";
import { layers } from "../layers.ts";
import type { AttentionMatrix } from "../words.ts";
import { type ModelChoices, middleOperands } from "./options.ts";

/** All that a block is told beside the operands of its layers. */
export interface TransformerChoices extends ModelChoices {
  readonly dim: number;
  readonly heads: number;
  readonly ratio: number;
  readonly matrix: AttentionMatrix;
}

/** A block of a transformer over tokens `[tokens, dim]`. `rate` is the share of images that its branches drop. */
export type Block = (x: SymbolicTensor, name: string, rate: number, choices: TransformerChoices) => SymbolicTensor;

/** The layers one behind the other, from `x` on. */
export const through = (x: SymbolicTensor, ...all: readonly (Layer | LayerChain)[]): SymbolicTensor =>
  all.reduce((value, layer) => layer.apply(value), x);

/** True where a layer takes signs or levels of its input. */
export const takesSigns = ({ activationQuantizer }: ModelChoices): boolean => activationQuantizer !== null;

/** True where every operand of the middle is real. */
export const isReal = ({ weightQuantizer, activationQuantizer }: ModelChoices): boolean =>
  weightQuantizer === null && activationQuantizer === null;

/** A linear layer over tokens; with its norm where one of its operands is quantized, else perhaps with a bias. */
export function linear(units: number, name: string, choices: ModelChoices, useBias = true): readonly Layer[] {
  const operands = middleOperands(choices);
  if (isReal(choices)) return [layers.dense({ units, name, useBias, ...operands })];
  return [layers.dense({ units, name, useBias: false, ...operands }), layers.batchNorm({ name: `${name}_norm` })];
}

/** The norm in front of a layer: over the batch before signs, which it makes thresholds of, else over each token. */
export const normBefore = (name: string, choices: ModelChoices): Layer =>
  takesSigns(choices) ? layers.batchNorm({ name }) : layers.layerNorm({ name, epsilon: 1e-6 });

/** Drops a branch, where `rate` is not 0. */
export const dropped = (name: string, rate: number): readonly Layer[] =>
  rate === 0 ? [] : [layers.dropPath({ rate, name })];

/** The attention of a block, whose operands are signs where those of its linear layers are. */
export function attention(name: string, { heads, matrix, activationQuantizer }: TransformerChoices): Layer {
  const own: QuantizerChoice = activationQuantizer;
  return layers.attention({ heads, matrix, queryQuantizer: own, keyQuantizer: own, valueQuantizer: own, name });
}
