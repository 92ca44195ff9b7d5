/**
 * Builders of the graph out of layers: `sequential` for a chain, `functional` for anything that forks and joins. Both
 * number the layers the same way and end in the same check. So one network has one graph, however it was written down.
 *
 * Automatic names count within one network, in topological order: conv2d, conv2d_1, ... A number that a user's own name
 * already takes is passed over.
 */
import { plainObject, type Subject, safeName } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import type { Graph, Shape } from "./graph.ts";
import { isLayer, isSymbolicTensor, type Layer, type SymbolicTensor } from "./layer.ts";
import { input } from "./layers.ts";
import { limits } from "./limits.ts";
import { nodeOf } from "./nodes.ts";
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
  /** The value that the network yields. */
  readonly outputs: SymbolicTensor;
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
  return steps.map(({ layer }) => {
    if (layer.name !== undefined) return layer.name;
    for (;;) {
      const count = counts.get(layer.kind) ?? 0;
      counts.set(layer.kind, count + 1);
      const name = count === 0 ? layer.kind : `${layer.kind}_${count}`;
      if (!taken.has(name)) return name;
    }
  });
}

function assemble(name: string, steps: readonly Step[]): Graph {
  const seen = new Set<Layer>();
  const names = nameSteps(steps);
  const nodes = steps.map(({ layer, inputs }, index) => {
    if (seen.has(layer)) {
      throw new ProxbitError(
        "graph",
        `layer "${names[index]}" is used in two places, and layers do not share their weights`,
        "Make a layer of its own for each place.",
      );
    }
    seen.add(layer);
    return nodeOf(
      layer.operation,
      names[index] ?? "",
      inputs.map((at) => names[at] ?? ""),
    );
  });
  return validateGraph({ name, nodes, output: names.at(-1) });
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
  if (!Array.isArray(chain) || !chain.every(isLayer) || chain.length >= limits.nodes) {
    throw new ProxbitError(
      "argument",
      `sequential: its second argument must be a list of layers, not ${describe(chain)}`,
      "Give results of the functions in layers: sequential({ inputShape }, [layers.flatten(), ...]).",
    );
  }
  for (const layer of chain) {
    const { op } = layer.operation;
    if (opOf(op).inputs === 2) {
      throw new ProxbitError(
        "graph",
        `layer "${layer.name ?? layer.kind}": ${op} takes two inputs, and a chain offers one`,
        `Use the functional form: layers.${op}().apply([a, b]), then functional({ inputs, outputs }).`,
      );
    }
  }
  const first = input({ shape: options.inputShape }).layer;
  const steps = [first, ...chain].map((layer, index) => ({ layer, inputs: index === 0 ? [] : [index - 1] }));
  return assemble(name, steps);
}

/** All tensors that `output` needs, each after its own inputs, first inputs first. */
function topological(output: SymbolicTensor): readonly SymbolicTensor[] {
  const placed = new Set<SymbolicTensor>();
  // A stack of its own, since a deep network must not exhaust the engine's.
  const open: SymbolicTensor[] = [output];
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
  return [...placed];
}

/**
 * The graph of everything between `inputs` and `outputs`. Throws "argument" where they are no symbolic tensors. Throws
 * "graph" for outputs that do not come from the inputs, or from other inputs too. Throws "graph" for a layer that is
 * applied twice.
 */
export function functional(options: FunctionalOptions): Graph {
  const subject: Subject = { code: "argument", what: "functional" };
  const given = plainObject(options, ["inputs", "outputs", "name"], subject);
  const name = safeName(given.name ?? defaultName, "name", subject);
  const { inputs, outputs } = given;
  if (!isSymbolicTensor(inputs) || !isSymbolicTensor(outputs) || inputs.layer.operation.op !== "input") {
    throw new ProxbitError(
      "argument",
      "functional: inputs must be a result of input(), and outputs a result of a layer's apply()",
      "Write const x = input({ shape }); functional({ inputs: x, outputs: layers.flatten().apply(x) }).",
    );
  }
  const tensors = topological(outputs);
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
  return assemble(name, steps);
}
