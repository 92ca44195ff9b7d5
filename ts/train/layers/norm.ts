/**
 * Batch normalisation in the trainer (Ioffe and Szegedy, 2015). Batch statistics are sums over all lanes: every lane
 * writes its partial sums in f64, all meet, and every lane adds them in the same order, so the mean is the same number
 * everywhere. The first lane also keeps the running statistics.
 */
import type { NodeOf } from "../../nn/graph.ts";
import type { LayerPlan, PlanContext } from "../context.ts";
import { sizeOf } from "../layout.ts";

/** Plans batch normalisation over the last axis. */
export function planNorm(node: NodeOf<"batchNorm">, context: PlanContext): LayerPlan {
  const { name, attributes } = node;
  const input = node.inputs[0];
  const shape = context.shapes.get(name) as readonly number[];
  const channels = shape.at(-1) as number;
  const rowsPerImage = sizeOf(shape) / channels;
  const address = (tensor: string): number => context.parameters.tensors.get(`${name}/${tensor}`)?.value as number;
  const [gamma, beta, running] = [address("gamma"), address("beta"), address("movingMean")];
  const count = context.lanes.length;
  const totalRows = rowsPerImage * context.batch;
  const partials = context.allocate(16 * channels * count);
  const saved = context.lanes.map(() => context.allocate(8 * channels));
  const [scale, shift] = [context.allocate(4 * channels), context.allocate(4 * channels)];
  const [gammaGradient, betaGradient] = [context.allocate(4 * channels), context.allocate(4 * channels)];
  const momentum = context.momentum(name);
  const epsilonOf = attributes.epsilon;

  return {
    prepare: (mode) =>
      mode.kind === "evaluate"
        ? [[{ node: name, kernel: "norm_fold", arguments: [gamma, beta, running, epsilonOf, channels, scale, shift] }]]
        : [],
    forward: (mode, builder) => {
      const value = context.value;
      if (mode.kind === "evaluate") {
        for (const lane of context.lanes) {
          const rows = rowsPerImage * lane.images;
          const args = [value(input, lane), rows, channels, scale, shift, value(name, lane)];
          builder.lane(lane.index, name, "affine", ...args);
        }
        return;
      }
      for (const lane of context.lanes) {
        const rows = rowsPerImage * lane.images;
        const partial = partials + 16 * channels * lane.index;
        builder.lane(lane.index, name, "norm_partial", value(input, lane), rows, channels, partial);
      }
      builder.barrier();
      for (const lane of context.lanes) {
        const rows = rowsPerImage * lane.images;
        const kept = lane.index === 0 ? running : 0;
        const sums = [partials, count, totalRows, gamma, beta, epsilonOf];
        const results = [value(name, lane), saved[lane.index] as number, kept, momentum];
        builder.lane(lane.index, name, "norm_forward", value(input, lane), rows, channels, ...sums, ...results);
      }
    },
    backward: (_mode, builder, sinks) => {
      for (const lane of context.lanes) {
        const rows = rowsPerImage * lane.images;
        const [x, dy] = [context.value(input, lane), context.gradient(name, lane)];
        const partial = partials + 16 * channels * lane.index;
        builder.lane(
          lane.index,
          name,
          "norm_backward_partial",
          x,
          dy,
          rows,
          channels,
          saved[lane.index] as number,
          partial,
        );
      }
      builder.barrier();
      sinks.into(builder, name, input, (lane, dx) => {
        const rows = rowsPerImage * lane.images;
        const [x, dy] = [context.value(input, lane), context.gradient(name, lane)];
        const sums = [saved[lane.index] as number, gamma, partials, count, totalRows];
        const parameters = lane.index === 0 ? [gammaGradient, betaGradient] : [0, 0];
        builder.lane(lane.index, name, "norm_backward", x, dy, rows, channels, ...sums, dx, ...parameters);
      });
    },
    gradients: [
      { parameter: `${name}/gamma`, gradient: gammaGradient },
      { parameter: `${name}/beta`, gradient: betaGradient },
    ],
  };
}
