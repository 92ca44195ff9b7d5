/** How a named quantizer is made: what its family is, overridden by the options of a caller. */
import { plainObject, type Subject } from "../base/checks.ts";
import { checkParameter, checkQuantizer, parameterNames, type QuantizerParameter } from "./check-quantizer.ts";
import type { BackwardMap, ForwardMap, HardForm, Quantizer, Scale, Schedule, Standardize } from "./quantizer.ts";

/** What a quantizer of this name is unless an option says otherwise; `defaults` holds its parameters by name. */
export interface Family {
  readonly name: string;
  readonly forward: ForwardMap;
  readonly backward: BackwardMap;
  readonly restart?: ForwardMap;
  readonly scale?: Scale;
  readonly standardize?: Standardize;
  readonly hard?: HardForm;
  readonly hardenAt: number;
  readonly clipLatent: number;
  readonly defaults: Readonly<Partial<Record<QuantizerParameter, number | Schedule>>>;
}

/** `hardenAt` of a map that never turns into the sign, or is the sign already. */
export const never = 1;
/**
 * `hardenAt` of a soft map behind P = identity: the share of a run after which it is the hard sign. Ours: a network that was trained
 * soft needs time to become hard (`npm run bench -- study`).
 */
export const softUntil = 0.3;
/** `hardenAt` of a map that closes by itself, such as ProxConnect's L, whose course ends there. Ours, as above. */
export const closesAt = 0.5;
/** A map that keeps its values to the end. */
export const asItIs = { hardenAt: never, clipLatent: 0, hard: "levels" } as const;

/**
 * The quantizer of `family` with `options` over it: its name, `hardenAt`, `clipLatent`, its parameters, and the fields of
 * `open`. Throws "argument" for an unknown option or a value outside its domain.
 */
export function make(
  family: Family,
  options: unknown,
  open: readonly ("scale" | "standardize")[] = ["scale", "standardize"],
): Quantizer {
  const { forward, backward, restart = "identity", standardize = "none", defaults, ...rest } = family;
  const subject: Subject = { code: "argument", what: `quantizer "${family.name}"` };
  const names = parameterNames(forward, backward, subject, "identity", standardize, restart);
  const given = plainObject(options, ["name", "hardenAt", "clipLatent", ...open, ...names], subject);
  const quantizer = {
    ...{ forward, backward, restart, hard: rest.hard },
    parameters: names.map((name) => checkParameter(given[name] ?? defaults[name], name, subject)),
    name: given.name ?? rest.name,
    hardenAt: given.hardenAt ?? rest.hardenAt,
    clipLatent: given.clipLatent ?? rest.clipLatent,
    scale: given.scale ?? rest.scale,
    standardize: given.standardize ?? standardize,
  };
  return checkQuantizer(quantizer, subject);
}
