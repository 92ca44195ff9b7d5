/**
 * The kurtosis of latent weights, drawn to a target (BD-BNN: Rozen et al., "Bimodal Distributed Binarized Neural Networks",
 * 2022): factor times the mean over kernels of (kappa - target)^2. kappa is the mean of ((w - mean) / std)^4, with the deviation
 * of the sample (n - 1). Two points have a kurtosis of 1, a uniform distribution 1.8, a Gaussian 3. The gradient is exact: it goes
 * through mean and deviation.
 */
import { numberIn, plainObject, reject, type Subject, safeName } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { k } from "../../program/call.ts";
import type { TrainedTensor } from "../plan/layout.ts";
import { latentTensors, namesOf } from "./kernels.ts";
import type { LossContext, LossTerm, TermPlan } from "./term.ts";

export interface KurtosisOptions {
  /** At least 0; 1 where absent. */
  readonly factor?: number | undefined;
  /** The kurtosis that weights are drawn to, from 0.01 to 100; 1.8 where absent. */
  readonly target?: number | undefined;
  /** Targets of single parameters, by their names. */
  readonly targets?: Readonly<Record<string, number>> | undefined;
  /** Names of parameters; all latent kernels where absent. */
  readonly parameters?: readonly string[] | undefined;
  /** The name in events; "kurtosis" where absent. */
  readonly name?: string | undefined;
}

/** The term over the latent kernels of a network, or over some of its parameters. @throws ProxbitError `argument` */
export function kurtosis(options: KurtosisOptions = {}): LossTerm {
  const subject: Subject = { code: "argument", what: "losses.kurtosis" };
  const given = plainObject(options, ["factor", "target", "targets", "parameters", "name"], subject);
  const factor = numberIn(given.factor ?? 1, 0, 1e6, "factor", subject);
  const target = targetOf(given.target ?? 1.8, "target", subject);
  const name = safeName(given.name ?? "kurtosis", "name", subject);
  const parameters = namesOf(given.parameters, subject);
  const targets = targetsOf(given.targets, subject);
  return {
    name,
    parameters: [...new Set([...(parameters ?? []), ...Object.keys(targets)])],
    facts: { factor, target, targets, parameters: parameters ?? null },
    remedies: { kurtosis: ALL_EQUAL },
    check: (_network, layout) => {
      const found = latentTensors(layout, parameters, name);
      const names = found.map(({ parameter }) => parameter.name);
      const stray = Object.keys(targets).find((own) => !names.includes(own));
      if (stray !== undefined) reject(subject, "targets", `numbers by the names ${names.join(", ")}`, targets);
      const small = found.find(({ size }) => size < 3);
      if (small !== undefined) throw tooSmall(small, name);
    },
    plan: (context) => {
      const found = latentTensors(context.layers.parameters.layout, parameters, name);
      return planKurtosis(found, (own) => targets[own] ?? target, factor / found.length, context);
    },
  };
}

const targetOf = (value: unknown, option: string, subject: Subject): number =>
  numberIn(value, 0.01, 100, option, subject);

function targetsOf(value: unknown, subject: Subject): Readonly<Record<string, number>> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null) reject(subject, "targets", "numbers by names of parameters", value);
  return Object.fromEntries(Object.entries(value).map(([name, own]) => [name, targetOf(own, "targets", subject)]));
}

function planKurtosis(
  tensors: readonly TrainedTensor[],
  targetOfTensor: (name: string) => number,
  factor: number,
  { layers }: LossContext,
): TermPlan {
  const planned = new Map(
    tensors.map(({ parameter, value: weights, size }) => {
      const moments = layers.memory.allocate(4 * 8);
      return [parameter.name, { node: parameter.node, weights, size, moments, target: targetOfTensor(parameter.name) }];
    }),
  );
  return {
    results: { names: ["squares"], shares: planned.size },
    value: ([squares = 0]) => factor * squares,
    write: ({ emit, share }) => {
      for (const [i, { node, weights, size, moments, target }] of [...planned.values()].entries()) {
        emit(node).job([k.kurtosis({ weights, count: size, target, moments, result: share(i) })]);
      }
    },
    addTo: (parameter, { weights, gradient: y, count }) => {
      const own = planned.get(parameter);
      if (own === undefined) return [];
      const { moments, size, target } = own;
      return [k.addKurtosisSlopes({ weights, moments, size, target, factor, y, count })];
    },
  };
}

const ALL_EQUAL =
  "Weights that are all equal have no kurtosis: begin with an initializer that draws them, or leave the kurtosis or bd-bnn out";

const tooSmall = ({ parameter, size }: TrainedTensor, term: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `the loss term "${term}" is over a distribution, and "${parameter.name}" has ${size} elements`,
    "Name parameters of at least 3 elements.",
  );
