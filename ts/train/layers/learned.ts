/**
 * Elementwise layers that learn in the trainer: the shift and the slopes of ReActNet (Liu et al., ECCV 2020, section 4.2), a
 * number for each channel, and the two values of AdaBin's activations (Tu et al., ECCV 2022, section 3.2). A lane adds up its
 * share of each gradient in f64; the lanes are added up behind the way back, as those of a bias.
 */

import type { NodeOf } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import { elementsOf, rowsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import type { GradientSource, Lane, LayerPlan, PlanContext } from "../context.ts";
import { signsOf } from "./norm.ts";

/** The one parameter of a layer, a number a channel, and where its gradient and the lanes' shares of it lie. */
interface ChannelParameter {
  readonly channels: number;
  readonly value: Place;
  readonly rows: (lane: Lane) => number;
  readonly share: (lane: Lane) => Place;
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
  const address = context.memory.allocate(4 * channels * context.lanes.length);
  return {
    channels,
    value: context.parameters.tensors.get(parameter)?.value as Place,
    rows: (lane) => rows * lane.images,
    share: (lane) => at(address, 4 * channels * lane.index),
    gradient: { parameter, gradient: context.memory.allocate(4 * channels), partials: { address, stride: channels } },
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
  const ones = context.memory.constant(new Float32Array(channels).fill(1));
  const reader = context.fusions.readers.get(name);
  return {
    forward: (mode, emit) => {
      for (const lane of context.lanes) {
        const signs = signsOf(reader, mode, lane, context);
        const operands = { x: context.value(input, lane), rows: rows(lane), channels, scale: ones, shift: beta };
        const out = context.value(name, lane);
        emit.lane(lane.index, k.normalize({ ...operands, residual: null, out, ...signs }));
      }
    },
    backward: (_mode, emit, sinks) => {
      for (const lane of context.lanes) {
        const x = sinks.gradient(name, lane);
        emit.weights.lane(lane.index, k.columnSums({ x, rows: rows(lane), columns: channels, out: share(lane) }));
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
    forward: (_mode, emit) => {
      for (const lane of context.lanes) {
        const [x, y] = [context.value(input, lane), context.value(name, lane)];
        emit.lane(lane.index, k.preluForward({ x, rows: rows(lane), channels, slopes: alpha, y }));
      }
    },
    backward: (_mode, emit, sinks) => {
      const write = (lane: Lane, dx: Place | null, accumulate: boolean): void => {
        const from = { x: context.value(input, lane), dy: sinks.gradient(name, lane), rows: rows(lane), channels };
        const call = k.preluBackward({ ...from, slopes: alpha, accumulate, dx, dslopes: share(lane) });
        emit.input.lane(lane.index, call);
      };
      if (sinks.wanted(input)) sinks.into(name, input, write);
      else for (const lane of context.lanes) write(lane, null, false);
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
  ) as [Place, Place];
  // The shares of alpha and of beta, side by side for each lane.
  const shares = context.memory.allocate(8 * context.lanes.length);
  const source = (suffix: string, place: number): GradientSource => ({
    parameter: parameterName(node, suffix),
    gradient: context.memory.allocate(4),
    partials: { address: at(shares, 4 * place), stride: 2 },
  });
  return {
    forward: (_mode, emit) => {
      for (const lane of context.lanes) {
        const [x, y] = [context.value(input, lane), context.value(name, lane)];
        emit.lane(lane.index, k.adaptiveSignForward({ x, count: size * lane.images, alpha, beta, y }));
      }
    },
    backward: (_mode, emit, sinks) => {
      const write = (lane: Lane, dx: Place | null, accumulate: boolean): void => {
        const from = { x: context.value(input, lane), dy: sinks.gradient(name, lane), count: size * lane.images };
        const results = { accumulate, dx, gradients: at(shares, 8 * lane.index) };
        emit.input.lane(lane.index, k.adaptiveSignBackward({ ...from, alpha, beta, ...results }));
      };
      if (sinks.wanted(input)) sinks.into(name, input, write);
      else for (const lane of context.lanes) write(lane, null, false);
    },
    gradients: [source("alpha", 0), source("beta", 1)],
  };
}
