/** Nodes are checked and put together here. The functions below answer from the table of operations. */
import { plainObject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import type { GraphNode, NodeOf, Operation, OpName } from "./graph.ts";
import { type OpsThat, opOf } from "./ops/index.ts";
import type { Arity, Flags, InputShapes, ParameterSpec } from "./ops/op.ts";
import { learnedParameters } from "./ops/quantizer-parameters.ts";
import type { Shape } from "./shapes.ts";
import type { WindowGeometry } from "./windows.ts";

/** Checks `attributes` against the fields of `op`; throws an error of `subject`'s code that names the attribute. */
export function checkOperation(op: OpName, attributes: unknown, subject: Subject): Operation {
  const own = opOf(op);
  const given = plainObject(attributes, Object.keys(own.fields), subject);
  const entries = Object.entries(own.fields).map(([key, field]) => [key, field.check(given[key], key, subject)]);
  const present = entries.filter(([, value]) => value !== undefined);
  const checked: Readonly<Record<string, unknown>> = Object.freeze(Object.fromEntries(present));
  own.rule?.(checked, subject);
  // The table's type ties each op to its own attributes, which TypeScript cannot follow through a variable index.
  return Object.freeze({ op, attributes: checked }) as Operation;
}

/** A node's place in a graph beside its inputs: whose parameters it has, and whether training moves them. */
interface Standing {
  readonly shares?: string | undefined;
  readonly trainable?: boolean | undefined;
}

/**
 * The node that puts `operation` into a graph, perhaps with the parameters of the node `shares`. The caller has checked that
 * `inputs` are as many as the op takes.
 */
export function nodeOf(
  operation: Operation,
  name: string,
  inputs: readonly string[],
  { shares, trainable = true }: Standing = {},
): GraphNode {
  const node = { op: operation.op, name, inputs: Object.freeze([...inputs]), attributes: operation.attributes };
  const sharing = shares === undefined ? node : { ...node, shares };
  return Object.freeze(trainable ? sharing : { ...sharing, trainable }) as GraphNode;
}

const has =
  <Flag extends keyof Flags>(flag: Flag) =>
  (node: GraphNode): node is NodeOf<OpsThat<Flag>> =>
    opOf(node.op).is?.[flag] === true;

/** A node whose value is its input's memory. */
export type AliasNode = NodeOf<OpsThat<"alias">>;
export const isAlias = has("alias");

/** A node whose value is its input's memory once a network is trained. */
export type PassedNode = AliasNode | NodeOf<OpsThat<"onlyInTraining">>;
export const isOnlyInTraining = has("onlyInTraining");
export const isPassed = (node: GraphNode): node is PassedNode => isAlias(node) || isOnlyInTraining(node);

/** A node that multiplies its input by a kernel. */
export type KernelNode = NodeOf<OpsThat<"kernel">>;
export const hasKernel = has("kernel");

/** A node with a kernel each filter of which reads all channels. */
export type ProductNode = NodeOf<OpsThat<"product">>;
export const isProduct = has("product");

/** A node that works on rows one by one. */
export type RowNode = NodeOf<OpsThat<"perRow">>;
export const isPerRow = has("perRow");

/** A node that scales and shifts each channel. */
export type AffineNode = NodeOf<OpsThat<"affine">>;
export const isAffine = has("affine");

/** A node whose windows slide over images. */
export type WindowNode = NodeOf<OpsThat<"windowed">>;
export const isWindowed = has("windowed");

/** A layer of several inputs: their number as a word, and a call that gives it as many. */
export function severalInputs(op: OpName): { readonly count: string; readonly call: string } {
  if (opOf(op).inputs === 2) return { count: "two", call: `layers.${op}().apply([a, b])` };
  return { count: "three", call: `layers.${op}({ ... }).apply([a, b, c])` };
}

/** The remedy for such a layer that was not given a tensor for each. */
export function severalRemedy(op: OpName): string {
  const { count, call } = severalInputs(op);
  return `Apply it to ${count} tensors: ${call}.`;
}

/** The shapes of as many inputs as `node` takes. Throws "graph" where there are fewer. */
function inputsOf(node: GraphNode, shapes: readonly Shape[]): InputShapes<Arity> {
  const { name, inputs } = opOf(node.op);
  if (shapes.length < inputs) {
    throw new ProxbitError(
      "graph",
      `layer "${node.name}": ${name} was given ${shapes.length} inputs`,
      inputs > 1 ? severalRemedy(name) : "Apply it to one tensor.",
    );
  }
  return shapes as InputShapes<Arity>;
}

/**
 * The shape that `node` yields for the shapes of its inputs, in order. Throws "shape", naming the layer, the expected
 * and the given shape and the remedy. Throws "graph" for a wrong number of inputs.
 */
export function outputShape(node: GraphNode, inputShapes: readonly Shape[]): Shape {
  return opOf(node.op).shape(inputsOf(node, inputShapes), node.attributes, node.name);
}

/** The tensors that belong to `node`, by their keys. `outputShape` has accepted the shapes. */
export function parameterSpecs(
  node: GraphNode,
  inputShapes: readonly Shape[],
): Readonly<Record<string, ParameterSpec>> {
  const op = opOf(node.op);
  const own = op.parameters?.(inputsOf(node, inputShapes), node.attributes) ?? {};
  return { ...own, ...learnedParameters(op.operands?.(node.attributes) ?? []) };
}

/** Multiply-accumulates of one image, forward; 0 for a layer that multiplies no matrices. */
export function multiplyAccumulates(node: GraphNode, inputShapes: readonly Shape[], output: Shape): number {
  return worksOf(node, inputShapes, output).reduce((sum, work) => sum + work, 0);
}

/** The same for each of its products. */
export function worksOf(node: GraphNode, inputShapes: readonly Shape[], output: Shape): readonly number[] {
  return [opOf(node.op).work?.(inputsOf(node, inputShapes), output, node.attributes) ?? []].flat();
}

/** Numbers of one image that stand between the products of a layer that has several. */
export const numbersBetween = (node: GraphNode, inputShapes: readonly Shape[]): number =>
  opOf(node.op).between?.(inputsOf(node, inputShapes), node.attributes) ?? 0;

/**
 * The windows of a convolution or a pool over images of `inputShape`, for trainer and inference alike. Throws "shape"
 * for an input that is no image, and for a VALID kernel larger than the image. Throws "shape" too for sizes beyond the
 * core's.
 */
export function convGeometry(node: WindowNode, inputShape: Shape): WindowGeometry {
  return opOf(node.op).windows?.(inputShape, node.attributes, node.name) as WindowGeometry;
}
