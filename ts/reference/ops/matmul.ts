/** The product of two values, image by image, by tfjs's product of stacks of matrices. */
import { layers } from "../../nn/layers.ts";
import { around, type Case, UNEQUAL_IMAGE } from "../cases.ts";
import { exactly, momentOf, type Near, near, type QuantizerMoment, quantize, quantized, slope } from "../maps.ts";
import type { Tensor } from "../tensorflow.ts";
import { slicesDistance } from "./attention.ts";
import { learnedDistance, learnedPlace, momentAt, momentsAt } from "./learned-operand.ts";
import { oncePer } from "./once.ts";
import type { Applied, GradientAt, Pass, ReferenceOp } from "./op.ts";
import { timesSlope } from "./times-slope.ts";

type Given = Applied<"matmul">;

const momentsOf = ({ attributes }: Given["node"], { kind, progress }: Pass): readonly (QuantizerMoment | null)[] =>
  [attributes.firstQuantizer, attributes.secondQuantizer].map((own) =>
    own === null ? null : momentOf(own, progress, kind === "evaluate"),
  );

const isExact = (node: Given["node"], pass: Pass): boolean =>
  momentsOf(node, pass).every((moment) => moment?.hard === true);

/** Both operands behind their quantizers. */
const operandsOf = oncePer(({ tf, node, inputs, site }: Given): readonly [Near, Near] => {
  const moments = momentsAt(node, site);
  return inputs.map((x, place) => {
    const moment = moments[place] ?? null;
    return moment === null ? exactly(tf, x) : quantized(tf, moment, x);
  }) as unknown as readonly [Near, Near];
});

function value({ tf, node, inputs, site }: Given): Tensor {
  const moments = momentsAt(node, site);
  const [a, b] = inputs.map((x, place) => quantize(tf, moments[place] ?? null, x)) as [Tensor, Tensor];
  return tf.matMul(a, b, false, node.attributes.transposeSecond);
}

/** The gradient at the operand at `place`, behind its quantizer. */
function gradientAtOperand(given: Given, dy: Tensor, at: number): Near {
  const { tf, node } = given;
  const [a, b] = operandsOf(given);
  const [arrived, isTurned] = [exactly(tf, dy), node.attributes.transposeSecond];
  const [first, second, turn] =
    at === 0
      ? ([arrived, b, [false, !isTurned]] as const)
      : isTurned
        ? ([arrived, a, [true, false]] as const)
        : ([a, arrived, [true, false]] as const);
  return near(tf.matMul(first.value, second.value, ...turn), () => slicesDistance(tf, first, second, turn, false));
}

function gradientDistance(given: Given, { dy, at }: GradientAt): Tensor {
  const { tf, node, inputs, site } = given;
  const learned = typeof at === "string" ? learnedPlace(node, at) : null;
  const place = (learned?.at ?? at) as 0 | 1;
  const moment = momentAt(node, place, site);
  const own = gradientAtOperand(given, dy, place);
  if (moment === null) return own.distance;
  if (learned !== null) return learnedDistance(tf, moment, learned.number, inputs[place], own);
  return timesSlope(tf, slope(tf, moment, inputs[place]), own.value, own.distance);
}

/** Pixels times channels, and channels times channels, over each kind of operand. */
const cases = (): readonly Case[] =>
  (
    [
      ["real", {}],
      ["soft", { firstQuantizer: "bnn++", secondQuantizer: "bnn++" }],
      ["+-1", { firstQuantizer: "poly", secondQuantizer: "bnn" }],
      ["learned", { firstQuantizer: "elastic", secondQuantizer: "elastic-unit" }],
    ] as const
  ).map(([kind, quantizers]) =>
    around(`matmul, ${kind}`, UNEQUAL_IMAGE, (x) => {
      const tokens = layers.reshape({ targetShape: [20, 3] }).apply(x);
      const pairs = layers.matmul({ name: "pairs", transposeSecond: true, ...quantizers }).apply([tokens, tokens]);
      const stack = layers.reshape({ targetShape: [4, 5, 20] }).apply(pairs);
      const other = layers.reshape({ targetShape: [4, 20, 5] }).apply(pairs);
      return layers.matmul({ name: "stack", ...quantizers }).apply([stack, other]);
    }),
  );

export const matmul: ReferenceOp<"matmul"> = {
  value,
  distance: (given) => {
    const { tf, node, site } = given;
    const [a, b] = operandsOf(given);
    return slicesDistance(tf, a, b, [false, node.attributes.transposeSecond], isExact(node, site.pass));
  },
  gradientDistance,
  isExact,
  cases: { alone: cases },
};
