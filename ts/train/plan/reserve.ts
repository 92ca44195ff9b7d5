/**
 * How much memory a plan needs: all programs that may run are written once over places, and the largest block that one of
 * them needs in a lane is what every lane gets.
 */
import { ProxbitError } from "../../base/errors.ts";
import type { Graph, Shape } from "../../nn/graph.ts";
import { layOutLanes } from "../../program/lanes.ts";
import type { Place } from "../../program/place.ts";
import { type Program, placed } from "../../program/program.ts";
import { createSegment } from "../../program/segment.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import { stateAt } from "../../quantizers/state.ts";
import type { Objective } from "../losses/index.ts";
import type { DataPlaces, Mode, Products } from "./context.ts";
import type { ParameterLayout } from "./layout.ts";
import { planTraining, type TrainingPlan } from "./plan.ts";
import { estimateProgram, evaluateProgram, trainProgram } from "./programs.ts";

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

/** A plan with a block of memory for every lane, and what it needs. It has no address yet. */
export interface MeasuredPlan extends TrainingPlan {
  readonly blocks: readonly Place[];
  readonly memory: MemoryUse;
}

/** Everything a plan depends on. */
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
  /** The terms of the loss; cross-entropy alone where absent. */
  readonly objective?: Objective | undefined;
  /** The tensors of a packed file that is evaluated; none for a network that is trained. */
  readonly packed?: ReadonlyMap<string, Float32Array> | null;
}

/** A program's mode with the quantizers as they stand at `progress`; null for the hard-signed network. */
export const modeAt = (kind: Mode["kind"], progress: number | null): Mode => ({
  kind,
  hard: ({ quantizer }) => quantizer.hard === "sign" && (progress === null || stateAt(quantizer, progress).hard),
});

/** The mode of a training step at `progress`; null where all quantizers are their signs. */
export const trainMode = (progress: number | null): Mode => modeAt("train", progress);

/** A data set of no images at no address: for programs that nobody runs. */
export function nowhere(): DataPlaces {
  const { allocate } = createSegment();
  return {
    ...{ images: allocate(0), labels: allocate(0), targets: allocate(0), sampleWeights: allocate(0) },
    ...{ kind: "u8", scale: 1, offset: 0 },
  };
}

/** Plans, and lays out all programs that may run: the largest block that one of them needs is what every lane gets. */
export function measurePlan({ graph, shapes, layout, batch, ...options }: PlanSource): MeasuredPlan {
  const plan = planTraining(graph, shapes, layout, { batch, ...options });
  const data = nowhere();
  const quantizers = plan.sites.map(({ quantizer }) => quantizer);
  const moments = turns(quantizers);
  // Such a quantizer becomes a sign by a task alone.
  const staysSoft = quantizers.some((own) => own.hard === "sign" && !stateAt(own, 1).hard);
  const programs: Program[] = [
    ...[null, ...moments].flatMap((progress) => [
      evaluateProgram(plan, data, modeAt("evaluate", progress), batch),
      estimateProgram(plan, data, modeAt("estimate", progress)),
    ]),
    ...[...moments, ...(staysSoft ? [null] : [])].map((progress) => trainProgram(plan, data, trainMode(progress))),
  ];
  const layouts = programs.map((program) => layOutLanes(program));
  const laneBytes = Math.max(...layouts.map(({ bytes }) => bytes));
  const acrossLoss = Math.max(...layouts.map((own) => own.acrossLoss));
  const blocks = plan.lanes.map(() => plan.segment.allocate(laneBytes));
  const [values, previous, slots] = [layout.values, layout.previous, layout.slots].map(
    ({ buffer }) => buffer.bytes,
  ) as [number, number, number];
  const trained = [...layout.tensors.values()].filter(({ optimizer }) => optimizer !== null);
  const state = trained.reduce((sum, { size, slots }) => sum + 4 * size * (1 + slots.length), values);
  const memory = {
    stepBytes: plan.segment.bytes(),
    stateBytes: values + previous + slots,
    lowerBound: acrossLoss * plan.lanes.length + plan.bitBytes + state,
  };
  return { ...plan, blocks, memory };
}

/** Most bytes that the core can address. */
const MOST_BYTES = 2 ** 32;

/**
 * Plans, and settles at the address that `reserve` gives for the plan's bytes.
 *
 * @throws ProxbitError `environment` where a step needs more memory than the core can address.
 */
export async function reservePlan(
  source: PlanSource,
  reserve: (bytes: number) => Promise<number>,
): Promise<MeasuredPlan> {
  const plan = measurePlan(source);
  const { stepBytes } = plan.memory;
  if (stepBytes > MOST_BYTES) throw tooLarge(stepBytes, source.batch);
  plan.segment.settle(await reserve(stepBytes));
  return plan;
}

function tooLarge(bytes: number, batch: number): ProxbitError {
  const needed = `${(bytes / 2 ** 30).toFixed(1)} GiB of memory`;
  const message = `a step of ${batch} images of this network needs ${needed}, and the core can address 4 GiB`;
  return new ProxbitError("environment", message, "Use a smaller batch, smaller images or a smaller network.");
}

/** The moments of a run at which some quantizer turns hard, and its start. */
function turns(quantizers: readonly Quantizer[]): readonly number[] {
  return [...new Set([0, ...quantizers.map(({ hardenAt }) => hardenAt)])];
}

/** `program` over the addresses of the plan, laid out in the lanes' blocks. */
export const placedIn = ({ blocks }: MeasuredPlan, program: Program): Program<number> =>
  placed(program, layOutLanes(program).addressIn(blocks));
