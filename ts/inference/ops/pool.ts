/** Windows that slide over whole images, cut into rows of the output. */
import type { WindowNode } from "../../nn/nodes.ts";
import type { KernelCall } from "../../program/inference-call.ts";
import { at, type Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import { call } from "../draft.ts";
import { cutByRows, outputSlice } from "../slices.ts";
import { windowOver } from "../windows.ts";

/** A part of a pool, as its kernel takes it. */
interface PoolGiven {
  readonly shape: Place;
  readonly x: Place;
  readonly y: Place;
}

export function emitPool(node: WindowNode, context: Context, kernel: (given: PoolGiven) => KernelCall): void {
  const { draft, images, network, parts, values } = context;
  const window = windowOver(node, images, network.shapeOf(node.inputs[0]));
  const [x, y] = [values.of(node.inputs[0]), values.of(node.name)];
  const jobs = cutByRows(window, parts).map(({ rows }) => {
    const { shape, row } = outputSlice(window, rows);
    const given = {
      shape: draft.descriptor(shape),
      x: at(x, 4 * row * window.width * window.channels),
      y: at(y, 4 * rows.first * window.outWidth * window.channels),
    };
    return [call(node.name, kernel(given))];
  });
  draft.phase(jobs);
}
