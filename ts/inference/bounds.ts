/**
 * Bounds on what a model file may ask for. A file of a few hundred bytes can describe layers that take gigabytes and minutes. So
 * its memory and its work are counted before any of it is allocated or done.
 */
import { integerIn, type Subject, signalOf } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import type { PackedModel } from "../io/model-reader.ts";
import type { Graph, GraphNode } from "../nn/graph.ts";
import { shapesOf } from "../nn/network.ts";
import { convGeometry, isWindowed, multiplyAccumulates, numbersBetween } from "../nn/nodes.ts";
import { elementsOf, type Shape } from "../nn/shapes.ts";

/** Bounds on a file of unknown origin. */
export interface LoadBounds {
  /** Most bytes of memory that the session takes: weights, values and images. 2^30 (1 GiB) where absent. */
  readonly maxMemory?: number;
  /**
   * Most operations of one image; 2^35 where absent, some 34 billion. A multiply-accumulate is one operation, a number
   * that is read or written is eight. VGG-16 takes 16 billion.
   */
  readonly maxOperations?: number;
  /** Gives up loading once it is aborted. */
  readonly signal?: AbortSignal;
}

/** The names of the options. */
export const BOUNDS = ["maxMemory", "maxOperations", "signal"] as const;

export interface Bounds {
  readonly maxMemory: number;
  readonly maxOperations: number;
  /** Throws once the caller has given up. */
  readonly check: () => void;
}

/** @throws ProxbitError "argument" for a bound that is no whole number from 1 on, or a signal that is none. */
export function boundsOf(options: LoadBounds, subject: Subject): Bounds {
  const bound = (key: "maxMemory" | "maxOperations", usual: number): number =>
    integerIn(options[key] ?? usual, 1, Number.MAX_SAFE_INTEGER, key, subject);
  const signal = signalOf(options.signal, "signal", subject);
  return {
    maxMemory: bound("maxMemory", 2 ** 30),
    maxOperations: bound("maxOperations", 2 ** 35),
    check: () => {
      if (signal?.aborted) throw new ProxbitError("aborted", "the loading of a model was stopped", "Load it again.");
    },
  };
}

/** Numbers that are read or written cost more than one that is in a register. */
const PER_NUMBER = 8;

/** Numbers that a layer reads. Of a pool they are those of every window. */
function numbersRead(node: GraphNode, inputs: readonly Shape[], output: Shape, products: number): number {
  const once = inputs.reduce((sum, shape) => sum + elementsOf(shape), 0);
  if (products > 0 || !isWindowed(node)) return once;
  const { kernelHeight, kernelWidth } = convGeometry(node, inputs[0] as Shape);
  return Math.max(once, kernelHeight * kernelWidth * elementsOf(output));
}

/** The operations of one image, as `LoadBounds` counts them. */
export function operationsOf(graph: Graph): number {
  const shapes = shapesOf(graph);
  return graph.nodes.reduce((sum, node) => {
    const inputs = node.inputs.map((name) => shapes.get(name) as Shape);
    const output = shapes.get(node.name) as Shape;
    const products = multiplyAccumulates(node, inputs, output);
    const numbers = elementsOf(output) + numbersRead(node, inputs, output, products) + 2 * numbersBetween(node, inputs);
    return sum + products + PER_NUMBER * numbers;
  }, 0);
}

const TRUST = "If you trust the file,";

/** @throws ProxbitError "model-file" where one image takes more operations than allowed. */
export function checkOperations({ graph }: PackedModel, { maxOperations }: Bounds): void {
  const operations = operationsOf(graph);
  if (operations <= maxOperations) return;
  throw new ProxbitError(
    "model-file",
    `the network takes ${operations} operations an image; maxOperations allows ${maxOperations}`,
    `${TRUST} load it with maxOperations: ${operations}.`,
  );
}

/** @throws ProxbitError "model-file" where the session takes more memory than allowed. */
export function checkMemory(bytes: number, { maxMemory }: Bounds): void {
  if (bytes <= maxMemory) return;
  throw new ProxbitError(
    "model-file",
    `the network takes ${bytes} bytes of memory; maxMemory allows ${maxMemory}`,
    `${TRUST} load it with maxMemory: ${bytes}; a smaller batch takes less.`,
  );
}
