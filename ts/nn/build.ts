/**
 * Builders of the graph out of layers: `sequential` for a chain, `functional` for anything that forks and joins. Both
 * number the layers the same way and end in the same check. So one network has one graph, however it was written down.
 *
 * Automatic names count within one network, in topological order: conv2d, conv2d_1, ... A number that a user's own name
 * already takes is passed over.
 */
import { isList, plainObject, type Subject, safeName } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import type { Graph, Shape } from "./graph.ts";
import { isLayer, isSymbolicTensor, type Layer, type SymbolicTensor } from "./layer.ts";
import { input } from "./layers.ts";
import { limits } from "./limits.ts";
import { nodeOf, severalInputs } from "./nodes.ts";
import { opOf } from "./ops/index.ts";
import { validateGraph } from "./validate.ts";

export interface SequentialOptions {
  /** `[height, width, channels]` or `[units]`, without the batch axis. */
  readonly inputShape: Shape;
  /** The network's name. Default "network". */
  readonly name?: string | undefined;
}

export interface FunctionalOptions {
  /** The tensor that `input` returned. */
  readonly inputs: SymbolicTensor;
  /** The value that the network yields, or several, of which the first is classified. */
  readonly outputs: SymbolicTensor | readonly SymbolicTensor[];
  /** The network's name. Default "network". */
  readonly name?: string | undefined;
}

const defaultName = "network";

/** One layer in its place: `inputs` are positions of earlier steps. */
interface Step {
  readonly layer: Layer;
  readonly inputs: readonly number[];
}

function nameSteps(steps: readonly Step[]): readonly string[] {
  const taken = new Set(steps.flatMap(({ layer }) => layer.name ?? []));
  const counts = new Map<string, number>();
  const numbered = (word: string): string => {
    for (;;) {
      const count = counts.get(word) ?? 0;
      counts.set(word, count + 1);
      const name = count === 0 ? word : `${word}_${count}`;
      if (!taken.has(name)) return name;
    }
  };
  const seen = new Set<Layer>();
  return steps.map(({ layer }) => {
    const isFirst = !seen.has(layer);
    seen.add(layer);
    return layer.name !== undefined && isFirst ? layer.name : numbered(layer.name ?? layer.kind);
  });
}

/** The graph of `steps`, whose results are at the positions `outputs`. A layer in several places shares its parameters. */
function assemble(name: string, steps: readonly Step[], outputs: readonly number[]): Graph {
  const first = new Map<Layer, string>();
  const names = nameSteps(steps);
  const nodes = steps.map(({ layer, inputs }, index) => {
    const own = names[index] ?? "";
    const shares = opOf(layer.operation.op).parameters === undefined ? undefined : first.get(layer);
    if (!first.has(layer)) first.set(layer, own);
    const sources = inputs.map((at) => names[at] ?? "");
    return nodeOf(layer.operation, own, sources, { shares, trainable: layer.trainable });
  });
  const results = outputs.map((at) => names[at] ?? "");
  const several = results.length > 1 ? { outputs: results } : {};
  return validateGraph({ name, nodes, output: results[0], ...several });
}

/**
 * The graph of a chain of layers. Throws "argument" for wrong options, and "shape" for a layer that does not fit the
 * one before it. Throws "graph" for an empty chain, a repeated name or layer, and for `add`, which needs the functional
 * form.
 */
export function sequential(options: SequentialOptions, chain: readonly Layer[]): Graph {
  const subject: Subject = { code: "argument", what: "sequential" };
  const given = plainObject(options, ["inputShape", "name"], subject);
  const name = safeName(given.name ?? defaultName, "name", subject);
  if (!isList(chain) || !chain.every(isLayer) || chain.length >= limits.nodes) {
    throw new ProxbitError(
      "argument",
      `sequential: its second argument must be a list of layers, not ${describe(chain)}`,
      "Give results of the functions in layers: sequential({ inputShape }, [layers.flatten(), ...]).",
    );
  }
  for (const layer of chain) {
    const { op } = layer.operation;
    if (opOf(op).inputs > 1) {
      const { count, call } = severalInputs(op);
      throw new ProxbitError(
        "graph",
        `layer "${layer.name ?? layer.kind}": ${op} takes ${count} inputs, and a chain offers one`,
        `Use the functional form: ${call}, then functional({ inputs, outputs }).`,
      );
    }
  }
  const first = input({ shape: options.inputShape }).layer;
  const steps = [first, ...chain].map((layer, index) => ({ layer, inputs: index === 0 ? [] : [index - 1] }));
  return assemble(name, steps, [steps.length - 1]);
}

/** All tensors that `outputs` need, each after its own inputs, first outputs and inputs first. */
function topological(outputs: readonly SymbolicTensor[]): readonly SymbolicTensor[] {
  const placed = new Set<SymbolicTensor>();
  for (const output of outputs) place(output, placed);
  return [...placed];
}

/** Adds to `placed` what `output` needs and is not there yet. */
function place(output: SymbolicTensor, placed: Set<SymbolicTensor>): void {
  // A stack of its own, since a deep network must not exhaust the engine's.
  const open: SymbolicTensor[] = placed.has(output) ? [] : [output];
  for (let tensor = open.at(-1); tensor !== undefined; tensor = open.at(-1)) {
    const next = tensor.inputs.find((earlier) => !placed.has(earlier));
    if (next === undefined) {
      placed.add(tensor);
      open.pop();
    } else if (open.length > limits.nodes) {
      throw new ProxbitError(
        "graph",
        `the network has more than ${limits.nodes} layers in a row`,
        "Build a smaller one.",
      );
    } else {
      open.push(next);
    }
  }
}

/**
 * The graph of everything between `inputs` and `outputs`. A layer that is applied twice shares its parameters. Throws
 * "argument" where they are no symbolic tensors. Throws "graph" for outputs that do not come from the inputs, or from other
 * inputs too.
 */
export function functional(options: FunctionalOptions): Graph {
  const subject: Subject = { code: "argument", what: "functional" };
  const given = plainObject(options, ["inputs", "outputs", "name"], subject);
  const name = safeName(given.name ?? defaultName, "name", subject);
  const { inputs, outputs } = given;
  const results: readonly unknown[] = Array.isArray(outputs) ? outputs : [outputs];
  if (
    !isSymbolicTensor(inputs) ||
    results.length === 0 ||
    !results.every(isSymbolicTensor) ||
    inputs.layer.operation.op !== "input"
  ) {
    throw new ProxbitError(
      "argument",
      "functional: inputs must be a result of input(), and outputs a result of a layer's apply()",
      "Write const x = input({ shape }); functional({ inputs: x, outputs: layers.flatten().apply(x) }).",
    );
  }
  const tensors = topological(results);
  const entries = tensors.filter((tensor) => tensor.layer.operation.op === "input");
  if (entries.length !== 1 || entries[0] !== inputs) {
    throw new ProxbitError(
      "graph",
      entries.includes(inputs)
        ? `the outputs need ${entries.length} inputs, and a network has one`
        : "the outputs do not come from the given inputs",
      "Apply every branch, directly or through other layers, to the one tensor given as inputs.",
    );
  }
  const positions = new Map(tensors.map((tensor, index) => [tensor, index]));
  const steps = tensors.map((tensor) => ({
    layer: tensor.layer,
    inputs: tensor.inputs.map((earlier) => positions.get(earlier) ?? 0),
  }));
  return assemble(
    name,
    steps,
    results.map((result) => positions.get(result) ?? 0),
  );
}
