/**
 * The options of `proxbit train` that say what is minimised, and when that is enough: the loss and its penalties, a teacher,
 * early stopping, metrics, and layers that are left alone or taken over.
 */
import type { Command } from "commander";
import { isArrayOf } from "../base/arrays.ts";
import { listOf, numberIn, type Subject } from "../base/checks.ts";
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { lookUp } from "../base/names.ts";
import { decodeModel } from "../io/model-file.ts";
import { losses } from "../train/losses/index.ts";
import type { LossTerm } from "../train/losses/term.ts";
import { checkMetrics, type MetricName } from "../train/metrics/metrics.ts";
import { fileError } from "./bounds.ts";
import { numberOr, realNumber, wholeNumber } from "./options.ts";

export interface LossOptions {
  readonly loss: string;
  readonly classWeights?: readonly number[];
  readonly l1?: number;
  readonly l2?: number;
  readonly teacher?: string;
  readonly temperature?: number;
  readonly teacherShare?: number;
  readonly teacherWeights?: number;
  readonly earlyStopping?: number;
  readonly metrics?: readonly MetricName[];
  readonly freeze?: readonly string[];
}

const subject: Subject = { code: "argument", what: "command line" };

/** The losses of classes by their words. Outputs are compared with 1 for the class and 0, or -1, for the others. */
const makers = {
  "cross-entropy": losses.crossEntropy,
  "binary-cross-entropy": losses.binaryCrossEntropy,
  "squared-error": losses.meanSquaredError,
  "absolute-error": losses.meanAbsoluteError,
  huber: losses.huber,
  hinge: losses.hinge,
  "squared-hinge": losses.squaredHinge,
} as const;

const lossNames = Object.keys(makers).join(", ");

/** Adds the options with their help. */
export function addLossOptions(command: Command): Command {
  return command
    .option("--loss <name>", `of the classes: ${lossNames}`, "cross-entropy")
    .option("--class-weights <numbers>", "the weight of each class in the loss, for example 1,1,2.5", weights)
    .option("--l1 <x>", "penalty on the magnitudes of all kernels", realNumber("--l1", 0, 1e6))
    .option("--l2 <x>", "penalty on the squares of all kernels", realNumber("--l2", 0, 1e6))
    .option("--teacher <file>", "learn the answers of this model too (distillation)")
    .option(
      "--temperature <x>",
      "with --teacher: T of both answers (default: 4)",
      realNumber("--temperature", 0.01, 1000),
    )
    .option(
      "--teacher-share <x>",
      "with --teacher: its share of the loss beside the classes' (default: 0.5)",
      realNumber("--teacher-share", 0, 1),
    )
    .option(
      "--teacher-weights <x>",
      "with --teacher: factor of the divergence of its weights' distribution, 200 in BD-BNN (default: none)",
      realNumber("--teacher-weights", 0, 1e6),
    )
    .option(
      "--early-stopping <epochs>",
      "end after so many epochs without a lower test loss, with the weights of the best one",
      wholeNumber("--early-stopping", 1, 1e6),
    )
    .option("--metrics <names>", "more numbers of each test: top5, f1, precision, recall", metricNames)
    .option(
      "--freeze <layers>",
      "leave the parameters of these layers alone, for example stem,norm",
      names("--freeze"),
    );
}

/** The numbers of a text with commas between. */
function weights(text: string): readonly number[] {
  const numbers = listOf(text.split(",").map(numberOr), 1, 2 ** 24, "--class-weights", subject).map((weight) =>
    numberIn(weight, 0, 1e6, "--class-weights", subject),
  );
  if (numbers.some((weight) => weight > 0)) return numbers;
  const message = "--class-weights are all 0, so nothing would be trained";
  throw new ProxbitError("argument", message, "Give at least one class a weight above 0.");
}

/** A parser of names with commas between. */
export const names =
  (option: string) =>
  (text: string): readonly string[] =>
    text.split(",").map((part) => {
      const name = part.trim();
      if (name !== "") return name;
      throw new ProxbitError(
        "argument",
        `${option} has an empty name`,
        `Give names with commas between: ${option} a,b.`,
      );
    });

const metricNames = (text: string): readonly MetricName[] => checkMetrics(names("--metrics")(text), subject);

/**
 * The terms that the options ask for; undefined where cross-entropy alone is meant. `bytes` is the file of the teacher.
 *
 * @throws ProxbitError "unknown-name" for a loss that is none, "argument" for an option without its teacher and for smoothing
 * that the loss does not read, "model-file" for a teacher whose weights cannot be read.
 */
export function objectiveFrom(
  options: LossOptions & { readonly labelSmoothing?: number },
  bytes?: Uint8Array,
): readonly LossTerm[] | undefined {
  const { loss, classWeights, l1, l2, teacher, temperature, teacherShare = 0.5, teacherWeights } = options;
  for (const [option, value] of [
    ["--temperature", temperature],
    ["--teacher-share", options.teacherShare],
    ["--teacher-weights", teacherWeights],
  ] as const) {
    if (value === undefined || teacher !== undefined) continue;
    throw new ProxbitError("argument", `${option} is for a --teacher`, "Give --teacher too, or leave it out.");
  }
  const make = lookUp("loss", loss, makers);
  const isPlain = loss === "cross-entropy" && classWeights === undefined && teacher === undefined;
  if (isPlain && l1 === undefined && l2 === undefined) return undefined;
  const factor = teacher === undefined ? 1 : 1 - teacherShare;
  const own = make({ truth: "labels", factor, ...(classWeights === undefined ? {} : { classWeights }) });
  if (options.labelSmoothing !== undefined && options.labelSmoothing > 0 && own.isSmoothed !== true) {
    throw new ProxbitError(
      "argument",
      `--label-smoothing is for cross-entropies, and --loss is ${loss}`,
      "Leave --label-smoothing out, or take --loss cross-entropy or binary-cross-entropy.",
    );
  }
  return [
    own,
    ...(teacher === undefined ? [] : [losses.distillation({ factor: teacherShare, temperature })]),
    ...(teacher === undefined || bytes === undefined || teacherWeights === undefined
      ? []
      : [losses.weightDivergence({ factor: teacherWeights, teacher: realWeights(teacher, bytes) })]),
    ...(l1 === undefined ? [] : [losses.l1({ factor: l1 })]),
    ...(l2 === undefined ? [] : [losses.l2({ factor: l2 })]),
  ];
}

/** The real parameters of a teacher's file. @throws ProxbitError "model-file", which names it */
function realWeights(path: string, bytes: Uint8Array): ReadonlyMap<string, Float32Array> {
  try {
    const { parameters } = decodeModel(bytes);
    return new Map([...parameters].flatMap(([name, data]) => (isArrayOf(data, "Float32Array") ? [[name, data]] : [])));
  } catch (cause) {
    throw isProxbitError(cause) ? fileError(path, cause) : cause;
  }
}
