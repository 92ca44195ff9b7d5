/**
 * The check of a quantizer that comes from outside, whether written by hand or read from a file: known maps, a pair that
 * agrees on what its parameters mean, schedules that never leave their parameters' domains.
 */
import { listOf, numberIn, oneOf, plainObject, reject, type Subject, safeName } from "../checks.ts";
import { ProxbitError } from "../errors.ts";
import {
  backwardMapNumbers,
  backwardMapParameters,
  forwardMapNumbers,
  forwardMapParameters,
  type ParameterName,
} from "./maps.ts";
import type { BackwardMap, ForwardMap, HardForm, Quantizer, Scale, Schedule, Standardize } from "./quantizer.ts";
import { scheduleRange, toSchedule } from "./schedule.ts";

export const forwardMaps = Object.keys(forwardMapNumbers) as readonly ForwardMap[];
export const backwardMaps = Object.keys(backwardMapNumbers) as readonly BackwardMap[];

/**
 * Domains: beta > 0, t > 0, rho >= 0, 0 <= varrho <= 1. The bounds at 1e-6 and 1e6 keep 1/t, k t and beta x within f32
 * for every f32 a network produces in practice; a steeper map is no different from sign.
 */
const domains: Readonly<Record<ParameterName, readonly [number, number]>> = {
  rho: [0, 1e6],
  varrho: [0, 1],
  beta: [1e-6, 1e6],
  t: [1e-6, 1e6],
};

/**
 * The names of a pair's parameters, in the core's order. Both maps read the same two numbers, so a pair whose maps mean
 * different things by them (L with SignSwish's derivative) is refused.
 */
export function parameterNames(forward: ForwardMap, backward: BackwardMap, subject: Subject): readonly ParameterName[] {
  const forwardNames = forwardMapParameters[forward];
  const backwardNames = backwardMapParameters[backward];
  if (forwardNames.length === 0) return backwardNames;
  if (backwardNames.length === 0 || forwardNames[0] === backwardNames[0]) return forwardNames;
  throw new ProxbitError(
    subject.code,
    `${subject.what}: forward map ${forward} reads [${forwardNames.join(", ")}] where backward map ${backward} reads [${backwardNames.join(", ")}]`,
    "Pair maps that share their parameters, or take a map without any, such as sign or one.",
  );
}

/** One parameter as a schedule (a number stands for a constant one) that stays in its domain over the whole run. */
export function checkParameter(value: unknown, name: ParameterName, subject: Subject): Schedule {
  const schedule = toSchedule(value, name, subject);
  const [minimum, maximum] = domains[name];
  for (const end of scheduleRange(schedule)) numberIn(end, minimum, maximum, name, subject);
  return schedule;
}

const keys = [
  "name",
  "forward",
  "backward",
  "proximal",
  "parameters",
  "table",
  "hardenAt",
  "clipLatent",
  "scale",
  "standardize",
  "hard",
];

const scales: readonly Scale[] = ["none", "filter", "tensor"];
const standards: readonly Standardize[] = ["none", "filter", "adabin", "tanhMax", "sine"];
const hardForms: readonly HardForm[] = ["sign"];
const proximalMaps: readonly ForwardMap[] = ["identity"];

/** A quantizer out of a value of unknown origin: a fresh, frozen copy, or an error of `subject`'s code. */
export function checkQuantizer(value: unknown, subject: Subject): Quantizer {
  const given = plainObject(value, keys, subject);
  const name = safeName(given.name, "name", subject);
  const forward = oneOf(given.forward, forwardMaps, "forward", subject);
  const backward = oneOf(given.backward, backwardMaps, "backward", subject);
  const proximal = oneOf(given.proximal ?? "identity", proximalMaps, "proximal", subject);
  const names = parameterNames(forward, backward, subject);
  const list = listOf(given.parameters, names.length, names.length, "parameters", subject);
  const parameters = names.map((parameter, index) => checkParameter(list[index], parameter, subject));
  const hardenAt = numberIn(given.hardenAt, 0, 1, "hardenAt", subject);
  const clipLatent = numberIn(given.clipLatent, 0, 1e6, "clipLatent", subject);
  const scale = oneOf(given.scale ?? "none", scales, "scale", subject);
  const standardize = oneOf(given.standardize ?? "none", standards, "standardize", subject);
  if (standardize === "adabin" && scale !== "none") {
    throw new ProxbitError(
      subject.code,
      `${subject.what}: AdaBin's weights have a scale of their own, and scale is "${scale}"`,
      'Give scale "none" with standardize "adabin".',
    );
  }
  const hard = oneOf(given.hard ?? "sign", hardForms, "hard", subject);
  if ((given.table ?? null) !== null) reject(subject, "table", "null", given.table);
  return Object.freeze({
    name,
    forward,
    backward,
    proximal,
    parameters: Object.freeze(parameters),
    table: null,
    hardenAt,
    clipLatent,
    scale,
    standardize,
    hard,
  });
}
