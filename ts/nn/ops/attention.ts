/**
 * Attention in several heads: y = A v, row by row of the tokens. Query, key and value are `[tokens, features]`, and a head has
 * a contiguous part of the features, d of the query's. Keys and values may have another number of tokens than queries.
 * Vaswani et al., "Attention Is All You Need", NeurIPS 2017, sections 3.2.1 and 3.2.2, without its linear layers.
 *
 * A is made of the scores s = q k / sqrt(d), over the keys of a token. With p = exp(s) / sum exp(s):
 *
 *   softmax    p
 *   threshold  1 where p is at least a quarter of its row's largest, else 0: He et al., "BiViT", ICCV 2023
 *   elastic    alpha clamp(round(q), 0, 1), q = p / max(alpha, 1e-5), alpha learned by head: Liu et al., "BiT", NeurIPS 2022
 *   boolean    1 where s > 0, else 0: Qin et al., "BiBERT", ICLR 2022
 *   sign       the sign of p - offset, the offset learned by head: Li et al., "Bi-ViT", AAAI 2024
 *
 * A half rounds to 0. On the way back the threshold is the identity, and the score of boolean has the slope 1 where |s| < 1.
 * Bi-ViT names no slope for its A. Ours is Bi-Real's, max(0, 2 - 2 |p - offset|).
 */
import { endsAsSigns, endsAsSizedSigns } from "../../quantizers/operand-kinds.ts";
import {
  activationQuantizer,
  type FieldsFor,
  integer,
  type LayerOptions,
  optional,
  type QuantizerChoice,
  type ValuesOf,
  word,
} from "../fields.ts";
import { limits } from "../limits.ts";
import { misfit, type Shape } from "../shapes.ts";
import { type AttentionMatrix, attentionMatrices } from "../words.ts";
import { type BitOperands, operation, type ParameterSpec } from "./op.ts";

export interface AttentionOptions extends LayerOptions {
  /** Parts of the features that attend by themselves, 1 .. 65536. Divides the features of query, key and value. */
  readonly heads: number;
  /** "softmax", "threshold", "elastic", "boolean" or "sign": what the scores become. Default "softmax". */
  readonly matrix?: AttentionMatrix | undefined;
  /** Default null. */
  readonly queryQuantizer?: QuantizerChoice | undefined;
  /** Default null. */
  readonly keyQuantizer?: QuantizerChoice | undefined;
  /** Default null. */
  readonly valueQuantizer?: QuantizerChoice | undefined;
}

const fields = {
  heads: integer(1, limits.filters),
  matrix: optional(word(attentionMatrices), "softmax"),
  queryQuantizer: optional(activationQuantizer(), null),
  keyQuantizer: optional(activationQuantizer(), null),
  valueQuantizer: optional(activationQuantizer(), null),
} satisfies FieldsFor<AttentionOptions>;

type Attributes = ValuesOf<typeof fields>;
type Inputs = readonly [query: Shape, key: Shape, value: Shape];

/** The sizes of an attention, of one image. */
export interface AttentionSizes {
  readonly tokens: number;
  /** Tokens of keys and values. */
  readonly keys: number;
  readonly heads: number;
  /** Features of a head, of query and key, and of the value. */
  readonly d: number;
  readonly dv: number;
}

/** The sizes that inputs of such shapes give; they fit together. */
export function attentionSizes([query, key, value]: readonly Shape[], heads: number): AttentionSizes {
  const size = (shape: Shape | undefined, axis: number): number => shape?.[axis] ?? 0;
  const [d, dv] = [size(query, 1) / heads, size(value, 1) / heads];
  return { tokens: size(query, 0), keys: size(key, 0), heads, d, dv };
}

/** Throws "shape" for inputs that do not fit together. */
function checkInputs(inputs: Inputs, { heads }: Attributes, layer: string): void {
  for (const [place, input] of inputs.entries()) {
    const name = (["query", "key", "value"] as const)[place];
    if (input.length !== 2) {
      const remedy = "Put layers.reshape({ targetShape: [-1, features] }) in front of this layer.";
      throw misfit(layer, `a ${name} [tokens, features]`, input, remedy);
    }
    const features = input[1] as number;
    if (features % heads !== 0) {
      const most = Array.from({ length: Math.min(heads, features) }, (_, i) => i + 1);
      const divisor = most.findLast((count) => features % count === 0) as number;
      throw misfit(layer, `a ${name} whose features ${heads} heads divide`, input, `Give heads: ${divisor}.`);
    }
  }
  const [query, key, value] = inputs;
  if (key[1] !== query[1]) {
    const remedy = "Make query and key with dense layers of as many units.";
    throw misfit(layer, `a key of ${query[1]} features, which the query has`, key, remedy);
  }
  if (value[0] !== key[0]) {
    throw misfit(layer, `a value of ${key[0]} tokens, which the key has`, value, "Make key and value of one tensor.");
  }
  const { tokens, keys } = attentionSizes(inputs, heads);
  if (heads * tokens * keys > limits.elements) {
    const expected = `at most ${limits.elements} scores, ${heads} heads x tokens x keys`;
    throw misfit(layer, expected, query, "Take larger patches, or pool in front of this layer.");
  }
}

/** The key of the number that such a matrix learns for each head; null where it learns none. */
export function learnedOfMatrix(matrix: AttentionMatrix): "alpha" | "offset" | null {
  if (matrix === "elastic") return "alpha";
  return matrix === "sign" ? "offset" : null;
}

/** True where all operands end as signs, or as signs of a learned size. */
const areSizedSigns = ({ queryQuantizer, keyQuantizer, valueQuantizer }: Attributes): boolean =>
  [queryQuantizer, keyQuantizer, valueQuantizer].every((own) => own !== null && endsAsSizedSigns(own));

/** True for each input that is multiplied as bits. Signs of a learned size are so where all three are signs of one kind or another. */
export function bitsOfAttention(attributes: Attributes): readonly boolean[] {
  const { queryQuantizer, keyQuantizer, valueQuantizer } = attributes;
  const all = areSizedSigns(attributes);
  return [queryQuantizer, keyQuantizer, valueQuantizer].map((own) => all || (own !== null && endsAsSigns(own)));
}

export const attention = operation({
  name: "attention",
  kind: "attention",
  inputs: 3,
  fields,
  shape: (inputs, attributes, layer) => {
    checkInputs(inputs, attributes, layer);
    const [query, , value] = inputs;
    return [query[0] as number, value[1] as number];
  },
  parameters: ([, key], { heads, matrix }): Readonly<Record<string, ParameterSpec>> => {
    const learned = learnedOfMatrix(matrix);
    // The mean of a row of p.
    const start = 1 / (key[0] as number);
    return learned === null
      ? {}
      : { [learned]: { role: "real", shape: [heads], initializer: start, isNearStart: true } };
  },
  operands: ({ queryQuantizer, keyQuantizer, valueQuantizer }) => [
    { operand: "activation", at: 0, option: "queryQuantizer", plural: "queries", quantizer: queryQuantizer },
    { operand: "activation", at: 1, option: "keyQuantizer", plural: "keys", quantizer: keyQuantizer },
    { operand: "activation", at: 2, option: "valueQuantizer", plural: "values", quantizer: valueQuantizer },
  ],
  readsElastic: areSizedSigns,
  // Signs beside reals are multiplied as reals, and so is a mix behind scores of reals.
  products: (attributes) => {
    const [query, key, value] = bitsOfAttention(attributes);
    const areScores = query === true && key === true;
    const isMix = areScores && value === true && attributes.matrix !== "softmax";
    return [areScores, isMix].map((own): BitOperands => (own ? 2 : 0));
  },
  work: (inputs, _output, { heads }) => {
    const { tokens, keys, d, dv } = attentionSizes(inputs, heads);
    return [heads * tokens * keys * d, heads * tokens * keys * dv];
  },
  between: (inputs, { heads }) => {
    const { tokens, keys } = attentionSizes(inputs, heads);
    return heads * tokens * keys;
  },
});
