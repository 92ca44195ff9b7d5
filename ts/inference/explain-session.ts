/**
 * What runs in inference: per layer the kernel, bits, bytes and multiply-accumulates, and why not the fast path. It is read
 * off the very calls that a run makes.
 */

import { groupBy } from "../base/group.ts";
import type { GraphNode, OpName } from "../nn/graph.ts";
import { isAffine, isPassed, isProduct, multiplyAccumulates } from "../nn/nodes.ts";
import { activationsAreElastic, groupsOfProduct, type Product } from "../nn/operands.ts";
import { packedParametersOf } from "../nn/parameters.ts";
import { elementsOf, type Shape } from "../nn/shapes.ts";
import {
  accumulatorObstacles,
  channelObstacles,
  groupObstacles,
  type LayerPart,
  machineObstacles,
  type Obstacle,
  partsOf,
  realOperandObstacles,
  workOf,
} from "../obstacles.ts";
import type { Call, KernelName } from "../program/inference-call.ts";
import type { BinaryKernel } from "../runtime/probe.ts";
import type { Variant } from "../runtime/variants.ts";
import type { Network } from "./context.ts";
import { formOf, hasScale } from "./forms.ts";
import type { Group } from "./fuse/groups.ts";
import { CODEWORDS, PRODUCT_KERNELS, type ProductKernel } from "./layout.ts";
import { createNetwork } from "./network.ts";
import { affineOpOf, isWhole, wholeOpOf } from "./ops/index.ts";
import type { Prepared } from "./prepare.ts";
import { productFormOf } from "./product/index.ts";
import { asImage } from "./windows.ts";

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
  /** The parts of a layer that has several, such as attention; the kernel above is that of the first product. */
  readonly parts: readonly LayerPart[];
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
  readonly probeMicroseconds?: Readonly<Partial<Record<BinaryKernel, number>>>;
  readonly layers: readonly ExplainedLayer[];
  /** Bytes of memory the session has reserved. */
  readonly memoryBytes: number;
  /** What slows all layers down. */
  readonly obstacles: readonly Obstacle[];
}

/** The explanation of what runs in `memory`, prepared with the build `variant` of the core. */
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

function layersOf({ model: { graph }, compiled, kernel: name }: Prepared): readonly ExplainedLayer[] {
  const network = createNetwork(graph, 1);
  const kernel = PRODUCT_KERNELS[name];
  const inBits = new Set(packedParametersOf(graph).flatMap(({ node, role }) => (role === "latent" ? [node] : [])));
  const calls = groupBy(compiled.program.flat(2), ({ node }) => node);
  const groups = new Map(compiled.groups.flatMap((group) => group.members.map((member) => [member, group] as const)));

  return graph.nodes.map((node): ExplainedLayer => {
    const own = calls.get(node.name) ?? [];
    const group = groups.get(node.name);
    const main = own.find(isWork) ?? own[0];
    const work = main === undefined ? null : workOf(main.kernel);
    const shape = network.shapeOf(node.name);
    const lead = group !== undefined && "product" in group ? group.product.name : null;
    const isInside = isPassed(node) || (group !== undefined && node.name !== group.members.at(-1));
    return {
      node: node.name,
      op: node.op,
      outputShape: shape,
      product: work?.product ?? null,
      kernel: main?.kernel ?? null,
      tile: work?.tile ?? null,
      parts: partsOf(own),
      fusedInto: own.length === 0 ? lead : null,
      weightBits: inBits.has(node.name) ? 1 : 32,
      activationBits: work === null || work.product === "ff" || work.kernel === "fb_sign_conv" ? 32 : 1,
      weightBytes: weightBytes(node, network, main?.kernel.startsWith("bb_codeword") ? CODEWORDS : kernel),
      valueBytes: isInside ? 0 : valueBytes(shape, calls.get(lead ?? node.name) ?? [], kernel),
      multiplyAccumulates: multiplyAccumulates(node, node.inputs.map(network.shapeOf), shape),
      obstacles: [
        ...realOperandObstacles(node, network.shapeOf(node.inputs[0] ?? node.name)),
        ...(work === null || !isProduct(node)
          ? []
          : channelObstacles(work, network.windowOf(node).channels, groupsOfProduct(node))),
        ...groupObstacles(node),
        ...(isWhole(node) ? (wholeOpOf(node).obstacles?.(node, network) ?? []) : []),
        ...accumulatorObstacles(node, work),
        ...sumObstacles(node, group),
        ...middleObstacles(node, own),
      ],
    };
  });
}

const isWork = ({ kernel }: Call): boolean => workOf(kernel) !== null;

function weightBytes(node: GraphNode, network: Network, kernel: ProductKernel): number {
  if (isProduct(node)) return productFormOf(node).weightBytes(network.windowOf(node), kernel, network.images);
  if (isWhole(node)) return wholeOpOf(node).weightBytes?.(node, { network }) ?? 0;
  if (!isAffine(node)) return 0;
  return affineOpOf(node).madeBytes?.(network.channelsOf(node.name)) ?? 0;
}

/** Bytes of one image's value. The calls that write it say as which it leaves: as f32, as bits, or as both. */
function valueBytes(shape: Shape, calls: readonly Call[], { layout }: ProductKernel): number {
  const products = calls.filter(isWork);
  const [height, width, channels] = asImage(shape);
  // A product alone may leave bits and nothing else.
  const real = products.length === 0 || isGiven(products, "out") ? 4 * elementsOf(shape) : 0;
  return real + (isGiven(calls, "nextBits") ? height * width * layout.pixelBytes(channels) : 0);
}

/** True where a call has such an argument, and it is not left out. */
const isGiven = (calls: readonly Call[], argument: string): boolean =>
  calls.some((call) => (call.arguments[argument] ?? null) !== null);

/** Bits that begin at a number of the layer's own, where no comparison of sums makes them on the way out. */
function middleObstacles(node: GraphNode, calls: readonly Call[]): readonly Obstacle[] {
  if (!isProduct(node) || !activationsAreElastic(node)) return [];
  if (!calls.some(({ kernel }) => kernel === "quantize_forward")) return [];
  const reason = "bits of the input begin at a number that the layer has learned, and take two passes over the input";
  return [{ reason, remedy: "Let it alone read a batchNorm that follows a layer with both quantizers, or take poly." }];
}

/** Sums of a product of bits that nothing is done to on the way out. */
function sumObstacles(node: GraphNode, group: Group | undefined): readonly Obstacle[] {
  const isExact = isProduct(node) && formOf(node) === "exact" && groupsOfProduct(node) === 1;
  if (!isExact || group?.kind !== "rows") return [];
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
