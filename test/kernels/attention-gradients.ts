/** Attention over signs that keeps what its way back reads, and that way back: products in the order of tables. */

import { attentionKinds } from "../../ts/program/attention.ts";
import {
  attentionGradientBytes,
  attentionRowBytes,
  attentionScratchBytes,
  attentionSoftFloats,
  groups,
  panelFloats,
} from "../../ts/program/kernels.ts";
import fc from "../fast-check.ts";
import { dense, numbers, seeds } from "./arbitrary.ts";
import { type AttentionCase, overReals, signSizes, sizeTensors } from "./attention-reals.ts";
import { type Bench, k, type Tensor } from "./bench.ts";
import { sameBits, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";
import { inTables } from "./tables.ts";
import { attentionSizes } from "./token-sizes.ts";

const small = fc.integer({ min: 1, max: 9 });
const tokens = fc.oneof({ arbitrary: small, weight: 4 }, fc.constantFrom(49, 65));
const features = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(33));

type Row = readonly number[];

/** An element of an operand of one head. */
type At = (row: number, column: number) => number;

/** The part of one head of an image in a tensor of tokens. */
const headOf =
  (values: Float32Array, { heads }: AttentionCase, [image, head]: readonly [number, number], [rows, width]: number[]) =>
  (row: number, column: number): number =>
    values[((image * rows! + row) * heads + head) * width! + column]!;

/** Calls `write` for every element of every head of a tensor of tokens, and returns the tensor. */
function tensor(of: AttentionCase, rows: number, width: number, element: (slice: readonly [number, number]) => At) {
  const out = new Float32Array(of.images * rows * of.heads * width);
  for (let slice = 0; slice < of.images * of.heads; slice++) {
    const [image, head] = [Math.floor(slice / of.heads), slice % of.heads];
    const own = element([image, head]);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < width; column++) {
        out[((image * rows + row) * of.heads + head) * width + column] = own(row, column);
      }
    }
  }
  return out;
}

/** The gradient at the scores of a row out of that at A; its sum runs over the keys in order. */
function rowBackward(kind: AttentionCase["kind"], width: number, parameter: number, soft: Row, gradient: Row): Row {
  const scale = Math.fround(1 / Math.sqrt(width));
  const divisor = Math.max(parameter, Math.fround(1e-5));
  const slope = (p: number): number => {
    if (kind === "elastic") return Number(Math.fround(p / divisor) <= 1);
    if (kind === "boolean") return Number(Math.abs(p) < 1) * scale;
    if (kind !== "sign") return 1;
    return Math.max(0, Math.fround(2 - Math.fround(2 * Math.abs(Math.fround(p - parameter)))));
  };
  const bent = gradient.map((g, i) => Math.fround(slope(soft[i]!) * g));
  if (kind === "boolean") return bent;
  const mean = Math.fround(bent.reduce((sum, g, i) => sum + soft[i]! * g, 0));
  return bent.map((g, i) => Math.fround(Math.fround(soft[i]! * Math.fround(g - mean)) * scale));
}

/** The scores' p and A by the kernels over reals, and the gradients at the learned numbers out of that at A. */
function matrixOf(bench: Bench, of: AttentionCase, parameters: Tensor<Float32Array> | null, operands: Float32Array[]) {
  const { kind, images, heads, tokens, keys, width } = of;
  const [a, b] = operands.map((values) => bench.input(values));
  const scores = bench.output(Float32Array, images * heads * tokens * keys);
  const sizes = { images, heads, rows: tokens, columns: keys, terms: width, aTransposed: false, accumulate: false };
  const layout = { aSplit: true, bSplit: true, bTransposed: true, outSplit: false, alphas: null };
  const scratch = bench.output(Float32Array, panelFloats(width, keys));
  status("ff_slices", bench.call(k.ffSlices({ ...sizes, ...layout, a: a!, b: b!, out: scores, scratch })), 0);
  const matrix = bench.output(Float32Array, images * heads * tokens * keys);
  const map = { kind: attentionKinds[kind], images, heads, tokens, keys, width, parameters };
  status("attention_matrix", bench.call(k.attentionMatrix({ ...map, scores, matrix })), 0);
  // The gradients at the learned numbers; that at the scores has its sums in another order here.
  const learned = (gradient: Float32Array, dparameters: Tensor<Float32Array>): Float32Array => {
    const call = { ...map, soft: bench.input(scores.read()), gradient: bench.state(gradient), dparameters };
    status("attention_matrix_backward", bench.call(k.attentionMatrixBackward(call)), 0);
    return dparameters.read();
  };
  return { soft: scores.read(), matrix: matrix.read(), learned };
}

const gradients = property(
  "attention of signs that keeps what its way back reads, and the gradients at all operands",
  fc.record({
    kind: fc.constantFrom(...(Object.keys(attentionKinds) as (keyof typeof attentionKinds)[])),
    ...{ images: fc.integer({ min: 1, max: 2 }), heads: fc.integer({ min: 1, max: 2 }) },
    ...{ tokens, keys: tokens, width: features, valueWidth: features, seed: seeds, sizes: fc.option(signSizes) },
  }),
  (bench, { seed, sizes, ...of }) => {
    const random = numbers(seed);
    const { kind, images, heads, tokens, keys, width, valueWidth } = of;
    const operands = [
      { rows: tokens, width },
      { rows: keys, width },
      { rows: keys, width: valueWidth },
    ].map(({ rows, width }, place) => {
      const size = sizes?.[place] ?? 1;
      const values = random.reals(images * rows * heads * width).map((value) => (value < 0 ? -size : size));
      const out = bench.output(Uint8Array, images * rows * groups(heads * width));
      const shape = bench.shape(dense(images * rows, heads * width, 1));
      status("sign_nibbles", bench.call(k.signNibbles({ shape, x: bench.input(values), out })), 0);
      return { values, bits: bench.input(out.read()) };
    });
    const [q, own, v] = operands.map(({ values }) => values) as [Float32Array, Float32Array, Float32Array];
    const learned = kind === "elastic" || kind === "sign";
    const alphas = random.between(heads, 0.3 / keys, 3 / keys);
    const parameters = learned ? bench.input(alphas) : null;
    const rows = images * heads * tokens;
    const bits = { queries: operands[0]!.bits, keyBits: operands[1]!.bits, valueBits: operands[2]!.bits };
    const [querySize, keySize, valueSize] = sizeTensors(bench, sizes);
    const given = { ...of, kind: attentionKinds[kind], parameters, ...bits, querySize, keySize, valueSize };
    const out = bench.output(Float32Array, rows * valueWidth);
    const stride = attentionSoftFloats(tokens, 1);
    const soft = bench.output(Float32Array, images * heads * attentionSoftFloats(tokens, keys));
    const matrix = bench.output(Uint8Array, rows * attentionRowBytes(keys));
    const scratch = bench.output(Float32Array, Math.ceil(attentionScratchBytes(keys, width, valueWidth) / 4));
    status("kept", bench.call(k.attentionNibblesKept({ ...given, soft, matrix, out, scratch })), 0);
    sameBits("A V", out.read(), overReals(bench, of, parameters, [q, own, v]));
    const wanted = matrixOf(bench, of, parameters, [q, own]);
    // A row for each key, and a column for each token.
    const columns = soft.read();
    const place = (i: number): number => (Math.floor(i / keys / tokens) * keys + (i % keys)) * stride;
    const kept = wanted.soft.map((_, i) => columns[place(i) + (Math.floor(i / keys) % tokens)]!);
    sameBits("p", kept, wanted.soft);

    const dy = random.reals(rows * valueWidth);
    const [dqueries, dkeys] = [tokens, keys].map((count) => bench.output(Float32Array, images * heads * count * width));
    const dvalues = bench.output(Float32Array, images * heads * keys * valueWidth);
    const [dparameters = null, dalphas = null] = [0, 1].map(() => (learned ? bench.output(Float32Array, heads) : null));
    const room = bench.output(Float32Array, Math.ceil(attentionGradientBytes(tokens, keys, width, valueWidth) / 4));
    const forward = { soft: bench.input(columns), matrix: bench.input(matrix.read()), scratch: room };
    const onto = { dqueries: dqueries!, dkeys: dkeys!, dvalues, dparameters };
    const call = k.attentionNibblesBackward({ ...given, ...forward, ...onto, dy: bench.input(dy) });
    status("attention_nibbles_backward", bench.call(call), 0);

    const square = (values: Float32Array, [image, head]: readonly [number, number]) => {
      const start = (image * heads + head) * tokens * keys;
      return (row: number, column: number): number => values[start + row * keys + column]!;
    };
    const gradient = new Float32Array(rows * keys);
    for (let slice = 0; slice < images * heads; slice++) {
      const at = [Math.floor(slice / heads), slice % heads] as const;
      const [left, right] = [headOf(dy, of, at, [tokens, valueWidth]), headOf(v, of, at, [keys, valueWidth])];
      for (let i = 0; i < tokens * keys; i++) {
        const [row, column] = [Math.floor(i / keys), i % keys];
        gradient[slice * tokens * keys + i] = inTables(valueWidth, (t) => left(row, t) * right(column, t));
      }
    }
    const dscores = gradient.slice();
    for (let row = 0; row < rows; row++) {
      const own = (values: Float32Array): Row => [...values.subarray(row * keys, (row + 1) * keys)];
      const parameter = alphas[Math.floor(row / tokens) % heads]!;
      dscores.set(rowBackward(kind, width, parameter, own(wanted.soft), own(gradient)), row * keys);
    }
    if (dparameters !== null && dalphas !== null) {
      // Sums in f64 in another order, of at most this size, rounded once.
      const size = images * tokens * keys * 2 * Math.max(...gradient.map(Math.abs));
      const exact = wanted.learned(gradient, dalphas);
      within("dparameters", dparameters.read(), exact, (i) => 2 * unit * Math.abs(exact[i]!) + 1e-12 * size);
    }
    const dq = tensor(of, tokens, width, (at) => {
      const [left, right] = [square(dscores, at), headOf(own, of, at, [keys, width])];
      return (row, column) => inTables(keys, (t) => left(row, t) * right(t, column));
    });
    sameBits("dq", dqueries!.read(), dq);
    const dk = tensor(of, keys, width, (at) => {
      const [left, right] = [square(dscores, at), headOf(q, of, at, [tokens, width])];
      return (row, column) => inTables(tokens, (t) => left(t, row) * right(t, column));
    });
    sameBits("dk", dkeys!.read(), dk);
    if (kind === "softmax") return;
    const dv = tensor(of, keys, valueWidth, (at) => {
      const [left, right] = [square(wanted.matrix, at), headOf(dy, of, at, [tokens, valueWidth])];
      const factor = kind === "elastic" ? alphas[at[1]]! : 1;
      return (row, column) => Math.fround(inTables(tokens, (t) => left(t, row) * right(t, column)) * factor);
    });
    sameBits("dv", dvalues.read(), dv);
    const dirty = k.attentionNibblesBackward({ ...given, ...forward, ...onto, dy: bench.input(dy.fill(NaN, 0, 1)) });
    status("attention_nibbles_backward of NaN", bench.call(dirty), kind === "boolean" || kind === "elastic" ? 1 : 0);
  },
  { examples: attentionSizes.map((of) => ({ ...of, sizes: null })) },
);

export const attentionGradientProperties = [gradients];
