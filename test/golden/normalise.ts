/**
 * The one place that takes the machine out of texts, and shortens lists that nobody reads.
 *
 *   the winner of the start-up probe     "KERNEL", since only x86 has a fixed one
 *   a session's memory after a probe     "MEMORY", since a race reserves room
 *   lists of more than 40 numbers        their length, and every 64th of them
 *   other numbers                        6 digits, since Math.exp and its like differ in the last one
 *
 * Times are never asked for. A command runs without a terminal, whose width and colours it could ask for. Texts hold no
 * paths, because command lines are written as they are listed.
 */

/** Settles the text that a command printed for people. */
export const normaliseText = (text: string): string =>
  text.replace(
    /binary kernel \w+ \(chosen by probe[^)]*\); memory [\d.]+ \wB/,
    "binary kernel KERNEL (chosen by probe); memory MEMORY",
  );

/** Settles the JSON that a command printed. Each field has a line of its own, and so has each entry of a list. */
export function normaliseJson(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => spread(JSON.parse(line, settle)))
    .join("\n");
}

const MOST_NUMBERS = 40;
const EVERY = 64;
const DIGITS = 6;

function settle(this: unknown, key: string, value: unknown): unknown {
  const { chosenBy } = this as { readonly chosenBy?: unknown };
  if (chosenBy === "probe" && key in ofProbe) return ofProbe[key];
  if (typeof value === "number") return Number(value.toPrecision(Number.isInteger(value) ? 15 : DIGITS));
  if (Array.isArray(value) && value.length > MOST_NUMBERS && typeof value[0] === "number") {
    return [`${value.length} numbers, of which`, ...value.filter((_, place) => place % EVERY === 0)];
  }
  return value;
}

/** These stand for the fields of an explanation that follow from a probe. */
const ofProbe: Readonly<Record<string, string | undefined>> = {
  kernel: "KERNEL",
  memoryBytes: "MEMORY",
  probeMicroseconds: undefined,
};

/** JSON in lines, two levels deep. */
export function spread(value: object): string {
  const fields = Object.entries(value).map(([key, field]) => {
    const isList = Array.isArray(field) && field.some((entry) => typeof entry === "object");
    const text = isList
      ? `[\n${field.map((entry) => `    ${JSON.stringify(entry)}`).join(",\n")}\n  ]`
      : JSON.stringify(field);
    return `  ${JSON.stringify(key)}: ${text}`;
  });
  return `{\n${fields.join(",\n")}\n}`;
}
