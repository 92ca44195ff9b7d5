/**
 * From the numbers of an output to classes with probabilities. An example has one class of all, or any number of them.
 *
 * One class of all: the softmax of the output, whose probabilities make 1. Any number: the sigmoid of each number by itself, and
 * the classes from a threshold on. A network that ends in either has done that itself. The file says which it is where its
 * trainer knew, by the text "many" under `labels`: it compared several labels of an example by binary cross-entropy. Where the
 * file is silent, a sigmoid at the end means many.
 */
import type { PackedModel } from "../io/model-reader.ts";
import type { Graph, GraphNode } from "../nn/graph.ts";
import { outputsOf } from "../nn/network.ts";
import { isAlias } from "../nn/nodes.ts";

/** The number of classes that an example has: one, or any number. */
export type Labels = "one" | "many";

export const labelWords: readonly Labels[] = ["one", "many"];

/** The probability from which on a class is named, where nothing is said. */
export const USUAL_THRESHOLD = 0.5;

export interface Prediction {
  /** The name of the class out of the file, or its number where the file has no names. */
  readonly label: string;
  readonly index: number;
  /** From 0 to 1; those of all classes make 1 where an example has one class. */
  readonly probability: number;
}

/** The function that `graph` ends in, by its word. */
function endOf(graph: Graph): string {
  const named = (name: string | undefined): GraphNode | undefined => graph.nodes.find((node) => node.name === name);
  let node = named(outputsOf(graph)[0]);
  while (node !== undefined && isAlias(node)) node = named(node.inputs[0]);
  return node?.op === "activation" ? node.attributes.activation : (node?.op ?? "");
}

/** The number of classes that an example has, as the file says. */
export function labelsOf({ graph, metadata }: Pick<PackedModel, "graph" | "metadata">): Labels {
  if (metadata.labels === "many" || metadata.labels === "one") return metadata.labels;
  return endOf(graph) === "sigmoid" ? "many" : "one";
}

/** softmax(x): exp(x_i - max) / sum. */
export function sharesOf(logits: ArrayLike<number>): readonly number[] {
  const values = Array.from(logits);
  const most = values.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** The probabilities of all classes out of the first output. */
export function probabilitiesOf(graph: Graph, output: ArrayLike<number>, labels: Labels = "one"): readonly number[] {
  const end = endOf(graph);
  if (labels === "one") return end === "softmax" ? Array.from(output) : sharesOf(output);
  return end === "sigmoid" ? Array.from(output) : Array.from(output, (logit) => 1 / (1 + Math.exp(-logit)));
}

/** The `top` most probable classes; the first in the file's order where two are alike. */
export function topOf(probabilities: readonly number[], names: readonly string[], top: number): readonly Prediction[] {
  return probabilities
    .map((probability, index) => ({ label: names[index] ?? String(index), index, probability }))
    .sort((a, b) => b.probability - a.probability || a.index - b.index)
    .slice(0, top);
}
