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
import type { ProgramBuilder } from "../../runtime/program.ts";
import type { Lane, LayerPlan, Mode, PlanContext } from "../context.ts";

/** Plans batch normalisation over the last axis. */
export function planNorm(node: NodeOf<"batchNorm">, context: PlanContext): LayerPlan {
  const { name, attributes } = node;
  const input = node.inputs[0];
  const shape = context.shapes.get(name) as readonly number[];
  const { rows: rowsPerImage, channels } = rowsOf(shape);
  const address = (tensor: string): number =>
    context.parameters.tensors.get(parameterName(node, tensor))?.value as number;
  const [gamma, beta, running] = [address("gamma"), address("beta"), address("movingMean")];
  const count = context.lanes.length;
  const firstLane = context.lanes[0] as Lane;
  const totalRows = rowsPerImage * context.batch;
  const partials = context.allocate(16 * channels * count);
  const saved = context.lanes.map(() => context.allocate(8 * channels));
  /** Scale, then shift; for every lane its own. */
  const factors = context.lanes.map(() => context.allocate(8 * channels));
  const [gammaGradient, betaGradient] = [context.allocate(4 * channels), context.allocate(4 * channels)];
  const momentum = context.momentum(name);
  const epsilonOf = attributes.epsilon;

  const sum = context.fusions.sums.get(name);
  const output = sum?.add ?? name;
  const reader = context.fusions.readers.get(name);
  const scaleAndShift = (lane: Lane): [number, number] => {
    const address = factors[lane.index] as number;
    return [address, address + 4 * channels];
  };

  /** One pass over the lane's values: scale and shift, residual, signs. */
  const normalize = (mode: Mode, lane: Lane, scale: number, shift: number, builder: ProgramBuilder): void => {
    const signs = reader === undefined ? null : context.signs(reader, mode, lane);
    const residual = sum === undefined ? 0 : context.value(sum.residual, lane);
    const values = [context.value(input, lane), rowsPerImage * lane.images, channels, scale, shift];
    const results = [residual, context.value(output, lane), signs?.descriptor ?? 0, signs?.nibbles ?? 0];
    builder.lane(lane.index, name, "normalize", ...values, ...results);
  };

  return {
    prepare: (mode) => {
      if (mode.kind !== "evaluate") return [];
      const args = [gamma, beta, running, epsilonOf, channels, ...scaleAndShift(firstLane)];
      return [[{ node: name, kernel: "norm_fold", arguments: args }]];
    },
    forward: (mode, builder) => {
      if (mode.kind === "evaluate") {
        for (const lane of context.lanes) normalize(mode, lane, ...scaleAndShift(firstLane), builder);
        return;
      }
      for (const lane of context.lanes) {
        const rows = rowsPerImage * lane.images;
        const partial = partials + 16 * channels * lane.index;
        builder.lane(lane.index, name, "norm_partial", context.value(input, lane), rows, channels, partial);
      }
      builder.barrier();
      for (const lane of context.lanes) {
        const kept = lane.index === 0 ? running : 0;
        const [scale, shift] = scaleAndShift(lane);
        const sums = [partials, count, totalRows, channels, gamma, beta, epsilonOf];
        const results = [saved[lane.index] as number, scale, shift, kept, momentum];
        builder.lane(lane.index, name, "norm_statistics", ...sums, ...results);
        normalize(mode, lane, scale, shift, builder);
      }
    },
    backward: (_mode, builder, sinks) => {
      const operands = (lane: Lane): number[] => {
        const [x, dy] = [context.value(input, lane), sinks.gradient(name, lane)];
        return [x, dy, rowsPerImage * lane.images, channels, saved[lane.index] as number];
      };
      for (const lane of context.lanes) {
        const partial = partials + 16 * channels * lane.index;
        builder.lane(lane.index, name, "norm_backward_partial", ...operands(lane), partial);
      }
      builder.barrier();
      sinks.into(name, input, (lane, dx, accumulate) => {
        const sums = [gamma, partials, count, totalRows];
        const parameters = lane.index === 0 ? [gammaGradient, betaGradient] : [0, 0];
        const results = [Number(accumulate), dx, ...parameters];
        builder.lane(lane.index, name, "norm_backward", ...operands(lane), ...sums, ...results);
      });
    },
    gradients: [
      { parameter: parameterName(node, "gamma"), gradient: gammaGradient },
      { parameter: parameterName(node, "beta"), gradient: betaGradient },
    ],
  };
}
