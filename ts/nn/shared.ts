/** Nodes that share their parameters are one operation in several places, so all but the places must be equal. */
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import type { GraphNode, Parameter } from "./graph.ts";
import type { ParameterSpec } from "./ops/op.ts";

const OWN = "Make a layer of its own for each place.";

const shared = (node: GraphNode, message: string, remedy = OWN): ProxbitError =>
  new ProxbitError("graph", `layer "${node.name}": ${message}`, remedy);

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * Checks that `node`, whose parameters would be `specs`, can use those of `owner`, `parameters`. Throws "graph" for an
 * owner that does not stand before it or shares itself, for another operation or other attributes, for an operation
 * without parameters or with statistics, and for parameters of another shape.
 */
export function checkShared(
  node: GraphNode,
  specs: Readonly<Record<string, ParameterSpec>>,
  owner: GraphNode | undefined,
  parameters: readonly Parameter[],
): void {
  const name = describe(node.shares);
  if (owner === undefined || owner.shares !== undefined) {
    throw shared(node, `it cannot have the parameters of ${name}`, "Name an earlier layer with parameters of its own.");
  }
  if (owner.op !== node.op || !equal(owner.attributes, node.attributes)) {
    throw shared(node, `it differs from layer ${name}, whose parameters it has`);
  }
  const keys = Object.keys(specs);
  if (keys.length === 0) throw shared(node, "it has no parameters that it could share", "Leave shares out.");
  if (Object.values(specs).some(({ role }) => role === "statistic")) {
    throw shared(node, `it is used in two places, and its statistics are those of one`);
  }
  if (Object.values(specs).some(({ ofQuantizer }) => ofQuantizer === true)) {
    throw shared(node, "it is used in two places, and its quantizer learns from one");
  }
  for (const { key, shape } of parameters) {
    if (!equal(shape, specs[key]?.shape)) {
      const [here, there] = [specs[key]?.shape, shape].map(describe);
      throw shared(node, `its ${key} would have shape ${here}, and that of layer ${name} has ${there}`);
    }
  }
}
