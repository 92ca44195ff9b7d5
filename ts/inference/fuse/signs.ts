/** A scale and a shift by themselves, whose pass also writes the signs that a layer behind reads. */
import type { AffineNode } from "../../nn/nodes.ts";
import { at } from "../../program/place.ts";
import { bitsRows } from "../bits.ts";
import type { Context } from "../context.ts";
import { call } from "../draft.ts";
import { affineOpOf } from "../ops/index.ts";
import { cutHeight } from "../slices.ts";

/** False where no layer reads such signs, or no kernel writes them, and nothing was emitted. */
export function emitSigns(node: AffineNode, context: Context): boolean {
  const { draft, images, parts, kernel } = context;
  const [window] = context.bits.windows(node.name);
  const { normalize } = kernel.layout;
  if (window === undefined || normalize === null) return false;
  const { scale, shift } = affineOpOf(node).scaleAndShift(node, context);
  const [x, y] = [context.values.of(node.inputs[0]), context.values.of(node.name)];
  const bits = context.bits.put(node.name, window);
  const { width, channels } = bits.shape;
  const jobs = cutHeight(bits.shape, parts).map((rows) => {
    const offset = 4 * rows.first * width * channels;
    const operands = { x: at(x, offset), rows: images * rows.count * width, channels, scale, shift, residual: null };
    return [call(node.name, normalize({ ...operands, out: at(y, offset), ...bitsRows(bits, rows, draft) }))];
  });
  draft.phase(jobs);
  return true;
}
