/** Networks and images to compare on: random, from a seed, and far from all that is trivial. */
import { ProxbitError } from "../base/errors.ts";
import type { Split } from "../data/dataset.ts";
import type { Graph } from "../nn/graph.ts";
import { inputShapeOf, shapesOf } from "../nn/network.ts";
import { isProduct } from "../nn/nodes.ts";
import { parametersOf } from "../nn/parameters.ts";
import { randomStream } from "../nn/random.ts";
import { elementsOf } from "../nn/shapes.ts";

/** Bytes times a power of two plus such a fraction are exact in f32, and never 0. */
const SCALE = 1 / 64;
const OFFSET = -2 + 1 / 128;

/**
 * `count` images of random bytes for `graph`, with random labels.
 *
 * @throws ProxbitError `shape` for a graph that does not map images to at least two classes.
 */
export function randomSplit(graph: Graph, seed: number, count: number): Split {
  const [height, width, channels, ...more] = inputShapeOf(graph);
  const output = shapesOf(graph).get(graph.output) ?? [];
  const [classes = 0] = output;
  if (
    height === undefined ||
    width === undefined ||
    channels === undefined ||
    more.length > 0 ||
    output.length !== 1 ||
    classes < 2
  ) {
    throw new ProxbitError(
      "shape",
      `network "${graph.name}" maps [${inputShapeOf(graph).join(", ")}] to [${output.join(", ")}]; a check trains on images`,
      "Give a network from [height, width, channels] to [classes], two or more.",
    );
  }
  const stream = randomStream(seed, "images");
  const images = Uint8Array.from({ length: count * height * width * channels }, () => stream.below(256));
  const labels = Uint8Array.from({ length: count }, () => stream.below(Math.min(256, classes)));
  return { count, images, labels, shape: [height, width, channels], scale: SCALE, offset: OFFSET };
}

/** Further truth of a split: targets for outputs of `elements`, and weights of examples. */
interface FurtherTruth {
  readonly elements: number;
  readonly targets?: "shares" | "reals" | undefined;
  readonly isWeighted?: boolean | undefined;
}

/** The split with random targets, distributions or reals on both sides of 0, and random weights. */
export function withTruth(split: Split, seed: number, { elements, targets, isWeighted = false }: FurtherTruth): Split {
  const stream = randomStream(seed, "truth");
  const reals = Float32Array.from({ length: split.count * elements }, () => 4 * stream.uniform() - 2);
  const shares = reals.map((real, i) => {
    const row = i - (i % elements);
    const sum = reals.subarray(row, row + elements).reduce((total, other) => total + Math.exp(other), 0);
    return Math.exp(real) / sum;
  });
  return {
    ...split,
    ...(targets === undefined ? {} : { targets: targets === "shares" ? shares : reals }),
    ...(isWeighted ? { sampleWeights: reals.map((real) => 2 + real).subarray(0, split.count) } : {}),
  };
}

/**
 * Random values for every parameter: latent weights on both sides of +-1, scales of both signs, statistics that differ from
 * channel to channel. Where sums are kept in 8 bits, three latent weights of four are positive, so that sums leave them. All
 * are f32.
 */
export function randomParameters(graph: Graph, seed: number): Map<string, Float32Array> {
  const narrow = new Set(
    graph.nodes.flatMap((node) => (isProduct(node) && node.attributes.accumulator !== null ? [node.name] : [])),
  );
  return new Map(
    parametersOf(graph).map(({ name, node, key, shape, role, initializer, ...spec }) => {
      const lean = role === "latent" && narrow.has(node) ? 0.5 : 0;
      const stream = randomStream(seed, name);
      const draw = (): number => 2 * stream.uniform() - 1;
      const scale = role === "real" && shape.length > 1 ? 1 / Math.sqrt(elementsOf(shape.slice(0, -1))) : 1.5;
      const one = (): number => {
        // Also the alpha of a whole tensor, which is divided by.
        if (key === "gamma" || (key === "alpha" && shape[0] === 1))
          return (draw() < 0 ? -1 : 1) * (0.5 + stream.uniform());
        if (spec.isNearStart === true) return (initializer as number) * (0.5 + stream.uniform());
        if (spec.neverNegative !== undefined) return 0.5 + stream.uniform();
        return scale * (draw() + lean);
      };
      return [name, Float32Array.from({ length: elementsOf(shape) }, one)];
    }),
  );
}
