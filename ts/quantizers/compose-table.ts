/**
 * Functions of the caller's as a table of the core: sampled, checked between the samples, and measured against what the
 * table gives there. P must not fall; T' must be T's slope.
 */
import { ProxbitError } from "../base/errors.ts";
import type { Domain, RealFunction } from "./compose-parts.ts";
import { findJumps } from "./jumps.ts";
import { scalesOf } from "./pair.ts";
import type { MapTable } from "./quantizer.ts";

/**
 * What a table costs beside a map of the core: `bytes` in the core's memory for each layer that reads it, two look-ups for
 * four numbers at a time in place of arithmetic, and the largest distance of F and of B from the functions, measured at
 * seven places between each two samples. Steps in which P jumps are left out of it: there are `jumps` of them, each `step`
 * wide, in which the table has a steep line.
 */
export interface TableCost {
  readonly samples: number;
  readonly step: number;
  readonly bytes: number;
  readonly forwardError: number;
  readonly backwardError: number;
  readonly jumps: number;
}

/** Places between two samples at which functions are checked, the first sample included. */
const finer = 8;
/** Floats of a table before its samples. */
const header = 4;

function finite(what: string, f: RealFunction, x: number): number {
  const value: unknown = f(x);
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new ProxbitError(
    "argument",
    `compose: ${what} gives ${String(value)} at ${x}`,
    "Give a function that is finite over the whole domain, or another domain (from, to).",
  );
}

const place = ({ from, to }: Domain, index: number, count: number): number => from + ((to - from) * index) / count;

/** F and B of the caller over `domain`, between which a table is linear. */
export function tableOf(forward: RealFunction, backward: RealFunction, domain: Domain): MapTable {
  const last = domain.samples - 1;
  const xs = Array.from({ length: domain.samples }, (_, index) => place(domain, index, last));
  return {
    from: domain.from,
    to: domain.to,
    forward: xs.map((x) => finite("F", forward, x)),
    backward: xs.map((x) => finite("B", backward, x)),
  };
}

/** @throws ProxbitError `argument` where `P` falls, with both places and values. */
export function checkProximal(P: RealFunction, domain: Domain): void {
  const count = (domain.samples - 1) * finer;
  let [before, at] = [finite("the proximal map", P, domain.from), domain.from];
  for (let index = 1; index <= count; index += 1) {
    const x = place(domain, index, count);
    const value = finite("the proximal map", P, x);
    if (value < before - 8 * Number.EPSILON * Math.abs(before)) {
      throw new ProxbitError(
        "argument",
        `compose: the proximal map falls from ${before} at ${at} to ${value} at ${x}`,
        "Give a function that never falls: only those are proximal maps.",
      );
    }
    [before, at] = [value, x];
  }
}

/**
 * @throws ProxbitError `argument` where F, as `table` has it over x, is on the other side of 0 than x, with x and F there: the
 *   sign that takes over from F would be another network.
 */
export function checkSigns(table: MapTable): void {
  const { from, to, forward } = table;
  const last = forward.length - 1;
  const samples = forward.map((value, index) => [place({ from, to, samples: last + 1 }, index, last), value] as const);
  // The table is constant beyond its ends, also where these leave out one side of 0.
  const ends = [[Math.min(from, -1), forward[0] ?? 0] as const, [Math.max(to, 1), forward[last] ?? 0] as const];
  const fault = [...ends, ...samples].find(([x, value]) => x * value < 0);
  if (fault === undefined) return;
  const [x, value] = fault;
  throw new ProxbitError(
    "argument",
    `compose: F is ${value} at ${x}, and is to harden to the sign, which is ${x > 0 ? 1 : -1} there`,
    "Give maps whose F has the sign of x, or hardenAt 1: training never turns to the sign then, but a packed model has it.",
  );
}

/** How far the mean of T' over a cell may lie from T's slope there, as a share of the largest |T'|. */
const slack = 1e-3;

/** @throws ProxbitError `argument` where `derivative` is not the slope of `T` on [from, to], with the place and both values. */
export function checkDerivative(T: RealFunction, derivative: RealFunction, { from, to, samples }: Domain): void {
  const count = (samples - 1) * finer;
  const domain = { from, to, samples };
  const slopes = Array.from({ length: samples }, (_, index) =>
    finite("T'", derivative, place(domain, index, samples - 1)),
  );
  const largest = slopes.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0);
  for (let index = 0; index < count; index += 1) {
    const [a, b] = [place(domain, index, count), place(domain, index + 1, count)];
    const middle = a + (b - a) / 2;
    const [low, high] = [finite("T", T, a), finite("T", T, b)];
    const [start, half, end] = [a, middle, b].map((v) => finite("T'", derivative, v)) as [number, number, number];
    const mean = (start + 4 * half + end) / 6;
    const slope = (high - low) / (b - a);
    const rounding = (16 * Number.EPSILON * (Math.abs(low) + Math.abs(high))) / (b - a);
    if (Math.abs(mean - slope) > slack * Math.max(largest, Math.abs(mean)) + rounding) {
      throw new ProxbitError(
        "argument",
        `compose: T' is ${mean} in the mean from ${a} to ${b}, where T rises by ${slope} a unit (from ${low} to ${high})`,
        "Give the derivative of T; T must be smooth.",
      );
    }
  }
}

/** What `table` costs, and how far it is from the functions it was made of. */
export function costOf(table: MapTable, forward: RealFunction, backward: RealFunction): TableCost {
  const last = table.forward.length - 1;
  const step = (table.to - table.from) / last;
  const points = table.forward.map((value, index) => ({
    x: table.from + step * index,
    forward: value,
    backward: table.backward[index] ?? 0,
  }));
  const pair = { name: "table", forward, backward, nodes: null, precision: Number.EPSILON, blur: 0 };
  const jumps = new Set(
    findJumps(pair, points, scalesOf(points)).map(({ left }) => Math.floor((left.x - table.from) / step)),
  );
  let [forwardError, backwardError] = [0, 0];
  points.slice(0, -1).forEach((left, index) => {
    const right = points[index + 1];
    if (right === undefined || jumps.has(index)) return;
    for (let part = 1; part < finer; part += 1) {
      const share = part / finer;
      const x = left.x + step * share;
      const between = (a: number, b: number): number => a + share * (b - a);
      forwardError = Math.max(forwardError, Math.abs(forward(x) - between(left.forward, right.forward)));
      backwardError = Math.max(backwardError, Math.abs(backward(x) - between(left.backward, right.backward)));
    }
  });
  const bytes = 4 * (header + 2 * table.forward.length);
  return { samples: table.forward.length, step, bytes, forwardError, backwardError, jumps: jumps.size };
}
