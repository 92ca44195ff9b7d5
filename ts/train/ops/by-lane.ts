/** Layers whose work is one call a lane in each direction. */
import type { KernelCall } from "../../program/call.ts";
import type { Place } from "../../program/place.ts";
import type { Lane, LayerPlan, PlanContext, Sinks } from "../plan/context.ts";

/** A node with one input. */
export interface OneInput {
  readonly name: string;
  readonly inputs: readonly [string];
}

/** A lane's value before and behind the layer. */
interface Values {
  readonly x: Place;
  readonly y: Place;
}

/** A lane's gradient behind the layer, and the place for that before it, added up there where `accumulate`. */
interface Gradients {
  readonly dy: Place;
  readonly accumulate: boolean;
  readonly dx: Place;
}

/** The calls of one lane. */
export interface LaneCalls {
  readonly forward: (lane: Lane, values: Values) => KernelCall;
  readonly backward: (lane: Lane, gradients: Gradients) => KernelCall;
}

/** A layer without parameters that `calls` make, lane by lane. */
export function byLane({ name, inputs: [input] }: OneInput, context: PlanContext, calls: LaneCalls): LayerPlan {
  return {
    forward: (_mode, emit) => {
      for (const lane of context.lanes) {
        const values = { x: context.value(input, lane), y: context.value(name, lane) };
        emit.lane(lane.index, calls.forward(lane, values));
      }
    },
    backward: (_mode, emit, sinks) => {
      sinks.into(name, input, (lane, dx, accumulate) => {
        const dy = sinks.gradient(name, lane);
        emit.input.lane(lane.index, calls.backward(lane, { dy, accumulate, dx }));
      });
    },
  };
}

/** Calls `write` as `sinks.into` does; with a place for the gradient only where one is wanted before the layer. */
export function intoIfWanted(
  { name, inputs: [input] }: OneInput,
  context: PlanContext,
  sinks: Sinks,
  write: (lane: Lane, dx: Place | null, accumulate: boolean) => void,
): void {
  if (sinks.wanted(input)) sinks.into(name, input, write);
  else for (const lane of context.lanes) write(lane, null, false);
}
