/** Attention of one image over bits and over reals: from queries, keys and values to the results of all heads. */

import { createArena } from "../../ts/program/arena.ts";
import { attentionKinds } from "../../ts/program/attention.ts";
import { type KernelCall, kernelsOver } from "../../ts/program/call.ts";
import { denseShape, encodeConvShape } from "../../ts/program/conv-shape.ts";
import { ready } from "../../ts/program/exports.ts";
import { attentionScratchBytes, CONV_SHAPE_BYTES, groups, panelFloats } from "../../ts/program/kernels.ts";
import { type KernelInstance, pageBytes } from "../../ts/runtime/instantiate.ts";
import { xorshift } from "../conv/problem.ts";

const k = kernelsOver<number>();

/** Heads and their features: those of DeiT-Tiny. */
export const [HEADS, WIDTH] = [3, 64];

/** Tokens of an image, from a picture of 28 x 28 in patches of four to one of 512 x 512 in patches of 16. */
export const TOKENS = [49, 64, 197, 256, 512, 1024] as const;

export type Kind = keyof typeof attentionKinds;

/** The same over bits and over reals. */
export interface Duel {
  readonly multiplyAccumulates: number;
  /** From nibbles, as a layer between binary layers gets them. */
  readonly bits: () => number;
  readonly reals: () => number;
  /** True where both gave the same. */
  readonly agree: () => boolean;
}

/**
 * Attention of `tokens` tokens over signs, with a matrix of the kind. Over reals there are scores, map and product, which need
 * the whole matrix.
 */
export function attention({ exports, memory }: KernelInstance, kind: Kind, tokens: number): Duel {
  const features = HEADS * WIDTH;
  const scratchBytes = attentionScratchBytes(tokens, WIDTH, WIDTH);
  const floats = tokens * (8 * features + HEADS * tokens) + 2 * panelFloats(tokens, WIDTH);
  const arena = createArena(memory.grow(Math.ceil((4 * floats + scratchBytes) / pageBytes) + 1) * pageBytes);
  const next = xorshift(tokens);
  const rowBytes = groups(features);
  const run = (call: KernelCall<number>): void => {
    if (ready(exports, call)() !== 0) throw new Error(`${call.kernel} met a number that is not finite`);
  };
  const shape = arena.allocate(CONV_SHAPE_BYTES);
  new Uint8Array(memory.buffer, shape).set(encodeConvShape(denseShape(tokens, features, 1)));
  const operands = [0, 1, 2].map(() => {
    const [x, bits] = [arena.allocate(4 * tokens * features), arena.allocate(tokens * rowBytes)];
    const values = new Float32Array(memory.buffer, x, tokens * features);
    values.set(values.map(() => (next() < 0 ? -1 : 1)));
    run(k.signNibbles({ shape, x, out: bits }));
    return { x, bits };
  });
  const [q, key, v] = operands as [(typeof operands)[0], (typeof operands)[0], (typeof operands)[0]];
  const learned = arena.allocate(4 * HEADS);
  new Float32Array(memory.buffer, learned, HEADS).fill(1 / tokens);
  const parameters = kind === "elastic" || kind === "sign" ? learned : null;
  const [scores, one, two] = [HEADS * tokens * tokens, tokens * features, tokens * features].map((count) =>
    arena.allocate(4 * count),
  ) as [number, number, number];
  const scratch = arena.allocate(scratchBytes);
  const panels = arena.allocate(4 * panelFloats(tokens, WIDTH) + 32 * WIDTH);
  const of = { kind: attentionKinds[kind], images: 1, heads: HEADS, tokens, keys: tokens, width: WIDTH, parameters };
  const { bits: queries } = q;
  const bits = ready(
    exports,
    k.attentionNibbles({
      ...{ ...of, queries, keyBits: key.bits, valueBits: v.bits, values: null, valueWidth: WIDTH, out: one, scratch },
      ...{ querySize: null, keySize: null, valueSize: null },
    }),
  );
  const slices = { images: 1, heads: HEADS, rows: tokens, aTransposed: false, bSplit: true, accumulate: false };
  const parts = [
    k.ffSlices({
      ...{ ...slices, a: q.x, b: key.x, alphas: null, columns: tokens, terms: WIDTH, aSplit: true, bTransposed: true },
      ...{ outSplit: false, out: scores, scratch: panels },
    }),
    k.attentionMatrix({ ...of, scores, matrix: null }),
    k.ffSlices({
      ...{ ...slices, a: scores, b: v.x, alphas: kind === "elastic" ? learned : null, columns: WIDTH, terms: tokens },
      ...{ aSplit: false, bTransposed: false, outSplit: true, out: two, scratch: panels },
    }),
  ].map((call) => ready(exports, call));
  return {
    multiplyAccumulates: 2 * HEADS * tokens * tokens * WIDTH,
    bits,
    reals: () => parts.reduce((status, part) => status + part(), 0),
    agree: () => {
      const [a, b] = [one, two].map((address) => new Uint32Array(memory.buffer, address, tokens * features));
      return a?.every((value, i) => value === b?.[i]) ?? false;
    },
  };
}
