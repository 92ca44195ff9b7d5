/** ReLU and hard tanh in the trainer. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { ACTIVATION_NUMBERS } from "../../runtime/activations.ts";
import { byLane } from "./by-lane.ts";
import type { TrainOp } from "./op.ts";

export const activation: TrainOp<"activation"> = {
  plan: (node, context) => {
    const kind = ACTIVATION_NUMBERS[node.attributes.activation];
    const size = elementsOf(context.shape(node.name));
    return byLane(node, context, {
      forward: (lane, values) => k.activationForward({ kind, ...values, count: size * lane.images }),
      backward: (lane, gradients) => {
        const x = context.value(node.inputs[0], lane);
        return k.activationBackward({ kind, x, ...gradients, count: size * lane.images });
      },
    });
  },
};
