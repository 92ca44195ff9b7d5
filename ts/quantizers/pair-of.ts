/** The pair of maps that a quantizer is at one moment of a run, or that a caller has written down as two functions. */
import { plainObject, type Subject, safeName } from "../checks.ts";
import { ProxbitError } from "../errors.ts";
import { quantizedValue, slopeValue } from "./maps.ts";
import type { Pair } from "./pair.ts";
import type { Quantizer } from "./quantizer.ts";
import { quantizer } from "./registry.ts";
import { evaluateSchedule } from "./schedule.ts";

/** F and B as functions of a real number, finite wherever they are looked at. */
export interface FunctionPair {
  readonly name: string;
  readonly forward: (x: number) => number;
  readonly backward: (x: number) => number;
}

/** A registered name, a quantizer, or two functions. */
export type NamedPair = string | Quantizer | FunctionPair;

const subject: Subject = { code: "argument", what: "pair" };

/** `value` at `progress` in [0, 1]. @throws ProxbitError `argument` or `unknown-name` for what is no pair. */
export function pairOf(value: NamedPair, progress: number): Pair {
  if (typeof value !== "string" && typeof value.forward === "function") return functionPair(value);
  return quantizerPair(quantizer(value as string | Quantizer), progress);
}

function functionPair(value: FunctionPair | Quantizer): Pair {
  const given = plainObject(value, ["name", "forward", "backward"], subject);
  const { forward, backward } = value;
  if (typeof forward === "function" && typeof backward === "function") {
    return { name: safeName(given.name, "name", subject), forward, backward, nodes: null };
  }
  throw new ProxbitError(
    "argument",
    "pair: backward must be a function, as forward is",
    "Give F and B both as functions of a number.",
  );
}

function quantizerPair(value: Quantizer, progress: number): Pair {
  const parameters = value.parameters.map((schedule) => evaluateSchedule(schedule, progress));
  const hardened = value.hardenAt < 1 && progress >= value.hardenAt;
  const maps = { ...value, forward: hardened ? "sign" : value.forward, parameters } as const;
  return {
    name: value.name,
    forward: (x) => quantizedValue(maps, x),
    backward: (x) => slopeValue(maps, x),
    nodes: null,
  };
}
