/** Layers that scale and shift each channel are one kernel over two rows of numbers. */
import type { AffineNode } from "../../nn/nodes.ts";
import { k } from "../../program/inference-call.ts";
import type { Context, ScaleAndShift } from "../context.ts";
import { call } from "../draft.ts";
import type { Step } from "../strips.ts";

export function affineStep(node: AffineNode, { scale, shift }: ScaleAndShift, { network }: Context): Step {
  const channels = network.channelsOf(node.name);
  return (x, y, rows) => call(node.name, k.affine({ x, rows, channels, scale, shift, y }));
}
