/**
 * The end of a step of training: gradients complete, then the update. The lanes' shares of a gradient are added up in order,
 * over all places of a parameter; an update goes piece by piece.
 */
import { type KernelCall, k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import type { ProgramBuilder } from "../../program/program.ts";
import { throughStandardization } from "../ops/product/derived-weights.ts";
import type { ParameterOptimizer } from "../optimizers/optimizers.ts";
import { updateOf } from "../optimizers/updates.ts";
import type { Clipper } from "./clipping.ts";
import type { GradientSource } from "./context.ts";
import { CHUNK, type TrainedTensor } from "./layout.ts";
import type { PlannedNode, TrainingPlan } from "./plan.ts";
import { backwardOf, restartOf } from "./quantize.ts";

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

/** Adds up the lanes' shares of a gradient, and the terms of the loss that are over weights; then bounds it. */
export function addLanes(plan: TrainingPlan, sources: Sources, clipper: Clipper, builder: ProgramBuilder): void {
  const [source] = sources;
  const tensor = tensorOf(plan, source);
  const { parameter, value, size } = tensor;
  const emit = builder.as(parameter.node, "lanes");
  if (source.jobs !== undefined) {
    for (const calls of source.jobs) emit.job(calls);
    return;
  }
  const completed = (start: number, count: number): readonly KernelCall[] => {
    const piece = { weights: at(value, 4 * start), gradient: at(source.gradient, 4 * start), count };
    const terms = plan.objective.terms.flatMap(({ addTo }) => addTo?.(parameter.name, piece) ?? []);
    return [...terms, ...clipper.whenComplete(tensor, piece)];
  };
  if (source.whole !== undefined) {
    emit.job([...source.whole, ...chunks(size).flatMap((piece) => completed(...piece))]);
    return;
  }
  for (const [start, count] of chunks(size)) {
    const calls = [...sumCalls(plan, sources, start, count), ...completed(start, count)];
    if (calls.length > 0) emit.job(calls);
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

export function update(plan: TrainingPlan, source: GradientSource, clipper: Clipper, builder: ProgramBuilder): void {
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
    emit.job([...restarts(source, weights, start, count), ...bounded, made]);
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

export function countFlips(plan: TrainingPlan, builder: ProgramBuilder): void {
  builder.barrier();
  for (const { node, calls } of plan.flips?.prepare ?? []) {
    for (const call of calls) builder.as(node, "count").job([call]);
  }
  if ((plan.flips?.prepare.length ?? 0) > 0) builder.barrier();
  for (const { node, before, after, weights, out } of plan.flips?.counts ?? []) {
    builder.as(node, "count").job([k.countFlips({ before, after, count: weights, out })]);
  }
}

/** True where an optimizer moves the parameter; not where its layer is frozen. */
export const isUpdated = (plan: TrainingPlan, source: GradientSource): boolean =>
  tensorOf(plan, source).optimizer !== null;

function tensorOf(plan: TrainingPlan, source: GradientSource): TrainedTensor {
  return plan.context.parameters.layout.tensors.get(source.parameter) as TrainedTensor;
}

export function chunks(size: number): readonly (readonly [number, number])[] {
  const count = Math.ceil(size / CHUNK);
  return Array.from({ length: count }, (_, i) => [i * CHUNK, Math.min(CHUNK, size - i * CHUNK)] as const);
}
