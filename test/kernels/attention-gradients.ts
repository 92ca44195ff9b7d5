/** Attention over signs that keeps what its way back reads, and that way back: products in the order of tables. */
import fc from "fast-check";
import { attentionKinds } from "../../ts/program/attention.ts";
import {
  attentionGradientBytes,
  attentionRowBytes,
  attentionScratchBytes,
  groups,
  panelFloats,
} from "../../ts/program/kernels.ts";
import { dense, numbers, seeds } from "./arbitrary.ts";
import { type AttentionCase, overReals } from "./attention-reals.ts";
import { type Bench, k, type Tensor } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import { property } from "./property.ts";

const small = fc.integer({ min: 1, max: 9 });
const tokens = fc.oneof({ arbitrary: small, weight: 4 }, fc.constantFrom(49, 65));
const features = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(33, 80));

/** An element of an operand of one head. */
type At = (row: number, column: number) => number;

/** Terms in fours, `(t0 + t1) + (t2 + t3)`, and those in order. */
function inTables(terms: number, term: (t: number) => number): number {
  const at = (t: number): number => (t < terms ? Math.fround(term(t)) : 0);
  let sum = 0;
  for (let t = 0; t < terms; t += 4) {
    const four = Math.fround(Math.fround(at(t) + at(t + 1)) + Math.fround(at(t + 2) + at(t + 3)));
    sum = Math.fround(sum + four);
  }
  return sum;
}

/** What one head of an image has of a tensor of tokens. */
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

/** The scores' p and A by the kernels over reals, and the gradient at the scores out of that at A. */
function matrixOf(bench: Bench, of: AttentionCase, parameters: Tensor<Float32Array> | null, operands: Float32Array[]) {
  const { kind, images, heads, tokens, keys, width } = of;
  const [a, b] = operands.map((values) => bench.input(values));
  const scores = bench.output(Float32Array, images * heads * tokens * keys);
  const sizes = { images, heads, rows: tokens, columns: keys, terms: width, aTransposed: false, accumulate: false };
  const layout = { aSplit: true, bSplit: true, bTransposed: true, outSplit: false, factors: null };
  const scratch = bench.output(Float32Array, panelFloats(width, keys));
  status("ff_slices", bench.call(k.ffSlices({ ...sizes, ...layout, a: a!, b: b!, out: scores, scratch })), 0);
  const matrix = bench.output(Float32Array, images * heads * tokens * keys);
  const map = { kind: attentionKinds[kind], images, heads, tokens, keys, width, parameters };
  status("attention_matrix", bench.call(k.attentionMatrix({ ...map, scores, matrix })), 0);
  const backward = (gradient: Float32Array, dparameters: Tensor<Float32Array> | null): Float32Array => {
    const onto = bench.state(gradient);
    const call = { ...map, soft: bench.input(scores.read()), gradient: onto, dparameters };
    status("attention_matrix_backward", bench.call(k.attentionMatrixBackward(call)), 0);
    return onto.read();
  };
  return { soft: scores.read(), matrix: matrix.read(), backward };
}

const gradients = property(
  "attention of signs that keeps what its way back reads, and the gradients at all operands",
  fc.record({
    kind: fc.constantFrom(...(Object.keys(attentionKinds) as (keyof typeof attentionKinds)[])),
    ...{ images: fc.integer({ min: 1, max: 2 }), heads: fc.integer({ min: 1, max: 3 }) },
    ...{ tokens, keys: tokens, width: features, valueWidth: features, seed: seeds },
  }),
  (bench, { seed, ...of }) => {
    const random = numbers(seed);
    const { kind, images, heads, tokens, keys, width, valueWidth } = of;
    const operands = [
      { rows: tokens, width },
      { rows: keys, width },
      { rows: keys, width: valueWidth },
    ].map(({ rows, width }) => {
      const values = random.reals(images * rows * heads * width).map((value) => (value < 0 ? -1 : 1));
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
    const given = { ...of, kind: attentionKinds[kind], parameters, ...bits };
    const out = bench.output(Float32Array, rows * valueWidth);
    const soft = bench.output(Float32Array, rows * keys);
    const matrix = bench.output(Uint8Array, rows * attentionRowBytes(keys));
    const scratch = bench.output(Float32Array, Math.ceil(attentionScratchBytes(keys, width, valueWidth) / 4));
    status("kept", bench.call(k.attentionNibblesKept({ ...given, soft, matrix, out, scratch })), 0);
    sameBits("A V", out.read(), overReals(bench, of, parameters, [q, own, v]));
    const wanted = matrixOf(bench, of, parameters, [q, own]);
    sameBits("p", soft.read(), wanted.soft);

    const dy = random.reals(rows * valueWidth);
    const [dqueries, dkeys] = [tokens, keys].map((count) => bench.output(Float32Array, images * heads * count * width));
    const dvalues = bench.output(Float32Array, images * heads * keys * valueWidth);
    const [dparameters, dalphas] = [0, 1].map(() => (learned ? bench.output(Float32Array, heads) : null));
    const room = bench.output(Float32Array, Math.ceil(attentionGradientBytes(tokens, keys, width, valueWidth) / 4));
    const kept = { soft: bench.input(soft.read()), matrix: bench.input(matrix.read()), scratch: room };
    const onto = { dqueries: dqueries!, dkeys: dkeys!, dvalues, dparameters: dparameters! };
    const call = k.attentionNibblesBackward({ ...given, ...kept, ...onto, dy: bench.input(dy) });
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
    const dscores = wanted.backward(gradient, dalphas!);
    if (learned) sameBits("dparameters", dparameters!.read(), dalphas!.read());
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
  },
);

export const attentionGradientProperties = [gradients];
