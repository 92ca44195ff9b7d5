/** The layers of a network that start from weights trained before: all, those named, or those that both networks share. */
import { listOf, reject, type Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { someOf } from "../../base/names.ts";
import type { Graph, Parameter } from "../../nn/graph.ts";
import { elementsOf } from "../../nn/shapes.ts";
import type { Engine } from "./engine.ts";

/** The numbers of a parameter, with its shape where the source tells one. */
export interface Found {
  readonly values: Float32Array;
  readonly shape: string | null;
  /** The operation of its layer; null where the source tells none. */
  readonly op: string | null;
  /** The form that a quantizer gave them: signs, or DoReFa's levels; "real" for all others. */
  readonly made: "real" | "signs" | "levels";
}

/** The parameters to be taken of `found`, which are those of the network where `layers` is undefined. */
export function parametersToTake(
  { graph, parameters }: Engine,
  found: ReadonlyMap<string, Found>,
  layers: unknown,
  subject: Subject,
): readonly Parameter[] {
  if (layers === "shared") return sharedParameters(graph, parameters, found);
  const named = layers === undefined ? null : namedLayers(graph.nodes, parameters, layers, subject);
  const wanted = named === null ? parameters : parameters.filter(({ node }) => named.includes(node));
  // Files hold no tensors of quantizers, which then stay as they are.
  const taken = wanted.filter(({ name, ofQuantizer }) => ofQuantizer !== true || found.has(name));
  const missing = taken.flatMap(({ name }) => (found.has(name) ? [] : [name]));
  if (missing.length > 0) throw otherNetwork(`lacks ${listed(missing)}`);
  const names = taken.map(({ name }) => name);
  const strangers = [...found.keys()].filter((name) => !names.includes(name));
  if (named === null && strangers.length > 0)
    throw otherNetwork(`has ${listed(strangers)}, which this network has not`);
  for (const parameter of taken) {
    const { shape } = found.get(parameter.name) as Found;
    // Weights by name tell no shape, and are counted where they are written.
    if (shape === null || fits(parameter, found)) continue;
    throw otherNetwork(`holds "${parameter.name}" as ${shape}, and this network has it as ${shapeOf(parameter)}`);
  }
  return taken;
}

/**
 * The parameters of layers of which the source has all, in the same shapes and, where it tells, of the same operation. It may have
 * more, such as a bias.
 */
function sharedParameters(
  { nodes }: Graph,
  parameters: readonly Parameter[],
  found: ReadonlyMap<string, Found>,
): readonly Parameter[] {
  const ops = new Map(nodes.map(({ name, op }) => [name, op]));
  const isOther = (own: Parameter): boolean => {
    const op = found.get(own.name)?.op;
    return op === undefined || (op !== null && op !== ops.get(own.node)) || !fits(own, found);
  };
  const known = parameters.filter(({ name, ofQuantizer }) => ofQuantizer !== true || found.has(name));
  const others = new Set(known.filter(isOther).map(({ node }) => node));
  const shared = known.filter(({ node }) => !others.has(node));
  if (shared.length === 0) throw otherNetwork("shares no layer with this network");
  return shared;
}

const shapeOf = ({ shape }: Parameter): string => shape.join(" x ");

function fits(parameter: Parameter, found: ReadonlyMap<string, Found>): boolean {
  const { values, shape } = found.get(parameter.name) as Found;
  return shape === null ? values.length === elementsOf(parameter.shape) : shape === shapeOf(parameter);
}

/** The names, checked. */
function namedLayers(
  nodes: readonly { readonly name: string }[],
  parameters: readonly Parameter[],
  layers: unknown,
  subject: Subject,
): readonly string[] {
  const known = nodes.map(({ name }) => name);
  return listOf(layers, 1, known.length, "layers", subject).map((layer) => {
    if (typeof layer !== "string") reject(subject, "layers", 'a list of names of layers, or "shared"', layer);
    if (parameters.some(({ node }) => node === layer)) return layer;
    const kind = known.includes(layer) ? "has no parameters of its own" : "is no layer of the network";
    throw new ProxbitError(
      "unknown-name",
      `startFrom: "${layer}" ${kind}`,
      `Name layers with parameters: ${[...new Set(parameters.map(({ node }) => node))].join(", ")}.`,
    );
  });
}

const listed = (names: readonly string[]): string =>
  someOf(
    names.map((name) => `"${name}"`),
    3,
  );

const otherNetwork = (what: string): ProxbitError =>
  new ProxbitError(
    "shape",
    `what training is to start from ${what}`,
    'Start from the same model, images and classes, or take the layers that both have: layers "shared", or names.',
  );
