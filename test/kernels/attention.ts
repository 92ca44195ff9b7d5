/** Attention over reals against its definition: products of slices in one order, the matrix's maps in f64. */

import { attentionKinds } from "../../ts/program/attention.ts";
import { attentionRealScratchFloats, panelFloats } from "../../ts/program/kernels.ts";
import fc from "../fast-check.ts";
import { numbers, seeds } from "./arbitrary.ts";
import { overReals } from "./attention-reals.ts";
import { k } from "./bench.ts";
import { sameBits, sameNumbers, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";
import { attentionSizes, tokenSizes } from "./token-sizes.ts";

const small = fc.integer({ min: 1, max: 20 });
const tokens = fc.oneof({ arbitrary: small, weight: 4 }, fc.constantFrom(49, 64, 65, 197));
const features = fc.oneof(small, fc.constantFrom(31, 32, 33, 64, 80));

interface Sizes {
  readonly images: number;
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly terms: number;
}

interface Layout {
  readonly split: boolean;
  readonly transposed: boolean;
}

/** The place of an element of a slice, which is its operand of the product. */
function placeOf(
  heads: number,
  { split, transposed }: Layout,
  [image, head]: readonly [number, number],
  [rows, columns]: readonly [number, number],
  [row, column]: readonly [number, number],
): number {
  const [y, x] = transposed ? [column, row] : [row, column];
  const [height, width] = transposed ? [columns, rows] : [rows, columns];
  if (split) return ((image * height + y) * heads + head) * width + x;
  return ((image * heads + head) * height + y) * width + x;
}

/** Chains of rounded products, and the head of each element. */
function products(sizes: Sizes, [a, b, out]: readonly [Layout, Layout, Layout], x: Float32Array, y: Float32Array) {
  const { images, heads, rows, columns, terms } = sizes;
  const sums = new Float32Array(images * heads * rows * columns);
  const owners = new Uint8Array(sums.length);
  for (let slice = 0; slice < images * heads; slice++) {
    const at = [Math.floor(slice / heads), slice % heads] as const;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let sum = 0;
        for (let term = 0; term < terms; term++) {
          const left = x[placeOf(heads, a, at, [rows, terms], [row, term])]!;
          const right = y[placeOf(heads, b, at, [terms, columns], [term, column])]!;
          sum = Math.fround(sum + Math.fround(left * right));
        }
        const place = placeOf(heads, out, at, [rows, columns], [row, column]);
        sums[place] = sum;
        owners[place] = at[1];
      }
    }
  }
  return { sums, owners };
}

const slices = property(
  "products over the slices of heads, in every layout",
  fc.record({
    ...{ images: fc.integer({ min: 1, max: 2 }), heads: fc.integer({ min: 1, max: 4 }) },
    ...{ rows: tokens, columns: small, terms: features, seed: seeds },
    flags: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  }),
  (bench, { seed, flags, ...sizes }) => {
    const random = numbers(seed);
    const { images, heads, rows, columns, terms } = sizes;
    const [a, b] = [random.reals(images * heads * rows * terms), random.reals(images * heads * terms * columns)];
    const [aSplit = false, aTransposed = false, bSplit = false, bTransposed = false, outSplit = false] = flags;
    const layouts = [
      { split: aSplit, transposed: aTransposed },
      { split: bSplit, transposed: bTransposed },
      { split: outSplit, transposed: false },
    ] as const;
    const { sums, owners } = products(sizes, layouts, a, b);
    const [alphas, before] = [random.reals(heads), random.reals(sums.length)];
    const out = bench.output(Float32Array, sums.length);
    const scratch = bench.output(Float32Array, panelFloats(terms, columns));
    const given = { a: bench.input(a), b: bench.input(b), ...sizes, scratch };
    const call = { ...given, aSplit, aTransposed, bSplit, bTransposed, outSplit };
    status("ff_slices", bench.call(k.ffSlices({ ...call, alphas: null, accumulate: false, out })), 0);
    sameBits("a b", out.read(), sums);
    const onto = bench.state(before);
    const scaled = { ...call, alphas: bench.input(alphas), accumulate: true, out: onto };
    status("ff_slices", bench.call(k.ffSlices(scaled)), 0);
    const added = sums.map(
      (sum, i) => before[i]! + Math.fround(sum * Math.max(alphas[owners[i]!]!, Math.fround(1e-5))),
    );
    sameBits("c + alpha a b", onto.read(), added);
  },
  {
    // The scores of heads, whose tokens stand in rows of all heads.
    examples: tokenSizes.map(({ tokens, width, ...of }) => ({
      ...{ ...of, rows: tokens, columns: tokens, terms: width, flags: [true, false, true, true, false] },
    })),
  },
);

const names = ["softmax", "threshold", "elastic", "boolean", "sign"] as const;
type Name = (typeof names)[number];

/** The numbers that a row keeps, its A, and the distance of each decision from the other way. */
function forwardRow(kind: Name, width: number, parameter: number, scores: readonly number[]) {
  const root = Math.sqrt(width);
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp((score - most) / root));
  const sum = powers.reduce((total, power) => total + power, 0);
  const soft = kind === "boolean" ? scores.map((score) => score / root) : powers.map((power) => power / sum);
  const margins = soft.map(
    (value) =>
      ({
        softmax: Number.POSITIVE_INFINITY,
        threshold: value * sum - 0.25,
        elastic: value / parameter - 0.5,
        boolean: value,
        sign: value / parameter - 1,
      })[kind],
  );
  const values = soft.map((value, i) => {
    if (kind === "softmax") return value;
    if (kind === "sign") return margins[i]! >= 0 ? 1 : -1;
    return Number(kind === "threshold" ? margins[i]! >= 0 : margins[i]! > 0);
  });
  return { soft, values, margins, far: scores.map((score) => Math.min(88, (most - score) / root)) };
}

/** The gradients at the scores of a row, with what bounds their roundings, and that at its learned number. */
function backwardRow(kind: Name, width: number, parameter: number, soft: readonly number[], g: readonly number[]) {
  const root = Math.sqrt(width);
  const ratios = soft.map((value) => Math.fround(value / parameter));
  const slopes = soft.map((value, i) => {
    if (kind === "boolean") return Number(Math.abs(value) < 1);
    if (kind === "elastic") return Number(ratios[i]! <= 1);
    return kind === "sign" ? Math.max(0, 2 - 2 * Math.abs(value - parameter)) : 1;
  });
  const own = soft.map((_, i) => {
    if (kind === "sign") return -slopes[i]!;
    return ratios[i]! <= 1 ? Number(ratios[i]! > 0.5) - ratios[i]! : 1;
  });
  const total = (value: (i: number) => number): number => soft.reduce((sum, _, i) => sum + value(i), 0);
  const through = (i: number): number => slopes[i]! * g[i]!;
  const [mean, size] = [total((i) => soft[i]! * through(i)), total((i) => Math.abs(soft[i]! * through(i)))];
  const dscores = soft.map((p, i) => (kind === "boolean" ? through(i) / root : (p * (through(i) - mean)) / root));
  const sizes = soft.map((p, i) =>
    kind === "boolean" ? Math.abs(g[i]!) / root : (p * (2 * Math.abs(g[i]!) + 2 * size)) / root,
  );
  return { dscores, sizes, own: total((i) => own[i]! * g[i]!), ownSize: total((i) => 2 * Math.abs(g[i]!)) };
}

const matrices = property(
  "the attention matrix of every kind, and its gradients",
  fc.record({
    kind: fc.constantFrom(...names),
    ...{ images: fc.integer({ min: 1, max: 2 }), heads: fc.integer({ min: 1, max: 4 }) },
    ...{ tokens: fc.integer({ min: 1, max: 6 }), keys: tokens, width: features, seed: seeds },
  }),
  (bench, { kind, seed, ...sizes }) => {
    const random = numbers(seed);
    const { images, heads, tokens, keys, width } = sizes;
    const length = images * heads * tokens * keys;
    const [scores, gradient] = [random.reals(length).map((value) => value * Math.sqrt(width)), random.reals(length)];
    const learned = kind === "elastic" || kind === "sign";
    const own = random.between(heads, 0.5 / keys, 2 / keys);
    const parameters = learned ? bench.input(own) : null;
    const of = { kind: attentionKinds[kind], ...sizes, parameters };
    const [soft, alone] = [bench.state(scores), bench.state(scores)];
    const matrix = bench.output(Float32Array, length);
    status("attention_matrix", bench.call(k.attentionMatrix({ ...of, scores: soft, matrix })), 0);
    status("attention_matrix", bench.call(k.attentionMatrix({ ...of, scores: alone, matrix: null })), 0);
    sameBits("A in place", alone.read(), matrix.read());

    const kept = soft.read();
    const back = { ...of, soft: bench.input(kept) };
    const [dscores, without] = [bench.state(gradient), bench.state(gradient)];
    const dparameters = learned ? bench.output(Float32Array, heads) : null;
    const call = k.attentionMatrixBackward({ ...back, gradient: dscores, dparameters });
    status("attention_matrix_backward", bench.call(call), 0);
    const frozen = k.attentionMatrixBackward({ ...back, gradient: without, dparameters: null });
    status("attention_matrix_backward", bench.call(frozen), 0);
    sameBits("gradients of a frozen number", without.read(), dscores.read());

    const [sums, most] = [new Float64Array(heads), new Float64Array(heads)];
    for (let row = 0; row < length / keys; row++) {
      const part = (all: Float32Array): number[] => [...all.subarray(row * keys, (row + 1) * keys)];
      const head = Math.floor(row / tokens) % heads;
      const forward = forwardRow(kind, width, own[head]!, part(scores));
      // The argument is rounded twice, the exponential is off by 3 units.
      const bound = (i: number): number => (20 + 4 * forward.far[i]!) * unit;
      within("kept", part(kept), forward.soft, (i) => bound(i) * Math.abs(forward.soft[i]!) + 2e-38);
      const decided = forward.margins.map((margin, i) => Math.abs(margin) > 2 * bound(i) || kind === "boolean");
      const found = part(matrix.read()).map((value, i) => (decided[i] ? value : 0));
      const wanted = forward.values.map((value, i) => (decided[i] ? value : 0));
      if (kind === "softmax") within("A", found, wanted, (i) => bound(i) * wanted[i]! + 2e-38);
      else sameNumbers("A", Float32Array.from(found), wanted);
      const backward = backwardRow(kind, width, own[head]!, part(kept), part(gradient));
      within("dscores", part(dscores.read()), backward.dscores, (i) => 16 * unit * backward.sizes[i]! + 1e-38);
      sums[head]! += backward.own;
      most[head]! += backward.ownSize;
    }
    if (dparameters !== null) within("dparameters", dparameters.read(), sums, (i) => 4 * unit * most[i]!);
    scores[random.below(length)] = Number.NaN;
    const broken = k.attentionMatrix({ ...of, scores: bench.state(scores), matrix });
    status("attention_matrix of NaN", bench.call(broken), 1);
  },
  { examples: attentionSizes },
);

const whole = property(
  "attention over reals in one call: the bits of the three kernels one after the other",
  fc.record({
    kind: fc.constantFrom(...names),
    ...{ images: fc.integer({ min: 1, max: 2 }), heads: fc.integer({ min: 1, max: 4 }) },
    ...{ tokens: small, keys: tokens, width: features, valueWidth: small, seed: seeds },
  }),
  (bench, { seed, ...of }) => {
    const random = numbers(seed);
    const { kind, images, heads, tokens, keys, width, valueWidth } = of;
    const q = random.reals(images * tokens * heads * width);
    const [own, v] = [width, valueWidth].map((count) => random.reals(images * keys * heads * count)) as [
      Float32Array,
      Float32Array,
    ];
    const learned = kind === "elastic" || kind === "sign";
    const parameters = learned ? bench.input(random.between(heads, 0.3 / keys, 3 / keys)) : null;
    const wanted = overReals(bench, of, parameters, [q, own, v]);
    const out = bench.output(Float32Array, wanted.length);
    const scratch = bench.output(Float32Array, attentionRealScratchFloats(keys, width, valueWidth));
    const call = { ...of, kind: attentionKinds[kind], parameters, keyValues: bench.input(own), out, scratch };
    const inputs = { queries: bench.input(q), values: bench.input(v) };
    status("attention_reals", bench.call(k.attentionReals({ ...call, ...inputs })), 0);
    sameBits("A V", out.read(), wanted);
    q[random.below(q.length)] = Number.NaN;
    const broken = k.attentionReals({ ...call, ...inputs, queries: bench.input(q) });
    status("attention_reals of NaN", bench.call(broken), 1);
  },
  { examples: attentionSizes },
);

export const attentionProperties = [slices, matrices, whole];
