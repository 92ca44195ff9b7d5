/** The geometry of layers whose windows slide over images, in every lane, and the average over windows. */
import type { NodeOf } from "../../nn/graph.ts";
import { convGeometry, type WindowNode } from "../../nn/nodes.ts";
import { k } from "../../program/call.ts";
import { windowShape } from "../../program/conv-shape.ts";
import type { ConvShape } from "../../program/kernels.ts";
import type { Place } from "../../program/place.ts";
import type { Lane, LayerPlan, PlanContext } from "../plan/context.ts";
import { byLane } from "./by-lane.ts";

/** The geometry of a lane's images. */
export function windowsOf(node: WindowNode, context: PlanContext): (lane: Lane) => ConvShape {
  const geometry = convGeometry(node, context.shape(node.inputs[0]));
  return (lane) => windowShape(lane.images, geometry);
}

/** The descriptors of the geometry that kernels read. */
export function planWindows(node: WindowNode, context: PlanContext): (lane: Lane) => Place {
  const shape = windowsOf(node, context);
  const descriptors = context.lanes.map((lane) => context.memory.descriptor(shape(lane)));
  return ({ index }) => descriptors[index] as Place;
}

type AveragePool = NodeOf<"avgPool2d" | "globalAvgPool2d" | "globalAvgPool1d">;

/** Average pooling, over windows or over the whole image. */
export function planAverage(node: AveragePool, context: PlanContext): LayerPlan {
  const shape = planWindows(node, context);
  return byLane(node, context, {
    forward: (lane, values) => k.avgPool({ shape: shape(lane), ...values }),
    backward: (lane, gradients) => k.avgPoolBackward({ shape: shape(lane), ...gradients }),
  });
}
