/**
 * GB-GNN (Oono and Suzuki, "Optimization and Generalization Analysis of Transduction through Gradient Boosting and Application
 * to Multi-scale Graph Neural Networks", NeurIPS 2020), with binary weights. The learner of scale t sees the features
 * X_t = A X_{t-1}, which are means over ever wider surroundings. It is a small network that no edge goes into. Scales are put
 * together by SAMME (Hastie, Rosset, Zhu and Zou, "Multi-class AdaBoost", 2009):
 *
 *   error_t = sum of w_i over the labelled nodes i that learner t gets wrong, the w_i adding up to 1
 *   alpha_t = log((1 - error_t) / error_t) + log(classes - 1)
 *   w_i <- w_i exp(alpha_t) where it is wrong, and all w_i are divided by their sum
 *
 * A node's class is the one that gets most alpha from learners that name it. As in the authors' code the error is clipped, so
 * that a learner without errors has a finite say.
 */
import { type Graph, layers, optimizers, sequential, Trainer } from "proxbit";
import { makeDataset, split } from "proxbit/data";
import { adjacencyOf, aggregate, type Network } from "./graph.ts";

export interface BoostingOptions {
  /** Learners, each of which sees one aggregation more than the one before. */
  readonly scales: number;
  /** Steps of each learner over all labelled nodes. */
  readonly steps: number;
  readonly units: number;
  /** The quantizer of the weights that features meet; null for real ones. */
  readonly weightQuantizer: string | null;
  readonly seed: number;
}

/** A learner's part in the vote. */
export interface Scale {
  /** The share of the weight of labelled nodes that it gets wrong, not clipped. */
  readonly error: number;
  readonly alpha: number;
  /** The share of the nodes without labels that the vote gets right, this learner's voice included. */
  readonly accuracy: number;
}

export interface Boosted {
  readonly scales: readonly Scale[];
  /** The class of each node by the whole vote. */
  readonly classes: readonly number[];
}

const LEAST_ERROR = 0.01;

/** A learner: weights of `weightQuantizer` over real features, then real ones over so many units. */
const learnerOf = (features: number, classes: number, { units, weightQuantizer }: BoostingOptions): Graph =>
  sequential({ inputShape: [features] }, [
    layers.dense({ units, weightQuantizer, useBias: false }),
    layers.batchNorm(),
    layers.relu(),
    layers.dense({ units: classes }),
  ]);

/** Learns the classes of all nodes from those of the nodes `labelled`. */
export async function boost(network: Network, labelled: readonly number[], options: BoostingOptions): Promise<Boosted> {
  const { nodes, labels, classes } = network;
  const { scales, steps, seed } = options;
  const graph = learnerOf(nodes, classes.length, options);
  const adjacency = adjacencyOf(network);
  const votes = new Float64Array(nodes * classes.length);
  let weights = labelled.map(() => 1 / labelled.length);
  // Each node is a feature of its own, so the first learner sees who is next to whom.
  let features = adjacency;
  const found: Scale[] = [];
  for (let scale = 0; scale < scales; scale++) {
    const rows = split(features, labels, [nodes]);
    const known = split(
      labelled.flatMap((node) => Array.from(features.subarray(node * nodes, (node + 1) * nodes))),
      labelled.map((node) => labels[node] as number),
      [nodes],
      // The loss is a mean over examples whatever their weights, so weights of 1 / n become 1.
      { sampleWeights: weights.map((weight) => weight * labelled.length) },
    );
    const optimizer = optimizers.adam({ learningRate: 0.02 });
    const trainer = await Trainer.create(graph, { optimizer, seed: seed + scale, workers: 1 });
    try {
      const data = makeDataset({ name: "nodes", classes, train: known, test: rows });
      await trainer.fit(data, { epochs: steps, batchSize: labelled.length, validate: false });
      const { predictions } = await trainer.evaluate(rows);
      const wrong = labelled.map((node) => predictions[node] !== labels[node]);
      const error = weights.reduce((sum, weight, i) => sum + (wrong[i] ? weight : 0), 0);
      const clipped = Math.min(1 - LEAST_ERROR, Math.max(LEAST_ERROR, error));
      const alpha = Math.log((1 - clipped) / clipped) + Math.log(classes.length - 1);
      for (const [node, named] of predictions.entries()) {
        const at = node * classes.length + named;
        votes[at] = (votes[at] as number) + alpha;
      }
      const raised = weights.map((weight, i) => (wrong[i] ? weight * Math.exp(alpha) : weight));
      const sum = raised.reduce((total, weight) => total + weight, 0);
      weights = raised.map((weight) => weight / sum);
      found.push({ error, alpha, accuracy: accuracyOf(network, labelled, classesOf(votes, nodes)) });
    } finally {
      trainer.close();
    }
    features = aggregate(adjacency, features);
  }
  return { scales: found, classes: classesOf(votes, nodes) };
}

/** The class with most votes of each node, the first of equal ones. */
const classesOf = (votes: Float64Array, nodes: number): readonly number[] =>
  Array.from({ length: nodes }, (_, node) => {
    const count = votes.length / nodes;
    const own = votes.subarray(node * count, (node + 1) * count);
    return own.indexOf(Math.max(...own));
  });

/** The share of right classes among the nodes that are not in `labelled`. */
export function accuracyOf(
  { nodes, labels }: Network,
  labelled: readonly number[],
  classes: readonly number[],
): number {
  const others = Array.from({ length: nodes }, (_, node) => node).filter((node) => !labelled.includes(node));
  return others.filter((node) => classes[node] === labels[node]).length / others.length;
}
