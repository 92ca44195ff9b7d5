/** The state that a task carries from epoch to epoch, checked: a checkpoint gives back what went into it, or takes nothing. */
import { isArrayOf } from "../../base/arrays.ts";
import { reject, type Subject } from "../../base/checks.ts";
import { isPrototypeKey, isRecord, MAXIMUM_JSON_DEPTH } from "../../io/json.ts";

/** A value that JSON gives back as it was; numbers that JSON has not are written by the checkpoint's own words. */
function isPlain(value: unknown, depth = 0): boolean {
  if (value === null || ["undefined", "boolean", "number", "string"].includes(typeof value)) return true;
  if (depth > MAXIMUM_JSON_DEPTH) return false;
  if (Array.isArray(value)) return value.every((one) => isPlain(one, depth + 1));
  return isPlainRecord(value) && hasPlainKeys(value) && Object.values(value).every((one) => isPlain(one, depth + 1));
}

/** Readers of checkpoints refuse the others. */
const hasPlainKeys = (value: object): boolean => !Object.keys(value).some(isPrototypeKey);

/** An object without a class, of any realm. */
function isPlainRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isRecord(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** `state` as it is. @throws ProxbitError `argument` where it is neither plain nor an object of plain values and Float32Arrays */
export function checkTaskState(state: unknown, subject: Subject): unknown {
  const isKept = (value: unknown): boolean => isArrayOf(value, "Float32Array") || isPlain(value, 1);
  if (isPlain(state) || (isPlainRecord(state) && hasPlainKeys(state) && Object.values(state).every(isKept)))
    return state;
  const wanted = "a function that returns a value which JSON can hold, or an object of such and of Float32Arrays";
  return reject(subject, "save", wanted, state);
}
