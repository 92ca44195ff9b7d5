/**
 * What a layer sees while the trainer plans it: where its values lie, how the batch is cut, and where to put its own.
 */
import type { Graph, Shape } from "../nn/graph.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import type { ConvShape } from "../runtime/conv-shape.ts";
import type { Call, ProgramBuilder, Task } from "../runtime/program.ts";
import type { ParameterLayout } from "./layout.ts";

/** A fixed share of the batch. The cut does not depend on the number of workers, so neither do the sums. */
export interface Lane {
  readonly index: number;
  /** Number of its first image in the batch. */
  readonly first: number;
  readonly images: number;
}

/** A place where a quantizer acts: the weights or the activations of a node. */
export interface QuantizerSite {
  readonly node: string;
  readonly operand: "weight" | "activation";
  readonly quantizer: Quantizer;
  /** Address of its two live parameters. */
  readonly parameters: number;
}

/**
 * What a program is for. `train`: forward, loss, backward, update. `evaluate`: forward with running statistics.
 * `estimate`: forward with batch statistics, which go into the running ones. The last two are always hard: every
 * quantizer's forward map is the sign.
 */
export interface Mode {
  readonly kind: "train" | "evaluate" | "estimate";
  /** Whether the forward map at a site is the hard sign. */
  readonly hard: (site: QuantizerSite) => boolean;
}

/** How the gradient of a parameter comes about, for the phases after the backward pass. */
export interface GradientSource {
  readonly parameter: string;
  /** Address of the gradient that the optimizer reads. */
  readonly gradient: number;
  /** Per-lane partial sums to be added first; absent where the layer writes the gradient itself. */
  readonly partials?: { readonly address: number; readonly stride: number };
  /**
   * The weight quantizer whose backward map turns the gradient at the quantized weight, added up at `summed`, into the
   * gradient at the latent weight.
   */
  readonly quantized?: { readonly site: QuantizerSite; readonly summed: number };
}

/** A layer in the trainer: what it does in each part of a step. */
export interface LayerPlan {
  /** Work on weights, before the batch; each task stands alone. */
  readonly prepare?: (mode: Mode) => readonly Task[];
  readonly forward: (mode: Mode, builder: ProgramBuilder) => void;
  readonly backward?: (mode: Mode, builder: ProgramBuilder, sinks: Sinks) => void;
  readonly gradients?: readonly GradientSource[];
  /** Bytes of scratch per lane. */
  readonly scratchBytes?: number;
  /** Bytes of scratch per lane of the filter gradient, which runs beside the lane's other work. */
  readonly filterScratchBytes?: number;
}

/**
 * Where gradients at a node's value go. Several consumers add up: the first one writes, later ones write into a spare
 * place that is then added, in the fixed order of the backward pass.
 */
export interface Sinks {
  /** Whether anything before `node` is trained. */
  readonly wanted: (node: string) => boolean;
  /** Calls `emit` for every lane with the address to write to, and adds where an earlier consumer has written. */
  readonly into: (
    builder: ProgramBuilder,
    node: string,
    target: string,
    emit: (lane: Lane, address: number) => void,
  ) => void;
}

export interface PlanContext {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly parameters: ParameterLayout;
  readonly batch: number;
  readonly lanes: readonly Lane[];
  /** Memory of the layer's own; what is in it is whatever an earlier plan left there. */
  readonly allocate: (bytes: number) => number;
  /** A descriptor in memory. */
  readonly descriptor: (shape: ConvShape) => number;
  /** Floats in memory, written once. */
  readonly constant: (values: Float32Array) => number;
  /** A call made once, after planning. */
  readonly once: (call: Call) => void;
  /** A place for a quantizer's live parameters. */
  readonly site: (node: string, operand: "weight" | "activation") => QuantizerSite | null;
  /** A float that the trainer sets before each step: the weight of the batch in the running statistics. */
  readonly momentum: (node: string) => number;
  /** Address of a node's value or gradient for the first image of a lane. */
  readonly value: (node: string, lane: Lane) => number;
  readonly gradient: (node: string, lane: Lane) => number;
  /** The lane's scratch; known once all layers are planned. */
  readonly scratch: (lane: Lane) => number;
  readonly filterScratch: (lane: Lane) => number;
}

/** Cuts `batch` images into at most `count` lanes of equal size; the last may be smaller. */
export function cutLanes(batch: number, count: number): readonly Lane[] {
  const size = Math.ceil(batch / Math.min(batch, count));
  const lanes: Lane[] = [];
  for (let first = 0; first < batch; first += size) {
    lanes.push({ index: lanes.length, first, images: Math.min(size, batch - first) });
  }
  return lanes;
}
