/**
 * The question and the answer of a check are plain values, so that they cross from a page to the process that opened it.
 */

import type { AccumulatorChoice, QuantizerChoice } from "../nn/fields.ts";
import type { Graph } from "../nn/graph.ts";

/** tfjs's backends. The first two run on a graphics card where there is one. */
export type BackendName = "webgl" | "webgpu" | "wasm" | "cpu";

export const backendNames: readonly BackendName[] = Object.freeze(["webgl", "webgpu", "wasm", "cpu"]);

/** The thing that a backend calculates on. */
export interface Adapter {
  /** As the system names it: "NVIDIA H100", "SwiftShader Device (LLVM 10.0.0)"; for wasm and cpu what runs there. */
  readonly name: string;
  /**
   * `gpu` is known to be a graphics card. `software` is a card's driver that calculates on the processor. `unknown` may be
   * either, since its name does not tell. `cpu` is the processor, which stands in for nothing.
   */
  readonly kind: "gpu" | "software" | "unknown" | "cpu";
}

/** A subject of a comparison. */
export type CheckSubject =
  /** Each operation by itself, in small networks, and the maps of every quantizer. */
  | { readonly kind: "operations" }
  /** A training step, the first steps of a run and the packed file of a ready-made network. */
  | {
      readonly kind: "model";
      readonly name: string;
      readonly inputShape?: readonly number[];
      readonly weightQuantizer?: QuantizerChoice;
      readonly activationQuantizer?: QuantizerChoice;
      readonly accumulator?: AccumulatorChoice;
      readonly binaryStem?: boolean | undefined;
      readonly binaryHead?: boolean | undefined;
    }
  /** The same of a network of one's own. */
  | { readonly kind: "graph"; readonly graph: Graph }
  /** A packed model: every layer of inference. */
  | { readonly kind: "file"; readonly bytes: Uint8Array };

export interface CheckRequest {
  readonly backend: BackendName;
  /** The operations, and every ready-made network at a small size, where absent. */
  readonly subjects?: readonly CheckSubject[];
  /** Images of a step; 4 where absent. */
  readonly batchSize?: number;
  /** Steps whose losses are compared; 20 where absent. */
  readonly steps?: number;
  /** Seed of weights and images; 1 where absent. */
  readonly seed?: number;
  /** The shares of a run, in [0, 1], at which steps of networks are looked at; where absent 0.25 and 1, soft and hard. */
  readonly progress?: readonly number[];
}

/**
 * `equal`: the same numbers. `within`: they differ by no more than the tolerance. `unsupported`: the backend lacks a
 * kernel for it. `mismatch`: they differ by more.
 */
export type Verdict = "equal" | "within" | "unsupported" | "mismatch";

/**
 * One tensor of ours beside tfjs's. Where equality is asked for and not met, or a number is not finite, `share`, `absolute`
 * and `relative` may be `Infinity` or `NaN`; JSON has no such numbers, so `proxbit check --json` writes them as text.
 */
export interface Row {
  /** The subject that it belongs to: "conv2d +-1 x soft", "resnet20, at 0.25 of a run", "resnet20, packed", "quantizer bnn++". */
  readonly subject: string;
  /** The layer, or the parameter. */
  readonly node: string;
  readonly quantity:
    | "forward map"
    | "backward map"
    | "value"
    | "loss"
    | "gradient"
    | "update"
    | "statistics"
    | "accuracy"
    | "loss curve"
    | "packed weights"
    | "packed logits";
  readonly elements: number;
  /** Largest absolute difference, and the largest difference by the largest magnitude of the tensor. */
  readonly absolute: number;
  readonly relative: number;
  /** The tolerance at the element that comes closest to it (or exceeds it most). */
  readonly tolerance: number;
  /** Largest difference by its tolerance; above 1 it is a mismatch. 0 where all are equal. */
  readonly share: number;
  /** True where only equality will do: both operands of the product are +-1. */
  readonly exact: boolean;
  readonly verdict: Verdict;
  /** The reason that it is unsupported, or the place of the worst element. */
  readonly detail: string;
  /**
   * Decisions within the layer, such as the numbers of an attention matrix, so near to a jump that rounding decides. Each is
   * allowed both ways. Absent where there are none.
   */
  readonly ties?: number;
}

export interface CheckReport {
  readonly backend: BackendName;
  readonly adapter: Adapter;
  /** The program that it ran in: "Node 24.21.0", "Chromium 156.0.8078.79". */
  readonly host: string;
  /** tfjs's version. */
  readonly version: string;
  /** Tensors compared, those not supported left out. */
  readonly operations: number;
  /** True where every tensor that has to be equal is. Null where the backend could compare none. */
  readonly binaryExact: boolean | null;
  /** The row with the largest share of its tolerance. */
  readonly worst: Row | null;
  /** The things that the backend has no kernels for, one line each. */
  readonly unsupported: readonly string[];
  readonly pass: boolean;
  readonly seconds: number;
  readonly rows: readonly Row[];
}

/** A message of a check on its way: a row as it is there, and how many of its parts are done. */
export type CheckEvent =
  | { readonly type: "row"; readonly row: Row }
  | { readonly type: "progress"; readonly done: number; readonly of: number; readonly what: string };
