/**
 * The programs of a plan: one step of training, one batch of evaluation, one batch for the running statistics.
 *
 * A step of training is: prepare the weights and gather the batch; forward; loss; backward; add the lanes' gradients and
 * keep a copy of the values; update. The update is a phase of its own, so a number that is not finite anywhere before it
 * leaves the weights untouched.
 */

import { elementsOf } from "../../nn/shapes.ts";
import { type KernelCall, k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import { type Program, type ProgramBuilder, programBuilder } from "../../program/program.ts";
import { shareOf } from "../losses/plan.ts";
import { throughStandardization } from "../ops/product/derived-weights.ts";
import type { ParameterOptimizer } from "../optimizers/optimizers.ts";
import { updateOf } from "../optimizers/updates.ts";
import { type Clipper, createClipper } from "./clipping.ts";
import type { DataPlaces, GradientSource, Lane, Mode, Sinks } from "./context.ts";
import { createGradients, type Gradients } from "./gradients.ts";
import { CHUNK, type TrainedTensor } from "./layout.ts";
import type { PlannedNode, TrainingPlan } from "./plan.ts";
import { backwardOf, restartOf } from "./quantize.ts";

/** What a step of training does beside, or otherwise. */
export interface StepOptions {
  /** Whether it counts the signs that the update changed; false where absent. */
  readonly flips?: boolean;
}

/**
 * One step of training from the batch whose image numbers stand at `plan.indices`. Like the other programs here it is
 * written over places.
 */
export function trainProgram(plan: TrainingPlan, data: DataPlaces, mode: Mode, options: StepOptions = {}): Program {
  const { flips = false } = options;
  const builder = programBuilder(plan.lanes.length);
  prepareAndGather(plan, data, mode, builder);
  forward(plan, mode, builder);
  const trained = trainedBelow(plan);
  const gradients = gradientsOf(plan, trained, builder);
  writeLosses(plan, data, plan.batch, gradients, builder);
  const reached = backward(plan, mode, trained, gradients, builder);
  builder.barrier();
  builder.barrier();
  const sources = sourcesOf(reached).filter(([source]) => isUpdated(plan, source));
  const clipper = createClipper(plan.clipping);
  for (const shared of sources) addLanes(plan, shared, clipper, builder);
  const { values, previous } = plan.context.parameters;
  const keeping = builder.as("", "update");
  for (const [start, count] of chunks(values.buffer.bytes / 4)) {
    const [from, to] = [at(values, 4 * start), at(previous, 4 * start)];
    keeping.task([k.copy({ from, to, bytes: 4 * count })]);
  }
  builder.barrier();
  for (const [source] of sources) update(plan, source, clipper, builder);
  if (flips) countFlips(plan, builder);
  return builder.finish();
}

/** Loss and predictions of the first `valid` images of a batch, with running statistics; `mode` evaluates. */
export function evaluateProgram(plan: TrainingPlan, data: DataPlaces, mode: Mode, valid: number): Program {
  const builder = programBuilder(plan.lanes.length);
  prepareAndGather(plan, data, mode, builder);
  forward(plan, mode, builder);
  writeLosses(plan, data, valid, null, builder);
  return builder.finish();
}

/** A forward pass whose batch statistics go into the running ones; `mode` estimates. */
export function estimateProgram(plan: TrainingPlan, data: DataPlaces, mode: Mode): Program {
  const builder = programBuilder(plan.lanes.length);
  prepareAndGather(plan, data, mode, builder);
  forward(plan, mode, builder);
  return builder.finish();
}

function prepareAndGather(plan: TrainingPlan, data: DataPlaces, mode: Mode, builder: ProgramBuilder): void {
  // Where the lanes meet a phase ends: weights of the layers behind have time until then.
  const firstMeeting = plan.layers.findIndex(({ layer }) => layer.meets?.(mode));
  const split = firstMeeting < 0 ? plan.layers.length : firstMeeting;
  for (const [i, { node, layer }] of plan.layers.entries()) {
    const emit = builder.as(node.name, "prepare");
    for (const task of layer.prepare?.(mode) ?? []) (i < split ? emit.task : emit.later)(task);
    layer.gather?.(mode, data, builder.as(node.name, "gather"));
  }
  gatherTruth(plan, data, builder);
  builder.barrier();
}

/** Gathers of the truth of a batch's images all that `data` has and the objective reads. */
function gatherTruth(plan: TrainingPlan, data: DataPlaces, builder: ProgramBuilder): void {
  const { indices, truth } = plan.context.batch;
  const elements = elementsOf(plan.context.shape(plan.graph.output));
  const emit = builder.as(plan.graph.output, "gather");
  const reals = (lane: Lane, from: Place, to: Place, row: number): void => {
    const batch = { indices: at(indices, 4 * lane.first), count: lane.images, row };
    emit.lane(lane.index, k.gatherReals({ ...batch, data: from, out: at(to, 4 * row * lane.first) }));
  };
  for (const lane of plan.lanes) {
    const batch = { indices: at(indices, 4 * lane.first), count: lane.images };
    if (data.labels !== null) {
      emit.lane(lane.index, k.gatherLabels({ ...batch, labels: data.labels, out: at(truth.labels, 4 * lane.first) }));
    }
    if (data.targets !== null && truth.targets !== null) reals(lane, data.targets, truth.targets, elements);
    if (data.sampleWeights !== null) reals(lane, data.sampleWeights, truth.sampleWeights, 1);
  }
}

function forward(plan: TrainingPlan, mode: Mode, builder: ProgramBuilder): void {
  for (const { node, layer } of plan.layers) {
    layer.forward?.(mode, builder.as(node.name, "forward"));
    // Of a batch norm and the sum behind it only the sum is written.
    if (plan.context.fusions.sums.has(node.name)) continue;
    keep(plan, node.name, plan.taps?.value.get(node.name), (lane) => plan.context.value(node.name, lane), builder);
  }
}

/** Copies what lies at `from` in every lane to the tap at `tap`, where there is one. */
function keep(
  plan: TrainingPlan,
  node: string,
  tap: Place | undefined,
  from: (lane: Lane) => Place,
  builder: ProgramBuilder,
): void {
  if (tap === undefined) return;
  const bytes = 4 * elementsOf(plan.context.shape(node));
  for (const lane of plan.lanes) {
    const to = at(tap, bytes * lane.first);
    builder.as(node, "tap").lane(lane.index, k.copy({ from: from(lane), to, bytes: bytes * lane.images }));
  }
}

/** The terms of the loss over the first `valid` images, with their gradients; in an evaluation the score alone. */
function writeLosses(
  plan: TrainingPlan,
  data: DataPlaces,
  valid: number,
  sinks: Sinks | null,
  builder: ProgramBuilder,
): void {
  const { objective } = plan;
  const score = objective.terms.find(({ term }) => term.isScore === true);
  for (const planned of objective.terms) {
    if (sinks === null && planned !== score) continue;
    planned.write({
      emit: (node) => builder.as(node, "loss"),
      valid,
      share: (index) => shareOf(objective, planned, index),
      live: planned.numbers,
      weights: data.sampleWeights === null ? null : plan.context.batch.truth.sampleWeights,
      sinks,
    });
  }
  builder.barrier();
}

function gradientsOf(plan: TrainingPlan, trained: ReadonlySet<string>, builder: ProgramBuilder): Gradients {
  const { lanes, context, owner } = plan;
  return createGradients(
    {
      lanes,
      owner,
      buffer: plan.gradient,
      size: (name) => elementsOf(context.shape(name)),
      wanted: (name) => trained.has(name),
    },
    builder,
  );
}

/** Writes the way back; returns the layers that a gradient has reached, in the order of the graph. */
function backward(
  plan: TrainingPlan,
  mode: Mode,
  trained: ReadonlySet<string>,
  gradients: Gradients,
  builder: ProgramBuilder,
): readonly PlannedNode[] {
  const reached: PlannedNode[] = [];
  for (const planned of plan.layers.toReversed()) {
    const { node, layer } = planned;
    if (layer.backward === undefined || !gradients.has(node.name) || !trained.has(node.name)) continue;
    const tap = plan.taps?.gradient.get(node.name);
    keep(plan, node.name, tap, (lane) => gradients.gradient(node.name, lane), builder);
    const emit = { weights: builder.as(node.name, "weights"), input: builder.as(node.name, "input") };
    layer.backward(mode, emit, gradients);
    gradients.release(node.name, layer.readsGradientLater ?? false);
    reached.push(planned);
  }
  return reached.toReversed();
}

/** One source for each place that a parameter stands in. */
type Sources = readonly [GradientSource, ...GradientSource[]];

/** The sources of the gradients at parameters, together for one that stands in several places. */
export function sourcesOf(layers: readonly PlannedNode[]): readonly Sources[] {
  const found = new Map<string, [GradientSource, ...GradientSource[]]>();
  for (const source of layers.flatMap(({ layer }) => layer.gradients ?? [])) {
    const known = found.get(source.parameter);
    if (known === undefined) found.set(source.parameter, [source]);
    else known.push(source);
  }
  return [...found.values()];
}

/** The nodes whose value depends on a trained parameter: gradients go no further down than these. */
function trainedBelow(plan: TrainingPlan): ReadonlySet<string> {
  const trained = new Set<string>();
  for (const { node, layer } of plan.layers) {
    if (layer.gradients?.some((source) => isUpdated(plan, source)) || node.inputs.some((input) => trained.has(input)))
      trained.add(node.name);
  }
  return trained;
}

/** Adds up the lanes' shares of a gradient, and the terms of the loss that are over weights; then bounds it. */
function addLanes(plan: TrainingPlan, sources: Sources, clipper: Clipper, builder: ProgramBuilder): void {
  const [source] = sources;
  const tensor = tensorOf(plan, source);
  const { parameter, value, size } = tensor;
  const emit = builder.as(parameter.node, "lanes");
  for (const [start, count] of chunks(size)) {
    const piece = { weights: at(value, 4 * start), gradient: at(source.gradient, 4 * start), count };
    const terms = plan.objective.terms.flatMap(({ addTo }) => addTo?.(parameter.name, piece) ?? []);
    const calls = [...sumCalls(plan, sources, start, count), ...terms, ...clipper.whenComplete(tensor, piece)];
    if (calls.length > 0) emit.task(calls);
  }
}

/**
 * The gradient at `count` weights from `start` on, out of the lanes' shares in each place; none where the layer writes it.
 * Places that share a parameter have one quantizer, so the sum over them goes through it once.
 */
function sumCalls(plan: TrainingPlan, sources: Sources, start: number, count: number): readonly KernelCall[] {
  const [source, ...others] = sources;
  const { partials, quantized } = source;
  if (partials === undefined) return [];
  const sumOf = (of: GradientSource): Place => at(of.quantized?.summed ?? of.gradient, 4 * start);
  const sumLanes = (of: GradientSource): KernelCall => {
    const { address, stride } = of.partials ?? partials;
    return k.sumLanes({ partials: at(address, 4 * start), lanes: plan.lanes.length, stride, count, out: sumOf(of) });
  };
  const sum = sumOf(source);
  const calls: KernelCall[] = [sumLanes(source)];
  for (const other of others) calls.push(sumLanes(other), k.addInto({ y: sum, x: sumOf(other), count }));
  if (quantized === undefined) return calls;
  const { site, source: weights, parameters, slopes } = quantized;
  const dx = at(source.gradient, 4 * start);
  const operands = { x: at(weights, 4 * start), dy: sum, accumulate: false, dx, count };
  calls.push(k.quantizeBackward({ ...backwardOf(site, parameters), ...operands }));
  const { size } = tensorOf(plan, source);
  if (slopes !== null) calls.push(throughStandardization(slopes, dx, { first: start, count, size }));
  return calls;
}

function update(plan: TrainingPlan, source: GradientSource, clipper: Clipper, builder: ProgramBuilder): void {
  const tensor = tensorOf(plan, source);
  const { parameter, value, slots, size, optimizer } = tensor;
  const { step } = updateOf(optimizer as ParameterOptimizer);
  const hyper = at(plan.hyper.place, 4 * (plan.hyper.updates.get(parameter.name) as number));
  const emit = builder.as(parameter.node, "update");
  for (const [start, count] of chunks(size)) {
    const [weights, gradient] = [at(value, 4 * start), at(source.gradient, 4 * start)];
    const state = slots.map((slot) => at(slot, 4 * start));
    const made = step({ weights, gradient, count, hyper }, state);
    const bounded = clipper.beforeUpdate(tensor, { gradient, count });
    emit.task([...restarts(source, weights, start, count), ...bounded, made]);
  }
}

/** Latent weights go on from what their quantizer makes of them, by way of gradients that have been used. */
function restarts({ quantized }: GradientSource, weights: Place, start: number, count: number): readonly KernelCall[] {
  if (quantized === undefined || quantized.site.quantizer.restart === "identity") return [];
  const made = at(quantized.summed, 4 * start);
  return [
    k.quantizeForward({ ...restartOf(quantized.site), x: weights, y: made, count }),
    k.copy({ from: made, to: weights, bytes: 4 * count }),
  ];
}

function countFlips(plan: TrainingPlan, builder: ProgramBuilder): void {
  builder.barrier();
  for (const { node, calls } of plan.flips?.prepare ?? []) {
    for (const call of calls) builder.as(node, "count").task([call]);
  }
  if ((plan.flips?.prepare.length ?? 0) > 0) builder.barrier();
  for (const { node, before, after, weights, out } of plan.flips?.counts ?? []) {
    builder.as(node, "count").task([k.countFlips({ before, after, count: weights, out })]);
  }
}

/** Whether an optimizer moves the parameter; not where its layer is frozen. */
const isUpdated = (plan: TrainingPlan, source: GradientSource): boolean => tensorOf(plan, source).optimizer !== null;

function tensorOf(plan: TrainingPlan, source: GradientSource): TrainedTensor {
  return plan.context.parameters.tensors.get(source.parameter) as TrainedTensor;
}

function chunks(size: number): readonly (readonly [number, number])[] {
  const count = Math.ceil(size / CHUNK);
  return Array.from({ length: count }, (_, i) => [i * CHUNK, Math.min(CHUNK, size - i * CHUNK)] as const);
}
