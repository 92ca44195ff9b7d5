/** The live numbers of a step: what the trainer writes before each one, in one block of floats. */
import type { Graph } from "../nn/graph.ts";
import { at, type Place } from "../program/place.ts";
import type { Segment } from "../program/segment.ts";
import { encodeTable } from "../quantizers/maps.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import type { QuantizerSite } from "./context.ts";
import type { ParameterLayout } from "./layout.ts";
import { updateOf } from "./updates.ts";

/** Where live numbers lie in their block; all offsets in floats. */
export interface HyperLayout {
  readonly place: Place;
  readonly floats: number;
  readonly momenta: ReadonlyMap<string, number>;
  readonly sites: readonly { readonly site: QuantizerSite; readonly offset: number }[];
  readonly updates: ReadonlyMap<string, number>;
}

/** Lays out the live numbers of norms, quantizers and updates, and the samples of quantizers. */
export function planHyper(graph: Graph, parameters: ParameterLayout, segment: Segment): HyperLayout {
  let floats = 0;
  const take = (count: number): number => {
    floats += count;
    return floats - count;
  };
  const momenta = new Map<string, number>();
  const found: { node: string; operand: "weight" | "activation"; quantizer: Quantizer; offset: number }[] = [];
  for (const node of graph.nodes) {
    if (node.op === "batchNorm") momenta.set(node.name, take(1));
    if (node.op !== "conv2d" && node.op !== "dense") continue;
    const { weightQuantizer, activationQuantizer } = node.attributes;
    if (weightQuantizer !== null) {
      found.push({ node: node.name, operand: "weight", quantizer: weightQuantizer, offset: take(4) });
    }
    if (activationQuantizer !== null) {
      found.push({ node: node.name, operand: "activation", quantizer: activationQuantizer, offset: take(4) });
    }
  }
  const updates = new Map<string, number>();
  for (const [name, { optimizer }] of parameters.tensors) {
    if (optimizer !== null) updates.set(name, take(updateOf(optimizer).hyperFloats));
  }
  const place = segment.allocate(4 * floats);
  const sites = found.map(({ node, operand, quantizer, offset }) => ({
    offset,
    site: {
      node,
      operand,
      quantizer,
      parameters: at(place, 4 * offset),
      table: quantizer.table === null ? null : segment.floats(encodeTable(quantizer.table)),
    },
  }));
  return { place, floats, momenta, sites, updates };
}
