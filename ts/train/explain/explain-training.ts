/**
 * What runs in a step of training: per layer the three products with their kernels, bits, bytes and multiply-accumulates,
 * and why not the fast path. It is read off the very program that a step runs.
 */
import { integerIn, numberIn, plainObject, type Subject } from "../../base/checks.ts";
import { groupBy } from "../../base/group.ts";
import type { GraphNode, OpName } from "../../nn/graph.ts";
import { isAlias, isProduct } from "../../nn/nodes.ts";
import { activationsAreBits, groupsOfProduct, operandsOf, weightsAreBits } from "../../nn/operands.ts";
import type { Operand } from "../../nn/ops/op.ts";
import { elementsOf, type Shape } from "../../nn/shapes.ts";
import { summary } from "../../nn/summary.ts";
import {
  accumulatorObstacles,
  channelObstacles,
  groupObstacles,
  type LayerPart,
  machineObstacles,
  type Obstacle,
  partsOf,
  realOperandObstacles,
  type Work,
  workOf,
} from "../../obstacles.ts";
import type { KernelName, Part } from "../../program/call.ts";
import type { Program } from "../../program/program.ts";
import { isHardForwardMap } from "../../quantizers/maps.ts";
import { elasticValues } from "../../quantizers/operand-kinds.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import { quantizer, quantizerNames } from "../../quantizers/registry.ts";
import { stateAt } from "../../quantizers/state.ts";
import type { Variant } from "../../runtime/variants.ts";
import { share } from "../../show/table.ts";
import { trainOpOf } from "../ops/index.ts";
import { trainProgram } from "../plan/programs.ts";
import { type MemoryUse, nowhere, trainMode } from "../plan/reserve.ts";
import type { Engine } from "../run/engine.ts";
import { DEFAULT_BATCH, LARGEST_BATCH } from "../run/evaluate.ts";

export interface TrainingExplainOptions {
  /** Images a step; 128 where absent. */
  readonly batchSize?: number;
  /** Share of the run that is done, in [0, 1]: quantizers harden on the way. 0 where absent. */
  readonly progress?: number;
}

/** A layer in a step of training. */
export interface TrainedLayer {
  readonly node: string;
  readonly op: OpName;
  readonly outputShape: Shape;
  /** What does each of the three products; null where the layer has none, or no gradient goes that way. */
  readonly forward: Work | null;
  readonly filterGradient: Work | null;
  readonly inputGradient: Work | null;
  /** The kernel that searches signs in place of the filter gradient (QP-SBGD); null where there is none. */
  readonly search: KernelName | null;
  /** The parts of the forward pass of a layer that has several, such as attention. */
  readonly parts: readonly LayerPart[];
  /** Those of its way back. */
  readonly gradientParts: readonly LayerPart[];
  /** Bits of a weight and of an input as the forward product sees them; 32 where real or still soft. */
  readonly weightBits: 1 | 32;
  readonly activationBits: 1 | 32;
  /** Of the layer's parameters and running statistics. */
  readonly weightBytes: number;
  /** Of the layer's output for the batch; 0 where it is never written as such. */
  readonly valueBytes: number;
  /** Of one product, for one image. */
  readonly multiplyAccumulates: number;
  readonly obstacles: readonly Obstacle[];
}

export interface TrainingExplanation {
  readonly variant: Variant;
  readonly workers: number;
  readonly batchSize: number;
  readonly progress: number;
  readonly memory: MemoryUse;
  readonly layers: readonly TrainedLayer[];
  /** What slows all layers down. */
  readonly obstacles: readonly Obstacle[];
}

/** See `Trainer.explain`. */
export function explainTraining(engine: Engine, options: TrainingExplainOptions): TrainingExplanation {
  const subject: Subject = { code: "argument", what: "explain" };
  plainObject(options, ["batchSize", "progress"], subject);
  const batch = integerIn(options.batchSize ?? DEFAULT_BATCH, 1, LARGEST_BATCH, "batchSize", subject);
  const progress = numberIn(options.progress ?? 0, 0, 1, "progress", subject);
  const { graph, shapes, pool } = engine;
  const plan = engine.measure(batch);
  const hard = (found: Quantizer | null): boolean =>
    found !== null && (elasticValues(found) !== null || stateAt(found, progress).hard);
  const program = trainProgram(plan, nowhere(), trainMode(progress));
  const works = worksOf(program);
  const [parts, gradientParts] = [partsByNode(program, "forward"), partsByNode(program, "input")];
  const lanes = partsByNode(program, "lanes");
  const rows = new Map(summary(graph).rows.map((row) => [row.name, row]));

  // An alias is its input's memory; a batch norm with a sum behind it writes the sum.
  const isStored = (node: GraphNode): boolean => !isAlias(node) && !plan.context.fusions.sums.has(node.name);

  const layers = graph.nodes.map((node): TrainedLayer => {
    const row = rows.get(node.name);
    const own = works.get(node.name) ?? noWork;
    const bitsOf = (operand: Operand["operand"], are: boolean): 1 | 32 => {
      const all = operandsOf(node).filter((own) => own.operand === operand);
      return are && all.every(({ quantizer }) => hard(quantizer)) ? 1 : 32;
    };
    const inputs = node.inputs.map((name) => shapes.get(name) ?? []);
    const groups = isProduct(node) ? groupsOfProduct(node) : 1;
    return {
      node: node.name,
      op: node.op,
      outputShape: shapes.get(node.name) ?? [],
      ...own,
      search: lanes.get(node.name)?.find(({ part }) => part === "search")?.kernel ?? null,
      parts: parts.get(node.name) ?? [],
      gradientParts: gradientParts.get(node.name) ?? [],
      weightBits: bitsOf("weight", isProduct(node) && weightsAreBits(node)),
      // The operands of other layers are bits where their product says so.
      activationBits: bitsOf("activation", isProduct(node) ? activationsAreBits(node) : own.forward?.product === "bb"),
      weightBytes: row?.floatBytes ?? 0,
      valueBytes: isStored(node) ? 4 * batch * elementsOf(shapes.get(node.name) ?? []) : 0,
      multiplyAccumulates: row?.multiplyAccumulates ?? 0,
      obstacles: [
        ...realOperandObstacles(node, inputs[0] ?? []),
        ...accumulatorObstacles(node, own.forward),
        ...(own.forward === null || !isProduct(node)
          ? []
          : channelObstacles(own.forward, inputs[0]?.at(-1) ?? 1, groups)),
        ...groupObstacles(node),
        ...(trainOpOf(node.op).obstacles?.(node, inputs) ?? []),
        ...operandsOf(node).flatMap(({ plural, quantizer: own }) => softObstacle(plural, own, progress)),
      ],
    };
  });
  const { workers, variant } = pool;
  return {
    variant,
    workers,
    batchSize: batch,
    progress,
    memory: plan.memory,
    layers,
    obstacles: machineObstacles(variant, true),
  };
}

type Works = Pick<TrainedLayer, "forward" | "filterGradient" | "inputGradient">;
const noWork: Works = { forward: null, filterGradient: null, inputGradient: null };

/** Where the product of a call stands, by the part of the step that the call is for. */
const places: Readonly<Partial<Record<Part, keyof Works>>> = {
  forward: "forward",
  weights: "filterGradient",
  input: "inputGradient",
};

/** The products of each layer, by its name. */
function worksOf(program: Program): ReadonlyMap<string, Works> {
  const works = new Map<string, Works>();
  for (const { node, part, kernel } of program.flat(2)) {
    const [work, place] = [workOf(kernel), places[part]];
    if (work === null || place === undefined) continue;
    const known = works.get(node) ?? noWork;
    if (known[place] === null) works.set(node, { ...known, [place]: work });
  }
  return works;
}

/** The parts that a layer names in one part of the step. */
function partsByNode(program: Program, of: Part): ReadonlyMap<string, readonly LayerPart[]> {
  const own = program.flat(2).filter(({ part }) => part === of);
  return new Map([...groupBy(own, ({ node }) => node)].map(([node, calls]) => [node, partsOf(calls)]));
}

/** An operand whose quantizer is soft at `progress`. */
function softObstacle(operand: string, found: Quantizer | null, progress: number): readonly Obstacle[] {
  if (found === null || found.hard === "levels" || stateAt(found, progress).hard) return [];
  const until = found.hardenAt < 1 ? `until ${share(found.hardenAt)} of the run` : "throughout the run";
  const hardNames = quantizerNames.filter((name) => isHardForwardMap(quantizer(name).forward));
  return [
    {
      reason: `${operand} are real ${until}, for the forward map of "${found.name}" is soft`,
      remedy: `Lower the quantizer's hardenAt, or take one that is hard from the start: ${hardNames.join(", ")}.`,
    },
  ];
}
