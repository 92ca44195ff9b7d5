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
import { compare, compareNumbers, compareTogether, type Label, unsupported } from "./compare.ts";
import { nearLoss } from "./loss.ts";
import { exactly, type Near, near as nearTo } from "./maps.ts";
import { applied, nearGradient, nearValue } from "./nodes.ts";
import { referenceOpOf } from "./ops/index.ts";
import type { Applied, Pass, Site } from "./ops/op.ts";
import { clipOf, restarted, update } from "./optimizer.ts";
import type { Row } from "./report.ts";
import { FEW, UNIT } from "./rounding.ts";
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
}

function readerOf(tf: TensorFlow, { graph, seen, kind, packed }: Step): Reader {
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
  };
}

/** The images as the network sees them, every value, the loss, and the share of right answers. */
export async function* compareForward(tf: TensorFlow, step: Step): AsyncGenerator<Row, void, undefined> {
  const { subject, graph, seen, split } = step;
  const { near, node, site, ours, pass } = readerOf(tf, step);
  for (const { name, op, inputs } of graph.nodes) {
    const values = ours(name);
    if (values === undefined) continue;
    if (inputs.length === 0) {
      yield comparePixels({ subject, node: name, quantity: "value", other: "by scale and offset" }, values, split);
      continue;
    }
    const exact = referenceOpOf(op).isExact?.(node(name), pass) ?? false;
    const label: Label = { subject, node: name, quantity: "value", exact };
    yield compare(tf, label, values, () => nearValue(tf, node(name), inputs.map(near), site(node(name))));
  }
  const classes = truth(split, seen.images);
  const label = { subject, node: graph.output } as const;
  yield compare(tf, { ...label, quantity: "loss" }, [seen.loss], () => {
    return nearLoss(tf, near(graph.output).value, classes(tf), seen.smoothing).loss;
  });
  yield compare(tf, { ...label, quantity: "accuracy" }, [seen.accuracy], () => {
    const right = tf.equal(tf.argMax(near(graph.output).value, -1), classes(tf));
    return { value: tf.mean(tf.cast(right, "float32")), distance: tf.scalar(FEW) };
  });
}

/** Bytes times scale plus offset, which the random images make exact in f32. */
function comparePixels(label: Label, values: Float32Array, { images, scale, offset }: Split): Row {
  const pixels = Float64Array.from(values, (_, i) => (images[i] as number) * scale + offset);
  return compareNumbers(label, values, pixels, new Float64Array(values.length));
}

/** The true classes of the first images. */
const truth =
  ({ labels }: Split, images: number) =>
  (tf: TensorFlow): Tensor =>
    tf.tensor(Int32Array.from(labels.subarray(0, images)), [images], "int32");

/** A reader of a value: the node, and which of its inputs it is. */
interface Use {
  readonly reader: GraphNode;
  readonly place: number;
}

/** The gradients of a step of training, from the loss to the first layer. */
export async function* compareBackward(tf: TensorFlow, step: Step): AsyncGenerator<Row, void, undefined> {
  const { subject, graph, seen, split } = step;
  const { near, applied } = readerOf(tf, step);
  const shapes = shapesOf(graph);
  const { owners } = networkOf(graph);
  const parameters = new Map(parametersOf(graph).map((parameter) => [parameter.name, parameter]));
  const owner = (name: string): string => owners.get(name) as string;
  const gradientAt = (name: string): Tensor =>
    tf.tensor(seen.gradients.get(name) as Float32Array, [seen.images, ...(shapes.get(name) ?? [])]);
  /** An alias is the same memory as its input: its readers read the input. */
  const usesOf = (name: string): readonly Use[] =>
    graph.nodes.flatMap((reader) =>
      isAlias(reader) || !seen.gradients.has(reader.name)
        ? []
        : reader.inputs.flatMap((input, place) => (owner(input) === name ? [{ reader, place }] : [])),
    );
  /** The places of the parameters that `node` has, but for those that no gradient reaches. */
  const placesOf = ({ name }: GraphNode): readonly GraphNode[] =>
    graph.nodes.filter((other) => (other.shares ?? other.name) === name && seen.gradients.has(other.name));

  const share = ({ reader, place }: Use, shape: readonly number[]): Near => {
    const { value, distance } = nearGradient(applied(reader), gradientAt(reader.name), place);
    const size = [seen.images, ...shape];
    return { value: tf.reshape(value, size), distance: tf.reshape(distance, size) };
  };

  for (const node of graph.nodes.toReversed()) {
    const { name } = node;
    const ours = seen.gradients.get(name);
    if (ours !== undefined) {
      yield compare(tf, { subject, node: name, quantity: "gradient" }, ours, () => {
        const shape = shapes.get(name) ?? [];
        const shares = usesOf(name).map((use) => share(use, shape));
        if (name === owner(graph.output)) {
          const logits = near(graph.output).value;
          shares.push(nearLoss(tf, logits, truth(split, seen.images)(tf), seen.smoothing).gradient);
        }
        return sumOf(tf, shares);
      });
    }
    for (const [parameter, gradient] of seen.parameterGradients) {
      const { node: place, key } = parameters.get(parameter) as Parameter;
      if (place !== name) continue;
      const label: Label = { subject, node: parameter, quantity: "gradient" };
      const lack = referenceOpOf(node.op).lacks?.(tf, key) ?? null;
      yield lack !== null
        ? unsupported(label, gradient.length, lack)
        : compare(tf, label, gradient, () =>
            sumOf(
              tf,
              placesOf(node).map((other) => nearGradient(applied(other), gradientAt(other.name), key)),
            ),
          );
    }
  }
}

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
