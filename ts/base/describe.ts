/** A value of unknown origin is written into an error message: short, on one line, and without ever throwing. */

import { arrayTag } from "./arrays.ts";
import { quoted } from "./text.ts";

const longestText = 60;
const longestList = 8;

/** The kind of an object: lists and typed arrays with their length. A proxy may throw at any question. */
function describeObject(value: object): string {
  try {
    if (Array.isArray(value)) return `a list of ${value.length}`;
    const tag = arrayTag(value);
    return tag === undefined ? "an object" : `a ${tag} of ${(value as Uint8Array).length}`;
  } catch {
    return "an object";
  }
}

function describeOne(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quoted(value.length > longestText ? `${value.slice(0, longestText)}…` : value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return "a bigint";
    case "symbol":
      return "a symbol";
    case "function":
      return "a function";
    default:
      return value === null ? "null" : describeObject(value as object);
  }
}

/**
 * Describes `value` in a few words. Strings are quoted and cut, short lists stand one level deep, objects are only
 * named.
 */
export function describe(value: unknown): string {
  try {
    if (Array.isArray(value) && value.length <= longestList) return `[${Array.from(value, describeOne).join(", ")}]`;
  } catch {
    // What throws at a look into it is an object all the same.
  }
  return describeOne(value);
}
