/**
 * What the compiler knows while it goes from layer to layer: where values lie, in f32 and as bits, where weights lie, and
 * what it has to say about each layer.
 */
import type { Graph, GraphNode } from "../nn/graph.ts";
import type { ProductNode } from "../nn/nodes.ts";
import type { Shape } from "../nn/shapes.ts";
import type { ConvShape } from "../program/kernels.ts";
import type { Place } from "../program/place.ts";
import type { Draft } from "./draft.ts";
import type { Flow, Reader } from "./flow.ts";
import type { BitLayout, ProductKernel } from "./layout.ts";

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
  /** Images of a run. */
  readonly images: number;
  readonly shapeOf: (name: string) => Shape;
  /** The last axis of a value. */
  readonly channelsOf: (name: string) => number;
  /** The window of a convolution or dense layer. */
  readonly windowOf: (node: ProductNode) => ConvShape;
  /** The window under which a node reads bits of an input: its own, or the pixels of the value. */
  readonly windowAt: (reader: Reader) => ConvShape;
}

/** The numbers that every channel is multiplied by, and those that are added. */
export interface ScaleAndShift {
  readonly scale: Place;
  readonly shift: Place;
}

/** Values as f32. */
export interface Values {
  /** Memory for the value of `name`, or the value it has already. */
  readonly of: (name: string) => Place;
  /** Makes `name` the value at `place`. */
  readonly put: (name: string, place: Place) => void;
  /** True where anyone reads the value of `name` as f32, now that some of its bits are written. */
  readonly isWanted: (name: string) => boolean;
  /** True where the f32 value of `name` is of no use to anyone once the nodes `readers` have run. */
  readonly isLastUse: (name: string, readers: ReadonlySet<string>) => boolean;
}

/** f32 values whose signs are wanted, under the window of their reader. */
export interface SignsGiven {
  readonly x: Place;
  readonly shape: ConvShape;
  readonly layout: BitLayout;
}

/** Values as bits, in the padded buffers of their readers. */
export interface BitValues {
  /** True where a layer takes bits of an input as the product's kernel writes them, pixel by pixel. */
  readonly takes: (reader: Reader) => boolean;
  /** The same where bits begin at a number by channel: also a layer whose bits begin at a number of its own, and alone reads them. */
  readonly takesThresholds: (reader: Reader) => boolean;
  /** Memory for bits of `name` under the window `shape`. Bits past the last channel are 0 and stay so. */
  readonly buffer: (name: string, shape: ConvShape) => Bits;
  /** The same, registered as what the readers of `name` find. */
  readonly put: (name: string, shape: ConvShape) => Bits;
  /** The same, registered as what this reader finds. */
  readonly putFor: (reader: Reader) => Bits;
  /**
   * The bits of a layer's input, in the layout and the window of the layer: made from f32 where nobody has written them. It is
   * the first input where no place is given.
   */
  readonly for: (node: GraphNode, place?: number) => Bits;
  /** The signs of f32 values under a window, by calls for `node` in a phase of the draft's own. */
  readonly signs: (node: string, given: SignsGiven, context: Pick<Context, "draft" | "parts">) => Bits;
  /** The windows of the layers that take the signs of `name` in the layout of the product's kernel, one for each border. */
  readonly windows: (name: string) => readonly ConvShape[];
}

export interface Context {
  readonly network: Network;
  /** These tensors of the model file, one after the other. */
  readonly tensor: (...names: readonly string[]) => Place;
  readonly values: Values;
  readonly bits: BitValues;
  readonly draft: Draft;
  /** The kernel of most products, whose layout all have. */
  readonly kernel: ProductKernel;
  /** That of a product with exact sums. */
  readonly kernelOf: (node: ProductNode) => ProductKernel;
  /** Images of one run, and the parts that a layer of one image is cut into, one for each worker. */
  readonly images: number;
  readonly parts: number;
}
