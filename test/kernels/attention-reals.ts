/** Attention by the kernels over reals, one after the other: what the kernels that have all in one must give. */

import { attentionKinds } from "../../ts/program/attention.ts";
import { panelFloats } from "../../ts/program/kernels.ts";
import fc from "../fast-check.ts";
import { type Bench, k, type Tensor } from "./bench.ts";
import { status } from "./compare.ts";

/** A kind and its sizes. */
export interface AttentionCase {
  readonly kind: keyof typeof attentionKinds;
  readonly images: number;
  readonly heads: number;
  readonly tokens: number;
  readonly keys: number;
  readonly width: number;
  readonly valueWidth: number;
}

/** Sizes of queries, keys and values: powers of two, under which no product over reals is rounded more often than over bits. */
const size = fc.constantFrom(0.25, 0.5, 1, 2);
export const signSizes = fc.tuple(size, size, size);

/** Those sizes as kernels read them; null where signs have none. */
export const sizeTensors = (bench: Bench, sizes: readonly [number, number, number] | null) =>
  [0, 1, 2].map((place) => (sizes === null ? null : bench.input(Float32Array.of(sizes[place] as number)))) as [
    Tensor<Float32Array> | null,
    Tensor<Float32Array> | null,
    Tensor<Float32Array> | null,
  ];

/** Scores, map and product by the kernels over reals. */
export function overReals(
  bench: Bench,
  of: AttentionCase,
  parameters: Tensor<Float32Array> | null,
  operands: readonly Float32Array[],
) {
  const { kind, images, heads, tokens, keys, width, valueWidth } = of;
  const [q, own, v] = operands.map((values) => bench.input(values)) as [
    Tensor<Float32Array>,
    ...Tensor<Float32Array>[],
  ];
  const slices = { images, heads, rows: tokens, aTransposed: false, accumulate: false, bSplit: true };
  const scores = bench.output(Float32Array, images * heads * tokens * keys);
  const forScores = { columns: keys, terms: width, aSplit: true, bTransposed: true, outSplit: false, alphas: null };
  const panels = bench.output(Float32Array, panelFloats(width, keys));
  const first = k.ffSlices({ ...slices, ...forScores, a: q, b: own!, out: scores, scratch: panels });
  status("ff_slices", bench.call(first), 0);
  const map = { kind: attentionKinds[kind], images, heads, tokens, keys, width, parameters };
  status("attention_matrix", bench.call(k.attentionMatrix({ ...map, scores, matrix: null })), 0);
  const out = bench.output(Float32Array, images * tokens * heads * valueWidth);
  const alphas = kind === "elastic" ? parameters : null;
  const forMix = { columns: valueWidth, terms: keys, aSplit: false, bTransposed: false, outSplit: true, alphas };
  const scratch = bench.output(Float32Array, panelFloats(keys, valueWidth));
  status("ff_slices", bench.call(k.ffSlices({ ...slices, ...forMix, a: scores, b: v!, out, scratch })), 0);
  return out.read();
}
