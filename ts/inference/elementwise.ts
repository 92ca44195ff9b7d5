/** Layers that run by themselves: those that multiply nothing and are part of no other layer. */
import type { GraphNode, NodeOf } from "../nn/graph.ts";
import { type AffineNode, type AliasNode, isAffine, type ProductNode } from "../nn/nodes.ts";
import { elementsOf } from "../nn/shapes.ts";
import { k } from "../program/call.ts";
import { at, type Place } from "../program/place.ts";
import type { Context } from "./context.ts";
import { call } from "./draft.ts";
import { type Follower, isFollower } from "./fuse.ts";
import { NIBBLES } from "./layout.ts";
import { affineOf, followerStep, STRIP_BYTES } from "./real.ts";
import { cut, cutByRows, inputSlice, outputSlice } from "./slices.ts";
import { poolShape } from "./windows.ts";

/**
 * Layers whose elements or pixels do not depend on each other, cut into as many parts as there are workers; one behind the
 * other, strip by strip, by way of two pieces of memory that hold a strip each.
 */
export function emitSteps(nodes: readonly Follower[], context: Context): void {
  const { draft, images, parts } = context;
  const [first, last] = [nodes[0] as Follower, nodes.at(-1) as Follower];
  const steps = nodes.map((node) => followerStep(node, context));
  const shape = context.network.shapeOf(last.name);
  const channels = shape.at(-1) as number;
  const [x, y] = [context.values.of(first.inputs[0]), context.values.of(last.name)];
  const tasks = cut((images * elementsOf(shape)) / channels, parts).map((part) => {
    const most = Math.max(1, Math.floor(STRIP_BYTES / (4 * channels)));
    const strips = cut(part.count, steps.length === 1 ? 1 : Math.ceil(part.count / most));
    const spare = steps.slice(1, 3).map(() => draft.buffer(4 * channels * Math.min(most, part.count)));
    return strips.flatMap((strip) => {
      const offset = 4 * (part.first + strip.first) * channels;
      const places = [at(x, offset), ...steps.slice(1).map((_, i) => spare[i % 2] as Place), at(y, offset)];
      return steps.map((step, i) => step(places[i] as Place, places[i + 1] as Place, strip.count));
    });
  });
  draft.phase(tasks);
}

/** A scale and a shift, whose pass also writes the signs that a layer behind reads. False where no layer reads such signs. */
function emitSigns(node: AffineNode, context: Context): boolean {
  const { draft, images, parts, kernel } = context;
  const [reader] = context.bits.readers(node.name);
  // The kernel writes nibbles.
  if (reader === undefined || kernel.layout !== NIBBLES) return false;
  const { scale, shift } = affineOf(node, context);
  const [x, y] = [context.values.of(node.inputs[0]), context.values.of(node.name)];
  const { shape, place } = context.bits.put(node.name, context.network.windowOf(reader), NIBBLES);
  const { width, height, channels } = shape;
  const rowBytes = shape.paddedWidth * NIBBLES.pixelBytes(channels);
  const ranges = images > 1 ? [{ first: 0, count: height }] : cut(height, parts);
  const tasks = ranges.map((rows) => {
    const offset = 4 * rows.first * width * channels;
    const operands = { x: at(x, offset), rows: images * rows.count * width, channels, scale, shift, residual: null };
    const signs = { next: draft.descriptor(inputSlice(shape, rows)), nextBits: at(place, rows.first * rowBytes) };
    return [call(node.name, k.normalize({ ...operands, out: at(y, offset), ...signs }))];
  });
  draft.phase(tasks);
  return true;
}

function emitAdd(node: NodeOf<"add">, context: Context): void {
  const [a, b] = [context.values.of(node.inputs[0]), context.values.of(node.inputs[1])];
  const y = context.values.of(node.name);
  const elements = context.images * elementsOf(context.network.shapeOf(node.name));
  // Vectors of four floats stay whole.
  const tasks = cut(Math.ceil(elements / 4), context.parts).map(({ first, count }) => {
    const offset = 16 * first;
    const operands = { a: at(a, offset), b: at(b, offset), y: at(y, offset) };
    return [call(node.name, k.add({ ...operands, count: Math.min(4 * count, elements - 4 * first) }))];
  });
  context.draft.phase(tasks);
}

function emitPool(node: NodeOf<"maxPool2d" | "avgPool2d" | "globalAvgPool2d">, context: Context): void {
  const window = poolShape(node, context.images, context.network.shapeOf(node.inputs[0]));
  const [x, y] = [context.values.of(node.inputs[0]), context.values.of(node.name)];
  const tasks = cutByRows(window, context.parts).map(({ rows }) => {
    const { shape, row } = outputSlice(window, rows);
    const operands = {
      shape: context.draft.descriptor(shape),
      x: at(x, 4 * row * window.width * window.channels),
      y: at(y, 4 * rows.first * window.outWidth * window.channels),
    };
    // Nobody asks where a maximum was.
    return [call(node.name, node.op === "maxPool2d" ? k.maxPool({ ...operands, argmax: null }) : k.avgPool(operands))];
  });
  context.draft.phase(tasks);
}

/** Emits a layer that is no product and part of no group. */
export function emitNode(node: GraphNode, context: Context): void {
  if (isAffine(node) && emitSigns(node, context)) return;
  if (isFollower(node)) emitSteps([node], context);
  else if (node.op === "add") emitAdd(node, context);
  else if (node.op === "maxPool2d" || node.op === "avgPool2d" || node.op === "globalAvgPool2d") emitPool(node, context);
  // An operation that nobody emits must not compile.
  else node satisfies AliasNode | ProductNode | NodeOf<"input">;
}
