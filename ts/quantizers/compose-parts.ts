/**
 * The parts of a composition F = T o P, B = T' o P: proximal maps P and smooth transforms T, each a map of the core with the
 * courses of its parameters, or functions of the caller's that are compiled to a table.
 */
import { integerIn, listOf, numberIn, oneOf, plainObject, reading, reject, type Subject } from "../base/checks.ts";
import { checkParameter } from "./check-quantizer.ts";
import { closesAt, softUntil } from "./make.ts";
import { backwardMapParameters, forwardMapParameters, type ParameterName, proximalMaps } from "./maps.ts";
import type { BackwardMap, ForwardMap, Schedule } from "./quantizer.ts";
import { type InverseSlopeOptions, linear, logLinear, parqRho, window } from "./schedule.ts";

/** A function of one real number. */
export type RealFunction = (x: number) => number;

/** P: non-decreasing. */
export type Proximal =
  | { readonly kind: "map"; readonly map: ForwardMap; readonly parameters: readonly Schedule[] }
  | { readonly kind: "function"; readonly value: RealFunction; readonly domain: Domain };

/** T with its derivative. */
export type Transform =
  | {
      readonly kind: "map";
      readonly forward: ForwardMap;
      readonly backward: BackwardMap;
      readonly parameters: readonly Schedule[];
    }
  | {
      readonly kind: "function";
      readonly value: RealFunction;
      readonly derivative: RealFunction;
      readonly domain: Domain | null;
    };

/** Where a function is sampled: `samples` points from `from` to `to`, both included. */
export interface Domain {
  readonly from: number;
  readonly to: number;
  readonly samples: number;
}

/** `from` < `to`, the ends of what is sampled; `samples` from 2 to 16,385, the ends included (4097). */
export interface DomainOptions {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly samples?: number | undefined;
}

export const usualSamples = 4097;
const mostSamples = 16_385;
const farthest = 1e6;

const subjectOf = (what: string): Subject => ({ code: "argument", what });

function domainOf(options: DomainOptions, what: string): Domain {
  const subject = subjectOf(what);
  const given = plainObject(options, ["from", "to", "samples"], subject);
  const from = numberIn(given.from ?? -4, -farthest, farthest, "from", subject);
  const to = numberIn(given.to ?? 4, -farthest, farthest, "to", subject);
  if (to - from < 1e-6) reject(subject, "to", `above from, which is ${from}`, to);
  const samples = integerIn(given.samples ?? usualSamples, 2, mostSamples, "samples", subject);
  return Object.freeze({ from, to, samples });
}

function functionOf(value: unknown, option: string, what: string): RealFunction {
  if (typeof value !== "function") reject(subjectOf(what), option, "a function of a number", value);
  return value as RealFunction;
}

type Given = Readonly<Partial<Record<ParameterName, number | Schedule | undefined>>>;

function parametersOf(
  names: readonly ParameterName[],
  options: Given,
  usual: Given,
  what: string,
): readonly Schedule[] {
  const subject = subjectOf(what);
  const given = plainObject(options, names, subject);
  return Object.freeze(names.map((name) => checkParameter(given[name] ?? usual[name], name, subject)));
}

function proximalMap(map: ForwardMap, options: Given, usual: Given): Proximal {
  const parameters = parametersOf(forwardMapParameters[map], options, usual, `proximal map ${map}`);
  return Object.freeze({ kind: "map", map, parameters });
}

/** The proximal maps: `proximals.parq({ end: 0.8 })`. Parameters are numbers or schedules. */
export const proximals = Object.freeze({
  /** P(x) = x. */
  identity: (): Proximal => proximalMap("identity", {}, {}),
  /** BinaryConnect's: -1 below 0, +1 elsewhere. */
  sign: (): Proximal => proximalMap("sign", {}, {}),
  /** x clipped to [-1, 1]. */
  hardTanh: (): Proximal => proximalMap("hardTanh", {}, {}),
  /** Another name of hardTanh. */
  clip: (): Proximal => proximalMap("hardTanh", {}, {}),
  /** ProxConnect's L; `rho` >= 0 (PARQ's course up to 0.5 of the run) and `varrho` in [0, 1] (0). */
  piecewiseLinear: (options: Pick<Given, "rho" | "varrho"> = {}): Proximal =>
    proximalMap("piecewiseLinear", options, { rho: parqRho({ end: closesAt }), varrho: 0 }),
  /** ProxQuant's: +-1 pulls by `lambda` >= 0 (a line from 0 to 1 up to 0.5 of the run). Unbounded, as x is. */
  proxQuant: (options: Pick<Given, "lambda"> = {}): Proximal =>
    proximalMap("proxQuant", options, { lambda: window(0, closesAt, linear(0, 1)) }),
  /** PARQ's: L with varrho 0 and rho = 1 - inverse slope, which falls from 1 at `start` (0) to 0 at `end` (0.5). */
  parq: (options: InverseSlopeOptions = {}): Proximal =>
    proximalMap(
      "piecewiseLinear",
      { rho: parqRho(reading("parq", "{ start, end }", () => ({ end: closesAt, ...options }))), varrho: 0 },
      {},
    ),
  /**
   * Any non-decreasing function, finite from `from` (-4) to `to` (4), where it is sampled; constant beyond. Together with T
   * it becomes one table, so T must not change over the run.
   */
  fromFunction: (value: RealFunction, options: DomainOptions = {}): Proximal =>
    Object.freeze({
      kind: "function",
      value: functionOf(value, "value", "proximal map"),
      domain: domainOf(options, "proximal map"),
    }),
});

function transformMap(forward: ForwardMap, backward: BackwardMap, options: Given, usual: Given): Transform {
  const parameters = parametersOf(backwardMapParameters[backward], options, usual, `transform ${forward}`);
  return Object.freeze({ kind: "map", forward, backward, parameters });
}

/** The transforms: `transforms.signSwish({ beta: 5 })`. Parameters are numbers or schedules. */
export const transforms = Object.freeze({
  /** T(v) = v: ProxConnect itself. */
  identity: (): Transform => transformMap("identity", "one", {}, {}),
  /** BNN++'s; `beta` > 0 (log-linear 1 to 5). */
  signSwish: (options: Pick<Given, "beta"> = {}): Transform =>
    transformMap("signSwish", "signSwishPrime", options, { beta: logLinear(1, 5) }),
  /** Bi-Real Net's polynomial. */
  poly: (): Transform => transformMap("poly", "polyPrime", {}, {}),
  /** IR-Net's k tanh(t v); `t` > 0 (log-linear 1e-3 to 10 up to 0.3 of the run). */
  ede: (options: Pick<Given, "t"> = {}): Transform =>
    transformMap("ede", "edePrime", options, { t: window(0, softUntil, logLinear(1e-3, 10)) }),
  /** tanh(t v); `t` > 0 (log-linear 1 to 5). */
  tanh: (options: Pick<Given, "t"> = {}): Transform =>
    transformMap("tanh", "tanhPrime", options, { t: logLinear(1, 5) }),
  /**
   * Any smooth function with its derivative, sampled over the range of P; where P is unbounded from `from` (-4) to `to` (4),
   * with both constant beyond.
   */
  fromFunction: (value: RealFunction, derivative: RealFunction, options: DomainOptions | null = null): Transform =>
    Object.freeze({
      kind: "function",
      value: functionOf(value, "value", "transform"),
      derivative: functionOf(derivative, "derivative", "transform"),
      domain: options === null ? null : domainOf(options, "transform"),
    }),
});

const proximalNames = ["identity", "sign", "hardTanh", "clip", "piecewiseLinear", "proxQuant", "parq"] as const;
const transformNames = ["identity", "signSwish", "poly", "ede", "tanh"] as const;

export type ProximalName = (typeof proximalNames)[number];
export type TransformName = (typeof transformNames)[number];

const compose: Subject = subjectOf("compose");

/** The proximal map that is meant: a name stands for the map with its usual parameters; a part is checked and copied. */
export function toProximal(given: Proximal | ProximalName): Proximal {
  if (typeof given === "string") return proximals[oneOf(given, proximalNames, "proximal", compose)]();
  const subject = subjectOf("compose: proximal");
  if (kindOf(given, "proximal") === "function") {
    const { value, domain } = plainObject(given, ["kind", "value", "domain"], subject);
    return proximals.fromFunction(value as RealFunction, domain as Domain);
  }
  const { map, parameters } = plainObject(given, ["kind", "map", "parameters"], subject);
  const known = oneOf(map, proximalMaps, "map", subject);
  return proximalMap(known, namedBy(forwardMapParameters[known], parameters, subject), {});
}

/** The transform that is meant, as `toProximal` has it. */
export function toTransform(given: Transform | TransformName): Transform {
  if (typeof given === "string") return transforms[oneOf(given, transformNames, "transform", compose)]();
  const subject = subjectOf("compose: transform");
  if (kindOf(given, "transform") === "function") {
    const { value, derivative, domain } = plainObject(given, ["kind", "value", "derivative", "domain"], subject);
    return transforms.fromFunction(value as RealFunction, derivative as RealFunction, domain as Domain | null);
  }
  const { forward, backward, parameters } = plainObject(given, ["kind", "forward", "backward", "parameters"], subject);
  const known = oneOf(forward, Object.keys(derivatives) as (keyof typeof derivatives)[], "forward", subject);
  const derivative = oneOf(backward, [derivatives[known]], "backward", subject);
  return transformMap(known, derivative, namedBy(backwardMapParameters[derivative], parameters, subject), {});
}

/** The smooth maps of the core, each with its derivative. */
const derivatives = {
  identity: "one",
  signSwish: "signSwishPrime",
  poly: "polyPrime",
  ede: "edePrime",
  tanh: "tanhPrime",
} as const;

function kindOf(given: unknown, option: "proximal" | "transform"): "map" | "function" {
  const kind = typeof given === "object" && given !== null && "kind" in given ? given.kind : undefined;
  if (kind !== "map" && kind !== "function") reject(compose, option, `a name or one of ${option}s`, given);
  return kind;
}

/** A part's list of parameters under their names. */
function namedBy(names: readonly ParameterName[], parameters: unknown, subject: Subject): Given {
  const list = listOf(parameters, names.length, names.length, "parameters", subject);
  return Object.fromEntries(names.map((name, index) => [name, list[index] as Schedule]));
}
