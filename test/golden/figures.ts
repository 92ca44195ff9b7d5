/**
 * Figures: texts by name, some of them in groups. A text of several words is a list, whose places count from 1. A place
 * in "loss at step" is the step.
 */
export type Group = Readonly<Record<string, string>>;
export type Figures = Readonly<Record<string, string | Group>>;

/** A subject has entries (runs, files, networks, texts) by name, and makes the figures of each. */
export interface Subject {
  readonly name: string;
  readonly entries: readonly string[];
  readonly make: (entry: string) => Promise<Figures>;
}

/**
 * Each difference in words: the figure, and its earlier and its present value. In a group the first member that differs
 * stands for all.
 */
export function differences(wanted: Figures, found: Figures): readonly string[] {
  return namesOf(wanted, found).flatMap((name) => {
    const [before, after] = [wanted[name], found[name]];
    if (typeof before === "object" || typeof after === "object")
      return firstOfGroup(name, asGroup(before), asGroup(after));
    return difference(name, before, after);
  });
}

function firstOfGroup(name: string, wanted: Group, found: Group): readonly string[] {
  const parted = namesOf(wanted, found).filter((member) => wanted[member] !== found[member]);
  const [first] = parted;
  if (first === undefined) return [];
  const [line] = difference(`${name} ${first}`, wanted[first], found[first]);
  return [parted.length === 1 ? `${line}` : `${line}; and ${parted.length - 1} more of the ${name}`];
}

/** A figure that is absent, or a text by itself, beside a group. */
const asGroup = (figure: string | Group | undefined = {}): Group =>
  typeof figure === "string" ? { "": figure } : figure;

const namesOf = (...all: readonly object[]): readonly string[] => [...new Set(all.flatMap((one) => Object.keys(one)))];

function difference(name: string, wanted: string | undefined, found: string | undefined): readonly string[] {
  if (wanted === found) return [];
  if (wanted === undefined) return [`${name}: is new, ${found}`];
  if (found === undefined) return [`${name}: is gone, was ${wanted}`];
  if (`${wanted}${found}`.includes("\n")) return [firstLines(name, wanted.split("\n"), found.split("\n"))];
  const [before, after] = [wanted.split(" "), found.split(" ")];
  if (Math.max(before.length, after.length) === 1) return [`${name}: was ${wanted}, is ${found}`];
  const place = Math.max(before.length, after.length) - 1;
  const at = before.findIndex((word, index) => word !== after[index]);
  const first = at === -1 ? Math.min(place, before.length) : at;
  return [`${name} ${first + 1}: was ${before[first] ?? "absent"}, is ${after[first] ?? "absent"}`];
}

const MOST_LINES = 3;

/** The lines from the first that differs on, as far as they differ, at most a few. */
function firstLines(name: string, wanted: readonly string[], found: readonly string[]): string {
  const length = Math.max(wanted.length, found.length);
  const at = Array.from({ length }, (_, line) => line).find((line) => wanted[line] !== found[line]) ?? 0;
  const shown = (sign: string, lines: readonly string[], others: readonly string[]): readonly string[] =>
    lines
      .slice(at, at + MOST_LINES)
      .filter((line, index) => line !== others[at + index])
      .map((line) => `  ${sign} ${line}`);
  return [`${name} line ${at + 1}:`, ...shown("-", wanted, found), ...shown("+", found, wanted)].join("\n");
}
