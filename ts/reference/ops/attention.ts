/**
 * Attention on tfjs, with matrix products over `[images][heads][tokens][features of a head]`. The formulas stand in
 * `ts/nn/ops/attention.ts`.
 */
import { learnedOfMatrix } from "../../nn/ops/attention.ts";
import { exactly, momentOf, type Near, near, type QuantizerMoment, quantize, quantized, slope } from "../maps.ts";
import { FEW, sumDistance, UNIT } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { attentionCases } from "./attention/cases.ts";
import { type MatrixGiven, type MatrixLines, matrixLines, nearShares } from "./attention/matrix.ts";
import { learnedDistance, learnedPlace, momentAt, momentsAt } from "./learned-operand.ts";
import { once, oncePer } from "./once.ts";
import type { Applied, GradientAt, Pass, ReferenceOp } from "./op.ts";
import { timesSlope } from "./times-slope.ts";

type Given = Applied<"attention">;

const momentsOf = ({ attributes }: Given["node"], { kind, progress }: Pass): readonly (QuantizerMoment | null)[] =>
  [attributes.queryQuantizer, attributes.keyQuantizer, attributes.valueQuantizer].map((own) =>
    own === null ? null : momentOf(own, progress, kind === "evaluate"),
  );

/** `[images][tokens][heads * features]` with the heads in front of the tokens, and back. */
function byHead(tf: TensorFlow, x: Tensor, heads: number): Tensor {
  const [images, tokens, features] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [images, tokens, heads, features / heads]), [0, 2, 1, 3]);
}
function together(tf: TensorFlow, x: Tensor): Tensor {
  const [images, heads, tokens, features] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [images, tokens, heads * features]);
}

/** The factor of the scores, in f32. */
const scaleOf = ({ node, inputs: [query] }: Given): number =>
  Math.fround(1 / Math.sqrt((query.shape[2] as number) / node.attributes.heads));

function learnedOf({ tf, node, site }: Given): Tensor | null {
  const { heads, matrix } = node.attributes;
  const key = learnedOfMatrix(matrix);
  return key === null ? null : tf.reshape(site.parameter(key), [1, heads, 1, 1]);
}

/** A of p or s, whose gradient is that of its lines. */
function matrixOf(given: Given, scores: Tensor, s: Tensor): Tensor {
  const { tf, node, inputs } = given;
  const kind = node.attributes.matrix;
  const [shares, learned] = [tf.softmax(s, -1) as Tensor, learnedOf(given)];
  if (kind === "softmax") return shares;
  const width = (inputs[0].shape[2] as number) / node.attributes.heads;
  const linesAt = ([ofScores, ofShares, own]: readonly Tensor[]): MatrixLines => {
    const exact = {
      scores: exactly(tf, ofScores as Tensor),
      shares: { value: ofShares as Tensor, relative: tf.scalar(0) },
    };
    return matrixLines({ tf, kind, width, learned: own ?? null, ...exact });
  };
  const operation = tf.customGrad((...all) => {
    const save = all.at(-1) as unknown as (tensors: Tensor[]) => void;
    // The way back may come when all others are freed.
    const kept = [scores, shares, ...(all.slice(1, learned === null ? 1 : 2) as Tensor[])];
    save(kept);
    return {
      value: linesAt(kept).matrix.value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const lines = linesAt(saved);
        const first = tf.mul(dy, lines.slope.value);
        if (lines.learned === null) return [first];
        return [first, tf.sum(tf.mul(dy, lines.learned.value), [0, 2, 3], true)] as Tensor[];
      },
    };
  });
  const over = kind === "boolean" ? s : shares;
  return learned === null ? operation(over) : operation(over, learned);
}

function value(given: Given): Tensor {
  const { tf, node, inputs, site } = given;
  const moments = momentsAt(node, site);
  const [query, key, values] = inputs.map((x, place) =>
    byHead(tf, quantize(tf, moments[place] ?? null, x), node.attributes.heads),
  ) as [Tensor, Tensor, Tensor];
  const scores = tf.matMul(query, key, false, true);
  const matrix = matrixOf(given, scores, tf.mul(scores, scaleOf(given)));
  return together(tf, tf.matMul(matrix, values));
}

/** |x| and the most that it may be. */
const sizeOf = (tf: TensorFlow, { value: x, distance }: Near): Tensor => tf.add(tf.abs(x), distance);

/**
 * The distance of a b, with `terms` products a sum: its roundings, and what the operands are off by. Sums of whole numbers are
 * not rounded.
 */
export function slicesDistance(
  tf: TensorFlow,
  a: Near,
  b: Near,
  turn: readonly [boolean, boolean],
  isWhole: boolean,
): Tensor {
  const [first, second] = turn;
  const multiply = (x: Tensor, y: Tensor): Tensor => tf.matMul(x, y, first, second);
  const off = tf.add(multiply(a.distance, sizeOf(tf, b)), multiply(tf.abs(a.value), b.distance));
  if (isWhole) return off;
  const terms = a.value.shape.at(first ? -2 : -1) as number;
  return tf.add(off, tf.mul(multiply(tf.abs(a.value), tf.abs(b.value)), sumDistance(terms)));
}

/** The numbers that all distances are made of. */
interface Forward {
  readonly operands: readonly [query: Near, key: Near, value: Near];
  readonly isWhole: readonly [scores: boolean, mix: boolean];
  readonly lines: MatrixLines;
  readonly shares: MatrixGiven["shares"];
}

const forwardOf = oncePer((given: Given): Forward => {
  const { tf, node, inputs, site } = given;
  const { heads, matrix: kind } = node.attributes;
  const moments = momentsAt(node, site);
  const operands = inputs.map((x, place): Near => {
    const moment = moments[place] ?? null;
    const own = moment === null ? exactly(tf, x) : quantized(tf, moment, x);
    return near(byHead(tf, own.value, heads), () => byHead(tf, own.distance, heads));
  }) as unknown as Forward["operands"];
  const hard = moments.map((moment) => moment?.hard === true);
  const isWhole = [
    hard[0] === true && hard[1] === true,
    hard[2] === true && kind !== "softmax" && kind !== "elastic",
  ] as const;
  const [query, key] = operands;
  const scores = near(tf.matMul(query.value, key.value, false, true), () =>
    slicesDistance(tf, query, key, [false, true], isWhole[0]),
  );
  const scale = scaleOf(given);
  const s = tf.mul(scores.value, scale);
  const shares = nearShares(tf, s, tf.add(tf.mul(scores.distance, scale), tf.mul(tf.abs(s), 4 * UNIT)));
  const width = (inputs[0].shape[2] as number) / heads;
  const lines = matrixLines({ tf, kind, width, scores, shares, learned: learnedOf(given) });
  return { operands, isWhole, lines, shares };
});

/** The alpha of the elastic kind is a factor of our product, which rounds once more. */
function distance(given: Given): Tensor {
  const { tf } = given;
  const { operands, isWhole, lines } = forwardOf(given);
  const value = operands[2];
  const mixed = slicesDistance(tf, lines.matrix, value, [false, false], isWhole[1]);
  if (given.node.attributes.matrix !== "elastic") return together(tf, mixed);
  return together(tf, tf.add(mixed, tf.mul(tf.matMul(tf.abs(lines.matrix.value), tf.abs(value.value)), FEW)));
}

/** The way back of `dy` up to the scores: gradients at the matrix and at the scores S. */
interface Backward {
  readonly dy: Near;
  readonly matrix: Near;
  readonly scores: () => Near;
}

const ways = new WeakMap<Tensor, Backward>();

function backwardOf(given: Given, dy: Tensor): Backward {
  const known = ways.get(dy);
  if (known !== undefined) return known;
  const { tf, node } = given;
  const { operands, lines, shares } = forwardOf(given);
  const arrived = exactly(tf, byHead(tf, dy, node.attributes.heads));
  const matrix = near(tf.matMul(arrived.value, operands[2].value, false, true), () =>
    slicesDistance(tf, arrived, operands[2], [false, true], false),
  );
  const scores = once((): Near => {
    const scale = scaleOf(given);
    const g = tf.mul(matrix.value, lines.slope.value);
    const off = timesSlope(tf, lines.slope, matrix.value, matrix.distance);
    if (node.attributes.matrix === "boolean") {
      return near(tf.mul(g, scale), () => tf.mul(tf.add(off, tf.mul(tf.abs(g), FEW)), scale));
    }
    const { value: p, relative } = shares;
    const rowSum = (x: Tensor): Tensor => tf.sum(x, -1, true);
    const [size, mean] = [tf.abs(g), rowSum(tf.mul(p, g))];
    const made = tf.mul(tf.mul(p, tf.sub(g, mean)), scale);
    return near(made, () => {
      const level = rowSum(tf.mul(p, size));
      const moved = rowSum(tf.mul(p, tf.add(off, tf.mul(size, relative))));
      const rounded = tf.add(tf.mul(tf.add(size, level), FEW), tf.mul(level, sumDistance(p.shape.at(-1) as number)));
      const inner = tf.add(tf.add(off, moved), rounded);
      return tf.add(tf.mul(tf.mul(p, inner), scale), tf.mul(tf.abs(made), tf.add(relative, FEW)));
    });
  });
  const way = { dy: arrived, matrix, scores };
  ways.set(dy, way);
  return way;
}

function gradientDistance(given: Given, { dy, at, gradient }: GradientAt): Tensor {
  const { tf, node, inputs, site } = given;
  const { operands, lines } = forwardOf(given);
  const way = backwardOf(given, dy);
  const number = typeof at === "string" ? learnedPlace(node, at) : null;
  if (typeof at === "string" && number === null) {
    const learned = lines.learned as Near;
    const terms = way.matrix.value.size / node.attributes.heads;
    const off = timesSlope(tf, learned, way.matrix.value, way.matrix.distance);
    const size = tf.mul(tf.abs(tf.mul(learned.value, way.matrix.value)), sumDistance(terms) + FEW);
    return tf.reshape(tf.sum(tf.add(off, size), [0, 2, 3]), gradient.shape);
  }
  const place = (number?.at ?? at) as 0 | 1 | 2;
  const [query, key] = operands;
  const turned = [true, false] as const;
  const products = [
    () => [way.scores(), key, [false, false]] as const,
    () => [way.scores(), query, turned] as const,
    () => [lines.matrix, way.dy, turned] as const,
  ];
  const [a, b, turn] = (products[place] as (typeof products)[number])();
  // A learned factor of the product rounds once more.
  const factor = place === 2 ? tf.mul(tf.matMul(tf.abs(a.value), tf.abs(b.value), ...turn), FEW) : 0;
  const own = together(tf, tf.add(slicesDistance(tf, a, b, turn, false), factor));
  const moment = momentAt(node, place, site);
  if (moment === null) return own;
  const through = together(tf, tf.matMul(a.value, b.value, ...turn));
  if (number !== null)
    return learnedDistance(
      tf,
      moment,
      number.number,
      inputs[place],
      near(through, () => own),
    );
  return timesSlope(tf, slope(tf, moment, inputs[place]), through, own);
}

export const attention: ReferenceOp<"attention"> = {
  value,
  distance,
  gradientDistance,
  ties: (given) => {
    const { tf, node } = given;
    // Each is as far from the other side as its jump is high.
    const { distance: jumps } = forwardOf(given).lines.matrix;
    return node.attributes.matrix === "softmax" ? tf.scalar(0) : tf.sum(tf.cast(tf.greater(jumps, 0), "float32"));
  },
  isExact: (node, pass) => {
    const { matrix } = node.attributes;
    const moments = momentsOf(node, pass);
    return (matrix === "threshold" || matrix === "boolean") && moments.every((moment) => moment?.hard === true);
  },
  cases: { alone: attentionCases },
};
