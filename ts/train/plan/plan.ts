/**
 * The plan: the whole training of a graph over static memory. Shapes are fixed by the batch size, every buffer gets its
 * place before the first step, and a step allocates nothing.
 *
 * A plan is made once. Programs for training, evaluation and the estimation of batch statistics are written down from it over
 * places. What is there all the time lies in the plan's segment, which settles where memory is reserved. What lives for a
 * part of a step only (values, gradients, scratch) is a buffer of the lanes, which each program lays out for itself.
 */

import { groupBy } from "../../base/group.ts";
import type { Graph, GraphNode } from "../../nn/graph.ts";
import { networkOf, parameterName } from "../../nn/network.ts";
import { elementsOf, type Shape } from "../../nn/shapes.ts";
import { type Call, callOf } from "../../program/call.ts";
import { laneBuffer } from "../../program/lanes.ts";
import { at, type Place } from "../../program/place.ts";
import { createSegment, type Segment } from "../../program/segment.ts";
import { type Objective, plainObjective } from "../losses/index.ts";
import { type ObjectivePlan, planObjective } from "../losses/plan.ts";
import { trainOpOf } from "../ops/index.ts";
import { type ClippingPlan, planClipping } from "./clipping.ts";
import {
  cutLanes,
  type Lane,
  type LayerPlan,
  type PlanContext,
  type PlanMemory,
  type Products,
  type QuantizerSite,
  type TruthPlaces,
} from "./context.ts";
import { type FlipPlan, planFlips } from "./flips.ts";
import { fusionsOf } from "./fusions.ts";
import { type HyperLayout, planHyper } from "./hyper.ts";
import type { ParameterLayout, TrainedTensor } from "./layout.ts";

/** Lanes a batch is cut into, however many workers there are: at most this many workers share a step. */
export const LANES = 8;

export interface PlannedNode {
  readonly node: GraphNode;
  readonly layer: LayerPlan;
}

export interface TrainingPlan {
  readonly graph: Graph;
  readonly batch: number;
  readonly lanes: readonly Lane[];
  readonly layers: readonly PlannedNode[];
  readonly context: PlanContext;
  readonly sites: readonly QuantizerSite[];
  /** The place of the batch's predictions. */
  readonly predictions: Place;
  /** The terms of the loss, and the place of their results. */
  readonly objective: ObjectivePlan;
  /** The node that owns the memory of a value: flatten is the same memory as its input. */
  readonly owner: (name: string) => string;
  /** The gradient at an owner's value. */
  readonly gradient: (owner: string) => (lane: Lane) => Place;
  /** Where copies of values and gradients are kept; null for a plan that nobody observes. */
  readonly taps: Taps | null;
  /** Bytes of activations as bits, which wait for the way back. */
  readonly bitBytes: number;
  /** Where a step that counts flips leaves its counts; null for a plan that cannot. */
  readonly flips: FlipPlan | null;
  /** The places where bounds on gradients leave their sums. */
  readonly clipping: ClippingPlan;
  /** The block of live numbers that the trainer writes before each step. */
  readonly hyper: HyperLayout;
  /** Everything that is there all the time. */
  readonly segment: Segment;
  /** Calls to make once, after the memory is there. */
  readonly once: readonly Call[];
}

/**
 * Copies that outlast a step: of an owner's value and of the gradient there, f32, all images of the batch one
 * after the other.
 */
export interface Taps {
  readonly value: ReadonlyMap<string, Place>;
  readonly gradient: ReadonlyMap<string, Place>;
}

export interface PlanOptions {
  /** Images of a batch. */
  readonly batch: number;
  readonly products: Products;
  /** Whether programs keep copies of all values and gradients, for a comparison with another calculation. */
  readonly observed: boolean;
  /** Whether steps may count flips; not where absent. */
  readonly flips?: boolean | undefined;
  /** The terms of the loss; cross-entropy alone where absent. */
  readonly objective?: Objective | undefined;
  /** See `PlanParameters.packed`. */
  readonly packed?: ReadonlyMap<string, Float32Array> | null;
}

/** Plans the training of `graph`. */
export function planTraining(
  graph: Graph,
  shapes: ReadonlyMap<string, Shape>,
  parameters: ParameterLayout,
  options: PlanOptions,
): TrainingPlan {
  const { batch, objective = plainObjective } = options;
  const segment = createSegment();
  const lanes = cutLanes(batch, LANES);
  const once: Call[] = [];
  let bitBytes = 0;

  const { owners } = networkOf(graph);
  const owner = (name: string): string => owners.get(name) as string;
  const shape = (name: string): Shape => shapes.get(name) as Shape;
  const size = (name: string): number => elementsOf(shape(name));
  const declare: PlanMemory["declare"] = (bytes) => {
    const place = laneBuffer(Math.max(...lanes.map(bytes)));
    return ({ index }) => place(index);
  };
  const tensors = (): ReadonlyMap<string, (lane: Lane) => Place> =>
    new Map([...new Set(owners.values())].map((name) => [name, declare((lane) => 4 * size(name) * lane.images)]));
  // The logits stay where they are: they are read when a program has ended.
  const logits = segment.allocate(4 * batch * size(graph.output));
  const values = new Map(tensors()).set(owner(graph.output), (lane) => at(logits, 4 * size(graph.output) * lane.first));
  const gradients = tensors();

  const hyper = planHyper(graph, parameters, segment);
  const sites = groupBy(
    hyper.sites.map(({ site }) => site),
    ({ node }) => node,
  );
  const signs = new Map<string, NonNullable<LayerPlan["signs"]>>();
  const indices = segment.allocate(4 * batch);
  const views = segment.allocate(4 * batch);
  const tensorOf = (node: { readonly name: string }, key: string): TrainedTensor =>
    parameters.tensors.get(parameterName(node, key)) as TrainedTensor;
  const truth = planTruth(batch, size(graph.output), objective, segment.allocate);
  const context: PlanContext = {
    shape,
    parameters: {
      layout: parameters,
      of: (node, key) => tensorOf(node, key).value,
      isTrained: (node, key) => tensorOf(node, key).optimizer !== null,
      packed: options.packed ?? null,
    },
    lanes,
    batch: { indices, views, truth },
    products: options.products,
    fusions: fusionsOf(graph, new Set(objective.flatMap(({ reads = [] }) => reads))),
    memory: {
      allocate: segment.allocate,
      allocateBits: (bytes) => {
        bitBytes += bytes;
        return segment.allocate(bytes);
      },
      declare,
      descriptor: segment.descriptor,
      constant: segment.floats,
      once: (node, call) => once.push(callOf(node, "prepare", call)),
    },
    live: {
      site: (node, key) => sites.get(node)?.find((site) => site.at === key) ?? null,
      numbers: (node) => at(hyper.place, 4 * (hyper.nodes.get(node) as { readonly offset: number }).offset),
      update: (parameter) => at(hyper.place, 4 * (hyper.updates.get(parameter) as number)),
    },
    value: (name, lane) => (values.get(owner(name)) as (lane: Lane) => Place)(lane),
    signs: (reader, mode, lane) => signs.get(reader)?.(mode, lane) ?? null,
  };

  const layers = graph.nodes.map((node) => {
    const layer = trainOpOf(node.op).plan(node, context);
    if (layer.signs !== undefined) signs.set(node.name, layer.signs);
    return { node, layer };
  });
  const predictions = segment.allocate(4 * batch);
  const { output } = graph;
  const lossContext = { layers: context, output, batch, ...truth, predictions };
  const loss = planObjective(objective, lossContext, segment.allocate);
  const flips = options.flips ? planFlips(graph, parameters, segment) : null;
  const copies = (): ReadonlyMap<string, Place> =>
    new Map([...new Set(owners.values())].map((name) => [name, segment.allocate(4 * size(name) * batch)]));

  return {
    graph,
    batch,
    lanes,
    layers,
    context,
    sites: hyper.sites.map(({ site }) => site),
    objective: loss,
    predictions,
    owner,
    gradient: (name) => gradients.get(name) as (lane: Lane) => Place,
    taps: options.observed ? { value: copies(), gradient: copies() } : null,
    bitBytes,
    flips,
    clipping: planClipping(parameters, segment.allocate),
    hyper,
    segment,
    once,
  };
}

/** Memory for the truth of a batch: targets only where a term of the objective reads some. */
function planTruth(
  batch: number,
  elements: number,
  objective: Objective,
  allocate: (bytes: number) => Place,
): TruthPlaces {
  const reads = objective.some(({ truth }) => truth?.includes("targets"));
  return {
    labels: allocate(4 * batch),
    targets: reads ? allocate(4 * batch * elements) : null,
    sampleWeights: allocate(4 * batch),
  };
}
