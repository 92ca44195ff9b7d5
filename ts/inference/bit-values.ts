/** Who has which value as bits. Bits that nobody writes on the way are made of the f32 value for their first reader. */
import { isProduct } from "../nn/nodes.ts";
import { activationsAreElastic } from "../nn/operands.ts";
import { type ConvShape, paddedPixels } from "../program/kernels.ts";
import { at, type Place } from "../program/place.ts";
import { bitsRows } from "./bits.ts";
import type { Bits, BitValues, Context, Values } from "./context.ts";
import { call } from "./draft.ts";
import type { Reader } from "./flow.ts";
import type { BitLayout } from "./layout.ts";
import { isWhole, productOpOf, wholeOpOf } from "./ops/index.ts";
import { elasticParts } from "./product/elastic-parts.ts";
import { productFormOf } from "./product/index.ts";
import { cutHeight } from "./slices.ts";
import { pixelShape } from "./windows.ts";

type Given = Pick<Context, "network" | "draft" | "kernel" | "images" | "parts" | "tensor">;

export interface CreatedBits extends BitValues {
  /** True where the bits that a layer reads are written. */
  readonly isWritten: (reader: Reader) => boolean;
}

export function createBits(
  { network, draft, kernel, images, parts, tensor }: Given,
  realOf: Values["of"],
): CreatedBits {
  const { flow, windowAt } = network;
  const known = new Map<string, Bits>();
  const sourceOf = ({ node, place }: Reader): string => flow.source(node.inputs[place] as string).name;
  const layoutFor = ({ node, place }: Reader): BitLayout | null => {
    if (isProduct(node)) return productFormOf(node).layout(kernel);
    return isWhole(node) && wholeOpOf(node).readsBits?.(node, place, network) === true ? kernel.layout : null;
  };
  /** True where the window is over the pixels of the value that it reads, and not over others of an alias. */
  const isOverPixels = (reader: Reader): boolean => {
    const [seen, made] = [windowAt(reader), pixelShape(images, network.shapeOf(sourceOf(reader)))];
    return seen.height === made.height && seen.width === made.width && seen.channels === made.channels;
  };
  /** True for a layer whose bits begin at a number of its own, and not at 0. */
  const isElastic = ({ node }: Reader): boolean => isProduct(node) && activationsAreElastic(node);
  const takesPixels = (reader: Reader): boolean =>
    layoutFor(reader) === kernel.layout &&
    (!isProduct(reader.node) ||
      productOpOf(reader.node).takesPixels(reader.node, network.shapeOf(reader.node.inputs[0]))) &&
    isOverPixels(reader);
  const takes: BitValues["takes"] = (reader) => takesPixels(reader) && !isElastic(reader);
  // Bits of such a layer are nobody else's.
  const takesThresholds: BitValues["takesThresholds"] = (reader) =>
    takesPixels(reader) && (!isElastic(reader) || flow.consumers(sourceOf(reader)).length === 1);

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
  /** The name that the bits of a layer's input are known by. */
  const nameOf = (reader: Reader): string =>
    isElastic(reader) ? `${sourceOf(reader)} of ${reader.node.name}` : sourceOf(reader);
  const written = (reader: Reader, layout: BitLayout): Bits | undefined =>
    known.get(`${nameOf(reader)} ${bordersOf(windowAt(reader), layout)}`);
  /** The f32 values whose signs are a layer's bits. */
  const signedOf = (reader: Reader): Place => {
    const [{ node }, x] = [reader, realOf(sourceOf(reader))];
    if (!isProduct(node) || !isElastic(reader)) return x;
    const { images: count, height, width, channels } = windowAt(reader);
    return elasticParts().signed(node, { x, elements: count * height * width * channels, parts }, { draft, tensor });
  };

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
  const bitsFor: BitValues["for"] = (node, place = 0) => {
    const reader = { node, place };
    const layout = layoutFor(reader);
    if (layout === null) throw new Error(`layer "${node.name}" reads no bits`);
    const found = written(reader, layout);
    if (found !== undefined) return found;
    const given = { x: signedOf(reader), shape: windowAt(reader), layout };
    return register(nameOf(reader), signs(node.name, given, { draft, parts }));
  };
  const windows: BitValues["windows"] = (name) => {
    const byBorder = new Map<string, ConvShape>();
    for (const reader of flow.consumers(name)) {
      if (!takes(reader)) continue;
      const window = windowAt(reader);
      const key = bordersOf(window, kernel.layout);
      if (!byBorder.has(key)) byBorder.set(key, window);
    }
    return [...byBorder.values()];
  };
  return {
    takes,
    buffer: (name, shape) => make(name, shape, kernel.layout),
    put: (name, shape) => register(name, make(name, shape, kernel.layout)),
    putFor: (reader) => register(nameOf(reader), make(sourceOf(reader), windowAt(reader), kernel.layout)),
    takesThresholds,
    for: bitsFor,
    signs,
    windows,
    isWritten: (reader) => {
      const layout = layoutFor(reader);
      return layout !== null && written(reader, layout) !== undefined;
    },
  };
}

/** A text that is the same for windows whose padded buffers of bits have one form and one border. */
function bordersOf(shape: ConvShape, layout: BitLayout): string {
  const { images, height, width, channels, padTop, padLeft, paddedHeight, paddedWidth, padOne } = shape;
  const border = paddedHeight !== height || paddedWidth !== width ? Number(padOne) : 0;
  return [layout.name, images, height, width, channels, padTop, padLeft, paddedHeight, paddedWidth, border].join(" ");
}
