/**
 * The options of `proxbit train` that say how weights move. They choose the optimizer, the step size and its course
 * over the run, and the weight decay. Another optimizer may move or flip the binary weights.
 */
import type { Command } from "commander";
import { oneOf, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { lookUp } from "../base/names.ts";
import type { Graph } from "../nn/graph.ts";
import { tasks } from "../nn/models/tasks.ts";
import { parametersOf } from "../nn/parameters.ts";
import { evaluateSchedule } from "../quantizers/schedule.ts";
import {
  type CommonOptions,
  caseOptimizer,
  type Optimizer,
  optimizers,
  type ParameterOptimizer,
  type RealOptimizer,
  realOptimizers,
} from "../train/optimizers/optimizers.ts";
import type { Augmentation } from "../train/run/augment.ts";
import { COURSES, type CourseOptions, courseOf, shares } from "./course.ts";
import { names } from "./losses.ts";
import { oneOfWords, type QuantizerOptions, realNumber, wholeNumber } from "./options.ts";

export interface OptimizerOptions extends CourseOptions {
  readonly optimizer: string;
  readonly learningRate?: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly decayExcept?: readonly string[];
  readonly clipNorm?: number;
  readonly clipValue?: number;
  readonly binaryOptimizer?: string;
  readonly binaryLearningRate?: number;
  readonly bopGamma?: number;
  readonly bopThreshold?: number;
  readonly bopSigma?: number;
  readonly bopUnbiased?: boolean;
}

const subject: Subject = { code: "argument", what: "command line" };
const rate = (option: string) => realNumber(option, 1e-12, 1e6);
const realNames = Object.keys(realOptimizers).join(", ");

/** The options themselves, with their help. */
export function addOptimizerOptions(command: Command): Command {
  return command
    .option("--optimizer <name>", realNames, "adam")
    .option("--learning-rate <x>", "step size at first (default: the optimizer's)", rate("--learning-rate"))
    .option(
      "--schedule <course>",
      `of the step size: ${COURSES.join(", ")}`,
      oneOfWords("--schedule", COURSES),
      "constant",
    )
    .option(
      "--warmup <share>",
      "share of the run in which the step size grows from 0",
      realNumber("--warmup", 0, 0.999),
    )
    .option(
      "--step-at <shares>",
      "with --schedule step: where in the run, for example 0.4,0.6,0.75",
      shares("--step-at"),
    )
    .option(
      "--step-factor <x>",
      "with --schedule step: what it is multiplied by there (default: 0.1)",
      rate("--step-factor"),
    )
    .option(
      "--restart-at <shares>",
      "where the schedule begins anew, for example 0.5, where a quantizer hardens",
      shares("--restart-at"),
    )
    .option(
      "--weight-decay <x>",
      "of all but adam (default: the optimizer's; adamw's for binary weights is 1e-4)",
      realNumber("--weight-decay", 0, 1),
    )
    .option(
      "--decay-except <names>",
      "what does not decay: parameters, layers or keys, for example bias,gamma",
      names("--decay-except"),
    )
    .option("--momentum <x>", "of sgd and rmsprop (default: 0)", realNumber("--momentum", 0, 1))
    .option("--nesterov", "Nesterov's form of sgd's momentum")
    .option("--clip-norm <x>", "the largest norm of all gradients together", realNumber("--clip-norm", 1e-30, 1e30))
    .option("--clip-value <x>", "the largest magnitude of a gradient", realNumber("--clip-value", 1e-30, 1e30))
    .option("--binary-optimizer <name>", `of the binary weights alone: bop, bop2, ${realNames} (default: --optimizer)`)
    .option("--binary-learning-rate <x>", "its step size, on the same schedule", rate("--binary-learning-rate"))
    .option(
      "--bop-gamma <x>",
      "of bop and bop2: how fast the mean gradient follows",
      realNumber("--bop-gamma", 1e-12, 1),
    )
    .option(
      "--bop-threshold <x>",
      "of bop and bop2: what it must pass to flip a weight",
      realNumber("--bop-threshold", 0, 1e18),
    )
    .option("--bop-sigma <x>", "of bop2: how fast the mean square follows", realNumber("--bop-sigma", 1e-12, 1))
    .option("--bop-unbiased", "of bop2: both means are freed of their start at 0");
}

/**
 * The optimizer that the options ask for.
 *
 * @throws ProxbitError "unknown-name" with the nearest name, "argument" for an option that the optimizer does not have.
 */
export function optimizerFrom(options: OptimizerOptions): Optimizer {
  refuseSearch("--optimizer", options.optimizer, options.learningRate);
  refuseSearch("--binary-optimizer", options.binaryOptimizer, options.binaryLearningRate);
  const { binaryOptimizer: name } = options;
  if (name !== undefined) lookUp("optimizer", name, { ...realOptimizers, bop: null, bop2: null });
  const rest = realOptimizer("--optimizer", options.optimizer, options.learningRate, options);
  for (const [option, wanted] of bopOptions) {
    if (options[option] === undefined || wanted.includes(name ?? "")) continue;
    throw new ProxbitError(
      "argument",
      `${flagOf(option)} is an option of ${wanted.join(" and ")}`,
      `Leave it out, or give --binary-optimizer ${wanted[0]}.`,
    );
  }
  if (name === undefined) {
    if (options.binaryLearningRate === undefined) return gentle(rest, options);
    throw new ProxbitError(
      "argument",
      "--binary-learning-rate is for a --binary-optimizer",
      `Give --binary-optimizer too, for example --binary-optimizer ${options.optimizer}.`,
    );
  }
  return caseOptimizer({ binary: binaryOptimizer(name, options), rest });
}

/** @throws ProxbitError "argument" for QP-SBGD, which has options of its own and is a method */
function refuseSearch(option: string, name: string | undefined, rate: number | undefined): void {
  if (name !== "qpsbgd" && name !== "qp-sbgd") return;
  const method = `--method qp-sbgd${rate === undefined ? "" : `:learning-rate=${rate}`}`;
  throw new ProxbitError(
    "argument",
    `${option} ${name} is a method on the command line, because its search has options of its own`,
    `Give ${method}, and with --optimizer one for all else: ${realNames}.`,
  );
}

/** Decay pulls latent weights to 0, where a step flips their sign: of AdamW's default they take this much. */
export const LATENT_DECAY = 1e-4;

/** The step size at the beginning that the options ask for. @throws ProxbitError "unknown-name" */
export const firstRate = ({ optimizer, learningRate }: Pick<OptimizerOptions, "optimizer" | "learningRate">): number =>
  learningRate ?? evaluateSchedule(lookUp("optimizer", optimizer, realOptimizers)().learningRate, 0);

/** AdamW gives latent weights less decay than the rest by default; any other optimizer stays as it is. */
const gentleDecay = (optimizer: RealOptimizer, { weightDecay }: OptimizerOptions): RealOptimizer =>
  optimizer.kind === "adam" && optimizer.decoupled && weightDecay === undefined
    ? { ...optimizer, weightDecay: LATENT_DECAY }
    : optimizer;

/** The optimizer of a whole network, in two cases where its latent weights decay less than the rest. */
function gentle(rest: RealOptimizer, options: OptimizerOptions): Optimizer {
  const binary = gentleDecay(rest, options);
  return binary === rest ? rest : caseOptimizer({ binary, rest });
}

/** Bop has no latent weights, so its default for a weight quantizer is the plain sign. */
export function quantizerFor(options: QuantizerOptions & OptimizerOptions): QuantizerOptions {
  const { binaryOptimizer, quantizer, task } = options;
  const flips = binaryOptimizer === "bop" || binaryOptimizer === "bop2";
  const binary = task === undefined || tasks[task].weights;
  return flips && binary && quantizer === undefined ? { ...options, quantizer: "bc" } : options;
}

/** @throws ProxbitError "argument" where there is nothing in any network for `--binary-optimizer` to train. */
export function checkBinaryWeights({ binaryOptimizer }: OptimizerOptions, graphs: readonly Graph[]): void {
  const isBinary = (graph: Graph): boolean => parametersOf(graph).some(({ role }) => role === "latent");
  if (binaryOptimizer === undefined || graphs.some(isBinary)) return;
  throw new ProxbitError(
    "argument",
    `"${graphs[0]?.name}" has no binary weights for --binary-optimizer ${binaryOptimizer} to train`,
    "Leave it out, or quantize the weights: --quantizer bc.",
  );
}

/** Optimizers whose weights decay, and those that have a momentum to set. */
const decaying = ["sgd", "adamw", "rmsprop", "lion"];
const moving = ["sgd", "rmsprop"];

/** Options of some real optimizers alone, and these. */
const ownOptions: readonly (readonly [keyof OptimizerOptions, readonly string[]])[] = [
  ["weightDecay", decaying],
  ["decayExcept", decaying],
  ["momentum", moving],
  ["nesterov", ["sgd"]],
];

const bopOptions = [
  ["bopGamma", ["bop", "bop2"]],
  ["bopThreshold", ["bop", "bop2"]],
  ["bopSigma", ["bop2"]],
  ["bopUnbiased", ["bop2"]],
] as const satisfies readonly (readonly [keyof OptimizerOptions, readonly string[]])[] as readonly (readonly [
  "bopGamma" | "bopThreshold" | "bopSigma" | "bopUnbiased",
  readonly string[],
])[];

/** "bopGamma" as "--bop-gamma". */
const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** `values` without undefined ones. */
function given<T extends object>(values: { [Key in keyof T]: T[Key] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function binaryOptimizer(name: string, options: OptimizerOptions): ParameterOptimizer {
  const { bopGamma: gamma, bopThreshold: threshold, bopSigma: sigma, bopUnbiased: unbiased } = options;
  if (name !== "bop" && name !== "bop2") {
    const learningRate = options.binaryLearningRate ?? (name === options.optimizer ? options.learningRate : undefined);
    return gentleDecay(realOptimizer("--binary-optimizer", name, learningRate, options), options);
  }
  if (options.binaryLearningRate !== undefined) {
    throw new ProxbitError(
      "argument",
      `${name} has no step size, so --binary-learning-rate has no meaning for it`,
      "Give --bop-threshold and --bop-gamma instead.",
    );
  }
  return name === "bop"
    ? optimizers.bop(given({ gamma, threshold }))
    : optimizers.bop2(given({ gamma, threshold, sigma, unbiased }));
}

function realOptimizer(
  option: string,
  name: string,
  learningRate: number | undefined,
  options: OptimizerOptions,
): RealOptimizer {
  if (name === "bop" || name === "bop2") {
    throw new ProxbitError(
      "argument",
      `${name} flips binary weights, and a network has real parameters too`,
      `Give --binary-optimizer ${name}, and with --optimizer one for the rest: ${realNames}.`,
    );
  }
  const make = lookUp("optimizer", name, realOptimizers);
  const usual = evaluateSchedule(make().learningRate, 0);
  const { weightDecay, momentum, nesterov, decayExcept, clipNorm, clipValue, binaryOptimizer: other } = options;
  for (const [key, takers] of ownOptions) {
    // An option of one optimizer is no mistake where there are two.
    if (options[key] === undefined || [name, options.optimizer, other ?? name].some((one) => takers.includes(one))) {
      continue;
    }
    const both = other === undefined || other === options.optimizer ? "" : `, nor has ${other}`;
    throw new ProxbitError(
      "argument",
      `${option} ${name} has no ${flagOf(key).slice(2)}${both}`,
      `Leave ${flagOf(key)} out, or take ${takers.join(" or ")} as the optimizer.`,
    );
  }
  if (clipNorm !== undefined && clipValue !== undefined) {
    throw new ProxbitError("argument", "--clip-norm and --clip-value exclude each other", "Give one of them.");
  }
  const own: CommonOptions & { momentum?: number; nesterov?: boolean } = {
    learningRate: courseOf(learningRate ?? usual, options),
    ...given({ clipNorm, clipValue }),
    ...(decaying.includes(name) ? given({ weightDecay, noDecay: decayExcept }) : {}),
    ...(moving.includes(name) ? given({ momentum }) : {}),
    ...(name === "sgd" ? given({ nesterov }) : {}),
  };
  return make(own);
}

/** A parser for commander: "mirror,shift:2" as an augmentation. */
export function augmentation(text: string): Augmentation {
  const augment: { mirror?: boolean; shift?: number } = {};
  for (const part of text.split(",")) {
    const [word = "", amount, ...more] = part.trim().split(":");
    const known = oneOf(word, ["mirror", "shift"], "--augment", subject);
    if (more.length > 0 || (known === "mirror") !== (amount === undefined)) {
      throw new ProxbitError(
        "argument",
        `command line: --augment has "${part.trim()}", which is neither mirror nor shift:PIXELS`,
        "Give for example --augment mirror,shift:2.",
      );
    }
    if (known === "mirror") augment.mirror = true;
    else augment.shift = wholeShift(amount ?? "");
  }
  return augment;
}

const wholeShift = wholeNumber("--augment shift", 0, 127);
