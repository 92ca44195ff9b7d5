/**
 * FlipRatio: the share of the binary weights whose sign an update changes, by layer and in total; the mean over the updates
 * of an epoch (Helwegen et al., NeurIPS 2019, section 5). A run that settles ends with few flips, one that does not learn has
 * none, one whose step is too large has many.
 *
 * A step that counts them ends with a phase that reads the weights before and after the update once: 8 bytes a weight, no
 * product; weights that are standardised, twice more. Steps of runs that do not ask for it have no such
 * phase, and their plans no memory for it. Where convolutions are the work it is less than 1 % of a step (cnn); where a step is
 * little more than its weights, 5 % (mlp).
 */
import { ProxbitError } from "../../base/errors.ts";
import type { Graph } from "../../nn/graph.ts";
import { networkOf, parameterName } from "../../nn/network.ts";
import { kernelMatrix } from "../../nn/shapes.ts";
import type { KernelCall } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import { createSegment, type Segment } from "../../program/segment.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import { deriveWeights } from "../ops/product/derived-weights.ts";
import { CHUNK, type ParameterLayout, type TrainedTensor } from "./layout.ts";

/** Shares in [0, 1]: of all binary weights, and of those of each layer by its name. */
export interface FlipRatio {
  readonly total: number;
  readonly layers: Readonly<Record<string, number>>;
}

/** Counts of one job: `weights` of the layer `node`, before and after the update, and where the count goes. */
export interface FlipCount {
  readonly node: string;
  readonly before: Place;
  readonly after: Place;
  readonly weights: number;
  readonly out: Place;
}

/** What a plan counts flips with. */
export interface FlipPlan {
  /** Standardise the weights before and after the update, where a quantizer does: the sign is that of w'. */
  readonly prepare: readonly { readonly node: string; readonly calls: readonly KernelCall[] }[];
  readonly counts: readonly FlipCount[];
  /** All counts, one after the other. */
  readonly all: Place;
}

type SegmentPart = Pick<Segment, "allocate" | "floats">;

/** A count for each piece of each binary kernel. */
export function planFlips(graph: Graph, layout: ParameterLayout, { allocate, floats }: SegmentPart): FlipPlan {
  const { tensors, previous, values } = layout;
  const { quantizers } = networkOf(graph);
  const none = floats(new Float32Array(4));
  const prepare: { readonly node: string; readonly calls: readonly KernelCall[] }[] = [];
  const pieces = [...tensors.values()].flatMap(({ parameter, value: latent, size }) => {
    const quantizer = quantizers.get(parameter.name);
    if (quantizer?.hard !== "sign") return [];
    const [rows, n] = kernelMatrix(parameter);
    // Neither a scale nor tanh w / max |tanh w| changes a sign.
    const standardize = quantizer.standardize === "tanhMax" ? "none" : quantizer.standardize;
    const plain: Quantizer = { ...quantizer, scale: "none", standardize, backward: "one" };
    /** The weights whose signs are the binary ones. */
    const signed = (block: Place): Place => {
      const placeOf = ({ value }: TrainedTensor): Place => at(block, value.offset);
      const own = (key: string): Place =>
        placeOf(tensors.get(parameterName({ name: parameter.node }, key)) as TrainedTensor);
      const given = {
        own,
        node: parameter.node,
        latent: at(block, latent.offset),
        rows,
        n,
        quantizer: plain,
        // No sign depends on one.
        parameters: none,
      };
      const { source, calls } = deriveWeights(given, allocate);
      if (calls.length > 0) prepare.push({ node: parameter.node, calls });
      return source;
    };
    const [before, value] = [signed(previous), signed(values)];
    return Array.from({ length: Math.ceil(size / CHUNK) }, (_, i) => {
      const [start, weights] = [4 * CHUNK * i, Math.min(CHUNK, size - CHUNK * i)];
      return { node: parameter.node, before: at(before, start), after: at(value, start), weights };
    });
  });
  const all = allocate(4 * pieces.length);
  return { prepare, counts: pieces.map((piece, i) => ({ ...piece, out: at(all, 4 * i) })), all };
}

/** Flips of steps so far, as a plain record: of each layer by its name. */
export interface FlipCounts {
  steps: number;
  readonly flipped: Record<string, number>;
}

/** Adds up the flips of steps. */
export interface FlipMeter {
  readonly counts: FlipCounts;
  /** The share of flips in one step, out of the counts that it left. */
  readonly add: (counts: Uint8Array) => number;
  /** The mean over the steps added. */
  readonly mean: () => FlipRatio;
}

/** A meter for the network of `layout`, which goes on from `from` where that is given. @throws ProxbitError `argument` where it has no binary weights. */
export function createFlipMeter(graph: Graph, layout: ParameterLayout, from: FlipCounts | null = null): FlipMeter {
  const { counts } = planFlips(graph, layout, createSegment());
  if (counts.length === 0) {
    throw new ProxbitError(
      "argument",
      "the network has no binary weights, so none can change their sign",
      "Leave flipRatio (--flip-ratio) out, or give layers a weightQuantizer.",
    );
  }
  const weights = new Map<string, number>();
  for (const piece of counts) weights.set(piece.node, (weights.get(piece.node) ?? 0) + piece.weights);
  const all = [...weights.values()].reduce((sum, count) => sum + count, 0);
  const none = Object.fromEntries([...weights.keys()].map((node) => [node, 0]));
  const sums: FlipCounts = from ?? { steps: 0, flipped: none };
  const { flipped } = sums;
  return {
    counts: sums,
    add: (bytes) => {
      const found = new Uint32Array(bytes.buffer, bytes.byteOffset, counts.length);
      let total = 0;
      for (const [i, { node }] of counts.entries()) {
        total += found[i] as number;
        flipped[node] = (flipped[node] as number) + (found[i] as number);
      }
      sums.steps++;
      return total / all;
    },
    mean: () => {
      const { steps } = sums;
      const total = Object.values(flipped).reduce((sum, count) => sum + count, 0);
      const shares = [...weights].map(([node, count]) => [node, (flipped[node] as number) / (steps * count)]);
      return { total: total / (steps * all), layers: Object.fromEntries(shares) };
    },
  };
}
