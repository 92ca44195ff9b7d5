/**
 * Tasks: which operands of a network's binary layers are +-1. `bw` weights alone, `ba` activations alone, `bwa` both, `bwaa`
 * both with sums that are kept in 8 bits. A task and a quantizer give the options that every ready-made model takes.
 */
import { ProxbitError } from "../../base/errors.ts";
import { lookUp } from "../../base/names.ts";
import { isForWeightsAlone } from "../../quantizers/operand-kinds.ts";
import { quantizer as quantizerOf } from "../../quantizers/registry.ts";
import type { AccumulatorChoice, QuantizerChoice } from "../fields.ts";
import type { Overflow } from "../graph.ts";

export type Task = "bw" | "ba" | "bwa" | "bwaa";

interface TaskRule {
  /** The task as people read it. */
  readonly title: string;
  readonly weights: boolean;
  readonly activations: boolean;
  readonly accumulates: boolean;
}

/** The tasks of ProxConnect++ by name. */
export const tasks: Readonly<Record<Task, TaskRule>> = Object.freeze({
  bw: { title: "binary weights", weights: true, activations: false, accumulates: false },
  ba: { title: "binary activations", weights: false, activations: true, accumulates: false },
  bwa: { title: "binary weights and activations", weights: true, activations: true, accumulates: false },
  bwaa: {
    title: "binary weights and activations, sums in 8 bits",
    ...{ weights: true, activations: true, accumulates: true },
  },
});

export const taskNames = Object.freeze(Object.keys(tasks)) as readonly Task[];

export interface TaskOptions {
  /** The quantizer for activations. Default is the weights' one, or "poly" where that is for weights alone. */
  readonly activationQuantizer?: QuantizerChoice | undefined;
  /** The behaviour of `bwaa`'s sums beyond 8 bits. Default "saturate". */
  readonly overflow?: Overflow | undefined;
}

/** A task's quantizers, as a layer or a ready-made model takes them. */
export interface TaskQuantizers {
  readonly weightQuantizer: QuantizerChoice;
  readonly activationQuantizer: QuantizerChoice;
  readonly accumulator: AccumulatorChoice;
}

/**
 * The operands of `task` quantized by `quantizer`, and null for those that stay real. With a null quantizer all stay
 * real, whatever the task: that is the float network to compare with. Throws "unknown-name" for a task that does not
 * exist. Throws "argument" for a quantizer for weights alone in a task without binary weights.
 */
export function taskQuantizers(task: Task, quantizer: QuantizerChoice, options: TaskOptions = {}): TaskQuantizers {
  const { weights, activations, accumulates } = lookUp("task", task, tasks);
  const { activationQuantizer = forActivations(quantizer, weights, task), overflow = "saturate" } = options;
  const isReal = quantizer === null || activationQuantizer === null;
  return {
    weightQuantizer: weights ? quantizer : null,
    activationQuantizer: activations ? activationQuantizer : null,
    accumulator: accumulates && !isReal ? { bits: 8, overflow } : null,
  };
}

/** The quantizer of activations beside `choice` for the weights. */
function forActivations(choice: QuantizerChoice, weights: boolean, task: Task): QuantizerChoice {
  if (choice === null || !isForWeightsAlone(quantizerOf(choice))) return choice;
  if (weights) return "poly";
  throw new ProxbitError(
    "argument",
    `task "${task}" quantizes activations alone, and quantizer "${quantizerOf(choice).name}" is for weights`,
    "Give another quantizer, or a task with binary weights: bw, bwa or bwaa.",
  );
}
