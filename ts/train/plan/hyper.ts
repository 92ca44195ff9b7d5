/** The live numbers of a step: what the trainer writes before each one, in one block of floats. */
import type { Graph } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import { quantizedOperands } from "../../nn/operands.ts";
import { learnedKey } from "../../nn/ops/quantizer-parameters.ts";
import { at, type Place } from "../../program/place.ts";
import type { Segment } from "../../program/segment.ts";
import { encodeTable } from "../../quantizers/maps.ts";
import { learnedNumbers } from "../../quantizers/operand-kinds.ts";
import { trainOpOf } from "../ops/index.ts";
import { updateOf } from "../optimizers/updates.ts";
import type { Live, QuantizerSite } from "./context.ts";
import type { ParameterLayout, TrainedTensor } from "./layout.ts";

/** Where live numbers lie in their block; all offsets in floats. */
export interface HyperLayout {
  readonly place: Place;
  readonly floats: number;
  /** The numbers that a node's operation declares. */
  readonly nodes: ReadonlyMap<string, { readonly offset: number; readonly numbers: (live: Live) => readonly number[] }>;
  readonly sites: readonly { readonly site: QuantizerSite; readonly offset: number }[];
  readonly updates: ReadonlyMap<string, number>;
}

/** Lays out the live numbers of operations, quantizers and updates, and the samples of quantizers. */
export function planHyper(graph: Graph, parameters: ParameterLayout, segment: Segment): HyperLayout {
  let floats = 0;
  const take = (count: number): number => {
    floats += count;
    return floats - count;
  };
  const nodes = new Map<string, { offset: number; numbers: (live: Live) => readonly number[] }>();
  type Found = Pick<QuantizerSite, "node" | "operand" | "at" | "quantizer" | "learned"> & { readonly offset: number };
  const found: Found[] = [];
  for (const node of graph.nodes) {
    const { live } = trainOpOf(node.op);
    if (live !== undefined) {
      nodes.set(node.name, { offset: take(live.count), numbers: (moment) => live.numbers(node, moment) });
    }
    for (const { operand, at: key, option, quantizer } of quantizedOperands(node)) {
      const learned = learnedNumbers(quantizer).map(({ name }) => parameterName(node, learnedKey(option, name)));
      found.push({ node: node.name, operand, at: key, quantizer, learned, offset: take(4) });
    }
  }
  const updates = new Map<string, number>();
  for (const [name, { optimizer }] of parameters.tensors) {
    if (optimizer !== null) updates.set(name, take(updateOf(optimizer).hyperFloats));
  }
  const place = segment.allocate(4 * floats);
  const placeOf = (name: string): Place => (parameters.tensors.get(name) as TrainedTensor).value;
  const sites = found.map(({ offset, ...operand }) => ({
    offset,
    site: {
      ...operand,
      parameters: operand.learned[0] === undefined ? at(place, 4 * offset) : placeOf(operand.learned[0]),
      table: operand.quantizer.table === null ? null : segment.floats(encodeTable(operand.quantizer.table)),
    },
  }));
  return { place, floats, nodes, sites, updates };
}
