/**
 * CMIM (Shang et al., "Network Binarization via Contrastive Learning", ECCV 2022): activations as signs are to tell their own
 * example by the same activations as real numbers, among those of the batch. Both are embedded by a linear head of their own,
 * and the loss gains factor times their InfoNCE (`ts/train/losses/contrastive.ts`).
 *
 * The activations are those that a binary layer reads: real in front of its quantizer, signs behind it. So one forward pass has
 * both. The heads are for training alone and stand in no file. Negatives come from the batch, and from a memory bank of earlier
 * embeddings where `bank` says so; the authors keep 4096.
 */
import { reject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { unknownName } from "../base/names.ts";
import { sequential } from "../nn/build.ts";
import { type Field, integer, number, optional } from "../nn/fields.ts";
import type { Graph, GraphNode } from "../nn/graph.ts";
import { layers } from "../nn/layers.ts";
import { networkOf } from "../nn/network.ts";
import { hasKernel, isProduct } from "../nn/nodes.ts";
import { readsSigns } from "../nn/operands.ts";
import { losses } from "../train/losses/index.ts";
import { type MethodRecord, makerOf } from "./define.ts";

export interface CmimOptions {
  /** The term's weight in the loss; 3.2 where absent. */
  readonly factor?: number | undefined;
  /** T, from 0.02 to 100; 0.1 where absent. */
  readonly temperature?: number | undefined;
  /** Real embeddings of earlier steps that are negatives too, from 0 to 65536; 0 where absent. */
  readonly bank?: number | undefined;
  /** Numbers of an embedding; 128 where absent. */
  readonly units?: number | undefined;
  /** The layer whose activations are compared; the last one with binary activations where absent. */
  readonly layer?: string | undefined;
}

const NAME = "cmim";
const FLAT = "cmim_flat";
const BINARY = "cmim_binary";
const REAL = "cmim_real";
const own: readonly string[] = [FLAT, BINARY, REAL];

/** A name, or "" for the last layer. */
const layerName: Field<string> = {
  describe: "the name of a layer with binary activations",
  check: (value, option, subject) =>
    typeof value === "string" ? value : reject(subject, option, "the name of a layer", value),
};

export const cmimRecord: MethodRecord<CmimOptions> = {
  name: NAME,
  about: "binary activations tell their example by the real ones, among the batch",
  source: "Shang et al., ECCV 2022",
  fields: {
    factor: optional(number(0, 1e6), 3.2),
    temperature: optional(number(0.02, 100), 0.1),
    bank: { ...optional(integer(0, 65_536), 0), isNeutral: true },
    units: optional(integer(2, 1024), 128),
    layer: optional(layerName, ""),
  },
  make: ({ factor, temperature, bank, units, layer }) => ({
    graph: (graph) => withHeads(graph, layer, units),
    packed: withoutHeads,
    objective: (objective) => [
      ...objective,
      losses.contrastive({ between: [BINARY, REAL], factor, temperature, bank, name: NAME }),
    ],
  }),
};

/** The method. @throws ProxbitError `argument`, `unknown-name` */
export const cmim = makerOf(cmimRecord);

/** The layer that is meant. @throws ProxbitError where its activations are not binary, or those of no layer are */
function readerIn(graph: Graph, layer: string): GraphNode {
  const readers = graph.nodes.filter((node) => isProduct(node) && readsSigns(node));
  const found = layer === "" ? readers.at(-1) : readers.find(({ name }) => name === layer);
  if (found !== undefined) return found;
  const names = readers.map(({ name }) => name);
  if (layer !== "") throw unknownName("layer with binary activations", layer, names);
  throw new ProxbitError(
    "argument",
    `the method "${NAME}" compares binary activations with real ones, and "${graph.name}" has no binary ones`,
    'Give a layer the activationQuantizer "poly", on the command line --task bwa, or leave the method out.',
  );
}

function withHeads(graph: Graph, layer: string, units: number): Graph {
  const reader = readerIn(graph, layer);
  const taken = graph.nodes.find(({ name }) => own.includes(name));
  if (taken !== undefined) {
    throw new ProxbitError(
      "argument",
      `the method "${NAME}" adds the layers ${own.join(", ")}, and "${taken.name}" is one of the network's own`,
      "Give that layer another name.",
    );
  }
  const source = reader.inputs[0] as string;
  const activationQuantizer = hasKernel(reader) ? reader.attributes.activationQuantizer : null;
  const inputShape = networkOf(graph).shapes.get(source) as readonly number[];
  const head = (name: string, quantizer: typeof activationQuantizer) => {
    const dense = layers.dense({ units, useBias: false, activationQuantizer: quantizer, name });
    return sequential({ inputShape }, [layers.flatten({ name: FLAT }), dense]).nodes.slice(1);
  };
  const [flat, binary] = head(BINARY, activationQuantizer) as [GraphNode, GraphNode];
  const [, real] = head(REAL, null) as [GraphNode, GraphNode];
  const nodes = [...graph.nodes, { ...flat, inputs: [source] } as GraphNode, binary, real];
  return { ...graph, nodes, outputs: [...(graph.outputs ?? [graph.output]), BINARY, REAL] };
}

/** The network without heads. */
function withoutHeads({ name, nodes, output, outputs = [] }: Graph): Graph {
  const left = outputs.filter((one) => !own.includes(one));
  const kept = { name, nodes: nodes.filter((node) => !own.includes(node.name)), output };
  return left.length < 2 ? kept : { ...kept, outputs: left };
}
