/**
 * The programs of a plan: one step of training, one batch of evaluation, one batch for the running statistics.
 *
 * A step of training is: prepare the weights and gather the batch; forward; loss; backward; add the lanes' gradients and
 * keep a copy of the values; update. The update is a phase of its own, so a number that is not finite anywhere before it
 * leaves the weights untouched.
 */

import { elementsOf } from "../nn/shapes.ts";
import { type Call, type Program, type ProgramBuilder, programBuilder } from "../runtime/program.ts";
import type { GradientSource, Lane, Mode } from "./context.ts";
import { createGradients } from "./gradients.ts";
import { throughStandardization } from "./layers/weights.ts";
import { CHUNK, type TrainedTensor } from "./layout.ts";
import type { ParameterOptimizer } from "./optimizers.ts";
import type { TrainingPlan } from "./plan.ts";
import { backwardArguments, restartArguments } from "./quantize.ts";
import { updateOf } from "./updates.ts";

/** A data set in the pool's memory. */
export interface DataAddress {
  readonly images: number;
  readonly labels: number;
  readonly scale: number;
  readonly offset: number;
}

/** What a step of training does beside, or otherwise. */
export interface StepOptions {
  /** Whether it counts the signs that the update changed; false where absent. */
  readonly flips?: boolean;
  /** The share of the truth that all classes have alike in the loss, in [0, 1); 0 where absent. */
  readonly smoothing?: number;
}

/**
 * One step of training from the batch whose image numbers stand at `plan.indices`. Like the other programs here it is
 * written over the symbolic addresses of the lanes' memory.
 */
export function trainProgram(plan: TrainingPlan, data: DataAddress, mode: Mode, options: StepOptions = {}): Program {
  const { flips = false, smoothing = 0 } = options;
  const builder = programBuilder(plan.lanes.length);
  prepareAndGather(plan, data, mode, builder);
  forward(plan, mode, builder);
  loss(plan, plan.batch, smoothing, builder);
  backward(plan, mode, builder);
  builder.barrier();
  builder.barrier();
  const sources = plan.layers.flatMap(({ layer }) => layer?.gradients ?? []);
  for (const source of sources) addLanes(plan, source, builder);
  const { values, previous } = plan.context.parameters;
  for (const [start, count] of chunks(values.bytes / 4)) {
    const args = [values.address + 4 * start, previous.address + 4 * start, 4 * count];
    builder.task([{ node: "", kernel: "copy", arguments: args }]);
  }
  builder.barrier();
  for (const source of sources) update(plan, source, builder);
  if (flips) countFlips(plan, builder);
  return builder.finish();
}

/** Loss and predictions of the first `valid` images of a batch, with running statistics; `mode` evaluates. */
export function evaluateProgram(plan: TrainingPlan, data: DataAddress, mode: Mode, valid: number): Program {
  const builder = programBuilder(plan.lanes.length);
  prepareAndGather(plan, data, mode, builder);
  forward(plan, mode, builder);
  loss(plan, valid, null, builder);
  return builder.finish();
}

/** A forward pass whose batch statistics go into the running ones; `mode` estimates. */
export function estimateProgram(plan: TrainingPlan, data: DataAddress, mode: Mode): Program {
  const builder = programBuilder(plan.lanes.length);
  prepareAndGather(plan, data, mode, builder);
  forward(plan, mode, builder);
  return builder.finish();
}

function prepareAndGather(plan: TrainingPlan, data: DataAddress, mode: Mode, builder: ProgramBuilder): void {
  // Batch statistics end a phase: weights of the layers behind them have time until then.
  const firstNorm = plan.layers.findIndex(({ node }) => node.op === "batchNorm");
  const split = mode.kind === "evaluate" || firstNorm < 0 ? plan.layers.length : firstNorm;
  for (const [i, { layer }] of plan.layers.entries()) {
    for (const task of layer?.prepare?.(mode) ?? []) (i < split ? builder.task : builder.later)(task);
  }
  const input = plan.layers.find(({ node }) => node.op === "input")?.node.name as string;
  const shape = plan.context.shapes.get(input) as readonly number[];
  const seen = mode.kind === "train" && shape.length === 3;
  for (const lane of plan.lanes) {
    const indices = plan.indices + 4 * lane.first;
    const toReal = [data.scale, data.offset, plan.context.value(input, lane)];
    if (seen) {
      const views = plan.views + 4 * lane.first;
      builder.lane(lane.index, input, "gather_views", data.images, indices, views, lane.images, ...shape, ...toReal);
    } else {
      builder.lane(lane.index, input, "gather_bytes", data.images, indices, lane.images, elementsOf(shape), ...toReal);
    }
    builder.lane(lane.index, input, "gather_labels", data.labels, indices, lane.images, plan.labels + lane.first);
  }
  builder.barrier();
}

function forward(plan: TrainingPlan, mode: Mode, builder: ProgramBuilder): void {
  for (const { node, layer } of plan.layers) {
    layer?.forward(mode, builder);
    // Of a batch norm and the sum behind it only the sum is written.
    if (plan.context.fusions.sums.has(node.name)) continue;
    keep(plan, node.name, plan.taps?.value.get(node.name), (lane) => plan.context.value(node.name, lane), builder);
  }
}

/** Copies what lies at `from` in every lane to the tap at `tap`, where there is one. */
function keep(
  plan: TrainingPlan,
  node: string,
  tap: number | undefined,
  from: (lane: Lane) => number,
  builder: ProgramBuilder,
): void {
  if (tap === undefined) return;
  const bytes = 4 * elementsOf(plan.context.shapes.get(node) as readonly number[]);
  for (const lane of plan.lanes) {
    builder.lane(lane.index, node, "copy", from(lane), tap + bytes * lane.first, bytes * lane.images);
  }
}

/** The loss of the first `valid` images; with `smoothing` that of training, and its gradient, without it the plain one. */
function loss(plan: TrainingPlan, valid: number, smoothing: number | null, builder: ProgramBuilder): void {
  const { output } = plan.graph;
  const classes = elementsOf(plan.context.shapes.get(output) as readonly number[]);
  for (const lane of plan.lanes) {
    const rows = Math.max(0, Math.min(lane.images, valid - lane.first));
    const gradient = smoothing !== null ? plan.gradient(plan.owner(output))(lane) : 0;
    const results = [gradient, plan.losses + 16 * lane.index, plan.predictions + 4 * lane.first];
    const [logits, labels] = [plan.context.value(output, lane), plan.labels + lane.first];
    const args = [logits, labels, lane.images, rows, classes, 1 / valid, smoothing ?? 0, ...results];
    builder.lane(lane.index, output, "softmax_cross_entropy", ...args);
  }
  builder.barrier();
}

function backward(plan: TrainingPlan, mode: Mode, builder: ProgramBuilder): void {
  const { graph, lanes, context, owner } = plan;
  const trained = trainedBelow(plan);
  const gradients = createGradients(
    {
      lanes,
      owner,
      buffer: plan.gradient,
      size: (name) => elementsOf(context.shapes.get(name) as readonly number[]),
      wanted: (name) => trained.has(name),
    },
    builder,
  );
  gradients.begin(graph.output);
  for (const { node, layer } of plan.layers.toReversed()) {
    if (layer?.backward === undefined || !gradients.has(node.name) || !trained.has(node.name)) continue;
    const tap = plan.taps?.gradient.get(node.name);
    keep(plan, node.name, tap, (lane) => gradients.gradient(node.name, lane), builder);
    layer.backward(mode, builder, gradients);
    gradients.release(node.name, layer.readsGradientLater ?? false);
  }
}

/** The nodes whose value depends on a trained parameter: gradients go no further down than these. */
function trainedBelow(plan: TrainingPlan): ReadonlySet<string> {
  const trained = new Set<string>();
  for (const { node, layer } of plan.layers) {
    if (layer?.gradients !== undefined || node.inputs.some((input) => trained.has(input))) trained.add(node.name);
  }
  return trained;
}

function addLanes(plan: TrainingPlan, source: GradientSource, builder: ProgramBuilder): void {
  const { partials, quantized } = source;
  if (partials === undefined) return;
  const tensor = tensorOf(plan, source);
  const { node } = tensor.parameter;
  for (const [start, count] of chunks(tensor.size)) {
    const sum = (quantized?.summed ?? source.gradient) + 4 * start;
    const from = [partials.address + 4 * start, plan.lanes.length, partials.stride];
    const calls: Call[] = [{ node, kernel: "sum_lanes", arguments: [...from, count, sum] }];
    if (quantized !== undefined) {
      const { site, source: weights, parameters, slopes } = quantized;
      const target = source.gradient + 4 * start;
      const args = backwardArguments(site, weights + 4 * start, sum, false, target, count, parameters);
      calls.push({ node, kernel: "quantize_backward", arguments: args });
      if (slopes !== null) calls.push(throughStandardization(node, slopes, target, start, count, tensor.size));
    }
    builder.task(calls);
  }
}

function update(plan: TrainingPlan, source: GradientSource, builder: ProgramBuilder): void {
  const { parameter, value, slots, size, optimizer } = tensorOf(plan, source);
  const { kernel } = updateOf(optimizer as ParameterOptimizer);
  const hyper = plan.hyper.address + 4 * (plan.hyper.updates.get(parameter.name) as number);
  for (const [start, count] of chunks(size)) {
    const [weights, ...others] = [value, source.gradient, ...slots].map((address) => address + 4 * start);
    const step = { node: parameter.node, kernel, arguments: [weights as number, ...others, count, hyper] };
    builder.task([...restarts(source, parameter.node, weights as number, start, count), step]);
  }
}

/** Latent weights go on from what their quantizer makes of them, by way of gradients that have been used. */
function restarts(
  { quantized }: GradientSource,
  node: string,
  weights: number,
  start: number,
  count: number,
): readonly Call[] {
  if (quantized === undefined || quantized.site.quantizer.restart === "identity") return [];
  const made = quantized.summed + 4 * start;
  return [
    { node, kernel: "quantize_forward", arguments: restartArguments(quantized.site, weights, made, count) },
    { node, kernel: "copy", arguments: [made, weights, 4 * count] },
  ];
}

function countFlips(plan: TrainingPlan, builder: ProgramBuilder): void {
  builder.barrier();
  for (const call of plan.flips?.prepare ?? []) builder.task([call]);
  if ((plan.flips?.prepare.length ?? 0) > 0) builder.barrier();
  for (const { node, before, after, weights, count } of plan.flips?.counts ?? []) {
    builder.task([{ node, kernel: "count_flips", arguments: [before, after, weights, count] }]);
  }
}

function tensorOf(plan: TrainingPlan, source: GradientSource): TrainedTensor {
  return plan.context.parameters.tensors.get(source.parameter) as TrainedTensor;
}

function chunks(size: number): readonly (readonly [number, number])[] {
  const count = Math.ceil(size / CHUNK);
  return Array.from({ length: count }, (_, i) => [i * CHUNK, Math.min(CHUNK, size - i * CHUNK)] as const);
}

/** A lane's share of the losses that a step leaves: sum of the losses and number of right answers. */
export function sumLosses(
  bytes: Uint8Array,
  lanes: readonly Lane[],
): { readonly loss: number; readonly correct: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [loss, correct] = [0, 0];
  for (const { index } of lanes) {
    loss += view.getFloat64(16 * index, true);
    correct += view.getFloat64(16 * index + 8, true);
  }
  return { loss, correct };
}
