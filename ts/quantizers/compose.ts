/**
 * Quantizers by composition (PC++, arXiv 2402.17710, Theorem 1): F = T o P and B = T' o P for a proximal map P and a smooth
 * transform T, so that training with the pair is ProxConnect on the loss behind T, with all that is proven of it.
 *
 * Maps of the core are composed in the core, at the cost of both. Functions of the caller's become a table: P with any T one
 * over x, T behind a map of the core one over the range of P. A table costs 8 bytes a sample (33 kB for the usual 4097) and,
 * in place of arithmetic, two look-ups a number; how far it is from the functions is measured by `compositionCost`. P's jumps
 * become steep lines one step of the table wide.
 */
import { plainObject, reading, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { checkQuantizer } from "./check-quantizer.ts";
import {
  type Domain,
  type Proximal,
  type ProximalName,
  type RealFunction,
  type Transform,
  type TransformName,
  toProximal,
  toTransform,
  usualSamples,
} from "./compose-parts.ts";
import { checkDerivative, checkProximal, checkSigns, costOf, type TableCost, tableOf } from "./compose-table.ts";
import { closesAt, never, softUntil } from "./make.ts";
import { backwardValue, forwardValue } from "./maps.ts";
import type { ForwardMap, GivenQuantizer, Quantizer, Schedule } from "./quantizer.ts";
import { evaluateSchedule, scheduleRange } from "./schedule.ts";

/** A part is a name, which stands for the map with its usual parameters, or comes from `proximals` and `transforms`. */
export interface ComposeOptions {
  readonly proximal: Proximal | ProximalName;
  readonly transform: Transform | TransformName;
  /** "composed" where absent. */
  readonly name?: string | undefined;
  /**
   * Share of the run after which F is the hard sign: 0.3, 0.5 for a P that closes by then, and 1 (never) where F is the sign
   * already. A packed model has the sign of x in any case, so F should have it too; below 1 that is checked.
   */
  readonly hardenAt?: number | undefined;
  /** Bound on abs(latent weight); 0, none, where absent: in ProxConnect latents must be free to grow. */
  readonly clipLatent?: number | undefined;
}

const subject: Subject = { code: "argument", what: "compose" };
const keys = ["proximal", "transform", "name", "hardenAt", "clipLatent"];

/** The functions that a table is made of, and where it is sampled. */
interface Sampled {
  readonly forward: RealFunction;
  readonly backward: RealFunction;
  readonly domain: Domain;
}

interface Composition {
  readonly maps: Pick<GivenQuantizer, "forward" | "backward" | "proximal" | "parameters">;
  readonly sampled: Sampled | null;
}

/**
 * The quantizer with F = T(P(x)) and B = T'(P(x)).
 *
 * @throws ProxbitError `argument` for parameters outside their domain, a P that falls, a T' that is not T's slope, values
 *   that are not finite, an F on the other side of 0 than x that is to harden, parts that are none, or a T that changes over
 *   the run behind a P of the caller's; the message names the value.
 */
export function compose(options: ComposeOptions): Quantizer {
  const {
    name = "composed",
    hardenAt,
    clipLatent = 0,
  } = plainObject(options, keys, subject) as Partial<ComposeOptions>;
  const { maps, sampled } = compositionOf(options);
  const table = sampled === null ? null : tableOf(sampled.forward, sampled.backward, sampled.domain);
  const made = checkQuantizer({ name, ...maps, table, hardenAt: hardenAt ?? usualHardenAt(maps), clipLatent }, subject);
  // Maps of the core all have the sign of what they read, so behind one of them it is the table's that counts.
  if (made.table !== null && made.hardenAt < 1) checkSigns(made.table);
  return made;
}

/** Proximal maps that close by themselves over a run. */
const closing: ReadonlySet<ForwardMap> = new Set(["piecewiseLinear", "proxQuant"]);

function usualHardenAt({ forward, proximal = forward }: Composition["maps"]): number {
  if (forward === "sign") return never;
  return closing.has(proximal) ? closesAt : softUntil;
}

/**
 * What the table of a composition costs, and how far it is from the functions; null where the core has both maps.
 *
 * @throws ProxbitError as `compose` does.
 */
export function compositionCost(options: Pick<ComposeOptions, "proximal" | "transform">): TableCost | null {
  const { sampled } = compositionOf(options);
  if (sampled === null) return null;
  const { forward, backward, domain } = sampled;
  return costOf(tableOf(forward, backward, domain), forward, backward);
}

function compositionOf(options: Pick<ComposeOptions, "proximal" | "transform">): Composition {
  const [proximal, transform] = reading("compose", "{ proximal, transform }", () => [
    options.proximal,
    options.transform,
  ]);
  const [P, T] = [toProximal(proximal), toTransform(transform)];
  if (P.kind === "function") return tableOfBoth(P, T);
  if (T.kind === "function") return tableBehind(P, T);
  // T = identity: F is P itself, which may then travel as bits.
  const maps =
    T.forward === "identity"
      ? { forward: P.map, backward: T.backward, parameters: P.parameters }
      : { proximal: P.map, forward: T.forward, backward: T.backward, parameters: [...P.parameters, ...T.parameters] };
  return { maps, sampled: null };
}

/** T of the caller's behind a map of the core: a table over the range of P. */
function tableBehind(P: Extract<Proximal, { kind: "map" }>, T: Extract<Transform, { kind: "function" }>): Composition {
  const bounded = boundedMaps.includes(P.map);
  const domain = T.domain ?? { from: bounded ? -1 : -4, to: bounded ? 1 : 4, samples: usualSamples };
  if (bounded && (domain.from > -1 || domain.to < 1)) {
    throw new ProxbitError(
      "argument",
      `compose: T is sampled from ${domain.from} to ${domain.to}, and ${P.map} takes values from -1 to 1`,
      "Leave the domain of T out, or let it hold [-1, 1].",
    );
  }
  checkDerivative(T.value, T.derivative, domain);
  return {
    maps: { proximal: P.map, forward: "table", backward: "table", parameters: P.parameters },
    sampled: { forward: T.value, backward: T.derivative, domain },
  };
}

/** The proximal maps whose range is [-1, 1]. */
const boundedMaps: readonly ForwardMap[] = ["sign", "hardTanh", "piecewiseLinear"];

/** P of the caller's with any T: one table of both over x. */
function tableOfBoth(P: Extract<Proximal, { kind: "function" }>, T: Transform): Composition {
  const { value, domain } = P;
  checkProximal(value, domain);
  const [low, high] = [value(domain.from), value(domain.to)];
  if (T.kind === "function") {
    // Where P is constant T has a slope all the same, of which B is made.
    const room = high > low ? 0 : 1e-3 * Math.max(1, Math.abs(low));
    checkDerivative(T.value, T.derivative, { from: low - room, to: high + room, samples: domain.samples });
    return composedTable(
      (x) => T.value(value(x)),
      (x) => T.derivative(value(x)),
      domain,
    );
  }
  const settled = T.parameters.map(constantOf);
  return composedTable(
    (x) => forwardValue(T.forward, value(x), settled),
    (x) => backwardValue(T.backward, value(x), settled),
    domain,
  );
}

const composedTable = (forward: RealFunction, backward: RealFunction, domain: Domain): Composition => ({
  maps: { forward: "table", backward: "table", parameters: [] },
  sampled: { forward, backward, domain },
});

/** The number that a schedule is throughout: a table cannot follow a course. */
function constantOf(schedule: Schedule): number {
  const [least, most] = scheduleRange(schedule);
  if (least === most) return least;
  throw new ProxbitError(
    "argument",
    `compose: a parameter of T goes from ${evaluateSchedule(schedule, 0)} to ${evaluateSchedule(schedule, 1)} over the run, and T stands behind a proximal map of your own, with which it becomes one table`,
    "Give the parameter as a number, or take a proximal map of the core.",
  );
}
