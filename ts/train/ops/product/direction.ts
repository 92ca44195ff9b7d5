/**
 * A dense layer whose weights go along a direction of signs (`optimizers.qpsbgd`). The lanes leave the signs that they read
 * and the gradients at the output side by side, and jobs over some neurons each search the whole batch.
 */
import { parameterName } from "../../../nn/network.ts";
import { as, k } from "../../../program/call.ts";
import { outputPixels } from "../../../program/kernels.ts";
import { at } from "../../../program/place.ts";
import { DRAWS_AT } from "../../optimizers/qp-sbgd.ts";
import type { Lane, PlanContext } from "../../plan/context.ts";
import type { DirectionPlan, ProductSetting } from "./operands.ts";

/** Jobs that the neurons of a layer are cut into. */
const JOBS = 32;

/** Plans the search for `node`; null where its weights follow their gradient. */
export function planDirection(node: ProductSetting, context: PlanContext): DirectionPlan | null {
  const name = parameterName({ name: node.owner }, "kernel");
  const optimizer = context.parameters.layout.tensors.get(name)?.optimizer;
  if (optimizer?.kind !== "qpsbgd") return null;
  const [inputs, outputs] = node.matrix;
  const words = Math.ceil(inputs / 32);
  const rowsOf = (lane: Lane): number => outputPixels(node.shape(lane));
  const firstOf = ({ index }: Lane): number =>
    context.lanes.slice(0, index).reduce((sum, lane) => sum + rowsOf(lane), 0);
  const rows = context.lanes.reduce((sum, lane) => sum + rowsOf(lane), 0);
  const { allocate } = context.memory;
  const [signs, gradients] = [allocate(4 * rows * words), allocate(4 * rows * outputs)];
  const each = Math.ceil(outputs / JOBS);
  const parts = Array.from({ length: Math.ceil(outputs / each) }, (_, i) => ({
    first: i * each,
    count: Math.min(each, outputs - i * each),
    room: allocate(4 * (2 * rows + 2 * words)),
  }));
  const draws = at(context.live.update(name), DRAWS_AT);
  const given = { x: signs, dy: gradients, rows, inputs, outputs, sweeps: optimizer.sweeps, draws };
  return {
    gather: (lane, x, dy) => [
      k.packRows({ x, rows: rowsOf(lane), n: inputs, out: at(signs, 4 * words * firstOf(lane)) }),
      k.copy({ from: dy, to: at(gradients, 4 * outputs * firstOf(lane)), bytes: 4 * outputs * rowsOf(lane) }),
    ],
    jobs: (gradient) =>
      parts.map((part) => [as({ search: null }, k.searchSigns({ ...given, ...part, out: gradient }))]),
  };
}
