/** A parameter with a number for each channel, of which every lane adds up its share of the gradient in f64. */
import type { GraphNode } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import { type Rows, rowsOf } from "../../nn/shapes.ts";
import { at, type Place } from "../../program/place.ts";
import type { GradientSource, Lane, PlanContext } from "../plan/context.ts";

export interface ChannelParameter {
  readonly channels: number;
  readonly value: Place;
  readonly rows: (lane: Lane) => number;
  /** The lane's share of the gradient. */
  readonly share: (lane: Lane) => Place;
  readonly gradient: GradientSource;
}

/** Plans the parameter that `node` calls `key`. Rows and channels of an image are those of its value where absent. */
export function channelParameter(
  node: GraphNode,
  key: string,
  context: PlanContext,
  { rows, channels }: Rows = rowsOf(context.shape(node.name)),
): ChannelParameter {
  const parameter = parameterName(node, key);
  const address = context.memory.allocate(4 * channels * context.lanes.length);
  return {
    channels,
    value: context.parameters.of(node, key),
    rows: (lane) => rows * lane.images,
    share: (lane) => at(address, 4 * channels * lane.index),
    gradient: { parameter, gradient: context.memory.allocate(4 * channels), partials: { address, stride: channels } },
  };
}
