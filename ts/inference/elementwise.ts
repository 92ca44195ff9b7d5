/** Layers that run by themselves: those that multiply nothing and are part of no other layer. */
import type { GraphNode, NodeOf } from "../nn/graph.ts";
import { elementsOf } from "../nn/shapes.ts";
import type { Context } from "./context.ts";
import { at, call } from "./draft.ts";
import { type Follower, isFollower } from "./fuse.ts";
import { followerStep } from "./real.ts";
import { cut, cutByRows, outputSlice } from "./slices.ts";
import { poolShape } from "./windows.ts";

/** A layer whose elements or pixels do not depend on each other, cut into as many parts as there are workers. */
function emitFollower(node: Follower, context: Context): void {
  const step = followerStep(node, context);
  const channels = context.shapeOf(node.name).at(-1) as number;
  const pixels = (context.images * elementsOf(context.shapeOf(node.name))) / channels;
  const [x, y] = [context.value(node.inputs[0]), context.value(node.name)];
  const tasks = cut(pixels, context.parts).map(({ first, count }) => {
    const offset = 4 * first * channels;
    return [step(at(x, offset), at(y, offset), count)];
  });
  context.draft.phase(tasks);
}

function emitAdd(node: NodeOf<"add">, context: Context): void {
  const [a, b] = [context.value(node.inputs[0]), context.value(node.inputs[1])];
  const y = context.value(node.name);
  const elements = context.images * elementsOf(context.shapeOf(node.name));
  // Vectors of four floats stay whole.
  const tasks = cut(Math.ceil(elements / 4), context.parts).map(({ first, count }) => {
    const offset = 16 * first;
    return [
      call(node.name, "add", at(a, offset), at(b, offset), at(y, offset), Math.min(4 * count, elements - 4 * first)),
    ];
  });
  context.draft.phase(tasks);
}

function emitPool(node: NodeOf<"maxPool2d" | "avgPool2d" | "globalAvgPool2d">, context: Context): void {
  const window = poolShape(node, context.images, context.shapeOf(node.inputs[0]));
  const [x, y] = [context.value(node.inputs[0]), context.value(node.name)];
  const tasks = cutByRows(window, context.parts).map(({ rows }) => {
    const { shape, row } = outputSlice(window, rows);
    const from = at(x, 4 * row * window.width * window.channels);
    const to = at(y, 4 * rows.first * window.outWidth * window.channels);
    const args = [context.draft.descriptor(shape), from, to] as const;
    // 0: nobody asks where a maximum was.
    return [node.op === "maxPool2d" ? call(node.name, "max_pool", ...args, 0) : call(node.name, "avg_pool", ...args)];
  });
  context.draft.phase(tasks);
}

/** Emits a layer that is no product and part of no group. */
export function emitNode(node: GraphNode, context: Context): void {
  if (isFollower(node)) emitFollower(node, context);
  else if (node.op === "add") emitAdd(node, context);
  else if (node.op === "maxPool2d" || node.op === "avgPool2d" || node.op === "globalAvgPool2d") emitPool(node, context);
}
