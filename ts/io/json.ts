/**
 * JSON that is read from files of unknown origin. Equal values are written as equal bytes.
 *
 * `JSON.parse` keeps the last of two equal keys and lets a key be called `__proto__`. Two readers of one file can then
 * see two different models. So a scan goes over the text first, without recursion and without building values. It
 * refuses nesting that is too deep, and keys that stand twice in one object. It also refuses keys that name a
 * prototype. Only then is the text parsed.
 */
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";

/** The greatest depth of arrays and objects. A graph with every schedule needs 8. */
export const MAXIMUM_JSON_DEPTH = 64;

const PROTOTYPE_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Recognises keys that a file may not use in an object, because JavaScript gives them another meaning. */
export function isPrototypeKey(key: string): boolean {
  return PROTOTYPE_KEYS.has(key);
}

/** Recognises an object with keys: neither null nor an array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const REMEDY = "Get the file again from its source. If it was edited by hand, write it with proxbit instead.";

function corrupt(message: string, cause?: unknown): ProxbitError {
  return new ProxbitError("model-file", message, REMEDY, cause === undefined ? undefined : { cause });
}

/** The index just past the string that begins with the quote at `start`, or -1 where it never ends. */
function endOfString(text: string, start: number): number {
  for (let from = start + 1; ; ) {
    const quote = text.indexOf('"', from);
    if (quote < 0) return -1;
    let escapes = quote;
    while (text[escapes - 1] === "\\") escapes--;
    if ((quote - escapes) % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  return at;
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw corrupt(`${what} is not JSON`, cause);
  }
}

function scan(text: string, what: string): void {
  // The keys seen in each open object; null stands for an open array.
  const open: (Set<string> | null)[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at];
    if (character === '"') {
      const end = endOfString(text, at);
      if (end < 0) throw corrupt(`${what} is not JSON: a string never ends`);
      const keys = open.at(-1);
      if (keys && text[skipBlanks(text, end)] === ":") {
        // Parsed, not compared as it stands: an escape must not hide that two keys are equal.
        const key = String(parse(text.slice(at, end), what));
        if (isPrototypeKey(key)) throw corrupt(`${what} uses the key "${key}", which is not allowed`);
        if (keys.has(key)) throw corrupt(`${what} has the key ${describe(key)} twice`);
        keys.add(key);
      }
      at = end;
      continue;
    }
    if (character === "{" || character === "[") {
      if (open.length === MAXIMUM_JSON_DEPTH) throw corrupt(`${what} nests deeper than ${MAXIMUM_JSON_DEPTH} levels`);
      open.push(character === "{" ? new Set() : null);
    } else if (character === "}" || character === "]") open.pop();
    at++;
  }
}

/**
 * Parses `text`; `what` names it in errors. The caller caps its length.
 *
 * @throws ProxbitError "model-file" where it is not JSON, nests too deep, or has a doubled or a prototype key.
 */
export function parseStrictJson(text: string, what: string): unknown {
  scan(text, what);
  return parse(text, what);
}

/**
 * JSON with the keys of each object in order of their code units. The bytes then depend on the value alone. Properties
 * that are undefined are left out.
 *
 * @throws ProxbitError "argument" for NaN, infinities, functions and anything else that JSON cannot hold.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "string" || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (isRecord(value)) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => byCodeUnits(a, b));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(",")}}`;
  }
  throw new ProxbitError(
    "argument",
    `${describe(value)} cannot be written as JSON`,
    "Use finite numbers and plain values.",
  );
}

/** Order of strings that depends on no locale. */
export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
