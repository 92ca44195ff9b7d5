/**
 * A quantizer over a run: its parameters, the moment at which it hardens, and what hardening changes. The last is the largest
 * |F(x) - sign(x)| outside a margin, sup over |x| >= m: a network whose values keep that far from 0 is moved by no more where
 * F becomes the sign. It is computed, by samples and a search about the largest of them.
 */

import { parameterNames } from "../quantizers/check-quantizer.ts";
import type { Quantizer } from "../quantizers/index.ts";
import { evaluateSchedule, isHardForwardMap, quantizedValue } from "../quantizers/index.ts";

/** The least distances from 0 of the values for which the gap is told. */
export const margins = [0.1, 0.5, 1] as const;

/** One moment of a run. */
export interface CourseRow {
  readonly progress: number;
  /** True for the last moment before the map hardens, which is the limit from the left. */
  readonly before: boolean;
  /** F is the sign from this moment on, or always. */
  readonly hard: boolean;
  /** By the order of `Course.parameters`. */
  readonly values: readonly number[];
  /** The largest |F - sign| outside each of `margins`; null where the domain ends before it. */
  readonly gaps: readonly (number | null)[];
}

export interface Course {
  readonly parameters: readonly string[];
  /** The share of the run from which F is the sign: 0 where it always is, and 1 for never. */
  readonly hardFrom: number;
  /** The interval of x over which gaps are taken (`domainOf`). */
  readonly domain: readonly [from: number, to: number];
  /** The bound at which latent weights are clipped and the domain ends; absent where they are free. */
  readonly clip?: number;
  readonly rows: readonly CourseRow[];
}

const moments = [0, 0.25, 0.5, 0.75, 1];
/** The left limit at a moment is taken this far before it, which moves no number that is shown. */
const instant = 2 ** -40;

/**
 * The part of [from, to] that latent weights may reach. Clipped ones stay within their bound. Of BiPer's weights x is the sine,
 * and of others that are standardised x is no latent weight, so that a bound on those says nothing of it.
 */
export function domainOf(quantizer: Quantizer, from: number, to: number): readonly [number, number] {
  const bound = quantizer.standardize === "sine" ? 1 : (clipOf(quantizer) ?? Number.POSITIVE_INFINITY);
  const within = (x: number): number => Math.max(-bound, Math.min(bound, x));
  return [within(from), within(to)];
}

/** The bound of latent weights that the maps read as they are; null where there is none. */
const clipOf = ({ standardize, clipLatent }: Quantizer): number | null =>
  standardize === "none" && clipLatent > 0 ? clipLatent : null;

/** The course of `quantizer`, with gaps over [from, to]; null where it keeps its levels, so that nothing hardens. */
export function courseOf(quantizer: Quantizer, from: number, to: number): Course | null {
  if (quantizer.hard === "levels") return null;
  const domain = domainOf(quantizer, from, to);
  const hardFrom = isHardForwardMap(quantizer.forward) ? 0 : quantizer.hardenAt;
  const row = (progress: number, before: boolean): CourseRow => {
    const at = before ? Math.max(0, progress - instant) : progress;
    const hard = !before && progress >= hardFrom && hardFrom < 1;
    const gaps = margins.map((margin) => (hard ? 0 : gapAt(quantizer, at, margin, domain)));
    return { progress, before, hard, values: valuesAt(quantizer, at), gaps };
  };
  const hardens = hardFrom > 0 && hardFrom < 1;
  const all = hardens ? [...new Set([...moments, hardFrom])].sort((a, b) => a - b) : moments;
  const rows = all.flatMap((progress) =>
    hardens && progress === hardFrom ? [row(progress, true), row(progress, false)] : [row(progress, false)],
  );
  const { forward, backward, proximal, standardize, restart } = quantizer;
  const subject = { code: "argument", what: "quantizer" } as const;
  const parameters = parameterNames(forward, backward, subject, proximal, standardize, restart);
  const clip = clipOf(quantizer);
  return { parameters, hardFrom, domain, ...(clip === null ? {} : { clip }), rows };
}

export const valuesAt = ({ parameters }: Quantizer, progress: number): readonly number[] =>
  parameters.map((schedule) => evaluateSchedule(schedule, progress));

/** Samples on either side of 0. */
const samples = 250;
const searches = 40;

/**
 * The largest |F(x) - sign(x)| of the soft map at `progress`, over margin <= |x| within `domain`; null where there is no such x.
 * An edge of the domain counts, because F may be unbounded.
 */
export function gapAt(
  quantizer: Quantizer,
  progress: number,
  margin: number,
  [from, to]: readonly [number, number],
): number | null {
  const maps = { ...quantizer, parameters: valuesAt(quantizer, progress) };
  const gap = (x: number): number => Math.abs(quantizedValue(maps, x) - (x < 0 ? -1 : 1));
  const sides = [
    [Math.max(margin, from), to],
    [from, Math.min(-margin, to)],
  ] as const;
  const found = sides.flatMap(([left, right]) => (right < left ? [] : [largestOf(gap, left, right)]));
  return found.length === 0 ? null : Math.max(...found);
}

/** The largest value of `gap` at samples, and about the largest of them by thirds, where a smooth map has one summit. */
function largestOf(gap: (x: number) => number, left: number, right: number): number {
  const place = (index: number): number => (index === samples ? right : left + ((right - left) * index) / samples);
  let [best, most] = [0, gap(left)];
  for (let index = 1; index <= samples; index += 1) {
    const value = gap(place(index));
    if (value > most) [best, most] = [index, value];
  }
  let [low, high] = [place(Math.max(0, best - 1)), place(Math.min(samples, best + 1))];
  for (let search = 0; search < searches; search += 1) {
    const third = (high - low) / 3;
    if (gap(low + third) < gap(high - third)) low += third;
    else high -= third;
  }
  return Math.max(most, gap((low + high) / 2));
}
