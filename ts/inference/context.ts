/**
 * What the compiler knows while it goes from layer to layer: where values lie, in f32 and as bits, where weights lie, and
 * what it has to say about each layer.
 */

import type { PackedModel, PackedTensor } from "../io/model-file.ts";
import type { Graph, GraphNode, NodeOf } from "../nn/graph.ts";
import { parameterName, shapesOf } from "../nn/network.ts";
import { isProduct, type ProductNode } from "../nn/nodes.ts";
import { activationsAreBits } from "../nn/operands.ts";
import { elementsOf, type Shape } from "../nn/shapes.ts";
import { k } from "../program/call.ts";
import { type ConvShape, paddedPixels } from "../program/kernels.ts";
import { at, type Place } from "../program/place.ts";
import type { BinaryKernel } from "../runtime/probe.ts";
import { call, type Draft } from "./draft.ts";
import { type Flow, flowOf, isBinary } from "./fuse.ts";
import { type BitLayout, NIBBLES, PRODUCT_KERNELS, type ProductKernel } from "./layout.ts";
import { cut, inputSlice } from "./slices.ts";
import { productShape } from "./windows.ts";

/** Bits in the padded buffer of a consumer's window. */
export interface Bits {
  readonly shape: ConvShape;
  readonly layout: BitLayout;
  readonly place: Place;
}

/** The network, seen by what values flow between its layers. */
export interface Network {
  readonly graph: Graph;
  readonly flow: Flow;
  readonly shapeOf: (name: string) => Shape;
  /** The window of a convolution or dense layer. */
  readonly windowOf: (node: ProductNode) => ConvShape;
}

/** What the model file holds. */
export interface Weights {
  /** These tensors of the model, one after the other. */
  readonly tensor: (...names: readonly string[]) => Place;
  /** Scale and shift of a batch norm with its running statistics. */
  readonly fold: (node: NodeOf<"batchNorm">) => { readonly scale: Place; readonly shift: Place };
}

/** Values as f32. */
export interface Values {
  /** Memory for the value of `name`, or the value it has already. */
  readonly of: (name: string) => Place;
  /** Makes `name` the value at `place`. */
  readonly put: (name: string, place: Place) => void;
  /** Whether anyone reads the value of `name` as f32, now that some of its bits are written. */
  readonly isWanted: (name: string) => boolean;
  /** Whether the f32 value of `name` is of no use to anyone once the nodes `readers` have run. */
  readonly isLastUse: (name: string, readers: ReadonlySet<string>) => boolean;
}

/** Values as bits, in the padded buffers of their readers. */
export interface BitValues {
  /** Whether a layer takes bits as the product's kernel writes them, pixel by pixel. */
  readonly takes: (node: GraphNode) => node is ProductNode;
  /** Memory for bits of `name` under the window `shape`. Bits past the last channel are 0 and stay so. */
  readonly buffer: (name: string, shape: ConvShape, layout: BitLayout) => Bits;
  /** The same, registered as what the readers of `name` find. */
  readonly put: (name: string, shape: ConvShape, layout: BitLayout) => Bits;
  /** The bits of a layer's input, in the layout and the window of the layer: made from f32 where nobody has written them. */
  readonly for: (node: ProductNode) => Bits;
  /** The layers that take the signs of `name` in the layout of the product's kernel, one for each way of padding. */
  readonly readers: (name: string) => readonly ProductNode[];
}

export interface Context {
  readonly network: Network;
  readonly weights: Weights;
  readonly values: Values;
  readonly bits: BitValues;
  readonly draft: Draft;
  readonly kernel: ProductKernel;
  /** Images of one run, and the parts that a layer of one image is cut into, one for each worker. */
  readonly images: number;
  readonly parts: number;
}

export function createContext(
  model: PackedModel,
  kernelName: BinaryKernel,
  images: number,
  parts: number,
  draft: Draft,
): Context {
  const { graph } = model;
  const shapes = shapesOf(graph);
  const flow = flowOf(graph);
  const kernel = PRODUCT_KERNELS[kernelName];
  const values = new Map<string, Place>();
  const bits = new Map<string, Bits>();
  const shapeOf = (name: string): Shape => shapes.get(name) as Shape;
  const windowOf = (node: ProductNode): ConvShape => {
    const [name] = node.inputs;
    return productShape(node, images, shapeOf(name), shapeOf(flow.source(name).name));
  };
  const layoutFor = (node: GraphNode): BitLayout | null => {
    if (!isProduct(node) || !activationsAreBits(node)) return null;
    return isBinary(node) ? kernel.layout : NIBBLES;
  };
  // A dense layer with real weights, or with sums in 8 bits, reads the flattened vector, in which groups of channels
  // lie otherwise.
  const takesBits = (node: GraphNode): node is ProductNode =>
    isProduct(node) && layoutFor(node) === kernel.layout && (node.op === "conv2d" || isBinary(node));
  const value = (name: string): Place => {
    const source = flow.source(name).name;
    const known = values.get(source) ?? draft.buffer(4 * images * elementsOf(shapeOf(source)));
    values.set(source, known);
    return known;
  };
  const tensor = (...names: readonly string[]): Place =>
    draft.memo(`tensor ${names.join(" ")}`, () =>
      draft.constant(joined(names.map((name) => bytesOf(model.parameters.get(name) as PackedTensor)))),
    );

  const bitsBuffer = (name: string, shape: ConvShape, layout: BitLayout): Bits => {
    const key = bordersOf(shape, layout);
    const bytes = paddedPixels(shape) * layout.pixelBytes(shape.channels);
    const descriptor = draft.descriptor(shape);
    const place = draft.bordered(bytes, {
      ...{ key, node: name },
      fill: (out) => layout.fillBorder({ shape: descriptor, out }),
    });
    return { shape, layout, place };
  };
  const putBits = (name: string, shape: ConvShape, layout: BitLayout): Bits => {
    const made = bitsBuffer(name, shape, layout);
    bits.set(`${name} ${bordersOf(shape, layout)}`, made);
    return made;
  };
  const writtenBits = (node: ProductNode, layout: BitLayout): Bits | undefined =>
    bits.get(`${flow.source(node.inputs[0]).name} ${bordersOf(windowOf(node), layout)}`);
  const bitsFor = (node: ProductNode): Bits => {
    const layout = layoutFor(node) as BitLayout;
    const written = writtenBits(node, layout);
    if (written !== undefined) return written;
    const source = flow.source(node.inputs[0]).name;
    const made = putBits(source, windowOf(node), layout);
    const { shape, place } = made;
    const rowBytes = shape.paddedWidth * layout.pixelBytes(shape.channels);
    const x = value(source);
    const ranges = images > 1 ? [{ first: 0, count: shape.height }] : cut(shape.height, parts);
    draft.phase(
      ranges.map((rows) => {
        const places = {
          x: at(x, 4 * rows.first * shape.width * shape.channels),
          out: at(place, rows.first * rowBytes),
        };
        return [call(node.name, layout.sign({ shape: draft.descriptor(inputSlice(shape, rows)), ...places }))];
      }),
    );
    return made;
  };
  const isWritten = (node: GraphNode): boolean => {
    const layout = layoutFor(node);
    return layout !== null && isProduct(node) && writtenBits(node, layout) !== undefined;
  };

  const fold: Weights["fold"] = (node) =>
    draft.memo(`fold ${node.name}`, () => {
      const { name } = node;
      const channels = shapeOf(name).at(-1) as number;
      const [scale, shift] = [draft.allocate(4 * channels), draft.allocate(4 * channels)];
      const running = tensor(parameterName(node, "movingMean"), parameterName(node, "movingVariance"));
      const [gamma, beta] = [tensor(parameterName(node, "gamma")), tensor(parameterName(node, "beta"))];
      const eps = node.attributes.epsilon;
      draft.once(name, k.normFold({ gamma, beta, running, eps, channels, scale, shift }));
      return { scale, shift };
    });
  const readers: BitValues["readers"] = (name) => {
    const byBorder = new Map<string, ProductNode>();
    for (const node of flow.consumers(name)) {
      if (!takesBits(node)) continue;
      const key = bordersOf(windowOf(node), kernel.layout);
      if (!byBorder.has(key)) byBorder.set(key, node);
    }
    return [...byBorder.values()];
  };

  return {
    network: { graph, flow, shapeOf, windowOf },
    weights: { tensor, fold },
    values: {
      of: value,
      put: (name, place) => {
        values.set(name, place);
      },
      isWanted: (name) => name === flow.result || !flow.consumers(name).every(isWritten),
      isLastUse: (name, last) => {
        const { name: source } = flow.source(name);
        return source !== flow.result && flow.consumers(source).every((node) => last.has(node.name) || isWritten(node));
      },
    },
    bits: { takes: takesBits, buffer: bitsBuffer, put: putBits, for: bitsFor, readers },
    draft,
    kernel,
    images,
    parts,
  };
}

/** A text that is the same for windows whose padded buffers of bits have one form and one border. */
function bordersOf(shape: ConvShape, layout: BitLayout): string {
  const { images, height, width, channels, padTop, padLeft, paddedHeight, paddedWidth, padOne } = shape;
  const border = paddedHeight !== height || paddedWidth !== width ? Number(padOne) : 0;
  return [layout.name, images, height, width, channels, padTop, padLeft, paddedHeight, paddedWidth, border].join(" ");
}

const bytesOf = (data: PackedTensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first, ...rest] = parts;
  if (first !== undefined && rest.length === 0) return first;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
