/**
 * Checks of values that come from outside: options of public functions, and graphs read from files. Each check returns
 * the value with its type, or throws a ProxbitError of the subject's code. The error names the subject, the option, and
 * the expected and the given value. Nothing here recurses, so hostile input cannot exhaust the stack.
 */
import { describe } from "./describe.ts";
import { type ErrorCode, isProxbitError, ProxbitError } from "./errors.ts";
import { suggestion } from "./names.ts";

/** Whose value is checked: `what` opens the message, for example `layer "conv2d_1"`. */
export interface Subject {
  readonly code: ErrorCode;
  readonly what: string;
}

/** Throws: `option` of `subject` is `value`, and should have been `expected`. */
export function reject(subject: Subject, option: string, expected: string, value: unknown): never {
  throw new ProxbitError(
    subject.code,
    `${subject.what}: ${option} must be ${expected}, not ${describe(value)}`,
    `Give ${option} as ${expected}.`,
  );
}

/**
 * The result of `work`, which reads what was given: an error there, be it of junk or of a getter that throws, is that of `what`,
 * of the code `code`. What `work` promises is no reading, so errors in it stay as they are.
 */
export function reading<Result>(
  what: string,
  expected: string,
  work: () => Result,
  code: ErrorCode = "argument",
): Result {
  try {
    return work();
  } catch (cause) {
    if (isProxbitError(cause)) throw cause;
    throw new ProxbitError(code, `${what}: what was given cannot be read`, `Give ${expected}.`, { cause });
  }
}

/** True where `value` is a list, of any realm. Never throws, as Array.isArray does for a proxy that was revoked. */
export function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** True where `value` is an object that may hold options. */
const mayHoldOptions = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !isList(value) && !ArrayBuffer.isView(value);

/**
 * An object whose own keys are all in `known`: a literal, JSON, an instance of a class, of any realm. The result has a plain
 * copy of its values, so each getter is asked once.
 */
export function plainObject(value: unknown, known: readonly string[], subject: Subject): Record<string, unknown> {
  if (!mayHoldOptions(value)) {
    throw new ProxbitError(
      subject.code,
      `${subject.what} must be a plain object, not ${describe(value)}`,
      `Give an object with these keys: ${known.join(", ") || "none"}.`,
    );
  }
  const read = (): Record<string, unknown> => {
    const given = value as Readonly<Record<string, unknown>>;
    for (const key of Object.keys(given)) if (!known.includes(key)) throw unknownOption(key, known, subject);
    // Getters of a class are no keys of its instances.
    const isLiteral = Object.getPrototypeOf(given) === Object.prototype;
    const names = isLiteral ? Object.keys(given) : known.filter((name) => name in given && !(name in Object.prototype));
    return Object.fromEntries(names.map((name) => [name, given[name]]));
  };
  return reading(subject.what, "an object whose values can be read", read, subject.code);
}

const unknownOption = (key: string, known: readonly string[], { code, what }: Subject): ProxbitError =>
  new ProxbitError(code, `${what} has no option ${describe(key)}`, suggestion(key, known));

/** A bound as it reads best: 1e+18 rather than nineteen digits. */
function bound(value: number): string {
  return Math.abs(value) < 1e12 ? String(value) : value.toExponential();
}

/** The expectation of `numberIn`, in words. */
export const numberBetween = (minimum: number, maximum: number): string =>
  `a number from ${bound(minimum)} to ${bound(maximum)}`;

/** The expectation of `integerIn`, in words. */
export const wholeNumberBetween = (minimum: number, maximum: number): string =>
  `a whole number from ${minimum} to ${maximum}`;

/** A finite number in [minimum, maximum]; 0 for -0, which JSON cannot keep. */
export function numberIn(value: unknown, minimum: number, maximum: number, option: string, subject: Subject): number {
  if (typeof value !== "number" || !(value >= minimum && value <= maximum)) {
    reject(subject, option, numberBetween(minimum, maximum), value);
  }
  return value + 0;
}

/** A whole number in [minimum, maximum]; 0 for -0, which JSON cannot keep. */
export function integerIn(value: unknown, minimum: number, maximum: number, option: string, subject: Subject): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < minimum || value > maximum) {
    reject(subject, option, wholeNumberBetween(minimum, maximum), value);
  }
  return value + 0;
}

/** true or false. */
export function booleanOf(value: unknown, option: string, subject: Subject): boolean {
  if (typeof value !== "boolean") reject(subject, option, "true or false", value);
  return value;
}

/** One of the given words. */
export function oneOf<Word extends string>(
  value: unknown,
  words: readonly Word[],
  option: string,
  subject: Subject,
): Word {
  const found = words.find((word) => word === value);
  if (found === undefined) {
    throw new ProxbitError(
      subject.code,
      `${subject.what}: ${option} is ${describe(value)}, which is none of its values`,
      typeof value === "string" ? suggestion(value, words) : `Give one of: ${words.join(", ")}.`,
    );
  }
  return found;
}

/** Checks a list of `minimum` to `maximum` values of any kind. Returns a copy, in which holes are undefined. */
export function listOf(
  value: unknown,
  minimum: number,
  maximum: number,
  option: string,
  subject: Subject,
): readonly unknown[] {
  if (!isList(value) || value.length < minimum || value.length > maximum) {
    const size = minimum === maximum ? `${minimum}` : `${minimum} to ${maximum}`;
    reject(subject, option, `a list of ${size} values`, value);
  }
  return Array.from(value);
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_.+-]{0,127}$/;

/**
 * A name that is safe as a file's key and as an object's: letters, digits and `_ . + -`, at most 128 of them, not
 * beginning with a digit, and none that every JavaScript object has already, such as `constructor`.
 */
export function safeName(value: unknown, option: string, subject: Subject): string {
  if (typeof value !== "string" || !namePattern.test(value) || value in Object.prototype || value === "prototype") {
    reject(subject, option, "a name of at most 128 letters, digits, _, ., + and -, not beginning with a digit", value);
  }
  return value;
}

/** A function, or nothing. */
export function callbackOf<Callback>(value: unknown, option: string, subject: Subject): Callback | undefined {
  if (value !== undefined && typeof value !== "function") reject(subject, option, "a function", value);
  return value as Callback | undefined;
}

/** An AbortSignal of any realm, or nothing. */
export function signalOf(value: unknown, option: string, subject: Subject): AbortSignal | undefined {
  if (value === undefined) return undefined;
  const read = (): boolean => {
    const signal = value as AbortSignal | null;
    return typeof signal === "object" && typeof signal?.aborted === "boolean" && "addEventListener" in signal;
  };
  const isSignal = reading(`${subject.what}: ${option}`, "an AbortSignal", read, subject.code);
  return isSignal ? (value as AbortSignal) : reject(subject, option, "an AbortSignal", value);
}
