/**
 * The two values of AdaBin's activations (Tu et al., ECCV 2022, section 3.2) in the trainer:
 * y = |alpha| sign((x - beta) / |alpha|) + beta, on the way back with Bi-Real's slope in place of the sign's.
 */
import { parameterName } from "../../nn/network.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { at } from "../../program/place.ts";
import type { GradientSource } from "../plan/context.ts";
import { intoIfWanted } from "./by-lane.ts";
import type { TrainOp } from "./op.ts";

export const adaptiveSign: TrainOp<"adaptiveSign"> = {
  plan: (node, context) => {
    const { name } = node;
    const input = node.inputs[0];
    const size = elementsOf(context.shape(name));
    const [alpha, beta] = [context.parameters.of(node, "alpha"), context.parameters.of(node, "beta")];
    // The shares of alpha and of beta, side by side for each lane.
    const shares = context.memory.allocate(8 * context.lanes.length);
    const source = (key: string, place: number): GradientSource => ({
      parameter: parameterName(node, key),
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
        intoIfWanted(node, context, sinks, (lane, dx, accumulate) => {
          const from = { x: context.value(input, lane), dy: sinks.gradient(name, lane), count: size * lane.images };
          const results = { accumulate, dx, gradients: at(shares, 8 * lane.index) };
          emit.input.lane(lane.index, k.adaptiveSignBackward({ ...from, alpha, beta, ...results }));
        });
      },
      gradients: [source("alpha", 0), source("beta", 1)],
    };
  },
};
