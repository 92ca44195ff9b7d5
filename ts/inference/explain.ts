/**
 * What runs in inference: per layer the kernel, bits, bytes and multiply-accumulates, and why not the fast path. It is read
 * off the very calls that a run makes.
 */
import {
  accumulatorObstacles,
  channelObstacles,
  machineObstacles,
  type Obstacle,
  realOperandObstacles,
  type Work,
  workOf,
} from "../explain.ts";
import type { GraphNode, OpName } from "../nn/graph.ts";
import { shapesOf } from "../nn/network.ts";
import { isProduct, type ProductNode } from "../nn/nodes.ts";
import type { Product } from "../nn/operands.ts";
import { elementsOf, type Shape } from "../nn/shapes.ts";
import { summary } from "../nn/summary.ts";
import type { Call, KernelName } from "../program/call.ts";
import { type ConvShape, nibbleWeightBytes, panelFloats, terms } from "../program/kernels.ts";
import type { BinaryKernel } from "../runtime/probe.ts";
import type { Variant } from "../runtime/variants.ts";
import { flowOf, type Group, hasScale, isAccumulated, isBinary } from "./fuse.ts";
import { PRODUCT_KERNELS } from "./layout.ts";
import type { Prepared } from "./prepare.ts";
import { asImage, productShape } from "./windows.ts";

/** A layer as compiled. */
export interface ExplainedLayer {
  readonly node: string;
  readonly op: OpName;
  readonly outputShape: Shape;
  /** The product, by which operands are +-1; null for layers that multiply nothing. */
  readonly product: Product | null;
  /** The kernel of the core that does the layer's work; null where another layer's kernel does it, or nothing is to do. */
  readonly kernel: KernelName | null;
  /** What a product's kernel works on at a time, "pixels x filters"; null for other layers. */
  readonly tile: string | null;
  /** The layer whose kernel does this layer's work on the way out; null where it has calls of its own. */
  readonly fusedInto: string | null;
  /** Bits of a weight and of an input; 32 where real. */
  readonly weightBits: 1 | 32;
  readonly activationBits: 1 | 32;
  /** Bytes of the weights as the kernel reads them. */
  readonly weightBytes: number;
  /** Bytes of the output of one image in memory; 0 where it never gets there as a whole. */
  readonly valueBytes: number;
  /** For one image. */
  readonly multiplyAccumulates: number;
  readonly obstacles: readonly Obstacle[];
}

export interface Explanation {
  readonly variant: Variant;
  /** The kernel of the +-1 by +-1 product, and how it was chosen. */
  readonly kernel: BinaryKernel;
  readonly chosenBy: "probe" | "caller";
  /** Best times of the candidates in the probe, in microseconds; absent where none raced. */
  readonly probeMicroseconds?: Readonly<Record<BinaryKernel, number>>;
  readonly layers: readonly ExplainedLayer[];
  /** Bytes of memory the session has reserved. */
  readonly memoryBytes: number;
  /** What slows all layers down. */
  readonly obstacles: readonly Obstacle[];
}

/** What runs in `memory`, prepared with the build `variant` of the core. */
export function explanationOf(variant: Variant, prepared: Prepared, memory: WebAssembly.Memory): Explanation {
  const { kernel, probed } = prepared;
  return {
    variant,
    kernel,
    chosenBy: probed === null ? "caller" : "probe",
    ...(probed?.microseconds ? { probeMicroseconds: probed.microseconds } : {}),
    layers: layersOf(prepared),
    memoryBytes: memory.buffer.byteLength,
    obstacles: machineObstacles(variant, false),
  };
}

function layersOf({ model: { graph }, compiled, kernel }: Prepared): readonly ExplainedLayer[] {
  const shapes = shapesOf(graph);
  const flow = flowOf(graph);
  const rows = new Map(summary(graph).rows.map((row) => [row.name, row]));
  const calls = Map.groupBy(compiled.program.flat(2), ({ node }) => node);
  const groups = new Map(compiled.groups.flatMap((group) => group.members.map((member) => [member, group] as const)));
  const shapeOf = (name: string): Shape => shapes.get(name) as Shape;
  const windowOf = (node: ProductNode): ConvShape =>
    productShape(node, 1, shapeOf(node.inputs[0]), shapeOf(flow.source(node.inputs[0]).name));
  const pixelBytes = PRODUCT_KERNELS[kernel].layout.pixelBytes;

  return graph.nodes.map((node): ExplainedLayer => {
    const own = calls.get(node.name) ?? [];
    const group = groups.get(node.name);
    const main = own.find((call) => workOf(call.kernel) !== null) ?? own[0];
    const work = main === undefined ? null : workOf(main.kernel);
    const row = rows.get(node.name);
    const shape = shapeOf(node.name);
    const product = group === undefined || group.kind === "steps" ? null : group.product.name;
    return {
      node: node.name,
      op: node.op,
      outputShape: shape,
      product: work?.product ?? null,
      kernel: main?.kernel ?? null,
      tile: work?.tile ?? null,
      fusedInto: own.length === 0 ? product : null,
      weightBits: row?.bitsPerWeight ?? 32,
      activationBits: work !== null && work.product !== "ff" ? 1 : 32,
      weightBytes: isProduct(node) ? kernelBytes(node, work, windowOf(node), kernel) : normBytes(node, shape),
      valueBytes: valueBytes(node, shape, group, calls.get(product ?? node.name) ?? [], pixelBytes),
      multiplyAccumulates: row?.multiplyAccumulates ?? 0,
      obstacles: [
        ...realOperandObstacles(node),
        ...(work === null || !isProduct(node) ? [] : channelObstacles(work, windowOf(node).channels)),
        ...accumulatorObstacles(node, work),
        ...sumObstacles(node, group),
      ],
    };
  });
}

/** A scale and a shift a channel. */
const normBytes = ({ op }: GraphNode, shape: Shape): number => (op === "batchNorm" ? 8 * (shape.at(-1) ?? 0) : 0);

function kernelBytes(node: ProductNode, work: Work | null, shape: ConvShape, kernel: BinaryKernel): number {
  const [k, n] = [terms(shape), shape.filters];
  if (work?.product !== "bb") return 4 * (work?.product === "ff" ? panelFloats(k, n) : k * n);
  return isAccumulated(node) ? nibbleWeightBytes(shape) : PRODUCT_KERNELS[kernel].weightBytes(shape);
}

/**
 * Bytes of one image's value, by the calls of its product or its own. Of a group's values only the last one is written as a
 * whole: as f32, as bits, or as both.
 */
function valueBytes(
  { name, op }: GraphNode,
  shape: Shape,
  group: Group | undefined,
  calls: readonly Call[],
  pixelBytes: (channels: number) => number,
): number {
  // Flatten is the same memory as its input.
  if (op === "flatten" || (group !== undefined && name !== group.members.at(-1))) return 0;
  const [height, width, channels] = asImage(shape);
  const [real, bits] = [4 * elementsOf(shape), height * width * pixelBytes(channels)];
  if (group?.kind === "bits") return bits;
  // A scale and shift by itself, which leaves signs beside.
  if (group === undefined && isGiven(calls, "nextBits")) return real + bits;
  if (group?.kind !== "norm") return real;
  const product = calls.filter(({ kernel }) => workOf(kernel) !== null);
  return (isGiven(product, "out") ? real : 0) + (isGiven(product, "nextBits") ? bits : 0);
}

/** Whether a call has such an argument, and it is not left out. */
const isGiven = (calls: readonly Call[], argument: string): boolean =>
  calls.some((call) => (call.arguments[argument] ?? null) !== null);

/** Sums of a product of bits that nothing is done to on the way out. */
function sumObstacles(node: GraphNode, group: Group | undefined): readonly Obstacle[] {
  if (!isProduct(node) || !isBinary(node) || group?.kind !== "rows") return [];
  if (hasScale(node)) {
    const reason =
      "sums are multiplied by a scale of each filter in a pass of its own, and thresholds do not take them";
    return [{ reason, remedy: "Let a batchNorm follow, which learns a scale, and take a quantizer without one." }];
  }
  const reason = "sums leave as f32, and what follows takes a pass of its own";
  const remedy =
    "Let batchNorm follow the layer directly, or after a max-pool only layers with both quantizers; give it no bias.";
  return [{ reason, remedy }];
}
