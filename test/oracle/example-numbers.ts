/** Random numbers for the examples. All of them are f32, so that both an f32 and an f64 calculation can start from them. */
import type { GraphNode, OpName, Shape } from "../../ts/nn/graph.ts";
import { nodeOf, parameterSpecs } from "../../ts/nn/nodes.ts";
import { randomStream } from "../../ts/nn/random.ts";
import type { Example } from "./examples.ts";
import { type Margin, sizeOf, type Value } from "./layers.ts";
import { oracleOpOf } from "./ops/index.ts";
import type { Applied } from "./ops/op.ts";

/** An example with its numbers. */
export interface Numbers {
  readonly node: GraphNode;
  readonly inputs: readonly Value[];
  /** By their keys, with their shapes. */
  readonly parameters: Readonly<Record<string, Float64Array>>;
  readonly parameterShapes: Readonly<Record<string, Shape>>;
}

const IMAGES = 3;

/** The moment of a run at which examples are looked at; quantizers that can be soft are. */
export const PROGRESS = 0.25;
export const UPDATE = 3;
export const SEED = 7;

/** Inputs in [-2, 2], and parameters no nearer to 0 than half their usual size. */
function numbersOf({ operation, shapes }: Example<OpName>, seed: number): Numbers {
  // Each shape has numbers of its own, so that lone parameters are now above 0 and now below.
  const stream = randomStream(seed, `${operation.op} ${JSON.stringify(shapes)}`);
  const node = nodeOf(operation, "example", operation.op === "input" ? [] : shapes.map((_, place) => `input ${place}`));
  const draw = (shape: Shape, one: () => number): Float64Array =>
    Float64Array.from({ length: sizeOf(shape) }, () => Math.fround(one()));
  const specs = Object.entries(parameterSpecs(node, shapes));
  const parameters = specs.map(([key, { shape, initializer, ...spec }]) => {
    const isPositive = spec.neverNegative !== undefined || spec.isNearStart === true;
    const sign = (): number => (!isPositive && stream.uniform() < 0.5 ? -1 : 1);
    const size = spec.isNearStart === true ? (initializer as number) : 1;
    return [key, draw(shape, () => sign() * size * (0.5 + stream.uniform()))] as const;
  });
  const inputs = shapes.map((shape) => ({
    images: IMAGES,
    shape,
    data: draw([IMAGES, ...shape], () => 4 * stream.uniform() - 2),
  }));
  const parameterShapes = specs.map(([key, { shape }]) => [key, shape] as const);
  return {
    node,
    inputs,
    parameters: Object.fromEntries(parameters),
    parameterShapes: Object.fromEntries(parameterShapes),
  };
}

/** The node over these numbers, in a step of training. `margin` learns how close a value comes to a jump. */
export function appliedTo(
  { node, inputs, parameters }: Numbers,
  margin: Margin = { smallest: Number.POSITIVE_INFINITY },
): Applied<OpName> {
  return {
    node,
    inputs: inputs as Applied<OpName>["inputs"],
    parameter: (key) => parameters[key] as Float64Array,
    pass: { phase: "train", progress: PROGRESS, update: UPDATE, seed: SEED, soft: true, margin },
  };
}

/** The first numbers for which no value is within `distance` of a jump. */
export function numbersAwayFromJumps(example: Example<OpName>, distance: number): Numbers {
  for (let seed = 1; seed <= 200; seed++) {
    const numbers = numbersOf(example, seed);
    const margin: Margin = { smallest: Number.POSITIVE_INFINITY };
    oracleOpOf(numbers.node.op).forward(appliedTo(numbers, margin));
    if (margin.smallest > distance) return numbers;
  }
  throw new Error("no numbers keep away from jumps");
}

/** Random numbers for the gradient at a value. */
export function gradientAt(value: Value): Value {
  const stream = randomStream(1, "gradient");
  return { ...value, data: value.data.map(() => Math.fround(2 * stream.uniform() - 1)) };
}
