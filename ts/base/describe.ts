/** A value of unknown origin is written into an error message: short, on one line, and without ever throwing. */
import { quoted } from "./text.ts";

const longestText = 60;
const longestList = 8;

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
      if (value === null) return "null";
      return Array.isArray(value) ? `a list of ${value.length}` : "an object";
  }
}

/**
 * Describes `value` in a few words. Strings are quoted and cut, short lists stand one level deep, objects are only
 * named.
 */
export function describe(value: unknown): string {
  if (Array.isArray(value) && value.length <= longestList) return `[${Array.from(value, describeOne).join(", ")}]`;
  return describeOne(value);
}
