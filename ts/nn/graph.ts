/**
 * The graph: a plain, serialisable description of a network, and the only one. The trainer, the inference compiler and
 * every other reader work from these values; nothing in here computes.
 *
 * Nodes stand in topological order. Their types are made of the table of operations (`ops/`).
 */
import type { ValuesOf } from "./fields.ts";
import type { OpName, Ops } from "./ops/index.ts";
import type { Arity, ParameterSpec } from "./ops/op.ts";

export type { OpName } from "./ops/index.ts";
export type { Shape } from "./shapes.ts";
export type { Accumulator, ActivationName, Borders, Initializer, Overflow, Padding, PadValue } from "./words.ts";

interface InputNames {
  0: readonly [];
  1: readonly [string];
  2: readonly [string, string];
  3: readonly [string, string, string];
}

/** The attributes of an operation's nodes. */
export type AttributesOf<Name extends OpName> = ValuesOf<Ops[Name]["fields"]>;

/**
 * One named operation. `inputs` are names of earlier nodes; `shares` is the earlier node whose parameters it has, if any.
 * `trainable` is false where training leaves its parameters alone, and is absent elsewhere.
 */
export type NodeOf<Names extends OpName> = {
  [Name in Names]: {
    readonly op: Name;
    readonly name: string;
    readonly inputs: InputNames[Ops[Name]["inputs"] & Arity];
    readonly attributes: AttributesOf<Name>;
    readonly shares?: string;
    readonly trainable?: false;
  };
}[Names];

export type GraphNode = NodeOf<OpName>;

/** An operation and its attributes: a node without its place in a graph. */
export type Operation = {
  readonly [Name in OpName]: { readonly op: Name; readonly attributes: AttributesOf<Name> };
}[OpName];

/** A network: nodes in topological order, exactly one `input`, and the name of the node with the result. */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly output: string;
  /** The names of all results, `output` first, where there are several. */
  readonly outputs?: readonly string[];
}

/** A tensor of a network. The operations say which a node has, and in which order (`ops/`). */
export interface Parameter extends ParameterSpec {
  /** The name in files and among weights (`parameterName`). */
  readonly name: string;
  /** The node that it belongs to, the first one of those that share it, and its key there, such as `kernel`. */
  readonly node: string;
  readonly key: string;
  /** True where training leaves it alone; absent elsewhere. */
  readonly frozen?: true;
}
