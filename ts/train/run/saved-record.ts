/**
 * A run's record, and the events of its epochs, as they come out of a file. A checkpoint's digest tells damage, and no more:
 * anybody can make one. So every number is held to its range, and keys that a record has not are left behind.
 */
import { integerIn, numberIn, reject, type Subject } from "../../base/checks.ts";
import { isProxbitError } from "../../base/errors.ts";
import { brokenCheckpoint } from "../../io/checkpoint-file.ts";
import { isRecord } from "../../io/json.ts";
import type { FlipCounts } from "../plan/flips.ts";
import type { EpochEvent } from "./events.ts";
import type { Course, RunRecord } from "./run.ts";

const subject: Subject = { code: "checkpoint", what: "its run" };
const MOST = Number.MAX_SAFE_INTEGER;

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown, name: string): Fields {
  if (!isRecord(value)) return reject(subject, name, "an object", value);
  return value;
}

function textsOf(value: unknown, name: string): Readonly<Record<string, string>> {
  const entries = Object.entries(fieldsOf(value, name)).map(([key, text]): [string, string] => {
    if (typeof text !== "string") return reject(subject, `${name}.${key}`, "a text", text);
    return [key, text];
  });
  return Object.fromEntries(entries);
}

/** A number of any size: a loss may be infinite, and an accuracy NaN. */
function anyNumber(value: unknown, name: string): number {
  if (typeof value !== "number") reject(subject, name, "a number", value);
  return value;
}

function booleanOf(value: unknown, name: string): boolean {
  if (typeof value !== "boolean") reject(subject, name, "true or false", value);
  return value;
}

const numbersOf = (value: unknown, name: string): Record<string, number> =>
  Object.fromEntries(
    Object.entries(fieldsOf(value, name)).map(([key, number]) => [key, anyNumber(number, `${name}.${key}`)]),
  );

function flipsOf(value: unknown): FlipCounts | null {
  if (value === null) return null;
  const { steps, flipped } = fieldsOf(value, "flips");
  return { steps: integerIn(steps, 0, MOST, "flips.steps", subject), flipped: numbersOf(flipped, "flips.flipped") };
}

function courseOf(value: unknown): Course {
  const given = fieldsOf(value, "course");
  const whole = (name: string, least: number, most: number): number =>
    integerIn(given[name], least, most, `course.${name}`, subject);
  const [epochs, steps] = [whole("epochs", 1, 1e6), whole("steps", 1, MOST)];
  const results = Object.entries(fieldsOf(given.results, "course.results"));
  return {
    ...{
      epochs,
      steps,
      batchSize: whole("batchSize", 1, MOST),
      rate: numberIn(given.rate, 0, 1, "course.rate", subject),
    },
    ...{ epoch: whole("epoch", 0, epochs), step: whole("step", 0, steps), tasks: whole("tasks", 0, MOST) },
    ...{ loss: anyNumber(given.loss, "course.loss"), accuracy: anyNumber(given.accuracy, "course.accuracy") },
    results: Object.fromEntries(results.map(([name, numbers]) => [name, numbersOf(numbers, `course.results.${name}`)])),
    terms: numbersOf(given.terms, "course.terms"),
    flips: flipsOf(given.flips),
    // Files of former versions do not tell it.
    seconds: numberIn(given.seconds ?? 0, 0, MOST, "course.seconds", subject),
  };
}

/** `read`, whose errors are those of a checkpoint that nobody can go on from. */
function checked<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    if (!isProxbitError(cause)) throw cause;
    throw brokenCheckpoint(cause.message, undefined, cause);
  }
}

/** The record `value` of a run with this seed. @throws ProxbitError "checkpoint" for a number out of its range. */
export const savedRecord = (value: unknown, seed: unknown): RunRecord =>
  checked(() => {
    const given = fieldsOf(value, "the record");
    const whole = (name: string): number => integerIn(given[name], 0, MOST, name, subject);
    if (given.seed !== seed) reject(subject, "seed", "that of its facts", given.seed);
    return {
      seed: integerIn(given.seed, 0, 0xffffffff, "seed", subject),
      ...{ epochs: whole("epochs"), updates: whole("updates"), draws: whole("draws") },
      progress: numberIn(given.progress, 0, 1, "progress", subject),
      // Files of former versions do not tell it.
      hardened: booleanOf(given.hardened ?? false, "hardened"),
      metadata: textsOf(given.metadata, "metadata"),
      course: courseOf(given.course),
    };
  });

/** The events of epochs that have ended. @throws ProxbitError "checkpoint" for anything else. */
export const savedHistory = (value: readonly unknown[]): readonly EpochEvent[] =>
  checked(() =>
    value.map((given, at) => {
      const name = `event ${at}`;
      const { type, epoch, loss, accuracy, validation = {}, flipRatio = {} } = fieldsOf(given, name);
      if (type !== "epoch") reject(subject, `${name}.type`, "epoch", type);
      integerIn(epoch, 1, MOST, `${name}.epoch`, subject);
      anyNumber(loss, `${name}.loss`);
      anyNumber(accuracy, `${name}.accuracy`);
      fieldsOf(fieldsOf(validation, `${name}.validation`).soft ?? {}, `${name}.validation.soft`);
      fieldsOf(flipRatio, `${name}.flipRatio`);
      return given as unknown as EpochEvent;
    }),
  );
