/**
 * The programs of a plan: one step of training, one batch of evaluation, one batch for the running statistics.
 *
 * A step of training is: prepare the weights and gather the batch; forward; loss; backward; add the lanes' gradients and
 * keep a copy of the values; update. The update is a phase of its own, so a number that is not finite anywhere before it
 * leaves the weights untouched.
 */

import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import { type Program, type ProgramBuilder, programBuilder } from "../../program/program.ts";
import { shareOf } from "../losses/plan.ts";
import { createClipper } from "./clipping.ts";
import type { DataPlaces, Lane, Mode, Sinks } from "./context.ts";
import { createGradients, type Gradients } from "./gradients.ts";
import type { PlannedNode, TrainingPlan } from "./plan.ts";
import { addLanes, chunks, countFlips, isUpdated, sourcesOf, update } from "./update.ts";

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
  const { values, previous } = plan.context.parameters.layout;
  const keeping = builder.as("", "update");
  for (const [start, count] of chunks(values.buffer.bytes / 4)) {
    const [from, to] = [at(values, 4 * start), at(previous, 4 * start)];
    keeping.job([k.copy({ from, to, bytes: 4 * count })]);
  }
  builder.barrier();
  for (const [source] of sources) update(plan, source, clipper, builder);
  for (const { update: next } of plan.objective.terms) if (next !== undefined) keeping.job(next());
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
    for (const job of layer.prepare?.(mode) ?? []) (i < split ? emit.job : emit.later)(job);
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

/** The nodes whose value depends on a trained parameter: gradients go no further down than these. */
function trainedBelow(plan: TrainingPlan): ReadonlySet<string> {
  const trained = new Set<string>();
  for (const { node, layer } of plan.layers) {
    if (layer.gradients?.some((source) => isUpdated(plan, source)) || node.inputs.some((input) => trained.has(input)))
      trained.add(node.name);
  }
  return trained;
}
