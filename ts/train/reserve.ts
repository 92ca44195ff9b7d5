/**
 * How much memory a plan needs: all programs that may run are written once over symbolic addresses, and the largest
 * block that one of them needs in a lane is what every lane gets.
 */
import type { Graph, Shape } from "../nn/graph.ts";
import type { Program } from "../program/program.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { stateAt } from "../quantizers/state.ts";
import type { Mode, Products } from "./context.ts";
import type { ParameterLayout } from "./layout.ts";
import { planTraining, type TrainingPlan } from "./plan.ts";
import { type DataAddress, estimateProgram, evaluateProgram, trainProgram } from "./programs.ts";

/** What training takes; the data set is not counted. */
export interface MemoryUse {
  /** Bytes that a step works on: values, gradients, and what layers keep for themselves. */
  readonly stepBytes: number;
  /** Bytes of parameters, their last good values and the optimizer's state. */
  readonly stateBytes: number;
  /**
   * Bytes that no layout of this plan's buffers could do without: what waits for the way back, bits of activations,
   * parameters, their gradients, and the optimizer's state.
   */
  readonly lowerBound: number;
}

/** A plan at no place yet, and what it needs. */
export interface MeasuredPlan {
  readonly draft: TrainingPlan;
  readonly laneBytes: number;
  readonly memory: MemoryUse;
}

/** Everything a plan depends on but its place. */
export interface PlanSource {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly layout: ParameterLayout;
  readonly batch: number;
  readonly products: Products;
  /** Whether programs keep copies of all values and gradients. */
  readonly observed: boolean;
  /** Whether steps may count flips; not where absent. */
  readonly flips?: boolean | undefined;
  /** The tensors of a packed file that is evaluated; none for a network that is trained. */
  readonly packed?: ReadonlyMap<string, Float32Array> | null;
}

/** A program's mode with the quantizers as they stand at `progress`; null for the hard-signed network. */
export const modeAt = (kind: Mode["kind"], progress: number | null): Mode => ({
  kind,
  hard: ({ quantizer }) => quantizer.hard === "sign" && (progress === null || stateAt(quantizer, progress).hard),
});

/** The mode of a training step at `progress`. */
export const trainMode = (progress: number): Mode => modeAt("train", progress);

const planAt = (source: PlanSource, base: number, laneBytes: number): TrainingPlan =>
  planTraining(source.graph, source.shapes, source.layout, {
    batch: source.batch,
    products: source.products,
    observed: source.observed,
    flips: source.flips,
    packed: source.packed ?? null,
    base,
    laneBytes,
  });

/** Plans without a place, to see what runs and what it needs. */
export function measurePlan(source: PlanSource): MeasuredPlan {
  const { layout, batch } = source;
  const draft = planAt(source, 0, 0);
  const nowhere: DataAddress = { images: 0, labels: 0, scale: 1, offset: 0 };
  const moments = turns(draft.sites.map(({ quantizer }) => quantizer));
  const programs: Program[] = [
    ...[null, ...moments].flatMap((progress) => [
      evaluateProgram(draft, nowhere, modeAt("evaluate", progress), batch),
      estimateProgram(draft, nowhere, modeAt("estimate", progress)),
    ]),
    ...moments.map((progress) => trainProgram(draft, nowhere, trainMode(progress))),
  ];
  const placements = programs.map((program) => draft.laneMemory.place(program));
  const laneBytes = Math.max(...placements.map(({ bytes }) => bytes));
  const acrossLoss = Math.max(...placements.map((placement) => placement.acrossLoss));
  const trained = [...layout.tensors.values()].filter(({ optimizer }) => optimizer !== null);
  const state = trained.reduce((sum, { size, slots }) => sum + 4 * size * (1 + slots.length), layout.values.bytes);
  const memory = {
    stepBytes: planAt(source, 0, laneBytes).end,
    stateBytes: layout.values.bytes + layout.previous.bytes + layout.slots.bytes,
    lowerBound: acrossLoss * draft.lanes.length + draft.bitBytes + state,
  };
  return { draft, laneBytes, memory };
}

/** Plans at the address that `reserve` gives for the plan's bytes. */
export async function reservePlan(
  source: PlanSource,
  reserve: (bytes: number) => Promise<number>,
): Promise<TrainingPlan> {
  const { laneBytes, memory } = measurePlan(source);
  return planAt(source, await reserve(memory.stepBytes), laneBytes);
}

/** The moments of a run at which some quantizer turns hard, and its start. */
function turns(quantizers: readonly Quantizer[]): readonly number[] {
  return [...new Set([0, ...quantizers.map(({ hardenAt }) => hardenAt)])];
}

/** `program` over the addresses of the plan's lanes. */
export function placed(plan: TrainingPlan, program: Program): Program<number> {
  return plan.laneMemory.place(program).apply(program, plan.laneBlock);
}
