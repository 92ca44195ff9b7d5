/** Who has which value as bits. Bits that nobody writes on the way are made of the f32 value for their first reader. */
import type { GraphNode } from "../nn/graph.ts";
import { isProduct, type ProductNode } from "../nn/nodes.ts";
import { type ConvShape, paddedPixels } from "../program/kernels.ts";
import { at } from "../program/place.ts";
import { bitsRows } from "./bits.ts";
import type { Bits, BitValues, Context, Values } from "./context.ts";
import { call } from "./draft.ts";
import type { BitLayout } from "./layout.ts";
import { productOpOf } from "./ops/index.ts";
import { productFormOf } from "./product/index.ts";
import { cutHeight } from "./slices.ts";
import { pixelShape } from "./windows.ts";

type Given = Pick<Context, "network" | "draft" | "kernel" | "images" | "parts">;

export interface CreatedBits extends BitValues {
  /** True where the bits that a layer reads are written. */
  readonly isWritten: (node: GraphNode) => boolean;
}

export function createBits({ network, draft, kernel, images, parts }: Given, realOf: Values["of"]): CreatedBits {
  const { flow, windowOf } = network;
  const known = new Map<string, Bits>();
  const layoutFor = (node: GraphNode): BitLayout | null =>
    isProduct(node) ? productFormOf(node).layout(kernel) : null;
  /** True where the window is over the pixels of the value that it reads, and not over others of an alias. */
  const isOverPixels = (node: ProductNode): boolean => {
    const [seen, made] = [windowOf(node), pixelShape(images, network.shapeOf(flow.source(node.inputs[0]).name))];
    return seen.height === made.height && seen.width === made.width && seen.channels === made.channels;
  };
  const takes = (node: GraphNode): node is ProductNode =>
    isProduct(node) &&
    layoutFor(node) === kernel.layout &&
    productOpOf(node).takesPixels(node, network.shapeOf(node.inputs[0])) &&
    isOverPixels(node);

  const make = (name: string, shape: ConvShape, layout: BitLayout): Bits => {
    const bytes = paddedPixels(shape) * layout.pixelBytes(shape.channels);
    const descriptor = draft.descriptor(shape);
    const fill = (out: Bits["place"]) => layout.fillBorder({ shape: descriptor, out });
    return { shape, layout, place: draft.bordered(bytes, { key: bordersOf(shape, layout), node: name, fill }) };
  };
  const register = (name: string, made: Bits): Bits => {
    known.set(`${name} ${bordersOf(made.shape, made.layout)}`, made);
    return made;
  };
  const sourceOf = (node: ProductNode): string => flow.source(node.inputs[0]).name;
  const written = (node: ProductNode, layout: BitLayout): Bits | undefined =>
    known.get(`${sourceOf(node)} ${bordersOf(windowOf(node), layout)}`);

  const signs: BitValues["signs"] = (node, { x, shape: window, layout }, { draft: own, parts: count }) => {
    const made = make(node, window, layout);
    const { width, channels } = window;
    const jobs = cutHeight(window, count).map((rows) => {
      const { next: shape, nextBits: out } = bitsRows(made, rows, draft);
      return [call(node, layout.sign({ shape, x: at(x, 4 * rows.first * width * channels), out }))];
    });
    own.phase(jobs);
    return made;
  };
  const bitsFor = (node: ProductNode): Bits => {
    const layout = layoutFor(node);
    if (layout === null) throw new Error(`layer "${node.name}" reads no bits`);
    const found = written(node, layout);
    if (found !== undefined) return found;
    const source = sourceOf(node);
    const given = { x: realOf(source), shape: windowOf(node), layout };
    return register(source, signs(node.name, given, { draft, parts }));
  };
  const readers: BitValues["readers"] = (name) => {
    const byBorder = new Map<string, ProductNode>();
    for (const node of flow.consumers(name)) {
      if (!takes(node)) continue;
      const key = bordersOf(windowOf(node), kernel.layout);
      if (!byBorder.has(key)) byBorder.set(key, node);
    }
    return [...byBorder.values()];
  };
  return {
    takes,
    buffer: (name, shape) => make(name, shape, kernel.layout),
    put: (name, shape) => register(name, make(name, shape, kernel.layout)),
    for: bitsFor,
    signs,
    readers,
    isWritten: (node) => {
      const layout = layoutFor(node);
      return layout !== null && isProduct(node) && written(node, layout) !== undefined;
    },
  };
}

/** A text that is the same for windows whose padded buffers of bits have one form and one border. */
function bordersOf(shape: ConvShape, layout: BitLayout): string {
  const { images, height, width, channels, padTop, padLeft, paddedHeight, paddedWidth, padOne } = shape;
  const border = paddedHeight !== height || paddedWidth !== width ? Number(padOne) : 0;
  return [layout.name, images, height, width, channels, padTop, padLeft, paddedHeight, paddedWidth, border].join(" ");
}
