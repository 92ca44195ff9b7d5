/**
 * Names that people type: quantizers, models, layers, optimizers, data sets, options. The error for an unknown name
 * holds the nearest known name and the whole list. Nearness is Levenshtein distance, letter case ignored.
 */
import { distance } from "fastest-levenshtein";
import { describe } from "./describe.ts";
import { ProxbitError } from "./errors.ts";

/** Longer strings are no typing mistakes, and the distance costs the product of both lengths. */
const longestName = 64;

/**
 * The known name nearest to `given`, or undefined where none is near. At most a third of the longer name, and at least
 * two characters, may differ. Among equally near names the first in `known` wins.
 */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  if (given.length > longestName) return undefined;
  let nearest: string | undefined;
  let smallest = Number.POSITIVE_INFINITY;
  for (const name of known) {
    const away = distance(given.toLowerCase(), name.toLowerCase());
    const allowed = Math.max(2, Math.floor(Math.max(given.length, name.length) / 3));
    // A distance as long as the name itself would make every short name a suggestion.
    if (away < smallest && away <= allowed && away < name.length) {
      nearest = name;
      smallest = away;
    }
  }
  return nearest;
}

/** The remedy for an unknown name: the nearest known one, then all of them. */
export function suggestion(given: string, known: readonly string[]): string {
  const nearest = nearestName(given, known);
  const list = known.length === 0 ? "There are none." : `Known: ${known.join(", ")}.`;
  return nearest === undefined ? list : `Did you mean ${describe(nearest)}? ${list}`;
}

/**
 * The error for a name nobody has registered, code "unknown-name". `kind` is the singular of the names: "quantizer",
 * "model", "data set".
 */
export function unknownName(kind: string, given: string, known: readonly string[]): ProxbitError {
  return new ProxbitError("unknown-name", `no ${kind} is called ${describe(given)}`, suggestion(given, known));
}

/**
 * The entry of `table` called `given`; only the table's own keys count.
 *
 * @throws ProxbitError "argument" where `given` is no string.
 * @throws ProxbitError "unknown-name", with the nearest name, where no key is equal to it.
 */
export function lookUp<Value>(kind: string, given: unknown, table: Readonly<Record<string, Value>>): Value {
  const known = Object.keys(table);
  if (typeof given !== "string") {
    throw new ProxbitError(
      "argument",
      `a ${kind} is chosen by its name, not by ${describe(given)}`,
      `Give one of: ${known.join(", ")}.`,
    );
  }
  const value = Object.hasOwn(table, given) ? table[given] : undefined;
  if (value === undefined) throw unknownName(kind, given, known);
  return value;
}

/** The first `most` of `names` with commas between, and the number of the others. */
export function someOf(names: readonly string[], most: number): string {
  const rest = names.length - most;
  return `${names.slice(0, most).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
