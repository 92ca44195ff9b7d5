/**
 * Batch normalisation in the trainer (Ioffe and Szegedy, 2015). Batch statistics are sums over all lanes: every lane
 * writes its partial sums in f64, all meet, and every lane adds them in the same order, so the mean is the same number
 * everywhere. The first lane also keeps the running statistics.
 *
 * The pass that writes the normalised values also adds the residual behind it and writes the signs that the next binary
 * layer reads (`fusions.ts`): its input is read once, and what it writes is not read again.
 */
import type { NodeOf } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import { rowsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import type { Emit } from "../../program/program.ts";
import type { Lane, LayerPlan, Live, Mode, PlanContext } from "../plan/context.ts";
import type { TrainOp } from "./op.ts";
import { signsOf } from "./signs.ts";

export const batchNorm: TrainOp<"batchNorm"> = {
  plan: planNorm,
  live: { count: 1, numbers: ({ attributes: { momentum } }, live) => [shareOf(momentum, live)] },
  takes: { sum: true, signs: true },
  isOverBatch: true,
};

/** The weight of the batch in the running statistics. */
function shareOf(momentum: number, live: Live): number {
  switch (live.kind) {
    case "train":
      return 1 - momentum;
    case "estimate":
      return 1 / (live.batch + 1);
    case "evaluate":
      return 0;
  }
}

function planNorm(node: NodeOf<"batchNorm">, context: PlanContext): LayerPlan {
  const { name } = node;
  const eps = node.attributes.epsilon;
  const input = node.inputs[0];
  const { rows: rowsPerImage, channels } = rowsOf(context.shape(name));
  const [gamma, beta] = [context.parameters.of(node, "gamma"), context.parameters.of(node, "beta")];
  const running = context.parameters.of(node, "movingMean");
  const count = context.lanes.length;
  const firstLane = context.lanes[0] as Lane;
  const totalRows = rowsPerImage * context.lanes.reduce((sum, { images }) => sum + images, 0);
  const partials = context.memory.allocate(16 * channels * count);
  const saved = context.lanes.map(() => context.memory.allocate(8 * channels));
  /** Scale, then shift; for every lane its own. */
  const factors = context.lanes.map(() => context.memory.allocate(8 * channels));
  const [gammaGradient, betaGradient] = [context.memory.allocate(4 * channels), context.memory.allocate(4 * channels)];
  const isTrained = context.parameters.isTrained(node, "gamma");
  const momentum = context.live.numbers(name);

  const sum = context.fusions.sums.get(name);
  const output = sum?.add ?? name;
  const scaleAndShift = (lane: Lane): { readonly scale: Place; readonly shift: Place } => {
    const scale = factors[lane.index] as Place;
    return { scale, shift: at(scale, 4 * channels) };
  };
  const laneRows = (lane: Lane) => ({ rows: rowsPerImage * lane.images, channels });
  const partialOf = (lane: Lane): Place => at(partials, 16 * channels * lane.index);
  const batch = { partials, lanes: count, totalRows };

  /** One pass over the lane's values: scale and shift, residual, signs. The factors are those of the lane `of`. */
  const normalize = (mode: Mode, lane: Lane, of: Lane, emit: Emit): void => {
    const residual = sum === undefined ? null : context.value(sum.residual, lane);
    const values = { x: context.value(input, lane), ...laneRows(lane), ...scaleAndShift(of), residual };
    const out = context.value(output, lane);
    emit.lane(lane.index, k.normalize({ ...values, out, ...signsOf(name, mode, lane, context) }));
  };

  return {
    prepare: (mode) => {
      if (mode.kind !== "evaluate") return [];
      return [[k.normFold({ gamma, beta, running, eps, channels, ...scaleAndShift(firstLane) })]];
    },
    meets: (mode) => mode.kind !== "evaluate",
    forward: (mode, emit) => {
      if (mode.kind === "evaluate") {
        for (const lane of context.lanes) normalize(mode, lane, firstLane, emit);
        return;
      }
      for (const lane of context.lanes) {
        const x = context.value(input, lane);
        emit.lane(lane.index, k.normPartial({ x, ...laneRows(lane), partial: partialOf(lane) }));
      }
      emit.barrier();
      for (const lane of context.lanes) {
        const kept = { running: lane.index === 0 ? running : null, momentum };
        const results = { saved: saved[lane.index] as Place, ...scaleAndShift(lane), ...kept };
        emit.lane(lane.index, k.normStatistics({ ...batch, channels, gamma, beta, eps, ...results }));
        normalize(mode, lane, lane, emit);
      }
    },
    backward: (_mode, { input: emit }, sinks) => {
      const operands = (lane: Lane) => ({
        ...{ x: context.value(input, lane), dy: sinks.gradient(name, lane), ...laneRows(lane) },
        saved: saved[lane.index] as Place,
      });
      for (const lane of context.lanes) {
        emit.lane(lane.index, k.normBackwardPartial({ ...operands(lane), partial: partialOf(lane) }));
      }
      emit.barrier();
      sinks.into(name, input, (lane, dx, accumulate) => {
        const writes = lane.index === 0 && isTrained;
        const parameters = { dgamma: writes ? gammaGradient : null, dbeta: writes ? betaGradient : null };
        emit.lane(lane.index, k.normBackward({ ...operands(lane), gamma, ...batch, accumulate, dx, ...parameters }));
      });
    },
    gradients: [
      { parameter: parameterName(node, "gamma"), gradient: gammaGradient },
      { parameter: parameterName(node, "beta"), gradient: betaGradient },
    ],
  };
}
