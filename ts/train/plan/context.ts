/**
 * What a layer sees while the trainer plans it: where its values lie, how the batch is cut, and where to put its own.
 */
import type { Shape } from "../../nn/graph.ts";
import type { KernelCall } from "../../program/call.ts";
import type { ConvShape } from "../../program/kernels.ts";
import type { Place } from "../../program/place.ts";
import type { Emit } from "../../program/program.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import type { DerivedWeights } from "../ops/product/derived-weights.ts";
import type { ParameterLayout } from "./layout.ts";

/** A fixed share of the batch. The cut does not depend on the number of workers, so neither do the sums. */
export interface Lane {
  readonly index: number;
  /** Number of its first image in the batch. */
  readonly first: number;
  readonly images: number;
}

/** A place where a quantizer acts: a parameter or an input of a node. */
export interface QuantizerSite {
  readonly node: string;
  readonly operand: "weight" | "activation";
  /** The key of the parameter, or the place of the input (`Operand.at`). */
  readonly at: string | number;
  readonly quantizer: Quantizer;
  /** Its four live parameters, or the numbers that the layer learns, which are neighbours. */
  readonly parameters: Place;
  /** The names of those numbers' tensors, in their order; none for most quantizers. */
  readonly learned: readonly string[];
  /** Its samples (`encodeTable`); null where it has none. */
  readonly table: Place | null;
}

/**
 * What a program is for. `train`: forward, loss, backward, update. `evaluate`: forward with running statistics.
 * `estimate`: forward with batch statistics, which go into the running ones. The last two are hard, every
 * quantizer's forward map the sign, unless the soft network is asked for.
 */
export interface Mode {
  readonly kind: "train" | "evaluate" | "estimate";
  /** Whether the forward map at a site is the hard sign; never where it ends at levels. */
  readonly hard: (site: QuantizerSite) => boolean;
}

/**
 * Where a step stands: `update` counts from 1; `batch` counts from 0 while statistics are estimated. `progress` is where
 * quantizers stand, null in the hard-signed network. `smoothing` is that of the labels, and `seed` that of
 * the run's random numbers; 0 where absent. `draw` is the number of a step's random draws, that of the update where absent.
 * `rate` is a factor of learning rates, 1 where absent.
 */
export type Live =
  | {
      readonly kind: "train";
      readonly progress: number;
      readonly update: number;
      readonly draw?: number;
      readonly rate?: number;
      readonly smoothing?: number | undefined;
      readonly seed?: number;
    }
  | { readonly kind: "evaluate"; readonly progress: number | null }
  | { readonly kind: "estimate"; readonly batch: number; readonly progress: number | null };

/** The kind of the numbers that a data set's inputs are stored as. */
export type NumberKind = "u8" | "i8" | "u16" | "f32";

/** The places of a data set, and the way of its inputs into numbers. A part that its examples lack is null. */
export interface DataPlaces {
  readonly images: Place;
  readonly kind: NumberKind;
  /** u32 `[examples]`. */
  readonly labels: Place | null;
  /** f32 `[examples][elements of the output]`. */
  readonly targets: Place | null;
  /** f32 `[examples]`. */
  readonly sampleWeights: Place | null;
  readonly scale: number;
  readonly offset: number;
}

/** The truth of a batch, which every step gathers out of a data set before its forward pass. */
export interface TruthPlaces {
  /** Class numbers, u32 `[batch]`. */
  readonly labels: Place;
  /** f32 `[batch][elements of the output]`; null where no term of the objective reads targets. */
  readonly targets: Place | null;
  /** f32 `[batch]`; of data without weights it holds none, see `LossStep.weights`. */
  readonly sampleWeights: Place;
}

/** How the gradient of a parameter comes about, for the phases after the backward pass. */
export interface GradientSource {
  readonly parameter: string;
  /** The gradient that the optimizer reads. */
  readonly gradient: Place;
  /** Per-lane partial sums to be added first; absent where the layer writes the gradient itself. */
  readonly partials?: { readonly address: Place; readonly stride: number };
  /** Jobs that make the whole gradient where all lanes have left what they read; nothing is added to it or bounded then. */
  readonly jobs?: readonly (readonly KernelCall[])[];
  /** Calls of one job that make the whole gradient there, in place of a sum of partial ones. */
  readonly whole?: readonly KernelCall[];
  /**
   * What turns the gradient at the quantized weights, added up at `summed`, into that at the latent weights: the backward map
   * at w' with the parameters it reads, then the factors of the standardisation.
   */
  readonly quantized?: Pick<DerivedWeights, "source" | "parameters" | "slopes"> & {
    readonly site: QuantizerSite;
    readonly summed: Place;
  };
}

/** The work of a layer in each part of a step. */
export interface LayerPlan {
  /** Work on weights, before the batch; each job stands alone. */
  readonly prepare?: (mode: Mode) => readonly (readonly KernelCall[])[];
  /** Takes the layer's value out of a data set, before the forward pass. */
  readonly gather?: (mode: Mode, data: DataPlaces, emit: Emit) => void;
  readonly forward?: (mode: Mode, emit: Emit) => void;
  /** Whether all lanes meet in the forward pass, so that a phase ends there; not where absent. */
  readonly meets?: (mode: Mode) => boolean;
  readonly backward?: (mode: Mode, emit: BackwardEmit, sinks: Sinks) => void;
  readonly gradients?: readonly GradientSource[];
  /** True where a job of the next phase still reads the gradient at the layer's value. */
  readonly readsGradientLater?: boolean;
  /** Where the signs of the layer's input go, if a layer before is to leave them there in this mode. */
  readonly signs?: (mode: Mode, lane: Lane) => SignBuffer | null;
}

/** What writes down the way back of a layer: gradients at its parameters, and that at its input. */
export interface BackwardEmit {
  readonly weights: Emit;
  readonly input: Emit;
}

/** Padded nibbles (see crates/kernels/src/bits.rs) and the descriptor of the convolution that reads them. */
export interface SignBuffer {
  readonly next: Place;
  readonly nextBits: Place;
}

/** Where gradients come from and go to while a way back is written down. */
export interface Sinks {
  /** Whether anything before `node` is trained. */
  readonly wanted: (node: string) => boolean;
  /** The gradient at a node's value, complete. */
  readonly gradient: (node: string, lane: Lane) => Place;
  /**
   * Calls `write` for every lane with the place that `node` writes its share of the gradient at `target` to; with
   * `accumulate`, other consumers have written, and the share is to be added.
   */
  readonly into: (node: string, target: string, write: (lane: Lane, place: Place, accumulate: boolean) => void) => void;
  /** Hands the gradient at `node` on to `target` as it is. */
  readonly pass: (node: string, target: string) => void;
}

/** Which products the layers use: the best for their operands, or `ff` everywhere, to compare with. */
export type Products = "auto" | "ff";

/** Memory that a layer asks for while it is planned, and work to be done once. */
export interface PlanMemory {
  /** Memory of the layer's own; what is in it is whatever an earlier plan left there. */
  readonly allocate: (bytes: number) => Place;
  /** The same for bits of activations, which wait for the way back, and whose border is written once. */
  readonly allocateBits: (bytes: number) => Place;
  /** A buffer in every lane that holds something during a part of a step only. */
  readonly declare: (bytes: (lane: Lane) => number) => (lane: Lane) => Place;
  readonly descriptor: (shape: ConvShape) => Place;
  /** Floats in memory, written once. */
  readonly constant: (values: Float32Array) => Place;
  /** A call made once for a node, after planning. */
  readonly once: (node: string, call: KernelCall) => void;
}

/** Work that one layer's pass over memory does for the layers behind it (`fusions.ts`). */
export interface Fusions {
  /** The `add` behind a layer that takes sums, and that sum's other input. */
  readonly sums: ReadonlyMap<string, { readonly add: string; readonly residual: string }>;
  /**
   * The layer, of those whose activations are signs in the end, that reads the value which a layer that takes signs writes,
   * be it its own or the sum.
   */
  readonly readers: ReadonlyMap<string, string>;
  /** The `add` nodes that need no pass of their own. */
  readonly done: ReadonlySet<string>;
}

/** The parameters of a plan, by their names and by their nodes. */
export interface PlanParameters {
  readonly layout: ParameterLayout;
  /** The value of the parameter that `node` calls `key`. */
  readonly of: (node: { readonly name: string }, key: string) => Place;
  /** False for a parameter of a frozen layer, at which nobody asks for a gradient. */
  readonly isTrained: (node: { readonly name: string }, key: string) => boolean;
  /** The tensors of the packed file that the weights are out of, and that is evaluated as it is; null for latent weights. */
  readonly packed: ReadonlyMap<string, Float32Array> | null;
}

export interface PlanContext {
  readonly shape: (node: string) => Shape;
  readonly parameters: PlanParameters;
  readonly lanes: readonly Lane[];
  /** The numbers of the batch's images, the views of its images while training (`augment.ts`), u32 each; and the truth. */
  readonly batch: { readonly indices: Place; readonly views: Place; readonly truth: TruthPlaces };
  readonly products: Products;
  readonly fusions: Fusions;
  readonly memory: PlanMemory;
  /** The numbers that the trainer sets before each step. */
  readonly live: {
    /** The site of a node's operand by its key or its place; null where no quantizer acts on it. */
    readonly site: (node: string, at: string | number) => QuantizerSite | null;
    /** The numbers that a node's operation declares (`TrainOp.live`). */
    readonly numbers: (node: string) => Place;
    /** The numbers of a trained parameter's update. */
    readonly update: (parameter: string) => Place;
  };
  /** A node's value for the images of a lane. */
  readonly value: (node: string, lane: Lane) => Place;
  /** Where `reader` wants the signs of its input, if it wants them from the layer before. */
  readonly signs: (reader: string, mode: Mode, lane: Lane) => SignBuffer | null;
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
