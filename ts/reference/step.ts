/**
 * One step of ours, gone through in tfjs: every layer's value, the gradient at every value and parameter, the update of
 * every parameter and the running statistics.
 *
 * After each comparison the reference goes on from our number. So a tolerance covers the roundings of one operation, not the
 * drift of many, and a sign or a maximum cannot fall differently because of an error made long before; that every number of
 * the step follows from the ones before it makes the whole step right. How two whole runs drift apart is another comparison
 * (`curve.ts`).
 */

import type { Split } from "../data/dataset.ts";
import type { Graph, GraphNode, OpName, Parameter } from "../nn/graph.ts";
import { networkOf, parameterName, shapesOf } from "../nn/network.ts";
import { isAlias } from "../nn/nodes.ts";
import { parametersOf } from "../nn/parameters.ts";
import { type Optimizer, optimizerFor } from "../train/optimizers/optimizers.ts";
import { updateOf } from "../train/optimizers/updates.ts";
import type { Observation } from "../train/run/observe.ts";
import { compare, compareNumbers, compareTogether, type Label } from "./compare.ts";
import type { ChosenLoss, Truth } from "./losses/loss.ts";
import { exactly, type Near, near as nearTo } from "./maps.ts";
import { applied, evaluate, nearValue } from "./nodes.ts";
import { plainLosses, type ReferenceTerm, termsOver } from "./objective.ts";
import { referenceOpOf } from "./ops/index.ts";
import type { Applied, Pass, Site } from "./ops/op.ts";
import { clipOf, restarted, update } from "./optimizer.ts";
import type { Row } from "./report.ts";
import { UNIT } from "./rounding.ts";
import { createShares } from "./shares.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

export interface Step {
  /** The subject of the rows. */
  readonly subject: string;
  readonly graph: Graph;
  /** The images that the step ran on, from the first one on. */
  readonly split: Split;
  readonly seen: Observation;
  /** The tensors of the packed file that is evaluated, by name; absent for a network that is trained. */
  readonly packed?: ReadonlyMap<string, Float32Array>;
  /** `evaluate`: the hard network on its running statistics, forward only. */
  readonly kind: Pass["kind"];
  /** The terms of the loss; cross-entropy alone where absent. */
  readonly objective?: readonly ChosenLoss[] | undefined;
}

/** The comparisons of a step share these. */
interface Reader {
  readonly pass: Pass;
  readonly node: (name: string) => GraphNode;
  readonly site: (node: GraphNode) => Site;
  /** Our value of a node, as a tensor; what we do not write is calculated from what we do. */
  readonly near: (name: string) => Near;
  /** A node over our values of its inputs. */
  readonly applied: (node: GraphNode) => Applied<OpName>;
  readonly ours: (name: string) => Float32Array | undefined;
  /** The terms of the loss over our values. */
  readonly terms: readonly ReferenceTerm[];
}

function readerOf(tf: TensorFlow, step: Step): Reader {
  const { graph, seen, kind, packed, objective = plainLosses } = step;
  const shapes = shapesOf(graph);
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const node = (name: string): GraphNode => nodes.get(name) as GraphNode;
  const pass = { kind, progress: seen.progress, update: seen.update, seed: seen.seed };
  const parameters = new Map(parametersOf(graph).map(({ name, shape }) => [name, [...shape]]));
  const parameter = (name: string): Tensor =>
    tf.tensor(seen.before.parameters.get(name) as Float32Array, parameters.get(name) as number[]);
  const factor = (name: string): Tensor | null => {
    const values = packed?.get(name);
    return values === undefined ? null : tf.tensor(values, [values.length]);
  };
  const site = (given: GraphNode): Site => ({
    pass,
    packed:
      packed === undefined
        ? null
        : { scale: factor(parameterName(given, "scale")), shift: factor(parameterName(given, "shift")) },
    parameter: (name) => parameter(parameterName(given, name)),
    inputShape: shapes.get(given.inputs[0] ?? "") ?? [],
  });
  const near = (name: string): Near => {
    const values = seen.values.get(name);
    if (values !== undefined) return exactly(tf, tf.tensor(values, [seen.images, ...(shapes.get(name) ?? [])]));
    return nearValue(tf, node(name), node(name).inputs.map(near), site(node(name)));
  };
  const inputsOf = (given: GraphNode): readonly Tensor[] => given.inputs.map((name) => near(name).value);
  return {
    pass,
    node,
    site,
    near,
    applied: (given) => applied(tf, given, inputsOf(given), site(given)),
    ours: (name) => seen.values.get(name),
    terms: termsOver(
      { tf, graph, truth: truthOf(step), value: (name) => near(name).value, parameter, states: seen.before.terms },
      objective,
    ),
  };
}

/** The truth of the images that the step ran on. */
const truthOf = ({ split: { labels, targets, sampleWeights }, seen }: Step): Truth => ({
  images: seen.images,
  labels,
  targets: targets?.subarray(0, (targets.length / labels.length) * seen.images) ?? null,
  weights: sampleWeights?.subarray(0, seen.images) ?? null,
  smoothing: seen.smoothing,
});

/** The images as the network sees them, every value, the loss, and the share of right answers. */
export async function* compareForward(tf: TensorFlow, step: Step): AsyncGenerator<Row, void, undefined> {
  const { subject, graph, seen, split } = step;
  const { near, node, site, ours, pass, terms, applied: appliedHere } = readerOf(tf, step);
  for (const { name, op, inputs } of graph.nodes) {
    const values = ours(name);
    if (values === undefined) continue;
    if (inputs.length === 0) {
      yield comparePixels({ subject, node: name, quantity: "value", other: "by scale and offset" }, values, split);
      continue;
    }
    const exact = referenceOpOf(op).isExact?.(node(name), pass) ?? false;
    const label: Label = { subject, node: name, quantity: "value", exact };
    const row = await compare(tf, label, values, () => {
      const read = inputs.map(near);
      if (!exact) return nearValue(tf, node(name), read, site(node(name)));
      const operands = read.map(({ value }) => value);
      return { value: evaluate(applied(tf, node(name), operands, site(node(name)))), distance: tf.scalar(0) };
    });
    const ties = exact ? 0 : await tiesOf(tf, op, () => appliedHere(node(name)));
    yield ties === 0 ? row : { ...row, ties };
  }
  for (const { name, isScore, value } of terms) {
    const place = { subject, node: isScore ? graph.output : name } as const;
    yield compare(tf, { ...place, quantity: "loss" }, [seen.terms[name] as number], value);
  }
  const { accuracy = null } = terms.find(({ isScore }) => isScore) ?? {};
  if (accuracy === null) return;
  yield compare(tf, { subject, node: graph.output, quantity: "accuracy" }, [seen.accuracy], accuracy);
}

/** The decisions of a node that rounding may carry to the other side. */
async function tiesOf(tf: TensorFlow, op: OpName, given: () => Applied<OpName>): Promise<number> {
  const { ties } = referenceOpOf(op);
  if (ties === undefined) return 0;
  const count = tf.tidy(() => ties(given()));
  const [found = 0] = await count.data();
  tf.dispose(count);
  return found;
}

/** Bytes times scale plus offset, which the random images make exact in f32. */
function comparePixels(label: Label, values: Float32Array, { images, scale, offset }: Split): Row {
  const pixels = Float64Array.from(values, (_, i) => (images[i] as number) * scale + offset);
  return compareNumbers(label, values, pixels, new Float64Array(values.length));
}

/** The gradients of a step of training, from the loss to the first layer. */
export async function* compareBackward(tf: TensorFlow, step: Step): AsyncGenerator<Row, void, undefined> {
  const { subject, graph, seen } = step;
  const { applied, terms } = readerOf(tf, step);
  const shapes = shapesOf(graph);
  const { owners } = networkOf(graph);
  const parameters = new Map(parametersOf(graph).map((parameter) => [parameter.name, parameter]));
  const owner = (name: string): string => owners.get(name) as string;
  const gradientAt = (name: string): Tensor =>
    tf.tensor(seen.gradients.get(name) as Float32Array, [seen.images, ...(shapes.get(name) ?? [])]);
  const given = createShares(tf);
  const ofTerms = (kind: "value" | "parameter", isAt: (name: string) => boolean): readonly Near[] =>
    terms.flatMap(({ reads, gradient }) => reads.filter((at) => at.kind === kind && isAt(at.name)).map(gradient));

  /** Passes the gradient at a node's value on to its inputs and its parameters. */
  const passOn = (node: GraphNode): void => {
    // An alias is the same memory as its input: its readers read the input.
    if (isAlias(node) || !seen.gradients.has(node.name)) return;
    const ofInputs = node.inputs.flatMap((input, place) =>
      seen.gradients.has(owner(input)) ? [{ at: place, key: valueKey(owner(input)) }] : [],
    );
    const ofParameters = [...seen.parameterGradients.keys()].flatMap((name) => {
      const { node: first, key } = parameters.get(name) as Parameter;
      return first === (node.shares ?? node.name) ? [{ at: key, key: parameterKey(name) }] : [];
    });
    given.add(node, [...ofInputs, ...ofParameters], () => [applied(node), gradientAt(node.name)]);
  };

  try {
    for (const node of graph.nodes.toReversed()) {
      const { name } = node;
      const ours = seen.gradients.get(name);
      if (ours !== undefined) {
        const size = [seen.images, ...(shapes.get(name) ?? [])];
        const isHere = (read: string): boolean => owner(read) === name;
        yield given.compare({ subject, node: name, quantity: "gradient" }, ours, valueKey(name), (shares) =>
          sumOf(
            tf,
            [...shares, ...ofTerms("value", isHere)].map((share) => shaped(tf, share, size)),
          ),
        );
      }
      passOn(node);
      for (const [parameter, gradient] of seen.parameterGradients) {
        if (parameters.get(parameter)?.node !== name) continue;
        const isHere = (read: string): boolean => read === parameter;
        const label: Label = { subject, node: parameter, quantity: "gradient" };
        yield given.compare(label, gradient, parameterKey(parameter), (shares) =>
          sumOf(tf, [...shares, ...ofTerms("parameter", isHere)]),
        );
      }
    }
  } finally {
    given.dispose();
  }
}

const valueKey = (name: string): string => `value ${name}`;
const parameterKey = (name: string): string => `parameter ${name}`;

/** The gradient under another shape of as many elements. */
const shaped = (tf: TensorFlow, { value, distance }: Near, size: number[]): Near => ({
  value: tf.reshape(value, size),
  distance: distance.size === value.size ? tf.reshape(distance, size) : distance,
});

/** The gradient that comes from several places together. */
function sumOf(tf: TensorFlow, shares: readonly Near[]): Near {
  const [first, ...others] = shares as [Near, ...Near[]];
  return others.reduce((sum, share) => {
    const value = tf.add(sum.value, share.value);
    const rounded = tf.mul(tf.add(tf.abs(sum.value), tf.abs(share.value)), 2 * UNIT);
    return { value, distance: tf.add(tf.add(sum.distance, share.distance), rounded) };
  }, first);
}

/** Parameters, the optimizer's tensors and running statistics after the step. */
export async function* compareUpdates(
  tf: TensorFlow,
  step: Step,
  optimizer: Optimizer,
): AsyncGenerator<Row, void, undefined> {
  const { subject, graph, seen } = step;
  const { before, after, progress, update: number } = seen;
  const parameters = new Map(parametersOf(graph).map((parameter) => [parameter.name, parameter]));
  for (const [name, gradient] of seen.parameterGradients) {
    const own = optimizerFor(optimizer, parameters.get(name) as Parameter);
    const tensor = (values: Float32Array): Tensor => tf.tensor(values, [values.length]);
    const old = before.slots.get(name) ?? [];
    const moment = { progress, update: number, clip: clipOf(graph, name) };
    const label: Label = { subject, node: name, quantity: "update" };
    const slots = (after.slots.get(name) ?? []).map((ours, place) => ({
      label: { ...label, node: `${name} (${updateOf(own).slots[place]})` },
      ours,
    }));
    yield* await compareTogether(tf, [{ label, ours: after.parameters.get(name) as Float32Array }, ...slots], () => {
      const began = tensor(before.parameters.get(name) as Float32Array);
      const from = restarted(tf, graph, name, began, progress);
      const { weights, slots } = update(tf, own, from.value, tensor(gradient), old.map(tensor), moment);
      // No step makes more of a difference between weights than it was.
      return [nearTo(weights.value, () => tf.add(weights.distance, from.distance)), ...slots];
    });
  }
  const { applied, node } = readerOf(tf, step);
  for (const { name, node: owner, key, role } of parametersOf(graph)) {
    if (role !== "statistic") continue;
    const label: Label = { subject, node: name, quantity: "statistics" };
    yield compare(tf, label, after.parameters.get(name) as Float32Array, () => {
      const given = applied(node(owner));
      return referenceOpOf(given.node.op).statistics?.(given)[key] as Near;
    });
  }
}
