/**
 * The plan: the whole training of a graph over static memory. Shapes are fixed by the batch size, every buffer gets its
 * address before the first step, and a step allocates nothing.
 *
 * A plan is a pure function of its arguments: it is made once at base 0 to learn its size and again at the address the
 * memory was reserved at. Programs for training, evaluation and the estimation of batch statistics are then written down
 * from the same plan. What lives for a part of a step only (values, gradients, scratch) has a symbolic address; each
 * program lays these buffers out in the lanes' blocks for itself (`lane-memory.ts`).
 */

import type { Graph, GraphNode, Shape } from "../nn/graph.ts";
import { networkOf } from "../nn/network.ts";
import { convGeometry } from "../nn/nodes.ts";
import { quantizedOperands } from "../nn/operands.ts";
import { elementsOf } from "../nn/shapes.ts";
import { encodeTable } from "../quantizers/maps.ts";
import { createArena } from "../runtime/arena.ts";
import { CONV_SHAPE_BYTES, type ConvShape, denseShape, encodeConvShape, windowShape } from "../runtime/conv-shape.ts";
import type { Call, Write } from "../runtime/program.ts";
import { cutLanes, type Lane, type LayerPlan, type PlanContext, type Products, type QuantizerSite } from "./context.ts";
import { type FlipPlan, planFlips } from "./flips.ts";
import { fusionsOf } from "./fusions.ts";
import { createLaneMemory, type LaneMemory } from "./lane-memory.ts";
import { planActivation, planAdd, planAvgPool, planMaxPool } from "./layers/elementwise.ts";
import { planAdaptiveSign, planPrelu, planShift } from "./layers/learned.ts";
import { planNorm } from "./layers/norm.ts";
import { planProduct } from "./layers/product.ts";
import type { ParameterLayout } from "./layout.ts";
import { updateOf } from "./updates.ts";

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
  /**
   * Addresses of the batch's image numbers, the views of its images while training (`augment.ts`), labels, loss sums
   * per lane (f64 loss, f64 correct) and predictions.
   */
  readonly indices: number;
  readonly views: number;
  readonly labels: number;
  readonly losses: number;
  readonly predictions: number;
  /** The node that owns the memory of a value: flatten is the same memory as its input. */
  readonly owner: (name: string) => string;
  /** Symbolic address of the gradient at an owner's value. */
  readonly gradient: (owner: string) => (lane: Lane) => number;
  /** Where copies of values and gradients are kept; null for a plan that nobody observes. */
  readonly taps: Taps | null;
  /** The buffers with symbolic addresses, and the address of a lane's block for them. */
  readonly laneMemory: LaneMemory;
  readonly laneBlock: (lane: number) => number;
  /** Bytes of activations as bits, which wait for the way back. */
  readonly bitBytes: number;
  /** Where a step that counts flips leaves its counts; null for a plan that cannot. */
  readonly flips: FlipPlan | null;
  /** The block of live numbers that the trainer writes before each step. */
  readonly hyper: HyperLayout;
  /** Bytes to write and calls to make once, after the memory is there. */
  readonly writes: readonly Write[];
  readonly once: readonly Call[];
  /** One past the last byte. */
  readonly end: number;
}

/**
 * Addresses of copies that outlast a step: of an owner's value and of the gradient there, f32, all images of the batch one
 * after the other.
 */
export interface Taps {
  readonly value: ReadonlyMap<string, number>;
  readonly gradient: ReadonlyMap<string, number>;
}

/** Where live numbers lie in the block of floats at `address`; all offsets in floats. */
export interface HyperLayout {
  readonly address: number;
  readonly floats: number;
  readonly momenta: ReadonlyMap<string, number>;
  readonly sites: readonly { readonly site: QuantizerSite; readonly offset: number }[];
  readonly updates: ReadonlyMap<string, number>;
}

export interface PlanOptions {
  /** Images of a batch. */
  readonly batch: number;
  /** First address. */
  readonly base: number;
  /** Bytes of a lane's block; 0 to find out how many the programs need. */
  readonly laneBytes: number;
  readonly products: Products;
  /** Whether programs keep copies of all values and gradients, for a comparison with another calculation. */
  readonly observed: boolean;
  /** Whether steps may count flips; not where absent. */
  readonly flips?: boolean | undefined;
  /** See `PlanContext.packed`. */
  readonly packed?: ReadonlyMap<string, Float32Array> | null;
}

/** Plans the training of `graph`. */
export function planTraining(
  graph: Graph,
  shapes: ReadonlyMap<string, Shape>,
  parameters: ParameterLayout,
  options: PlanOptions,
): TrainingPlan {
  const { batch } = options;
  const arena = createArena(options.base);
  const laneMemory = createLaneMemory();
  const lanes = cutLanes(batch, LANES);
  const writes: Write[] = [];
  const once: Call[] = [];
  let bitBytes = 0;

  const { owners } = networkOf(graph);
  const owner = (name: string): string => owners.get(name) as string;
  const size = (name: string): number => elementsOf(shapes.get(name) as Shape);
  const declare: PlanContext["declare"] = (bytes) => laneMemory.declare(Math.max(...lanes.map(bytes)));
  const tensors = (): ReadonlyMap<string, (lane: Lane) => number> =>
    new Map([...new Set(owners.values())].map((name) => [name, declare((lane) => 4 * size(name) * lane.images)]));
  // The logits stay where they are: they are read when a program has ended.
  const logits = arena.allocate(4 * batch * size(graph.output));
  const values = new Map(tensors()).set(owner(graph.output), (lane) => logits + 4 * size(graph.output) * lane.first);
  const gradients = tensors();

  const constant: PlanContext["constant"] = (floats) => {
    const address = arena.allocate(floats.byteLength);
    writes.push({ address, bytes: new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength) });
    return address;
  };
  const hyper = planHyper(graph, parameters, arena.allocate, constant);
  const sites = new Map(hyper.sites.map(({ site }) => [`${site.operand} ${site.node}`, site]));
  const signs = new Map<string, NonNullable<LayerPlan["signs"]>>();
  const context: PlanContext = {
    graph,
    shapes,
    parameters,
    batch,
    lanes,
    products: options.products,
    fusions: fusionsOf(graph),
    packed: options.packed ?? null,
    allocate: arena.allocate,
    allocateBits: (bytes) => {
      bitBytes += bytes;
      return arena.allocate(bytes);
    },
    declare,
    descriptor: (shape) => {
      const address = arena.allocate(CONV_SHAPE_BYTES);
      writes.push({ address, bytes: encodeConvShape(shape) });
      return address;
    },
    constant,
    once: (call) => once.push(call),
    site: (node, operand) => sites.get(`${operand} ${node}`) ?? null,
    momentum: (node) => hyper.address + 4 * (hyper.momenta.get(node) as number),
    value: (name, lane) => (values.get(owner(name)) as (lane: Lane) => number)(lane),
    signs: (reader, mode, lane) => signs.get(reader)?.(mode, lane) ?? null,
  };

  const layers = graph.nodes.map((node) => {
    const layer = planLayer(node, context);
    if (layer?.signs !== undefined) signs.set(node.name, layer.signs);
    return { node, layer };
  });
  const indices = arena.allocate(4 * batch);
  const views = arena.allocate(4 * batch);
  const labels = arena.allocate(batch);
  const losses = arena.allocate(16 * lanes.length);
  const predictions = arena.allocate(4 * batch);
  const flips = options.flips ? planFlips(graph, parameters, arena.allocate) : null;
  const blocks = lanes.map(() => arena.allocate(options.laneBytes));
  const copies = (): ReadonlyMap<string, number> =>
    new Map([...new Set(owners.values())].map((name) => [name, arena.allocate(4 * size(name) * batch)]));

  return {
    graph,
    batch,
    lanes,
    layers,
    context,
    sites: hyper.sites.map(({ site }) => site),
    indices,
    views,
    labels,
    losses,
    predictions,
    owner,
    gradient: (name) => gradients.get(name) as (lane: Lane) => number,
    taps: options.observed ? { value: copies(), gradient: copies() } : null,
    laneMemory,
    laneBlock: (lane) => blocks[lane] as number,
    bitBytes,
    flips,
    hyper,
    writes,
    once,
    end: arena.end(),
  };
}

function planLayer(node: GraphNode, context: PlanContext): LayerPlan | null {
  const { name } = node;
  const inputShape = node.op === "input" ? [] : (context.shapes.get(node.inputs[0]) as Shape);
  switch (node.op) {
    case "conv2d":
    case "dense": {
      const { useBias, accumulator } = node.attributes;
      const weight = context.site(name, "weight");
      const activation = context.site(name, "activation");
      const shape = (lane: Lane): ConvShape =>
        node.op === "dense"
          ? denseShape(lane.images, inputShape[0] as number, node.attributes.units)
          : windowShape(lane.images, convGeometry(node, inputShape));
      return planProduct({ name, input: node.inputs[0], useBias, weight, activation, accumulator, shape }, context);
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
    case "shift":
      return planShift(node, context);
    case "prelu":
      return planPrelu(node, context);
    case "adaptiveSign":
      return planAdaptiveSign(node, context);
    case "add":
      return planAdd(node, context);
    case "input":
    case "flatten":
      return null;
  }
}

function planHyper(
  graph: Graph,
  parameters: ParameterLayout,
  allocate: (bytes: number) => number,
  constant: (floats: Float32Array) => number,
): HyperLayout {
  let floats = 0;
  const take = (count: number): number => {
    floats += count;
    return floats - count;
  };
  const momenta = new Map<string, number>();
  const found: (Omit<QuantizerSite, "parameters" | "table"> & { readonly offset: number })[] = [];
  for (const node of graph.nodes) {
    if (node.op === "batchNorm") momenta.set(node.name, take(1));
    for (const { operand, quantizer } of quantizedOperands(node)) {
      found.push({ node: node.name, operand, quantizer, offset: take(4) });
    }
  }
  const updates = new Map<string, number>();
  for (const [name, { optimizer }] of parameters.tensors) {
    if (optimizer !== null) updates.set(name, take(updateOf(optimizer).hyperFloats));
  }
  const address = allocate(4 * floats);
  const sites = found.map(({ node, operand, quantizer, offset }) => ({
    offset,
    site: {
      node,
      operand,
      quantizer,
      parameters: address + 4 * offset,
      table: quantizer.table === null ? 0 : constant(encodeTable(quantizer.table)),
    },
  }));
  return { address, floats, momenta, sites, updates };
}
