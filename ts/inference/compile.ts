/**
 * The inference compiler: a packed model to a list of calls over planned memory.
 *
 * A value is real (f32) or bits. A layer with +-1 weights and +-1 activations gives integer sums; where these only go
 * through max-pooling and batch normalisation into the signs of other such layers, the whole chain becomes one integer
 * comparison a channel, and pooling works on the bits (OR). The threshold is found by bisection on the very expression
 * that batch normalisation computes, so the bit is the same as the unfused one, always.
 */
import type { PackedModel, PackedTensor } from "../io/model-file.ts";
import type { GraphNode, NodeOf, Shape } from "../nn/graph.ts";
import { convGeometry, elementsOf, shapesOf } from "../nn/shapes.ts";
import { createArena } from "../runtime/arena.ts";
import {
  type ConvShape,
  denseShape,
  encodeConvShape,
  isUnpadded,
  mixedScratchBytes,
  outputPixels,
  paddedPixels,
  panelFloats,
  reduction,
  taps,
  windowShape,
} from "../runtime/conv-shape.ts";
import type { KernelName } from "../runtime/exports.ts";
import type { BinaryKernel } from "../runtime/probe.ts";
import type { Call, Write } from "../runtime/program.ts";
import { type Fusion, fusionsOf, isProduct, type ProductNode, sourcesOf } from "./fuse.ts";
import { type BitLayout, LAYOUTS, NIBBLES } from "./layout.ts";

/** A layer as compiled, for `explain`. */
export interface CompiledLayer {
  readonly node: string;
  readonly op: GraphNode["op"];
  /** The product, by which operands are +-1; null for layers that multiply nothing. */
  readonly product: "ff" | "fb" | "bb" | null;
  /** The kernel of the core that runs; empty where the layer is part of another. */
  readonly kernel: KernelName | "";
  readonly outputShape: Shape;
  /** Bits of a weight and of an activation; 32 where real. */
  readonly weightBits: 1 | 32;
  readonly activationBits: 1 | 32;
  readonly multiplyAccumulates: number;
  /** What became of the layer, or why it is not on the fast path and what to change. */
  readonly note: string;
}

/** To be done after `setup` has run: make the mask of the flips (a byte a channel) at `flips`, and write it to `mask`. */
export interface FlipJob {
  readonly flips: number;
  readonly channels: number;
  readonly mask: number;
  readonly layout: Pick<BitLayout, "mask">;
}

export interface Compiled {
  readonly writes: readonly Write[];
  readonly setup: readonly Call[];
  readonly flipJobs: readonly FlipJob[];
  readonly calls: readonly Call[];
  readonly layers: readonly CompiledLayer[];
  /** Addresses of the real input and output of a batch, and their floats an image. */
  readonly input: number;
  readonly inputSize: number;
  readonly output: number;
  readonly outputSize: number;
  /** One past the last byte. */
  readonly end: number;
}

/** Thresholds of a fused chain in memory. */
interface Thresholds {
  readonly fusion: Fusion;
  readonly thresholds: number;
  readonly flips: number;
}

/** Compiles `model` for batches of `batch` images and the binary kernel `kernel`, in memory that starts at `base`. */
export function compile(model: PackedModel, batch: number, kernel: BinaryKernel, base: number): Compiled {
  const { graph } = model;
  const shapes = shapesOf(graph);
  const fusions = fusionsOf(graph);
  const sources = sourcesOf(graph);
  const arena = createArena(base);
  const writes: Write[] = [];
  const setup: Call[] = [];
  const flipJobs: FlipJob[] = [];
  const calls: Call[] = [];
  const layers: CompiledLayer[] = [];
  const values = new Map<string, number>();
  const sums = new Map<string, number>();
  const folded = new Map<string, Thresholds>();
  const fusedProducts = new Set([...fusions.values()].map(({ product }) => product.name));
  const fusedPools = new Set([...fusions.values()].flatMap(({ pool }) => (pool === null ? [] : [pool.name])));

  const shapeOf = (name: string): Shape => shapes.get(name) as Shape;
  const sourceOf = (name: string): GraphNode => sources.get(name) as GraphNode;
  const addressOf = (name: string): number => values.get(sourceOf(name).name) as number;
  const place = (bytes: Uint8Array): number => {
    const address = arena.allocate(bytes.length);
    writes.push({ address, bytes });
    return address;
  };
  const tensor = (name: string): PackedTensor => model.parameters.get(name) as PackedTensor;
  const placeTensor = (...names: readonly string[]): number => {
    const parts = names.map((name) => bytesOf(tensor(name)));
    const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return place(joined);
  };
  const descriptor = (shape: ConvShape): number => place(encodeConvShape(shape));
  const realValue = (name: string): number => {
    const address = arena.allocate(4 * batch * elementsOf(shapeOf(name)));
    values.set(name, address);
    return address;
  };
  const once = (node: string, name: KernelName, ...args: number[]): void => {
    setup.push({ node, kernel: name, arguments: args });
  };
  const emit = (node: string, name: KernelName, ...args: number[]): void => {
    calls.push({ node, kernel: name, arguments: args });
  };
  const explain = (node: GraphNode, layer: Partial<CompiledLayer>): void => {
    const outputShape = shapeOf(node.name);
    const none = { product: null, kernel: "" as const, weightBits: 32 as const, activationBits: 32 as const };
    layers.push({ node: node.name, op: node.op, outputShape, ...none, multiplyAccumulates: 0, note: "", ...layer });
  };

  const compileProduct = (node: ProductNode): void => {
    const { name } = node;
    const { useBias, weightQuantizer, activationQuantizer } = node.attributes;
    const bits = activationQuantizer !== null;
    const binary = bits && weightQuantizer !== null;
    const shape = productShape(
      node,
      batch,
      shapeOf(node.inputs[0]),
      binary ? shapeOf(sourceOf(node.inputs[0]).name) : null,
    );
    const [k, n] = [reduction(shape), shape.filters];
    const floats = outputPixels(shape) * n;
    const at = descriptor(shape);
    const result = arena.allocate(4 * floats);
    const bias = useBias ? placeTensor(`${name}/bias`) : 0;
    const fused = fusedProducts.has(name);
    const common = {
      multiplyAccumulates: (floats / batch) * k,
      weightBits: weightQuantizer === null ? (32 as const) : (1 as const),
      activationBits: bits ? (1 as const) : (32 as const),
    };

    if (!bits) {
      const weights = weightQuantizer === null ? placeTensor(`${name}/kernel`) : arena.allocate(4 * k * n);
      if (weightQuantizer !== null) once(name, "unpack_file_bits_real", placeTensor(`${name}/kernel`), k, n, weights);
      const panels = arena.allocate(4 * panelFloats(k, n));
      once(name, "pack_panels", weights, k, n, panels);
      let x = addressOf(node.inputs[0]);
      if (!isUnpadded(shape)) {
        const padded = arena.allocate(4 * paddedPixels(shape) * shape.channels);
        emit(name, "pad_real", at, x, padded);
        x = padded;
      }
      emit(name, "ff_conv", at, x, panels, bias, result);
      values.set(name, result);
      const note = "real activations; give the layer an activationQuantizer to run on bits";
      explain(node, { ...common, product: "ff", kernel: "ff_conv", note });
      return;
    }

    const layout = binary ? LAYOUTS[kernel] : NIBBLES;
    const activations = arena.allocate(paddedPixels(shape) * layout.pixelBytes(shape.channels));
    once(name, layout.fillBorder, at, activations);
    emitBits(node, at, layout, activations);
    if (binary) {
      const file = placeTensor(`${name}/kernel`);
      const weights = arena.allocate(layout.weightBytes(shape));
      const correction = arena.allocate(4 * taps(shape) * n);
      once(name, layout.packWeights, at, file, weights);
      once(name, "bb_correction", at, file, correction);
      emit(name, LAYOUTS[kernel].conv, at, activations, weights, correction, result);
      if (fused) {
        sums.set(name, result);
        const channels = shape.channels % 4 === 0 ? "" : `; ${shape.channels} channels fill groups of 4 only in part`;
        explain(node, { ...common, product: "bb", kernel: LAYOUTS[kernel].conv, note: `bits in, bits out${channels}` });
        return;
      }
      emit(name, "to_real", result, floats);
      explain(node, { ...common, product: "bb", kernel: LAYOUTS[kernel].conv, note: "sums leave as f32" });
    } else {
      const scratch = arena.allocate(mixedScratchBytes(shape));
      emit(name, "fb_conv", at, activations, placeTensor(`${name}/kernel`), result, scratch);
      const note = "real weights; give the layer a weightQuantizer to run on bits";
      explain(node, { ...common, product: "fb", kernel: "fb_conv", note });
    }
    values.set(name, result);
    if (useBias) {
      const ones = place(bytesOf(new Float32Array(n).fill(1)));
      const biased = arena.allocate(4 * floats);
      emit(name, "affine", result, outputPixels(shape), n, ones, bias, biased);
      values.set(name, biased);
    }
  };

  /** Emits what puts the signs of the layer's input into its padded buffer of bits. */
  const emitBits = (node: ProductNode, at: number, layout: Omit<BitLayout, "conv">, activations: number): void => {
    const source = sourceOf(node.inputs[0]);
    const chain = folded.get(source.name);
    if (chain === undefined) {
      emit(node.name, layout.sign, at, addressOf(source.name), activations);
      return;
    }
    const { product, pool } = chain.fusion;
    const channels = shapeOf(source.name).at(-1) as number;
    const mask = arena.allocate(layout.pixelBytes(channels));
    flipJobs.push({ flips: chain.flips, channels, mask, layout });
    const from = sums.get(product.name) as number;
    if (pool === null) {
      emit(source.name, layout.threshold, at, from, chain.thresholds, mask, activations);
      return;
    }
    const plain = pixelShape(batch, shapeOf(product.name));
    const raw = arena.allocate(paddedPixels(plain) * layout.pixelBytes(channels));
    const noFlips = arena.allocate(layout.pixelBytes(channels));
    const window = descriptor(windowShape(batch, convGeometry(pool, shapeOf(product.name))));
    emit(source.name, layout.threshold, descriptor(plain), from, chain.thresholds, noFlips, raw);
    emit(pool.name, layout.maxPool, window, raw, mask, at, activations);
  };

  const compileNorm = (node: NodeOf<"batchNorm">): void => {
    const { name } = node;
    const channels = shapeOf(name).at(-1) as number;
    const [scale, shift] = [arena.allocate(4 * channels), arena.allocate(4 * channels)];
    const running = placeTensor(`${name}/movingMean`, `${name}/movingVariance`);
    const [gamma, beta] = [placeTensor(`${name}/gamma`), placeTensor(`${name}/beta`)];
    once(name, "norm_fold", gamma, beta, running, node.attributes.epsilon, channels, scale, shift);
    const fusion = fusions.get(name);
    if (fusion !== undefined) {
      const [thresholds, flips] = [arena.allocate(4 * channels), arena.allocate(channels)];
      const input = shapeOf(sourceOf(fusion.product.inputs[0]).name);
      const bound = reduction(productShape(fusion.product, 1, shapeOf(fusion.product.inputs[0]), input));
      once(name, "fold_thresholds", scale, shift, channels, bound, thresholds, flips);
      folded.set(name, { fusion, thresholds, flips });
      explain(node, { note: "integer thresholds: the next layer reads bits", activationBits: 1 });
      return;
    }
    const x = addressOf(node.inputs[0]);
    const rows = (batch * elementsOf(shapeOf(name))) / channels;
    emit(name, "affine", x, rows, channels, scale, shift, realValue(name));
    explain(node, { kernel: "affine" });
  };

  const compilePool = (node: NodeOf<"maxPool2d">): void => {
    if (fusedPools.has(node.name)) {
      explain(node, { note: "on bits (OR), after the thresholds", activationBits: 1 });
      return;
    }
    const shape = windowShape(batch, convGeometry(node, shapeOf(node.inputs[0])));
    const places = arena.allocate(outputPixels(shape) * shape.channels);
    emit(node.name, "max_pool", descriptor(shape), addressOf(node.inputs[0]), realValue(node.name), places);
    explain(node, { kernel: "max_pool" });
  };

  const compileAvgPool = (node: NodeOf<"avgPool2d" | "globalAvgPool2d">): void => {
    const at = descriptor(windowShape(batch, convGeometry(node, shapeOf(node.inputs[0]))));
    emit(node.name, "avg_pool", at, addressOf(node.inputs[0]), realValue(node.name));
    explain(node, { kernel: "avg_pool" });
  };

  for (const node of graph.nodes) {
    if (isProduct(node)) compileProduct(node);
    else if (node.op === "batchNorm") compileNorm(node);
    else if (node.op === "maxPool2d") compilePool(node);
    else if (node.op === "avgPool2d" || node.op === "globalAvgPool2d") compileAvgPool(node);
    else if (node.op === "input") realValue(node.name);
    else if (node.op === "activation") {
      const x = addressOf(node.inputs[0]);
      const kind = node.attributes.activation === "relu" ? 0 : 1;
      emit(node.name, "activation_forward", kind, x, realValue(node.name), batch * elementsOf(shapeOf(node.name)));
      explain(node, { kernel: "activation_forward" });
    } else if (node.op === "add") {
      const [a, b] = node.inputs.map(addressOf) as [number, number];
      emit(node.name, "add", a, b, realValue(node.name), batch * elementsOf(shapeOf(node.name)));
      explain(node, { kernel: "add" });
    }
  }
  const input = graph.nodes.find((node) => node.op === "input") as NodeOf<"input">;
  return {
    writes,
    setup,
    flipJobs,
    calls,
    layers,
    input: values.get(input.name) as number,
    inputSize: elementsOf(input.attributes.shape),
    output: addressOf(graph.output),
    outputSize: elementsOf(shapeOf(graph.output)),
    end: arena.end(),
  };
}

const bytesOf = (data: PackedTensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Pixels with nothing around them: what a threshold writes before pooling. */
function pixelShape(images: number, shape: Shape): ConvShape {
  const [height, width, channels] = shape as readonly [number, number, number];
  const one = { kernelHeight: 1, kernelWidth: 1, strideHeight: 1, strideWidth: 1, padTop: 0, padLeft: 0 };
  const sizes = { height, width, paddedHeight: height, paddedWidth: width, outHeight: height, outWidth: width };
  return { images, channels, filters: channels, ...one, ...sizes, padOne: false };
}

/**
 * The geometry of a convolution or dense layer. A dense layer over bits is a convolution whose window is the whole image
 * before the flatten (`image`), so that bits stay in the layout of their pixels; any other is one over rows.
 */
function productShape(node: ProductNode, batch: number, input: Shape, image: Shape | null): ConvShape {
  if (node.op === "conv2d") return windowShape(batch, convGeometry(node, input));
  const { units } = node.attributes;
  if (image === null) return denseShape(batch, input[0] as number, units);
  const [height, width, channels] =
    image.length === 3 ? (image as [number, number, number]) : [1, 1, image[0] as number];
  return {
    ...pixelShape(batch, [height, width, channels]),
    kernelHeight: height,
    kernelWidth: width,
    outHeight: 1,
    outWidth: 1,
    filters: units,
  };
}
