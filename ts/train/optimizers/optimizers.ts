/**
 * Optimizers as plain values: their options and the checks of these. The update itself runs in the core
 * (`crates/kernels/src/optimizer`); what an optimizer keeps and reads there stands in `updates.ts`.
 */
import { booleanOf, numberIn, oneOf, plainObject, reject, type Subject } from "../../base/checks.ts";
import type { Parameter } from "../../nn/graph.ts";
import type { Schedule } from "../../quantizers/quantizer.ts";
import { evaluateSchedule, scheduleRange, toSchedule } from "../../quantizers/schedule.ts";

/** SGD with momentum: g += weightDecay * w; v = momentum * v + g; w -= learningRate * v (or Nesterov's form). */
export interface Sgd {
  readonly kind: "sgd";
  readonly learningRate: Schedule;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

/** Adam (Kingma and Ba, 2015); `decoupled` weight decay makes it AdamW (Loshchilov and Hutter, 2019). */
export interface Adam {
  readonly kind: "adam";
  readonly learningRate: Schedule;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly decoupled: boolean;
}

/**
 * Bop (Helwegen et al., "Latent Weights Do Not Exist", NeurIPS 2019, algorithm 1): a binary weight has no latent one behind
 * it. m = (1 - gamma) m + gamma g; w is flipped where w m > threshold, strictly.
 */
export interface Bop {
  readonly kind: "bop";
  readonly gamma: Schedule;
  readonly threshold: Schedule;
}

/**
 * Second-order Bop (Suarez-Ramirez et al., "A Bop and Beyond", 2021): v = (1 - sigma) v + sigma g^2 beside Bop's m; w is
 * flipped where w m / (sqrt(v) + epsilon) > threshold. `unbiased`: m and v are divided by 1 - (1 - gamma)^t and
 * 1 - (1 - sigma)^t first, as in Adam.
 */
export interface Bop2 {
  readonly kind: "bop2";
  readonly gamma: Schedule;
  readonly sigma: number;
  readonly threshold: Schedule;
  readonly epsilon: number;
  readonly unbiased: boolean;
}

/** An optimizer of single parameters. */
export type ParameterOptimizer = Sgd | Adam | Bop | Bop2;

/** One optimizer for the binary weights, another for all else: biases, norms, real kernels. */
export interface CaseOptimizer {
  readonly kind: "case";
  readonly binary: ParameterOptimizer;
  readonly rest: Sgd | Adam;
}

export type Optimizer = ParameterOptimizer | CaseOptimizer;

/** A number, or its course over one call of `fit`. */
export type Rate = number | Schedule;

const subject: Subject = { code: "argument", what: "optimizer" };

function within(name: string, value: number, low: number, high: number): number {
  return numberIn(value, low, high, name, subject);
}

/** A number or schedule that stays in [low, high]. */
function course(name: string, value: Rate, low: number, high: number): Schedule {
  const schedule = toSchedule(value, name, subject);
  for (const end of scheduleRange(schedule)) within(name, end, low, high);
  return schedule;
}

const rate = (value: Rate): Schedule => course("learningRate", value, 0, 1e30);

const allowed = (options: object, keys: readonly string[]): void => {
  plainObject(options, keys, subject);
};

export interface SgdOptions {
  readonly learningRate?: Rate;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
}

export interface AdamOptions {
  readonly learningRate?: Rate;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

export interface AdamWOptions extends AdamOptions {
  readonly weightDecay?: number;
}

/** `gamma` in (0, 1], how fast the mean follows the gradients; `threshold` from 0. Either may follow a schedule. */
export interface BopOptions {
  readonly gamma?: Rate;
  readonly threshold?: Rate;
}

/** Beside Bop's options `sigma` in (0, 1] and `epsilon` > 0. `unbiased` takes a gamma that stays the same. */
export interface Bop2Options extends BopOptions {
  readonly sigma?: number;
  readonly epsilon?: number;
  readonly unbiased?: boolean;
}

/** The least rate of a mean: f32 holds it exactly enough, and no gradient vanishes in it. */
const SLOWEST = 1e-12;
const LARGEST_THRESHOLD = 1e18;

function adamOf(options: AdamWOptions, weightDecay: number, decoupled: boolean): Adam {
  return {
    kind: "adam",
    learningRate: rate(options.learningRate ?? 1e-3),
    beta1: within("beta1", options.beta1 ?? 0.9, 0, 0.999999),
    beta2: within("beta2", options.beta2 ?? 0.999, 0, 0.9999999),
    epsilon: within("epsilon", options.epsilon ?? 1e-7, 1e-20, 1),
    weightDecay: within("weightDecay", weightDecay, 0, 1),
    decoupled,
  };
}

/**
 * The makers of optimizers; names and defaults are Keras's. Weight decay pulls latent weights to 0, where a step flips their
 * sign: for binary weights take 0 or 1e-4, by `caseOptimizer` where the rest is to decay more. AdamW's default is
 * 4e-3; the command line gives binary weights 1e-4 of it where no decay is named.
 *
 * @throws ProxbitError `argument` for options out of range.
 */
export const optimizers = {
  sgd: (options: SgdOptions = {}): Sgd => {
    allowed(options, ["learningRate", "momentum", "nesterov", "weightDecay"]);
    return {
      kind: "sgd",
      learningRate: rate(options.learningRate ?? 0.01),
      momentum: within("momentum", options.momentum ?? 0, 0, 1),
      nesterov: booleanOf(options.nesterov ?? false, "nesterov", subject),
      weightDecay: within("weightDecay", options.weightDecay ?? 0, 0, 1),
    };
  },
  adam: (options: AdamOptions = {}): Adam => {
    allowed(options, ["learningRate", "beta1", "beta2", "epsilon"]);
    return adamOf(options, 0, false);
  },
  adamw: (options: AdamWOptions = {}): Adam => {
    allowed(options, ["learningRate", "beta1", "beta2", "epsilon", "weightDecay"]);
    return adamOf(options, options.weightDecay ?? 4e-3, true);
  },
  bop: (options: BopOptions = {}): Bop => {
    allowed(options, ["gamma", "threshold"]);
    return {
      kind: "bop",
      gamma: course("gamma", options.gamma ?? 1e-4, SLOWEST, 1),
      threshold: course("threshold", options.threshold ?? 1e-8, 0, LARGEST_THRESHOLD),
    };
  },
  bop2: (options: Bop2Options = {}): Bop2 => {
    allowed(options, ["gamma", "sigma", "threshold", "epsilon", "unbiased"]);
    const gamma = course("gamma", options.gamma ?? 1e-7, SLOWEST, 1);
    const unbiased = booleanOf(options.unbiased ?? false, "unbiased", subject);
    if (unbiased && gamma.kind !== "constant") {
      reject(
        subject,
        "gamma",
        "one number where bop2 is unbiased, for its correction is 1 - (1 - gamma)^t",
        gamma.kind,
      );
    }
    return {
      kind: "bop2",
      gamma,
      sigma: within("sigma", options.sigma ?? 1e-3, SLOWEST, 1),
      threshold: course("threshold", options.threshold ?? 1e-6, 0, LARGEST_THRESHOLD),
      epsilon: within("epsilon", options.epsilon ?? 1e-10, 1e-20, 1),
      unbiased,
    };
  },
};

/** The makers of optimizers that move real numbers by a step size: what can train any parameter. */
export const realOptimizers: Readonly<
  Record<"sgd" | "adam" | "adamw", (options?: { readonly learningRate?: Rate }) => Sgd | Adam>
> = { sgd: optimizers.sgd, adam: optimizers.adam, adamw: optimizers.adamw };

/**
 * Gives binary weights (those behind a weight quantizer) one optimizer and all other parameters another, as Larq's
 * CaseOptimizer does. Bop needs it wherever a network has a parameter that is real, and nearly every network has.
 *
 * @example
 * caseOptimizer({ binary: optimizers.bop(), rest: optimizers.adam({ learningRate: 0.01 }) })
 * @throws ProxbitError `argument` for options that are no optimizers, or a `rest` that only flips signs.
 */
export function caseOptimizer(options: {
  readonly binary: ParameterOptimizer;
  readonly rest: Sgd | Adam;
}): CaseOptimizer {
  const { binary, rest } = plainObject(options, ["binary", "rest"], { ...subject, what: "caseOptimizer" });
  const [first, second] = [checkOptimizer(binary), checkOptimizer(rest)];
  if (first.kind === "case") reject(subject, "binary", "an optimizer of single parameters", "another caseOptimizer");
  if (second.kind !== "sgd" && second.kind !== "adam") {
    reject(subject, "rest", "sgd, adam or adamw, for the parameters it is for are real", second.kind);
  }
  return { kind: "case", binary: first, rest: second };
}

const keysOfKind = {
  sgd: ["kind", "learningRate", "momentum", "nesterov", "weightDecay"],
  adam: ["kind", "learningRate", "beta1", "beta2", "epsilon", "weightDecay", "decoupled"],
  bop: ["kind", "gamma", "threshold"],
  bop2: ["kind", "gamma", "sigma", "threshold", "epsilon", "unbiased"],
  case: ["kind", "binary", "rest"],
} as const;
const kinds = Object.keys(keysOfKind) as (keyof typeof keysOfKind)[];

/** An optimizer out of a value of unknown origin: a fresh copy. @throws ProxbitError `argument` for anything else. */
export function checkOptimizer(value: unknown): Optimizer {
  const kind = oneOf(plainObject(value, Object.values(keysOfKind).flat(), subject).kind, kinds, "kind", subject);
  const { kind: _, ...options } = plainObject(value, keysOfKind[kind], subject);
  switch (kind) {
    case "sgd":
      return optimizers.sgd(options);
    case "adam": {
      const { weightDecay, decoupled, ...rest } = options;
      return adamOf(rest, weightDecay as number, booleanOf(decoupled, "decoupled", subject));
    }
    case "bop":
      return optimizers.bop(options);
    case "bop2":
      return optimizers.bop2(options);
    case "case":
      return caseOptimizer(options as { binary: ParameterOptimizer; rest: Sgd | Adam });
  }
}

/** The optimizer of the parameters that play `role` in a layer. */
export function optimizerFor(optimizer: Optimizer, role: Parameter["role"]): ParameterOptimizer {
  if (optimizer.kind !== "case") return optimizer;
  return role === "latent" ? optimizer.binary : optimizer.rest;
}

/** Whether the optimizer works on weights that are -1 or +1 themselves, with no latent weight behind them. */
export const isBop = (optimizer: ParameterOptimizer): optimizer is Bop | Bop2 =>
  optimizer.kind === "bop" || optimizer.kind === "bop2";

/** The name it has among the makers; of two, both. */
export function optimizerName(optimizer: Optimizer): string {
  if (optimizer.kind === "case") return `${optimizerName(optimizer.binary)} + ${optimizerName(optimizer.rest)}`;
  return optimizer.kind === "adam" && optimizer.decoupled ? "adamw" : optimizer.kind;
}

/** The course of the step size: of a caseOptimizer that of `rest`. Bop has none: it only flips signs. */
export function learningRateOf(optimizer: Optimizer): Schedule | null {
  if (optimizer.kind === "case") return optimizer.rest.learningRate;
  return isBop(optimizer) ? null : optimizer.learningRate;
}

/** The step size at `progress` in [0, 1]; 0 where nothing has one. */
export function learningRateAt(optimizer: Optimizer, progress: number): number {
  const schedule = learningRateOf(optimizer);
  return schedule === null ? 0 : evaluateSchedule(schedule, progress);
}
