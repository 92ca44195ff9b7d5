/**
 * y(t) = sum over keys of A(t, key) v(key) in each head, where A is a map of the scores s = q k / sqrt(d), and its gradient. The
 * formulas of the maps, with their sources, stand in `ts/nn/ops/attention.ts`.
 *
 * On the way back each map is a straight line in x, the share p = softmax(s) or the score itself, and in its learned number:
 *
 *   softmax    dA/dp = 1
 *   threshold  dA/dp = 1
 *   elastic    dA/dp = 1 where q <= 1;  dA/dalpha = round(q) - q where q <= 1, and 1 beyond
 *   boolean    dA/ds = 1 where |s| < 1
 *   sign       dA/dp = -dA/doffset = max(0, 2 - 2 |p - offset|)
 */
import { type AttentionSizes, attentionSizes, learnedOfMatrix } from "../../../ts/nn/ops/attention.ts";
import { at, note, type Value, zeros } from "../layers.ts";
import { learnedGradients, quantizerAt } from "../learned.ts";
import type { Applied, OracleOp } from "./op.ts";
import { quantized, throughQuantizer } from "./product.ts";

export type AppliedAttention = Applied<"attention">;

/** Numbers `[images][heads][tokens][keys]`, and the line of each on the way back. */
export interface Matrix {
  readonly matrix: Float64Array;
  /** The numbers that the lines are over. */
  readonly over: "shares" | "scores";
  readonly slope: Float64Array;
  /** The slope over the head's learned number; null without one. */
  readonly parameterSlope: Float64Array | null;
}

export const sizesOf = ({ node, inputs }: AppliedAttention): AttentionSizes =>
  attentionSizes(
    inputs.map(({ shape }) => shape),
    node.attributes.heads,
  );

/** Query, key and value behind their quantizers. */
export function operandsOf(given: AppliedAttention): readonly [Value, Value, Value] {
  return given.inputs.map((x, place) => quantized(quantizerAt(given, place), x, given.pass)) as unknown as readonly [
    Value,
    Value,
    Value,
  ];
}

/** Calls `visit` for every number of the matrix, with the first features of its token and its key, row by row. */
function eachPair(
  images: number,
  { tokens, keys, heads, d, dv }: AttentionSizes,
  visit: (i: number, query: number, key: number, value: number, out: number) => void,
): void {
  let i = 0;
  for (let image = 0; image < images; image++) {
    for (let head = 0; head < heads; head++) {
      for (let token = 0; token < tokens; token++) {
        for (let key = 0; key < keys; key++) {
          const [row, column] = [image * tokens + token, image * keys + key];
          visit(
            i++,
            (row * heads + head) * d,
            (column * heads + head) * d,
            (column * heads + head) * dv,
            (row * heads + head) * dv,
          );
        }
      }
    }
  }
}

/** The scores, divided by sqrt(d). */
export function scoresOf(query: Value, key: Value, sizes: AttentionSizes): Float64Array {
  const scores = new Float64Array(query.images * sizes.heads * sizes.tokens * sizes.keys);
  eachPair(query.images, sizes, (i, q, k) => {
    for (let c = 0; c < sizes.d; c++) scores[i] = at(scores, i) + at(query.data, q + c) * at(key.data, k + c);
  });
  return scores.map((score) => score / Math.sqrt(sizes.d));
}

/** Softmax of each row of `keys` numbers. */
export function sharesOf(scores: Float64Array, keys: number): Float64Array {
  const shares = new Float64Array(scores.length);
  for (let first = 0; first < scores.length; first += keys) {
    const row = scores.subarray(first, first + keys);
    const largest = Math.max(...row);
    const powers = row.map((score) => Math.exp(score - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    shares.set(
      powers.map((power) => power / total),
      first,
    );
  }
  return shares;
}

/** The matrix of the scores and their shares. */
export function matrixOf(given: AppliedAttention, scores: Float64Array, shares: Float64Array): Matrix {
  const { node, parameter, pass } = given;
  const { tokens, keys, heads } = sizesOf(given);
  const headOf = (i: number): number => Math.floor(i / (tokens * keys)) % heads;
  const ones = shares.map(() => 1);
  switch (node.attributes.matrix) {
    case "softmax":
      return { matrix: shares, over: "shares", slope: ones, parameterSlope: null };
    case "threshold": {
      const matrix = scores.map((score, i) => {
        const first = i - (i % keys);
        const best = Math.max(...scores.subarray(first, first + keys));
        note(pass.margin, score, best - Math.log(4));
        return score >= best - Math.log(4) ? 1 : 0;
      });
      return { matrix, over: "shares", slope: ones, parameterSlope: null };
    }
    case "elastic": {
      const alphaOf = (i: number): number => Math.max(1e-5, at(parameter("alpha"), headOf(i)));
      const levels = shares.map((share, i) => {
        const level = share / alphaOf(i);
        for (const edge of [0.5, 1]) note(pass.margin, level, edge);
        return level;
      });
      const rounded = levels.map((level) => (level > 0.5 ? 1 : 0));
      return {
        matrix: rounded.map((own, i) => alphaOf(i) * own),
        over: "shares",
        slope: levels.map((level) => (level <= 1 ? 1 : 0)),
        parameterSlope: levels.map((level, i) => (level <= 1 ? at(rounded, i) - level : 1)),
      };
    }
    case "boolean": {
      for (const score of scores) {
        note(pass.margin, score, 0);
        note(pass.margin, Math.abs(score), 1);
      }
      const [matrix, slope] = [scores.map((s) => (s > 0 ? 1 : 0)), scores.map((s) => (Math.abs(s) < 1 ? 1 : 0))];
      return { matrix, over: "scores", slope, parameterSlope: null };
    }
    case "sign": {
      const beyond = shares.map((share, i) => share - at(parameter("offset"), headOf(i)));
      for (const distance of beyond) note(pass.margin, distance, 0);
      const slope = beyond.map((distance) => Math.max(0, 2 - 2 * Math.abs(distance)));
      const matrix = beyond.map((distance) => (distance >= 0 ? 1 : -1));
      return { matrix, over: "shares", slope, parameterSlope: slope.map((own) => -own) };
    }
  }
}

/** The matrix's share of the values. */
export function mixed(matrix: Float64Array, value: Value, sizes: AttentionSizes): Value {
  const out = zeros(value.images, [sizes.tokens, sizes.heads * sizes.dv]);
  eachPair(value.images, sizes, (i, _query, _key, from, to) => {
    for (let c = 0; c < sizes.dv; c++) {
      out.data[to + c] = at(out.data, to + c) + at(matrix, i) * at(value.data, from + c);
    }
  });
  return out;
}

/** The gradient at the scores, of that at the shares. */
function throughShares(shares: Float64Array, gradient: Float64Array, keys: number): Float64Array {
  return shares.map((share, i) => {
    const first = i - (i % keys);
    let mean = 0;
    for (let k = first; k < first + keys; k++) mean += at(shares, k) * at(gradient, k);
    return share * (at(gradient, i) - mean);
  });
}

export const attention: OracleOp<"attention"> = {
  forward: (given) => {
    const sizes = sizesOf(given);
    const [query, key, value] = operandsOf(given);
    const scores = scoresOf(query, key, sizes);
    return mixed(matrixOf(given, scores, sharesOf(scores, sizes.keys)).matrix, value, sizes);
  },
  backward: (given, dy) => {
    const { node, inputs, pass } = given;
    const sizes = sizesOf(given);
    const [query, key, value] = operandsOf(given);
    const scores = scoresOf(query, key, sizes);
    const shares = sharesOf(scores, sizes.keys);
    const { matrix, over, slope, parameterSlope } = matrixOf(given, scores, shares);

    const [dmatrix, dvalue] = [new Float64Array(matrix.length), new Float64Array(value.data.length)];
    eachPair(query.images, sizes, (i, _query, _key, from, to) => {
      for (let c = 0; c < sizes.dv; c++) {
        dmatrix[i] = at(dmatrix, i) + at(dy.data, to + c) * at(value.data, from + c);
        dvalue[from + c] = at(dvalue, from + c) + at(matrix, i) * at(dy.data, to + c);
      }
    });
    const atLines = dmatrix.map((gradient, i) => gradient * at(slope, i));
    const dscores = over === "scores" ? atLines : throughShares(shares, atLines, sizes.keys);

    const [dquery, dkey] = [new Float64Array(query.data.length), new Float64Array(key.data.length)];
    eachPair(query.images, sizes, (i, q, k) => {
      const gradient = at(dscores, i) / Math.sqrt(sizes.d);
      for (let c = 0; c < sizes.d; c++) {
        dquery[q + c] = at(dquery, q + c) + gradient * at(key.data, k + c);
        dkey[k + c] = at(dkey, k + c) + gradient * at(query.data, q + c);
      }
    });

    const learned = new Float64Array(sizes.heads);
    parameterSlope?.forEach((own, i) => {
      const head = Math.floor(i / (sizes.tokens * sizes.keys)) % sizes.heads;
      learned[head] = at(learned, head) + own * at(dmatrix, i);
    });
    const parameter = learnedOfMatrix(node.attributes.matrix);
    const quantizers = inputs.map((_, place) => quantizerAt(given, place));
    const gradients = [dquery, dkey, dvalue];
    const through = (place: 0 | 1 | 2): Float64Array =>
      throughQuantizer(quantizers[place]!, inputs[place], gradients[place]!, pass);
    const numbers = inputs.map((x, place) =>
      learnedGradients(node, place, quantizers[place]!, x.data, gradients[place]!),
    );
    return {
      inputs: [through(0), through(1), through(2)],
      parameters: Object.assign(parameter === null ? {} : { [parameter]: learned }, ...numbers),
    };
  },
};
