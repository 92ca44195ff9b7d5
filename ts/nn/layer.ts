/**
 * A layer is an operation that waits for its inputs. A symbolic tensor that it is applied to yields the next one.
 * `functional` turns such a chain into a graph.
 */
import { type Subject, safeName } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { takeEvery } from "./every.ts";
import type { Operation, OpName, Shape } from "./graph.ts";
import { checkOperation, nodeOf, outputShape, severalRemedy } from "./nodes.ts";
import { opOf } from "./ops/index.ts";

export interface Layer {
  /** The word that automatic names are made of: "conv2d" gives conv2d, conv2d_1, conv2d_2. */
  readonly kind: string;
  /** The name the user gave, or undefined for an automatic one. */
  readonly name: string | undefined;
  readonly operation: Operation;
  /** True where training moves its parameters. */
  readonly trainable: boolean;
  /**
   * The layer's value at `input` (at all inputs in a list, for `add` and others). Throws "shape" where the input does not fit and "graph"
   * for a wrong number of inputs.
   */
  readonly apply: (input: SymbolicTensor | readonly SymbolicTensor[]) => SymbolicTensor;
}

/** A value that a network will compute: which layer, from which values, of which shape (without the batch axis). */
export interface SymbolicTensor {
  readonly layer: Layer;
  readonly inputs: readonly SymbolicTensor[];
  readonly shape: Shape;
}

/** Layers one behind the other: to be spread into a list of layers, or applied as one. */
export interface LayerChain extends Iterable<Layer> {
  /** The last layer's value. The first layer is applied to `input`, each other one to the value before it. */
  readonly apply: (input: SymbolicTensor) => SymbolicTensor;
}

export function chainOf(members: readonly Layer[]): LayerChain {
  return Object.freeze({
    [Symbol.iterator]: () => members.values(),
    apply: (input: SymbolicTensor) => members.reduce((value, layer) => layer.apply(value), input),
  });
}

/** True where `value` was made by one of the functions in `layers`. */
export function isLayer(value: unknown): value is Layer {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    "apply" in value &&
    "operation" in value &&
    typeof value.operation === "object" &&
    value.operation !== null
  );
}

/** True where `value` came out of `input` or of a layer's `apply`. */
export function isSymbolicTensor(value: unknown): value is SymbolicTensor {
  return (
    typeof value === "object" &&
    value !== null &&
    "layer" in value &&
    isLayer(value.layer) &&
    "inputs" in value &&
    Array.isArray(value.inputs) &&
    "shape" in value
  );
}

/** The subject of messages about a layer that may have no name yet. */
export function layerSubject(kind: string, name: unknown): Subject {
  return { code: "argument", what: `layer ${describe(typeof name === "string" ? name : kind)}` };
}

/** A layer of `kind` around the checked operation. */
export function makeLayer(
  kind: string,
  givenName: unknown,
  op: OpName,
  attributes: unknown,
  trainable: boolean,
): Layer {
  takeEvery();
  const subject = layerSubject(kind, givenName);
  const name = givenName === undefined ? undefined : safeName(givenName, "name", subject);
  const operation = checkOperation(op, attributes, subject);
  const layer: Layer = {
    kind,
    name,
    operation,
    trainable,
    apply: (input) => {
      const inputs = Array.isArray(input) ? [...input] : [input];
      const label = name ?? kind;
      const count = opOf(op).inputs;
      if (inputs.length !== count || !inputs.every(isSymbolicTensor)) {
        throw new ProxbitError(
          "graph",
          `layer "${label}": takes ${count} symbolic tensor(s), was given ${describe(input)}`,
          count > 1 ? severalRemedy(op) : "Apply the layer to a result of input() or of another layer's apply().",
        );
      }
      const node = nodeOf(operation, label, inputs.map(labelOf));
      const shape = outputShape(
        node,
        inputs.map((tensor) => tensor.shape),
      );
      return Object.freeze({ layer, inputs: Object.freeze(inputs), shape });
    },
  };
  return Object.freeze(layer);
}

function labelOf(tensor: SymbolicTensor): string {
  return tensor.layer.name ?? tensor.layer.kind;
}
