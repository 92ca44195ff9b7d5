/**
 * What each operation's attributes may be. The layers check what a user gave them here, and so does the reader of graphs
 * from files: one rule for both. Every check takes a value of unknown origin and returns a fresh, frozen copy.
 */
import { booleanOf, integerIn, listOf, numberIn, oneOf, plainObject, reject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { checkQuantizer } from "../quantizers/check.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { endsAsSigns, isForWeightsAlone } from "../quantizers/weights.ts";
import type {
  Accumulator,
  ActivationName,
  EmptyAttributes,
  GraphNode,
  Initializer,
  NodeOf,
  OpName,
  Overflow,
  Padding,
  PadValue,
  Pool2dAttributes,
  Shape,
} from "./graph.ts";

export const paddings: readonly Padding[] = ["same", "valid"];
export const padValues: readonly PadValue[] = ["zero", "one"];
export const overflows: readonly Overflow[] = ["saturate", "wrap"];
export const activations: readonly ActivationName[] = ["relu", "hardTanh"];
export const initializers: readonly Initializer[] = [
  "glorotUniform",
  "glorotNormal",
  "heUniform",
  "heNormal",
  "zeros",
  "ones",
];

/**
 * Sizes beyond these are mistakes or attacks. `dimension` is also what keeps sums exact: a dot product of +-1 over at most
 * 2^24 terms is a whole number that f32 holds. `elements` bounds one tensor at 1 GiB of f32.
 */
export const limits = Object.freeze({
  dimension: 2 ** 24,
  elements: 2 ** 28,
  filters: 2 ** 16,
  window: 256,
  nodes: 4096,
});

type AttributesOf<Op extends OpName> = NodeOf<Op>["attributes"];
type Check<Op extends OpName> = (value: unknown, subject: Subject) => AttributesOf<Op>;

/** `[height, width, channels]` or `[units]`, each axis from 1 to `limits.dimension`. */
function checkInputShape(value: unknown, subject: Subject): Shape {
  if (!Array.isArray(value) || (value.length !== 1 && value.length !== 3)) {
    const example = Array.isArray(value) && value.length === 2 ? ", for grey images with a last axis of 1" : "";
    reject(subject, "shape", `[height, width, channels]${example}, or [units]`, value);
  }
  // Array.from, since map alone would leave holes as they are.
  const shape = Array.from(value, (size: unknown) => integerIn(size, 1, limits.dimension, "shape", subject));
  const elements = shape.reduce((product, size) => product * size, 1);
  if (elements > limits.elements) reject(subject, "shape", `at most ${limits.elements} elements`, value);
  return Object.freeze(shape);
}

function checkPair(value: unknown, option: string, subject: Subject): readonly [number, number] {
  const [first, second] = listOf(value, 2, 2, option, subject);
  return Object.freeze([
    integerIn(first, 1, limits.window, option, subject),
    integerIn(second, 1, limits.window, option, subject),
  ] as const);
}

function checkOptionalQuantizer(value: unknown, option: string, subject: Subject): Quantizer | null {
  return value === null ? null : checkQuantizer(value, { code: subject.code, what: `${subject.what}: ${option}` });
}

/** Activations are not standardised, and have no latent weights to take a scale from, or to move between steps. */
function checkActivationQuantizer(value: unknown, subject: Subject): Quantizer | null {
  const quantizer = checkOptionalQuantizer(value, "activationQuantizer", subject);
  if (quantizer === null) return null;
  if (isForWeightsAlone(quantizer)) {
    throw new ProxbitError(
      subject.code,
      `${subject.what}: activationQuantizer "${quantizer.name}" standardises what it maps, or moves it between steps`,
      'Give it to weightQuantizer, and another to the activations, such as "poly".',
    );
  }
  const alone = { ...quantizer, scale: "none", restart: "identity" };
  return checkOptionalQuantizer(alone, "activationQuantizer", subject);
}

const weightKeys = ["useBias", "kernelInitializer", "weightQuantizer", "activationQuantizer", "accumulator"];

function checkWeights(given: Record<string, unknown>, subject: Subject) {
  const weightQuantizer = checkOptionalQuantizer(given.weightQuantizer, "weightQuantizer", subject);
  const activationQuantizer = checkActivationQuantizer(given.activationQuantizer, subject);
  return {
    useBias: booleanOf(given.useBias, "useBias", subject),
    kernelInitializer: oneOf(given.kernelInitializer, initializers, "kernelInitializer", subject),
    weightQuantizer,
    activationQuantizer,
    accumulator: checkAccumulator(given.accumulator, weightQuantizer, activationQuantizer, subject),
  };
}

/** Of 8 bits, and for products of +-1 operands alone. Graphs from before there were accumulators have none. */
function checkAccumulator(
  value: unknown,
  weightQuantizer: Quantizer | null,
  activationQuantizer: Quantizer | null,
  subject: Subject,
): Accumulator | null {
  if (value === undefined || value === null) return null;
  const own: Subject = { code: subject.code, what: `${subject.what}: accumulator` };
  const given = plainObject(value, ["bits", "overflow"], own);
  const bits = given.bits === 8 ? given.bits : reject(own, "bits", "8", given.bits);
  const overflow = oneOf(given.overflow, overflows, "overflow", own);
  const real = Object.entries({ weightQuantizer, activationQuantizer }).filter(([, found]) => found === null);
  if (real.length > 0) {
    const missing = real.map(([option]) => option).join(" and ");
    throw new ProxbitError(
      subject.code,
      `${subject.what}: an accumulator of 8 bits adds up products of +-1, and the layer has no ${missing}`,
      `Give it ${missing}, or leave the accumulator out.`,
    );
  }
  for (const [option, found] of Object.entries({ weightQuantizer, activationQuantizer })) {
    if (found === null || endsAsSigns(found)) continue;
    throw new ProxbitError(
      subject.code,
      `${subject.what}: an accumulator of 8 bits adds up products of +-1, which ${option} "${found.name}" does not give`,
      "Take a quantizer that ends as signs, or leave the accumulator out.",
    );
  }
  return Object.freeze({ bits, overflow });
}

function checkPool(value: unknown, subject: Subject): Pool2dAttributes {
  const given = plainObject(value, ["poolSize", "strides", "padding"], subject);
  const poolSize = checkPair(given.poolSize, "poolSize", subject);
  // The position of a maximum in its window is kept in one byte.
  if (poolSize[0] * poolSize[1] > limits.window) {
    reject(subject, "poolSize", `a window of at most ${limits.window} pixels`, poolSize);
  }
  return {
    poolSize,
    strides: checkPair(given.strides, "strides", subject),
    padding: oneOf(given.padding, paddings, "padding", subject),
  };
}

function checkEmpty(value: unknown, subject: Subject): EmptyAttributes {
  plainObject(value, [], subject);
  return {};
}

const checks: { readonly [Op in OpName]: Check<Op> } = {
  input: (value, subject) => {
    const given = plainObject(value, ["shape"], subject);
    return { shape: checkInputShape(given.shape, subject) };
  },
  conv2d: (value, subject) => {
    const keys = ["filters", "kernelSize", "strides", "padding", "padValue", ...weightKeys];
    const given = plainObject(value, keys, subject);
    return {
      filters: integerIn(given.filters, 1, limits.filters, "filters", subject),
      kernelSize: checkPair(given.kernelSize, "kernelSize", subject),
      strides: checkPair(given.strides, "strides", subject),
      padding: oneOf(given.padding, paddings, "padding", subject),
      padValue: oneOf(given.padValue, padValues, "padValue", subject),
      ...checkWeights(given, subject),
    };
  },
  dense: (value, subject) => {
    const given = plainObject(value, ["units", ...weightKeys], subject);
    return { units: integerIn(given.units, 1, limits.filters, "units", subject), ...checkWeights(given, subject) };
  },
  batchNorm: (value, subject) => {
    const given = plainObject(value, ["momentum", "epsilon"], subject);
    return {
      momentum: numberIn(given.momentum, 0, 1, "momentum", subject),
      epsilon: numberIn(given.epsilon, 1e-12, 1, "epsilon", subject),
    };
  },
  maxPool2d: checkPool,
  avgPool2d: checkPool,
  globalAvgPool2d: checkEmpty,
  activation: (value, subject) => {
    const given = plainObject(value, ["activation"], subject);
    return { activation: oneOf(given.activation, activations, "activation", subject) };
  },
  shift: checkEmpty,
  prelu: checkEmpty,
  adaptiveSign: checkEmpty,
  flatten: checkEmpty,
  add: checkEmpty,
};

export const ops = Object.keys(checks) as readonly OpName[];

/** How many tensors an operation takes. */
export function inputCount(op: OpName): 0 | 1 | 2 {
  return op === "input" ? 0 : op === "add" ? 2 : 1;
}

/** An operation and its attributes: a node without its place in a graph. */
export type Operation = {
  readonly [Op in OpName]: { readonly op: Op; readonly attributes: AttributesOf<Op> };
}[OpName];

/** Checks `attributes` against the rules of `op`; throws an error of `subject`'s code that names the attribute. */
export function checkOperation(op: OpName, attributes: unknown, subject: Subject): Operation {
  // The table's type ties each op to its own attributes, which TypeScript cannot follow through a variable index.
  return Object.freeze({ op, attributes: Object.freeze(checks[op](attributes, subject)) }) as Operation;
}

/** The node that puts `operation` into a graph. The caller has checked that `inputs` are as many as the op takes. */
export function nodeOf(operation: Operation, name: string, inputs: readonly string[]): GraphNode {
  const node = { op: operation.op, name, inputs: Object.freeze([...inputs]), attributes: operation.attributes };
  return Object.freeze(node) as GraphNode;
}
