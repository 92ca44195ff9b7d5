/**
 * The trainer's machinery: a pool with the network's state in it, the plan for the current batch size, and the programs
 * written from it. It knows addresses and steps; when to do what is the trainer's business.
 */
import type { Split } from "../../data/dataset.ts";
import type { Graph, Parameter } from "../../nn/graph.ts";
import { shapesOf } from "../../nn/network.ts";
import { quantizedOperands } from "../../nn/operands.ts";
import { parametersOf } from "../../nn/parameters.ts";
import type { Shape } from "../../nn/shapes.ts";
import { addressOf } from "../../program/place.ts";
import { type Program, placed, type Write } from "../../program/program.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import { stateAt } from "../../quantizers/state.ts";
import type { Pool } from "../../runtime/pool.ts";
import type { Objective } from "../losses/index.ts";
import type { TermTruth } from "../losses/term.ts";
import { isBop, type Optimizer } from "../optimizers/optimizers.ts";
import { hyperOf } from "../optimizers/updates.ts";
import type { DataPlaces, Live, Products } from "../plan/context.ts";
import { createDataStore } from "../plan/data-store.ts";
import type { ParameterLayout, TrainedTensor } from "../plan/layout.ts";
import { createRegion, type Region } from "../plan/memory.ts";
import { estimateProgram, evaluateProgram, type StepOptions, trainProgram } from "../plan/programs.ts";
import {
  type MeasuredPlan,
  measurePlan,
  modeAt,
  type PlanSource,
  placedIn,
  reservePlan,
  trainMode,
} from "../plan/reserve.ts";
import { createRooms, type Rooms } from "../plan/rooms.ts";
import { checkTraining } from "./check-training.ts";

export interface Engine {
  readonly pool: Pool;
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly parameters: readonly Parameter[];
  readonly layout: ParameterLayout;
  /** The truth that the terms of the loss compare the output with. */
  readonly truth: ReadonlySet<TermTruth>;
  /** The same of the score alone, which evaluations take. */
  readonly scoreTruth: ReadonlySet<TermTruth>;
  /** The terms of the loss. */
  readonly objective: Objective;
  /** Memory for packed bits. */
  readonly packed: Region;
  /** Memory for data; `feed.ts` takes some for streams. */
  readonly rooms: Rooms;
  /** The places of a split, which is sent there if it is not yet. Good until the work in hand ends. */
  readonly dataAt: (split: Split) => Promise<DataPlaces>;
  /** Does `work` when all work given before is done; work given meanwhile waits. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
  /**
   * The same with the plan for batches of `batch` images, made anew where the size differs from the last. Plans share
   * their memory: a plan is only good until `work` ends. With `flips` its steps may count flips.
   */
  readonly withPlan: <T>(batch: number, work: (plan: MeasuredPlan) => Promise<T>, flips?: boolean) => Promise<T>;
  /**
   * Which quantizers are hard at `progress`: two steps with the same key run the same program. Here and below null stands for the
   * network of which all are.
   */
  readonly hardness: (progress: number | null) => string;
  /** A step of training, as it stands at `progress`. */
  readonly trainingProgram: (
    plan: MeasuredPlan,
    split: Split,
    progress: number | null,
    options?: StepOptions,
  ) => Promise<Program<number>>;
  /** Whether at `progress` the network is another than its hard-signed one: some quantizer's forward map is still soft. */
  readonly soft: (progress: number | null) => boolean;
  /** The evaluation of a batch of which `valid` images count, of the hard-signed network. */
  readonly evaluatingProgram: (plan: MeasuredPlan, split: Split, valid: number) => Promise<Program<number>>;
  /** The numbers of programs that the workers hold. */
  readonly trainStep: (
    plan: MeasuredPlan,
    data: DataPlaces,
    progress: number | null,
    options?: StepOptions,
  ) => Promise<number>;
  /** Of the hard-signed network, or of the one with the quantizers as they stand at `progress`. */
  readonly evaluateStep: (
    plan: MeasuredPlan,
    data: DataPlaces,
    valid: number,
    progress?: number | null,
  ) => Promise<number>;
  readonly estimateStep: (plan: MeasuredPlan, data: DataPlaces, progress?: number | null) => Promise<number>;
  /** The forward pass of the hard-signed network, without a loss. */
  readonly forwardStep: (plan: MeasuredPlan, data: DataPlaces) => Promise<number>;
  /** What a plan for batches of `batch` images runs and needs; nothing is reserved. */
  readonly measure: (batch: number) => MeasuredPlan;
  /**
   * What to write before a step: the numbers of its images, and the live numbers of quantizers, norms and optimizer.
   * While training `views` say how each image is seen (`augment.ts`); as it is where absent.
   */
  readonly inputs: (plan: MeasuredPlan, images: Uint32Array, live?: Live, views?: Uint32Array) => readonly Write[];
}

export interface EngineOptions {
  /** Which products the layers use; "ff" is there to be compared with. "auto" where absent. */
  readonly products?: Products;
  /** Whether every step keeps copies of all values and gradients (`observe.ts`); false where absent. */
  readonly observed?: boolean;
  /** The terms of the loss; cross-entropy alone where absent. */
  readonly objective?: Objective | undefined;
  /**
   * The tensors of a packed file whose weights the engine is given, signs or levels in place of latent weights: it evaluates
   * them as they are and derives nothing from them. Absent for a network that is trained.
   */
  readonly packed?: ReadonlyMap<string, Float32Array> | undefined;
}

/**
 * Puts the state of `graph` into the pool's memory; values are still zero.
 *
 * @throws ProxbitError `argument` where the optimizer has no rule for a parameter; `argument`, `shape` and `unknown-name` for a
 * loss that does not suit the network.
 */
export async function createEngine(
  graph: Graph,
  optimizer: Optimizer,
  pool: Pool,
  options: EngineOptions = {},
): Promise<Engine> {
  const { layout, objective } = checkTraining(graph, optimizer, options.objective);
  const shapes = shapesOf(graph);
  const parameters = parametersOf(graph);
  layout.segment.settle(await pool.reserve(layout.segment.bytes()));
  const rooms = createRooms(pool);
  const region = createRegion(rooms);
  const dataAt = createDataStore(pool, rooms);
  let current: MeasuredPlan | undefined;
  const programs = new Map<string, number>();
  let last: Promise<unknown> = Promise.resolve();
  const quantizers = graph.nodes.flatMap((node) => quantizedOperands(node).map(({ quantizer }) => quantizer));

  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };

  const source = (batch: number, flips = false): PlanSource => {
    const { products = "auto", observed = false, packed = null } = options;
    return { graph, shapes, layout, batch, products, observed, packed, objective, flips };
  };

  const planFor = async (batch: number, flips: boolean): Promise<MeasuredPlan> => {
    if (current?.batch === batch && (current.flips !== null || !flips)) return current;
    const plan = await reservePlan(source(batch, flips), region.atLeast);
    const once = await pool.define(placed([[plan.once]], addressOf));
    await pool.run(once, [plan.segment.writes()], []);
    await pool.forget([once, ...programs.values()]);
    programs.clear();
    current = plan;
    return plan;
  };

  /** The number of the program under `key` over `data`, written and sent to the workers at its first use. */
  const program = async (plan: MeasuredPlan, key: string, data: DataPlaces, write: () => Program): Promise<number> => {
    // By place, which data sets that come and go share one after the other.
    const places = [data.images, data.labels, data.targets, data.sampleWeights].map(
      (place) => place && addressOf(place),
    );
    const whole = `${key} of ${JSON.stringify([places, data.kind, data.scale, data.offset])}`;
    const found = programs.get(whole) ?? (await pool.define(placedIn(plan, write())));
    programs.set(whole, found);
    return found;
  };

  const hardness = (progress: number | null): string =>
    quantizers.map((quantizer) => (progress === null || stateAt(quantizer, progress).hard ? "1" : "0")).join("");

  /** One that ends at levels is then what it has been all along. */
  const isSoft = (quantizer: Quantizer, progress: number): boolean =>
    quantizer.hard === "sign" && !stateAt(quantizer, progress).hard;

  const inputs: Engine["inputs"] = (plan, images, live, views) => {
    const numbers = new Uint32Array(plan.batch);
    numbers.set(images);
    const floats = liveNumbers(plan, live);
    const writes: Write[] = [
      { address: addressOf(plan.context.batch.indices), bytes: new Uint8Array(numbers.buffer) },
      { address: addressOf(plan.hyper.place), bytes: new Uint8Array(floats.buffer) },
    ];
    if (live?.kind === "train") {
      for (const { live: own, numbers } of plan.objective.terms) {
        if (own === undefined) continue;
        writes.push({
          address: addressOf(numbers),
          bytes: new Uint8Array(Float64Array.from(own.numbers(live)).buffer),
        });
      }
      const seen = Uint32Array.from(views ?? new Uint32Array(plan.batch));
      writes.push({ address: addressOf(plan.context.batch.views), bytes: new Uint8Array(seen.buffer) });
    }
    return writes;
  };

  return {
    pool,
    graph,
    shapes,
    parameters,
    layout,
    truth: new Set(objective.flatMap(({ truth = [] }) => truth)),
    scoreTruth: new Set(objective.find(({ isScore }) => isScore === true)?.truth ?? []),
    objective,
    packed: createRegion(rooms),
    rooms,
    dataAt,
    alone,
    withPlan: (batch, work, flips = false) => alone(async () => work(await planFor(batch, flips))),
    hardness,
    soft: (progress) => progress !== null && quantizers.some((quantizer) => isSoft(quantizer, progress)),
    trainingProgram: async (plan, split, progress, options) =>
      placedIn(plan, trainProgram(plan, await dataAt(split), trainMode(progress), options)),
    evaluatingProgram: async (plan, split, valid) =>
      placedIn(plan, evaluateProgram(plan, await dataAt(split), modeAt("evaluate", null), valid)),
    trainStep: (plan, data, progress, options = {}) => {
      const key = `train ${hardness(progress)}${options.flips ? " flips" : ""}`;
      return program(plan, key, data, () => trainProgram(plan, data, trainMode(progress), options));
    },
    evaluateStep: (plan, data, valid, progress = null) =>
      program(plan, `evaluate ${valid} ${hardness(progress)}`, data, () =>
        evaluateProgram(plan, data, modeAt("evaluate", progress), valid),
      ),
    estimateStep: (plan, data, progress = null) =>
      program(plan, `estimate ${hardness(progress)}`, data, () =>
        estimateProgram(plan, data, modeAt("estimate", progress)),
      ),
    forwardStep: (plan, data) =>
      // The calls of an estimation, whose mode here is that of an evaluation: a forward pass without a loss.
      program(plan, "forward", data, () => estimateProgram(plan, data, modeAt("evaluate", null))),
    measure: (batch) => measurePlan(source(batch)),
    inputs,
  };
}

/** The block of live numbers; without `live` that of an evaluation of the hard-signed network. */
function liveNumbers(plan: MeasuredPlan, live: Live = { kind: "evaluate", progress: null }): Float32Array {
  const { hyper } = plan;
  const floats = new Float32Array(hyper.floats);
  for (const { site, offset } of hyper.sites) {
    floats.set(stateAt(site.quantizer, live.progress ?? 1).parameters, offset);
  }
  for (const { offset, numbers } of hyper.nodes.values()) floats.set(numbers(live), offset);
  if (live.kind !== "train") return floats;
  const clips = new Map(plan.sites.filter((s) => s.operand === "weight").map((s) => [s.node, s.quantizer.clipLatent]));
  for (const [name, offset] of hyper.updates) {
    const { parameter, optimizer } = plan.context.parameters.layout.tensors.get(name) as TrainedTensor;
    if (optimizer === null) continue;
    const clip = parameter.role === "latent" ? (clips.get(parameter.node) ?? 0) : 0;
    const draw = { parameter: name, seed: live.seed ?? 0, number: live.draw ?? live.update };
    const numbers = [...hyperOf(optimizer, live.progress, live.update, clip, draw)];
    if (!isBop(optimizer)) numbers[0] = (live.rate ?? 1) * (numbers[0] as number);
    floats.set(numbers, offset);
  }
  return floats;
}
