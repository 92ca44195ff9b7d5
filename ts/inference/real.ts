/**
 * Layers with f32 sums: real activations (`ff`), +-1 activations with real weights (`fb`), and sums of two +-1 operands that
 * leave as f32, whether exact or kept in 8 bits. What follows element by element is done while some rows are in the cache.
 */

import { parameterName } from "../nn/network.ts";
import type { AffineNode, ProductNode } from "../nn/nodes.ts";
import { activationsAreBits } from "../nn/operands.ts";
import { type Call, k } from "../program/call.ts";
import { isUnpadded } from "../program/conv-shape.ts";
import {
  type ConvShape,
  fbForwardScratchBytes,
  nibbleWeightBytes,
  outputPixels,
  paddedPixels,
  panelFloats,
  terms,
} from "../program/kernels.ts";
import { at, type Place } from "../program/place.ts";
import { type ElementwiseFunction, functions, mapArguments } from "../quantizers/functions.ts";
import { encodeTable } from "../quantizers/maps.ts";
import { stateAt } from "../quantizers/state.ts";
import { emitSums } from "./binary.ts";
import type { Context } from "./context.ts";
import { call } from "./draft.ts";
import { type Follower, hasScale, isAccumulated, isBinary, type RowsGroup } from "./fuse.ts";
import { cut, cutByRows, outputSlice, type Range, type Slice } from "./slices.ts";

/** Bytes of a strip of rows that stays in the first caches until the next step has read it. */
export const STRIP_BYTES = 32 << 10;

/** A step of the way from one piece of memory to another, of so many pixels. */
type Step = (from: Place, to: Place, pixels: number) => Call;

export function emitRows(group: RowsGroup, context: Context): void {
  const { product, followers } = group;
  const steps = followers.map((node) => followerStep(node, context));
  const out = context.values.of((followers.at(-1) ?? product).name);
  if (isBinary(product)) emitBinary(product, steps, out, context);
  else if (isAccumulated(product)) emitAccumulated(product, steps, out, context);
  else if (activationsAreBits(product)) emitMixed(product, steps, out, context);
  else emitReal(product, steps, out, context);
}

/** What a layer that takes its elements one by one does to rows. */
export function followerStep(node: Follower, context: Context): Step {
  const channels = context.network.shapeOf(node.name).at(-1) as number;
  switch (node.op) {
    case "activation":
      return elementwise(functions[node.attributes.activation], node.name, channels, context);
    case "batchNorm":
    case "shift": {
      const { scale, shift } = affineOf(node, context);
      return (x, y, rows) => call(node.name, k.affine({ x, rows, channels, scale, shift, y }));
    }
    case "prelu": {
      const slopes = context.weights.tensor(parameterName(node, "alpha"));
      return (x, y, rows) => call(node.name, k.preluForward({ x, rows, channels, slopes, y }));
    }
    case "adaptiveSign": {
      const [alpha, beta] = [
        context.weights.tensor(parameterName(node, "alpha")),
        context.weights.tensor(parameterName(node, "beta")),
      ];
      return (x, y, rows) => call(node.name, k.adaptiveSignForward({ x, count: rows * channels, alpha, beta, y }));
    }
  }
}

/** A function of each number by itself. */
function elementwise(given: ElementwiseFunction, name: string, channels: number, { draft }: Context): Step {
  const { forward } = mapArguments(given, (values) => draft.constant(new Uint8Array(values.buffer)));
  return (x, y, pixels) => call(name, k.quantizeForward({ ...forward, x, y, count: pixels * channels }));
}

/** What every channel is multiplied by, and what is added. A product with 1 is exact. */
export function affineOf(node: AffineNode, context: Context): { readonly scale: Place; readonly shift: Place } {
  if (node.op === "batchNorm") return context.weights.fold(node);
  const channels = context.network.shapeOf(node.name).at(-1) as number;
  return { scale: filled(1, channels, context), shift: context.weights.tensor(parameterName(node, "beta")) };
}

const filled = (value: number, channels: number, { draft }: Context): Place =>
  draft.memo(`${value} ${channels} times`, () =>
    draft.constant(new Uint8Array(new Float32Array(channels).fill(value).buffer)),
  );

/** What the sums of a product of bits go through, or of any with a scale: the scale, then the bias. */
function sumSteps(node: ProductNode, filters: number, context: Context): readonly Step[] {
  const [isScaled, { useBias }] = [hasScale(node), node.attributes];
  if (!isScaled && !useBias) return [];
  const scale = isScaled ? context.weights.tensor(parameterName(node, "scale")) : filled(1, filters, context);
  const shift = useBias ? context.weights.tensor(parameterName(node, "bias")) : filled(0, filters, context);
  return [(x, y, rows) => call(node.name, k.affine({ x, rows, channels: filters, scale, shift, y }))];
}

/** The weights of a product of reals, or of bits and reals, `[k][n]`: as the file has them, or made from its signs. */
function realKernel(node: ProductNode, rows: number, n: number, { draft, weights: { tensor } }: Context): Place {
  const { name } = node;
  const { weightQuantizer } = node.attributes;
  const file = tensor(parameterName(node, "kernel"));
  if (weightQuantizer === null || weightQuantizer.hard === "levels") return file;
  const signs = draft.allocate(4 * rows * n);
  draft.once(name, k.unpackFileBitsReal({ bits: file, k: rows, n, out: signs }));
  if (weightQuantizer.standardize !== "adabin") return signs;
  const weights = draft.allocate(4 * rows * n);
  const [scale, shift] = [tensor(parameterName(node, "scale")), tensor(parameterName(node, "shift"))];
  draft.once(name, k.affine({ x: signs, rows, channels: n, scale, shift, y: weights }));
  return weights;
}

function emitBinary(node: ProductNode, steps: readonly Step[], out: Place, context: Context): void {
  const shape = context.network.windowOf(node);
  const all = [...sumSteps(node, shape.filters, context), ...steps];
  const sums = all.length === 0 ? out : context.draft.buffer(4 * outputPixels(shape) * shape.filters);
  emitSums(node, sums, context);
  if (all.length > 0) {
    const [first, ...rest] = all as [Step, ...Step[]];
    const from = (rows: Range): Place => at(sums, 4 * rows.first * shape.outWidth * shape.filters);
    const product = ({ shape: slice }: Slice, rows: Range, to: Place): Call =>
      first(from(rows), to, outputPixels(slice));
    emitStrips(shape, STRIP_BYTES, product, rest, out, context);
  }
}

function emitAccumulated(node: ProductNode, steps: readonly Step[], out: Place, context: Context): void {
  const { draft } = context;
  const shape = context.network.windowOf(node);
  const { layout, place } = context.bits.for(node);
  const weights = draft.allocate(nibbleWeightBytes(shape));
  const file = context.weights.tensor(parameterName(node, "kernel"));
  draft.once(node.name, k.packNibbleWeights({ shape: draft.descriptor(shape), bits: file, out: weights }));
  const rowBytes = shape.paddedWidth * layout.pixelBytes(shape.channels);
  const wraps = node.attributes.accumulator?.overflow === "wrap";
  const all = [...sumSteps(node, shape.filters, context), ...steps];
  const product = ({ shape: slice, paddedRow }: Slice, _rows: Range, to: Place): Call => {
    const bits = at(place, paddedRow * rowBytes);
    const operands = { shape: draft.descriptor(slice), bits, weights, wraps };
    return call(node.name, k.bbAccumulate8Conv({ ...operands, out: to, first: 0, count: shape.filters }));
  };
  emitStrips(shape, STRIP_BYTES, product, all, out, context);
}

function emitMixed(node: ProductNode, steps: readonly Step[], out: Place, context: Context): void {
  const { draft } = context;
  const shape = context.network.windowOf(node);
  const { layout, place } = context.bits.for(node);
  const weights = realKernel(node, terms(shape), shape.filters, context);
  const rowBytes = shape.paddedWidth * layout.pixelBytes(shape.channels);
  const all = [...sumSteps(node, shape.filters, context), ...steps];
  const product = ({ shape: slice, paddedRow }: Slice, _rows: Range, to: Place): Call => {
    const scratch = draft.buffer(fbForwardScratchBytes(slice));
    const operands = { shape: draft.descriptor(slice), bits: at(place, paddedRow * rowBytes), w: weights };
    return call(node.name, k.fbConv({ ...operands, out: to, scratch }));
  };
  // The kernel makes tables of the weights in each call: no strips.
  emitStrips(shape, Number.POSITIVE_INFINITY, product, all, out, context);
}

function emitReal(node: ProductNode, steps: readonly Step[], out: Place, context: Context): void {
  const { draft } = context;
  const { name } = node;
  const shape = context.network.windowOf(node);
  const [rows, n] = [terms(shape), shape.filters];
  const weights = realKernel(node, rows, n, context);
  const panels = draft.allocate(4 * panelFloats(rows, n));
  draft.once(name, k.packPanels({ w: weights, k: rows, n, out: panels }));
  // The kernel adds a bias by itself, but behind a scale.
  const isScaled = hasScale(node);
  const all = isScaled ? [...sumSteps(node, n, context), ...steps] : steps;
  const bias = node.attributes.useBias && !isScaled ? context.weights.tensor(parameterName(node, "bias")) : null;
  const x = paddedInput(node, shape, context);
  const rowBytes = 4 * shape.paddedWidth * shape.channels;
  const product = ({ shape: slice, paddedRow }: Slice, _rows: Range, to: Place): Call =>
    call(name, k.ffConv({ shape: draft.descriptor(slice), x: at(x, paddedRow * rowBytes), panels, bias, out: to }));
  emitStrips(shape, STRIP_BYTES, product, all, out, context);
}

/** The real operand before padding: the input, or where its quantizer ends at levels, these. */
function realOperand(node: ProductNode, shape: ConvShape, { draft, values, parts }: Context): Place {
  const x = values.of(node.inputs[0]);
  const { activationQuantizer } = node.attributes;
  if (activationQuantizer === null) return x;
  const elements = shape.images * shape.height * shape.width * shape.channels;
  const levels = draft.buffer(4 * elements);
  const state = stateAt(activationQuantizer, 1);
  const floats = (values: ArrayLike<number>): Place => draft.constant(new Uint8Array(Float32Array.from(values).buffer));
  const maps = {
    ...{ proximal: state.proximalMap, map: state.forwardMap, parameters: floats(state.parameters) },
    table: activationQuantizer.table === null ? null : floats(encodeTable(activationQuantizer.table)),
  };
  const ranges = cut(Math.ceil(elements / 4), shape.images > 1 ? 1 : parts);
  const tasks = ranges.map(({ first, count }) => {
    const length = Math.min(4 * count, elements - 4 * first);
    const places = { x: at(x, 16 * first), y: at(levels, 16 * first) };
    return [call(node.name, k.quantizeForward({ ...maps, ...places, count: length }))];
  });
  draft.phase(tasks);
  return levels;
}

function paddedInput(node: ProductNode, shape: ConvShape, context: Context): Place {
  const { draft } = context;
  const x = realOperand(node, shape, context);
  if (isUnpadded(shape)) return x;
  const padded = draft.buffer(4 * paddedPixels(shape) * shape.channels);
  draft.phase([[call(node.name, k.padReal({ shape: draft.descriptor(shape), x, out: padded }))]]);
  return padded;
}

/**
 * One phase: for every strip of rows the product, then the steps one after the other, by way of two pieces of memory that
 * hold a strip each, into `out`.
 */
function emitStrips(
  shape: ConvShape,
  stripBytes: number,
  product: (slice: Slice, rows: Range, to: Place) => Call,
  steps: readonly Step[],
  out: Place,
  { draft, parts }: Context,
): void {
  const rowBytes = 4 * shape.outWidth * shape.filters;
  const tasks = cutByRows(shape, parts).map(({ rows: part }) => {
    const isCut = steps.length > 0 && shape.images === 1;
    const stripRows = isCut ? Math.min(part.count, Math.max(1, Math.floor(stripBytes / rowBytes))) : part.count;
    const spare = steps.slice(0, 2).map(() => draft.buffer(stripRows * shape.images * rowBytes));
    const strips = cut(part.count, Math.ceil(part.count / stripRows));
    return strips.flatMap(({ first, count }) => {
      const rows = { first: part.first + first, count };
      const slice = shape.images === 1 ? outputSlice(shape, rows) : { shape, paddedRow: 0, row: 0 };
      const places = [...steps.map((_, i) => spare[i % 2] as Place), at(out, rows.first * rowBytes)];
      const pixels = outputPixels(slice.shape);
      const calls = [product(slice, rows, places[0] as Place)];
      for (const [i, step] of steps.entries()) calls.push(step(places[i] as Place, places[i + 1] as Place, pixels));
      return calls;
    });
  });
  draft.phase(tasks);
}
