/**
 * Optimizers as plain values. Each of single parameters stands in a file of its own, with the record that tells its kernel,
 * its tensors of state and its numbers (`rule.ts`). The update itself runs in the core (`crates/kernels/src/optimizer`).
 */
import { oneOf, plainObject, reject } from "../../base/checks.ts";
import type { Parameter } from "../../nn/graph.ts";
import type { Schedule } from "../../quantizers/quantizer.ts";
import { evaluateSchedule } from "../../quantizers/schedule.ts";
import { type Adam, adam, adamRule, adamw } from "./adam.ts";
import { type Bop, type Bop2, bop, bop2, bop2Rule, bopRule } from "./bop.ts";
import { type CommonOptions, means, subject } from "./checks.ts";
import { type Lion, lion, lionRule } from "./lion.ts";
import { type QpSbgd, qpsbgd, qpsbgdRule } from "./qp-sbgd.ts";
import { type RmsProp, rmsprop, rmspropRule } from "./rmsprop.ts";
import type { Rule } from "./rule.ts";
import { type Sgd, sgd, sgdRule } from "./sgd.ts";

export type { Adam, AdamOptions, AdamWOptions } from "./adam.ts";
export type { Bop, Bop2, Bop2Options, BopOptions } from "./bop.ts";
export type { Clipping, CommonOptions, Decay, Rate } from "./checks.ts";
export type { Lion, LionOptions } from "./lion.ts";
export type { QpSbgd, QpSbgdOptions } from "./qp-sbgd.ts";
export type { RmsProp, RmsPropOptions } from "./rmsprop.ts";
export type { Sgd, SgdOptions } from "./sgd.ts";

/** An optimizer that moves real numbers by a step size: it can train any parameter. */
export type RealOptimizer = Sgd | Adam | RmsProp | Lion;

/** An optimizer of single parameters. */
export type ParameterOptimizer = RealOptimizer | Bop | Bop2 | QpSbgd;

/** One optimizer for the binary weights, another for all else: biases, norms, real kernels. */
export interface CaseOptimizer {
  readonly kind: "case";
  readonly binary: ParameterOptimizer;
  readonly rest: RealOptimizer;
}

export type Optimizer = ParameterOptimizer | CaseOptimizer;

/** The records of optimizers of single parameters. */
export const rules: { readonly [Own in ParameterOptimizer as Own["kind"]]: Rule<Own> } = {
  sgd: sgdRule,
  adam: adamRule,
  rmsprop: rmspropRule,
  lion: lionRule,
  bop: bopRule,
  bop2: bop2Rule,
  qpsbgd: qpsbgdRule,
};

/**
 * The makers of optimizers; names and defaults are Keras's. Weight decay pulls latent weights to 0, where a step flips their
 * sign: for binary weights take 0 or 1e-4, by `caseOptimizer` where the rest is to decay more. AdamW's default is
 * 4e-3; the command line gives binary weights 1e-4 of it where no decay is named. `noDecay` leaves parameters out.
 * `clipNorm` and `clipValue` bound the gradients that an optimizer reads; of two in a case, each bounds its own.
 *
 * @throws ProxbitError `argument` for options out of range.
 */
export const optimizers = { sgd, adam, adamw, rmsprop, lion, bop, bop2, qpsbgd };

/** The makers of optimizers that move real numbers by a step size: what can train any parameter. */
export const realOptimizers: Readonly<
  Record<"sgd" | "adam" | "adamw" | "rmsprop" | "lion", (options?: CommonOptions) => RealOptimizer>
> = { sgd, adam, adamw, rmsprop, lion };

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
  readonly rest: RealOptimizer;
}): CaseOptimizer {
  const { binary, rest } = plainObject(options, ["binary", "rest"], { ...subject, what: "caseOptimizer" });
  const [first, second] = [checkOptimizer(binary), checkOptimizer(rest)];
  if (first.kind === "case") reject(subject, "binary", "an optimizer of single parameters", "another caseOptimizer");
  if (second.kind === "case" || !isReal(second)) {
    const known = Object.keys(realOptimizers).join(", ");
    reject(subject, "rest", `one of ${known}, for the parameters it is for are real`, second.kind);
  }
  return { kind: "case", binary: first, rest: second };
}

const caseKeys = ["binary", "rest"] as const;
const allKeys = ["kind", ...caseKeys, ...Object.values(rules).flatMap(({ keys }) => keys)];
const kinds = [...(Object.keys(rules) as ParameterOptimizer["kind"][]), "case"] as const;

/** An optimizer out of a value of unknown origin: a fresh copy. @throws ProxbitError `argument` for anything else. */
export function checkOptimizer(value: unknown): Optimizer {
  const kind = oneOf(plainObject(value, allKeys, subject).kind, kinds, "kind", subject);
  const { kind: _, ...options } = plainObject(
    value,
    ["kind", ...(kind === "case" ? caseKeys : rules[kind].keys)],
    subject,
  );
  if (kind === "case") return caseOptimizer(options as Pick<CaseOptimizer, "binary" | "rest">);
  return rules[kind].check(options);
}

/** The part of an optimizer that trains a parameter, of two in a case: parameters of one part have one norm of gradients. */
export const partFor = (optimizer: Optimizer, { role }: Parameter): "binary" | "rest" =>
  optimizer.kind === "case" && role === "latent" ? "binary" : "rest";

/** The optimizer of a parameter: the part that is for its role, without decay where it is left out of that. */
export function optimizerFor(optimizer: Optimizer, parameter: Parameter): ParameterOptimizer {
  const own = optimizer.kind === "case" ? optimizer[partFor(optimizer, parameter)] : optimizer;
  if (!isReal(own) || own.noDecay === undefined) return own;
  return own.noDecay.some((entry) => means(entry, parameter.name)) ? { ...own, weightDecay: 0 } : own;
}

/** Whether the optimizer works on weights that are -1 or +1 themselves, with no latent weight behind them. */
export const isBop = (optimizer: ParameterOptimizer): optimizer is Bop | Bop2 =>
  optimizer.kind === "bop" || optimizer.kind === "bop2";

/** True where it moves real numbers by a step size along their gradients. */
export const isReal = (optimizer: ParameterOptimizer): optimizer is RealOptimizer =>
  !isBop(optimizer) && optimizer.kind !== "qpsbgd";

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
