/**
 * Quantizers and schedules as one text, as they stand on a command line:
 *
 *   name[:option=value,...]     bnn++:beta=logLinear(1,5),hardenAt=0.5
 *
 * Options are those of the quantizer's maker; `harden-at` is hardenAt. A value is a number, a word, or a schedule: the name of
 * its maker with numbers and schedules in the maker's order. Where a maker takes a list, the list's entries stand there:
 *
 *   step(value, factor, at...)                  sequence(at..., part...), with a part more than moments
 *   inverseSlope, parqRho(start, end, steepness, center)       all others as their makers
 */
import type { Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { lookUp } from "../base/names.ts";
import type { Schedule } from "./quantizer.ts";
import { schedules } from "./schedule.ts";

/** Longer texts are no options that somebody typed. */
const longest = 1000;
/** A quantizer of at most four parameters has no more options than this. */
const mostOptions = 16;

type Argument = number | Schedule;

interface Maker {
  /** The fewest and the most arguments, and their names for an error. */
  readonly least: number;
  readonly most: number;
  readonly names: string;
  readonly make: (...values: Argument[]) => Schedule;
}

const ends = { least: 2, most: 2, names: "from, to" } as const;

function slope(make: typeof schedules.parqRho): Maker["make"] {
  return (...values) => {
    const [start, end, steepness, center] = values as number[];
    return make({ start, end, steepness, center });
  };
}

/** Makers check what they are given, so a schedule in a number's place meets their error. */
const plain = (make: unknown): Maker["make"] => make as Maker["make"];

const makers: Readonly<Record<Exclude<keyof typeof schedules, "constant">, Maker>> = {
  linear: { ...ends, make: plain(schedules.linear) },
  logLinear: { ...ends, make: plain(schedules.logLinear) },
  cosine: { least: 1, most: 3, names: "from, to, warmup", make: plain(schedules.cosine) },
  step: {
    ...{ least: 2, most: 100, names: "value, factor, at..." },
    make: (...values) => {
      const [value, factor, ...at] = values as number[];
      return schedules.step(value as number, factor as number, at);
    },
  },
  quarterCosine: { ...ends, make: plain(schedules.quarterCosine) },
  staircase: { ...ends, make: plain(schedules.staircase) },
  geometric: { least: 4, most: 4, names: "from, to, factor, steps", make: plain(schedules.geometric) },
  logistic: { least: 2, most: 4, names: "from, to, steepness, center", make: plain(schedules.logistic) },
  accumulated: {
    ...{ least: 2, most: 2, names: "of, steps" },
    make: (of, steps) => schedules.accumulated(of as Argument, steps as number),
  },
  warmup: { least: 2, most: 3, names: "share, of, from", make: plain(schedules.warmup) },
  window: { least: 3, most: 3, names: "start, end, of", make: plain(schedules.window) },
  sequence: {
    ...{ least: 1, most: 31, names: "at..., part..." },
    make: (...values) => {
      const moments = Math.floor(values.length / 2);
      return schedules.sequence(values.slice(0, moments) as number[], values.slice(moments));
    },
  },
  inverseSlope: { least: 0, most: 4, names: "start, end, steepness, center", make: slope(schedules.inverseSlope) },
  parqRho: { least: 0, most: 4, names: "start, end, steepness, center", make: slope(schedules.parqRho) },
};

export interface QuantizerText {
  readonly name: string;
  /** The options of the quantizer's maker. */
  readonly options: Readonly<Record<string, number | string | Schedule>>;
}

/**
 * The parts of `text` between the commas that stand in no brackets. A part with an option begins no new entry of a list, so
 * `continues` joins it to the one before.
 */
function splitAtCommas(text: string): readonly string[] {
  const parts = [""];
  let depth = 0;
  for (const sign of text) {
    depth += sign === "(" ? 1 : sign === ")" ? -1 : 0;
    if (sign === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += sign;
  }
  return parts.map((part) => part.trim());
}

/**
 * The entries of a list of quantizers with commas between. An entry's own options have commas too: what has a "=" before any
 * colon belongs to the entry before it.
 */
export function quantizerEntries(text: string): readonly string[] {
  const entries: string[] = [];
  for (const part of splitAtCommas(text)) {
    const last = entries.at(-1);
    if (last?.includes(":") && /^[^:]*=/.test(part)) entries[entries.length - 1] = `${last},${part}`;
    else entries.push(part);
  }
  return entries;
}

/** The text's name and options, not yet held against a maker. @throws ProxbitError of `subject`'s code, "unknown-name" */
export function readQuantizerText(text: string, subject: Subject): QuantizerText {
  const [, name = "", list] = /^([^:]*):(.*)$/s.exec(text) ?? [text, text];
  if (list === undefined) return { name, options: {} };
  if (text.length > longest) throw unreadable(subject, `a text of ${text.length} characters`, "no quantizer");
  const options: Record<string, number | string | Schedule> = {};
  const parts = splitAtCommas(list);
  if (parts.length > mostOptions) throw unreadable(subject, `${parts.length} options`, `more than ${mostOptions}`);
  for (const part of parts) {
    const [, word, value] = /^([A-Za-z][\w-]*)\s*=\s*(\S.*)$/s.exec(part) ?? [];
    if (word === undefined || value === undefined) throw unreadable(subject, `"${part}"`, "no option=value");
    const key = word.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (Object.hasOwn(options, key)) throw unreadable(subject, `"${part}"`, `a second ${key}`);
    options[key] = readValue(value, subject);
  }
  return { name, options };
}

function readValue(text: string, subject: Subject): number | string | Schedule {
  if (text !== "" && Number.isFinite(Number(text))) return Number(text);
  const [, name, list] = /^([A-Za-z]+)\((.*)\)$/s.exec(text) ?? [];
  if (name === undefined || list === undefined) return text;
  const { least, most, names, make } = lookUp("schedule", name, makers);
  const values = (list.trim() === "" ? [] : splitAtCommas(list)).map((part): Argument => {
    const value = readValue(part, subject);
    if (typeof value === "string")
      throw unreadable(subject, `"${part}" in ${name}(...)`, "neither number nor schedule");
    return value;
  });
  const isWhole = name !== "sequence" || values.length % 2 === 1;
  if (values.length < least || values.length > most || !isWhole) {
    throw unreadable(subject, `"${text}"`, `no ${name}(${names})`);
  }
  return make(...values);
}

const unreadable = ({ code, what }: Subject, given: string, why: string): ProxbitError =>
  new ProxbitError(
    code,
    `${what}: ${given} is ${why}`,
    "Write a name and its options, as in bnn++:beta=logLinear(1,5),hardenAt=0.5, in quotes where a shell reads it.",
  );
