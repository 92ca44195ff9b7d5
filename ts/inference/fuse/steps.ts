/**
 * Layers whose rows do not depend on each other, cut into as many parts as there are workers. They run behind a product
 * or by themselves, and one behind the other strip by strip.
 */
import { rowsOf } from "../../nn/shapes.ts";
import { at, type Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import { type Follower, rowsOpOf } from "../ops/index.ts";
import { productFormOf } from "../product/index.ts";
import { cut } from "../slices.ts";
import { STRIP_BYTES, type Step } from "../strips.ts";
import type { RowsGroup } from "./groups.ts";

const stepsOf = (nodes: readonly Follower[], context: Context): readonly Step[] =>
  nodes.map((node) => rowsOpOf(node).step(node, context));

/** A product and what follows it. */
export function emitRows({ product, followers }: RowsGroup, context: Context): void {
  const steps = stepsOf(followers, context);
  const out = context.values.of((followers.at(-1) ?? product).name);
  productFormOf(product).emit(product, steps, out, context);
}

export function emitSteps(nodes: readonly Follower[], context: Context): void {
  const { draft, images, parts } = context;
  const [first, last] = [nodes[0] as Follower, nodes.at(-1) as Follower];
  const steps = stepsOf(nodes, context);
  const { rows, channels } = rowsOf(context.network.shapeOf(last.name));
  const [x, y] = [context.values.of(first.inputs[0]), context.values.of(last.name)];
  const jobs = cut(images * rows, parts).map((part) => {
    const most = Math.max(1, Math.floor(STRIP_BYTES / (4 * channels)));
    const strips = cut(part.count, steps.length === 1 ? 1 : Math.ceil(part.count / most));
    const spare = steps.slice(1, 3).map(() => draft.buffer(4 * channels * Math.min(most, part.count)));
    return strips.flatMap((strip) => {
      const offset = 4 * (part.first + strip.first) * channels;
      const places = [at(x, offset), ...steps.slice(1).map((_, i) => spare[i % 2] as Place), at(y, offset)];
      return steps.map((step, i) => step(places[i] as Place, places[i + 1] as Place, strip.count));
    });
  });
  draft.phase(jobs);
}
