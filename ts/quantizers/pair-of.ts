/** The pair of maps that a quantizer is at one moment of a run, or that a caller has written down as two functions. */
import { plainObject, reading, type Subject, safeName } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { quantizedValue, slopeValue } from "./maps.ts";
import type { Pair } from "./pair.ts";
import type { MapTable, Quantizer } from "./quantizer.ts";
import { quantizer } from "./registry.ts";
import { evaluateSchedule } from "./schedule.ts";
import { forwardAt } from "./state.ts";
import { angularFrequency, widthPlace } from "./weight-quantizers.ts";

/** F and B as functions of a real number, finite wherever they are looked at. */
export interface FunctionPair {
  readonly name: string;
  readonly forward: (x: number) => number;
  readonly backward: (x: number) => number;
}

/** A registered name, a quantizer, or two functions. */
export type NamedPair = string | Quantizer | FunctionPair;

const subject: Subject = { code: "argument", what: "pair" };

/**
 * `value` at `progress` in [0, 1]. Where weights are standardised by their filter or tensor, the maps are those over what is
 * standardised, w'; scales are left out. @throws ProxbitError `argument` or `unknown-name` for what is no pair.
 */
export function pairOf(value: NamedPair, progress: number): Pair {
  const isPair = reading("pair", "a quantizer, its name, or { name, forward, backward }", () => {
    return typeof value === "object" && value !== null && typeof value.forward === "function";
  });
  if (isPair) return functionPair(value as FunctionPair);
  return quantizerPair(quantizer(value as string | Quantizer), progress);
}

function functionPair(value: FunctionPair | Quantizer): Pair {
  const given = plainObject(value, ["name", "forward", "backward"], subject);
  const { forward, backward } = value;
  if (typeof forward === "function" && typeof backward === "function") {
    return {
      name: safeName(given.name, "name", subject),
      forward,
      backward,
      nodes: null,
      precision: Number.EPSILON,
      blur: 0,
    };
  }
  throw new ProxbitError(
    "argument",
    "pair: backward must be a function, as forward is",
    "Give F and B both as functions of a number.",
  );
}

/** mean |w'| of ReCU's standardised weights where these are normally distributed; the width of its box is a multiple of it. */
const normalMean = 2 * Math.SQRT2 * Math.sqrt(2 / Math.PI);

function quantizerPair(value: Quantizer, progress: number): Pair {
  const tau = widthPlace(value);
  const parameters = value.parameters.map((schedule, index) => {
    const parameter = evaluateSchedule(schedule, progress);
    return index === tau ? normalMean * -Math.log(2 - 2 * parameter) : parameter;
  });
  const maps = { ...value, forward: forwardAt(value, progress), parameters };
  const { table } = value;
  const pair: Pair = {
    name: value.name,
    forward: (x) => quantizedValue(maps, x),
    backward: (x) => slopeValue(maps, x),
    nodes: table === null || value.proximal !== "identity" ? null : nodesOf(table),
    precision: Number.EPSILON,
    blur: table === null ? 0 : blurOf(table),
  };
  return value.standardize === "sine" ? behindSine(pair, angularFrequency(value)) : pair;
}

/** BiPer: the maps read sin(w0 x), whose slope is part of the way back. */
function behindSine(pair: Pair, w0: number): Pair {
  return {
    ...pair,
    forward: (x) => pair.forward(Math.sin(w0 * x)),
    backward: (x) => pair.backward(Math.sin(w0 * x)) * w0 * Math.cos(w0 * x),
    nodes: null,
  };
}

function nodesOf({ from, to, forward }: MapTable): readonly number[] {
  const last = forward.length - 1;
  return forward.map((_, index) => from + ((to - from) * index) / last);
}

/** Steps of B that are no jumps are below this share of its largest value. */
const noJump = 0.02;

function blurOf({ backward }: MapTable): number {
  const largest = backward.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const steps = backward.slice(1).map((value, index) => Math.abs(value - (backward[index] ?? value)));
  return steps.reduce((most, step) => (step < noJump * largest ? Math.max(most, step) : most), 0);
}
