/**
 * The check of a whole graph of any author: our builders, a user's JSON, a model file of unknown origin. The check
 * returns a fresh, frozen copy. It has looked at every name, number, shape and edge of the copy. All operations and schedules
 * of the graph must have been taken in before (`every.ts`).
 */
import { booleanOf, listOf, oneOf, plainObject, type Subject, safeName } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import type { Graph, GraphNode, Shape } from "./graph.ts";
import { limits } from "./limits.ts";
import { createWalk, remember } from "./network.ts";
import { checkOperation, nodeOf } from "./nodes.ts";
import { opNames, opOf } from "./ops/index.ts";
import { elementsOf } from "./shapes.ts";

function graphError(message: string, remedy: string): ProxbitError {
  return new ProxbitError("graph", message, remedy);
}

/** One node; `names` are those of all nodes, to tell a wrong order from a name that nobody has. */
function checkNode(value: unknown, index: number, before: ReadonlyMap<string, Shape>, names: ReadonlySet<unknown>) {
  const place: Subject = { code: "graph", what: `node ${index}` };
  const given = plainObject(value, ["op", "name", "inputs", "attributes", "shares", "trainable"], place);
  const name = safeName(given.name, "name", place);
  const subject: Subject = { code: "graph", what: `layer "${name}"` };
  if (before.has(name)) throw graphError(`two layers are called "${name}"`, "Give every layer a name of its own.");
  const op = oneOf(given.op, opNames, "op", subject);
  const count = opOf(op).inputs;
  const inputs = listOf(given.inputs, count, count, "inputs", subject).map((source) => {
    if (typeof source === "string" && before.has(source)) return source;
    const known = names.has(source);
    throw graphError(
      `layer "${name}": its input ${describe(source)} ${known ? "does not stand before it" : "is no layer of this graph"}`,
      known ? "Break the circle, or list the nodes in topological order." : "Name an earlier layer.",
    );
  });
  const { shares } = given;
  if (shares !== undefined && !(typeof shares === "string" && before.has(shares))) {
    throw graphError(
      `layer "${name}": shares ${describe(shares)}, which does not stand before it`,
      "Name an earlier layer, or leave shares out.",
    );
  }
  const trainable = booleanOf(given.trainable ?? true, "trainable", subject);
  return nodeOf(checkOperation(op, given.attributes, subject), name, inputs, { shares, trainable });
}

/** Every node must lead to an output. The nodes are walked backwards, because consumers stand behind their inputs. */
function checkUse(nodes: readonly GraphNode[], outputs: readonly string[]): void {
  const needed = new Set(outputs);
  for (const node of [...nodes].reverse()) {
    if (!needed.has(node.name)) {
      const names = outputs.map((output) => `"${output}"`).join(", ");
      throw graphError(`layer "${node.name}" does not lead to the output ${names}`, "Leave the layer out.");
    }
    for (const source of node.inputs) needed.add(source);
  }
}

/** The names of all results: `output` alone where there is no list, else the list, which begins with it. */
function checkOutputs(
  value: unknown,
  output: string,
  shapes: ReadonlyMap<string, Shape>,
  subject: Subject,
): readonly string[] {
  if (value === undefined) return [output];
  const names = listOf(value, 1, limits.nodes, "outputs", subject).map((name) => {
    if (typeof name === "string" && shapes.has(name)) return name;
    throw graphError(`the output ${describe(name)} is no layer of the graph`, "Name layers of the graph.");
  });
  if (names[0] !== output || new Set(names).size < names.length) {
    throw graphError(
      `outputs ${describe(names)} must begin with the output "${output}", and name each layer once`,
      "List each result once, the one that is classified first.",
    );
  }
  return Object.freeze(names);
}

/**
 * A graph out of a value of unknown origin, such as parsed JSON. Throws "graph" for unknown keys or operations, and for
 * numbers out of range. Throws "graph" for a missing or repeated name, a circle or a wrong order. Throws "graph" for
 * more or fewer inputs than one, layers that nothing uses, and more than 4096 nodes. Throws "shape" for layers that do
 * not fit one another, and for tensors too large for the core.
 */
export function validateKnown(value: unknown): Graph {
  const subject: Subject = { code: "graph", what: "graph" };
  const given = plainObject(value, ["name", "nodes", "output", "outputs"], subject);
  const name = safeName(given.name, "name", subject);
  const list = listOf(given.nodes, 1, limits.nodes, "nodes", subject);
  const names = new Set(
    list.map((node) => (typeof node === "object" && node !== null && "name" in node ? node.name : 0)),
  );
  const walk = createWalk();
  const { shapes } = walk;
  const nodes: GraphNode[] = [];
  for (const [index, entry] of list.entries()) {
    const node = checkNode(entry, index, shapes, names);
    // Only an input needs no earlier node, so the first node is one. A second one is refused here.
    if (node.op === "input" && index > 0) {
      throw graphError(`layer "${node.name}" is a second input`, "Give the network one input.");
    }
    if (elementsOf(walk.add(node)) > limits.elements) {
      throw graphError(`layer "${node.name}" yields more than ${limits.elements} elements`, "Make the layer smaller.");
    }
    nodes.push(node);
  }
  const output = given.output;
  if (typeof output !== "string" || !shapes.has(output)) {
    throw graphError(`the output ${describe(output)} is no layer of graph "${name}"`, "Name the last layer.");
  }
  if (nodes.length < 2) throw graphError(`graph "${name}" has no layer but its input`, "Add a layer.");
  const outputs = checkOutputs(given.outputs, output, shapes, subject);
  checkUse(nodes, outputs);
  const graph = { name, nodes: Object.freeze(nodes), output };
  return remember(Object.freeze(outputs.length === 1 ? graph : { ...graph, outputs }), walk);
}
