/**
 * The plan: the whole training of a graph over static memory. Shapes are fixed by the batch size, every buffer gets its
 * address before the first step, and a step allocates nothing.
 *
 * A plan is a pure function of the graph, the batch and the base address: it is made once at base 0 to learn its size
 * and again at the address the memory was reserved at. Programs for training, evaluation and the estimation of batch
 * statistics are then written down from the same plan.
 */
import type { Graph, GraphNode, Shape } from "../nn/graph.ts";
import { convGeometry } from "../nn/shapes.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { createArena } from "../runtime/arena.ts";
import { CONV_SHAPE_BYTES, type ConvShape, denseShape, encodeConvShape, windowShape } from "../runtime/conv-shape.ts";
import type { Call, Write } from "../runtime/program.ts";
import { cutLanes, type Lane, type LayerPlan, type PlanContext, type QuantizerSite } from "./context.ts";
import { planActivation, planAdd, planAvgPool, planMaxPool } from "./layers/elementwise.ts";
import { planNorm } from "./layers/norm.ts";
import { planProduct } from "./layers/product.ts";
import { type ParameterLayout, sizeOf } from "./layout.ts";
import { HYPER_FLOATS } from "./optimizers.ts";

/** Lanes a batch is cut into, however many workers there are: at most this many workers share a step. */
export const LANES = 8;

export interface PlannedNode {
  readonly node: GraphNode;
  readonly layer: LayerPlan | null;
}

export interface TrainingPlan {
  readonly graph: Graph;
  readonly batch: number;
  readonly lanes: readonly Lane[];
  readonly layers: readonly PlannedNode[];
  readonly context: PlanContext;
  readonly sites: readonly QuantizerSite[];
  /** Addresses of the batch's image numbers, labels, loss sums per lane (f64 loss, f64 correct) and predictions. */
  readonly indices: number;
  readonly labels: number;
  readonly losses: number;
  readonly predictions: number;
  /** Spare gradients, as large as the largest value, for nodes with several consumers. */
  readonly spare: (lane: Lane) => number;
  /** The block of live numbers that the trainer writes before each step. */
  readonly hyper: HyperLayout;
  /** Bytes to write and calls to make once, after the memory is there. */
  readonly writes: readonly Write[];
  readonly once: readonly Call[];
  /** One past the last byte. */
  readonly end: number;
}

/** Where live numbers lie in the block of floats at `address`; all offsets in floats. */
export interface HyperLayout {
  readonly address: number;
  readonly floats: number;
  readonly momenta: ReadonlyMap<string, number>;
  readonly sites: readonly { readonly site: QuantizerSite; readonly offset: number }[];
  readonly updates: ReadonlyMap<string, number>;
}

/** The node that owns the memory of `name`: flatten is the same memory as its input. */
export function ownerOf(graph: Graph, name: string): string {
  const node = graph.nodes.find((candidate) => candidate.name === name) as GraphNode;
  return node.op === "flatten" ? ownerOf(graph, node.inputs[0]) : name;
}

/** Plans `graph` for batches of `batch` images in memory that starts at `base`. */
export function planTraining(
  graph: Graph,
  shapes: ReadonlyMap<string, Shape>,
  parameters: ParameterLayout,
  batch: number,
  base: number,
): TrainingPlan {
  const arena = createArena(base);
  const lanes = cutLanes(batch, LANES);
  const writes: Write[] = [];
  const once: Call[] = [];

  const owner = new Map(graph.nodes.map((node) => [node.name, ownerOf(graph, node.name)]));
  const size = (name: string): number => sizeOf(shapes.get(name) as Shape);
  const tensors = (): ReadonlyMap<string, number> =>
    new Map(
      graph.nodes.flatMap(({ name }) =>
        owner.get(name) === name ? [[name, arena.allocate(4 * batch * size(name))] as const] : [],
      ),
    );
  const values = tensors();
  const gradients = tensors();
  const addressIn = (map: ReadonlyMap<string, number>) => (name: string, lane: Lane) =>
    (map.get(owner.get(name) as string) as number) + 4 * size(name) * lane.first;

  const hyper = planHyper(graph, parameters, arena.allocate);
  let [scratchBytes, filterScratchBytes] = [0, 0];
  const scratchAddresses: number[] = [];
  const filterScratchAddresses: number[] = [];
  const context: PlanContext = {
    graph,
    shapes,
    parameters,
    batch,
    lanes,
    allocate: arena.allocate,
    descriptor: (shape) => {
      const address = arena.allocate(CONV_SHAPE_BYTES);
      writes.push({ address, bytes: encodeConvShape(shape) });
      return address;
    },
    constant: (floats) => {
      const address = arena.allocate(floats.byteLength);
      writes.push({ address, bytes: new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength) });
      return address;
    },
    once: (call) => once.push(call),
    site: (node, operand) =>
      hyper.sites.find(({ site }) => site.node === node && site.operand === operand)?.site ?? null,
    momentum: (node) => hyper.address + 4 * (hyper.momenta.get(node) as number),
    value: addressIn(values),
    gradient: addressIn(gradients),
    scratch: (lane) => scratchAddresses[lane.index] as number,
    filterScratch: (lane) => filterScratchAddresses[lane.index] as number,
  };

  const layers = graph.nodes.map((node) => {
    const layer = planLayer(node, context);
    scratchBytes = Math.max(scratchBytes, layer?.scratchBytes ?? 0);
    filterScratchBytes = Math.max(filterScratchBytes, layer?.filterScratchBytes ?? 0);
    return { node, layer };
  });
  for (const _ of lanes) {
    scratchAddresses.push(arena.allocate(scratchBytes));
    filterScratchAddresses.push(arena.allocate(filterScratchBytes));
  }
  const largestLane = (lanes[0] as Lane).images;
  const largestValue = Math.max(...graph.nodes.map(({ name }) => size(name)));
  const spares = lanes.map(() => (hasFanOut(graph) ? arena.allocate(4 * largestValue * largestLane) : 0));

  return {
    graph,
    batch,
    lanes,
    layers,
    context,
    sites: hyper.sites.map(({ site }) => site),
    indices: arena.allocate(4 * batch),
    labels: arena.allocate(batch),
    losses: arena.allocate(16 * lanes.length),
    predictions: arena.allocate(4 * batch),
    spare: (lane) => spares[lane.index] as number,
    hyper,
    writes,
    once,
    end: arena.end(),
  };
}

function hasFanOut(graph: Graph): boolean {
  const inputs = graph.nodes.flatMap((node) => [...node.inputs]);
  return new Set(inputs).size < inputs.length;
}

function planLayer(node: GraphNode, context: PlanContext): LayerPlan | null {
  const { name } = node;
  const inputShape = node.op === "input" ? [] : (context.shapes.get(node.inputs[0]) as Shape);
  switch (node.op) {
    case "conv2d":
    case "dense": {
      const { useBias } = node.attributes;
      const weight = context.site(name, "weight");
      const activation = context.site(name, "activation");
      const shape = (lane: Lane): ConvShape =>
        node.op === "dense"
          ? denseShape(lane.images, inputShape[0] as number, node.attributes.units)
          : windowShape(lane.images, convGeometry(node, inputShape));
      return planProduct({ name, input: node.inputs[0], useBias, weight, activation, shape }, context);
    }
    case "batchNorm":
      return planNorm(node, context);
    case "maxPool2d":
      return planMaxPool(node, (lane) => windowShape(lane.images, convGeometry(node, inputShape)), context);
    case "avgPool2d":
    case "globalAvgPool2d":
      return planAvgPool(node, (lane) => windowShape(lane.images, convGeometry(node, inputShape)), context);
    case "activation":
      return planActivation(node, context);
    case "add":
      return planAdd(node, context);
    case "input":
    case "flatten":
      return null;
  }
}

function planHyper(graph: Graph, parameters: ParameterLayout, allocate: (bytes: number) => number): HyperLayout {
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
      found.push({ node: node.name, operand: "weight", quantizer: weightQuantizer, offset: take(2) });
    }
    if (activationQuantizer !== null) {
      found.push({ node: node.name, operand: "activation", quantizer: activationQuantizer, offset: take(2) });
    }
  }
  const updates = new Map<string, number>();
  for (const [name, { parameter }] of parameters.tensors) {
    if (parameter.role !== "statistic") updates.set(name, take(HYPER_FLOATS));
  }
  const address = allocate(4 * floats);
  const sites = found.map(({ node, operand, quantizer, offset }) => ({
    offset,
    site: { node, operand, quantizer, parameters: address + 4 * offset },
  }));
  return { address, floats, momenta, sites, updates };
}
