/**
 * Elementwise layers that learn in the trainer: the shift and the slopes of ReActNet (Liu et al., ECCV 2020, section 4.2), a
 * number for each channel, and the two values of AdaBin's activations (Tu et al., ECCV 2022, section 3.2). A lane adds up its
 * share of each gradient in f64; the lanes are added up behind the way back, as those of a bias.
 */

import type { NodeOf } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import { elementsOf, rowsOf } from "../../nn/shapes.ts";
import type { GradientSource, Lane, LayerPlan, PlanContext } from "../context.ts";

/** The one parameter of a layer, a number a channel, and where its gradient and the lanes' shares of it lie. */
interface ChannelParameter {
  readonly channels: number;
  readonly value: number;
  readonly rows: (lane: Lane) => number;
  readonly share: (lane: Lane) => number;
  readonly gradient: GradientSource;
}

function channelParameter(
  node: NodeOf<"shift" | "prelu">,
  suffix: "alpha" | "beta",
  context: PlanContext,
): ChannelParameter {
  const { name } = node;
  const parameter = parameterName(node, suffix);
  const shape = context.shapes.get(name) as readonly number[];
  const { rows, channels } = rowsOf(shape);
  const address = context.allocate(4 * channels * context.lanes.length);
  return {
    channels,
    value: context.parameters.tensors.get(parameter)?.value as number,
    rows: (lane) => rows * lane.images,
    share: (lane) => address + 4 * channels * lane.index,
    gradient: { parameter, gradient: context.allocate(4 * channels), partials: { address, stride: channels } },
  };
}

/**
 * y = x + beta. The gradient at x is that at y; that at beta its sum over the rows. The pass of batch normalisation does it,
 * with a scale of 1, and leaves the signs where the next layer reads them.
 */
export function planShift(node: NodeOf<"shift">, context: PlanContext): LayerPlan {
  const { name } = node;
  const input = node.inputs[0];
  const { channels, value: beta, rows, share, gradient } = channelParameter(node, "beta", context);
  const ones = context.constant(new Float32Array(channels).fill(1));
  const reader = context.fusions.readers.get(name);
  return {
    forward: (mode, builder) => {
      for (const lane of context.lanes) {
        const signs = reader === undefined ? null : context.signs(reader, mode, lane);
        const from = [context.value(input, lane), rows(lane), channels, ones, beta, 0];
        const results = [context.value(name, lane), signs?.descriptor ?? 0, signs?.nibbles ?? 0];
        builder.lane(lane.index, name, "normalize", ...from, ...results);
      }
    },
    backward: (_mode, builder, sinks) => {
      for (const lane of context.lanes) {
        const dy = sinks.gradient(name, lane);
        builder.lane(lane.index, name, "column_sums", dy, rows(lane), channels, share(lane));
      }
      sinks.pass(name, input);
    },
    gradients: [gradient],
  };
}

/** y = x where x >= 0, alpha x elsewhere. */
export function planPrelu(node: NodeOf<"prelu">, context: PlanContext): LayerPlan {
  const { name } = node;
  const input = node.inputs[0];
  const { channels, value: alpha, rows, share, gradient } = channelParameter(node, "alpha", context);
  return {
    forward: (_mode, builder) => {
      for (const lane of context.lanes) {
        const args = [context.value(input, lane), rows(lane), channels, alpha, context.value(name, lane)];
        builder.lane(lane.index, name, "prelu_forward", ...args);
      }
    },
    backward: (_mode, builder, sinks) => {
      const emit = (lane: Lane, dx: number, accumulate: boolean): void => {
        const from = [context.value(input, lane), sinks.gradient(name, lane), rows(lane), channels, alpha];
        builder.lane(lane.index, name, "prelu_backward", ...from, Number(accumulate), dx, share(lane));
      };
      if (sinks.wanted(input)) sinks.into(name, input, emit);
      else for (const lane of context.lanes) emit(lane, 0, false);
    },
    gradients: [gradient],
  };
}

/** y = |alpha| sign((x - beta) / |alpha|) + beta, on the way back with Bi-Real's slope in place of the sign's. */
export function planAdaptiveSign(node: NodeOf<"adaptiveSign">, context: PlanContext): LayerPlan {
  const { name } = node;
  const input = node.inputs[0];
  const size = elementsOf(context.shapes.get(name) as readonly number[]);
  const [alpha, beta] = ["alpha", "beta"].map(
    (suffix) => context.parameters.tensors.get(parameterName(node, suffix))?.value,
  ) as [number, number];
  // The shares of alpha and of beta, side by side for each lane.
  const shares = context.allocate(8 * context.lanes.length);
  const source = (suffix: string, place: number): GradientSource => ({
    parameter: parameterName(node, suffix),
    gradient: context.allocate(4),
    partials: { address: shares + 4 * place, stride: 2 },
  });
  return {
    forward: (_mode, builder) => {
      for (const lane of context.lanes) {
        const args = [context.value(input, lane), size * lane.images, alpha, beta, context.value(name, lane)];
        builder.lane(lane.index, name, "adaptive_sign_forward", ...args);
      }
    },
    backward: (_mode, builder, sinks) => {
      const emit = (lane: Lane, dx: number, accumulate: boolean): void => {
        const from = [context.value(input, lane), sinks.gradient(name, lane), size * lane.images, alpha, beta];
        const results = [Number(accumulate), dx, shares + 8 * lane.index];
        builder.lane(lane.index, name, "adaptive_sign_backward", ...from, ...results);
      };
      if (sinks.wanted(input)) sinks.into(name, input, emit);
      else for (const lane of context.lanes) emit(lane, 0, false);
    },
    gradients: [source("alpha", 0), source("beta", 1)],
  };
}
