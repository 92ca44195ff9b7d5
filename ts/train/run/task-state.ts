/**
 * The state that a task carries from epoch to epoch, checked: a checkpoint gives back what went into it, or takes nothing. Arrays
 * stand there as tensors.
 */
import { isArrayOf } from "../../base/arrays.ts";
import { reject, type Subject } from "../../base/checks.ts";
import type { CheckpointTensor } from "../../io/checkpoint-file.ts";
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

/** The beginning of the names of tensors that are tasks'. */
const TASK = "task/";

/** True for the name of a task's tensor in a checkpoint. */
export const isOfTask = (name: string): boolean => name.startsWith(TASK);

/** Takes the Float32Arrays out of what a task keeps: they stand in a checkpoint as tensors. Constant ones are not copied. */
export function withoutTensors(
  task: string,
  state: unknown,
  isConstant: boolean,
): { readonly state: unknown; readonly tensors: readonly CheckpointTensor[] } {
  if (!isRecord(state)) return { state, tensors: [] };
  const tensors: CheckpointTensor[] = [];
  const plain: [string, unknown][] = [];
  for (const [key, value] of Object.entries(state)) {
    if (!isArrayOf(value, "Float32Array")) plain.push([key, value]);
    else {
      // A task may write to its own while the file is written.
      const { buffer, byteOffset, byteLength } = isConstant ? value : value.slice();
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      tensors.push({ name: `${TASK}${task}/${key}`, shape: [value.length], bytes });
    }
  }
  return { state: Object.fromEntries(plain), tensors };
}

/** The states of tasks with their tensors. */
export function withTensors(
  tasks: Readonly<Record<string, unknown>>,
  tensors: readonly CheckpointTensor[],
): Readonly<Record<string, unknown>> {
  const found = Object.entries(tasks).map(([task, state]): [string, unknown] => {
    if (!isRecord(state)) return [task, state];
    const own = tensors.flatMap(({ name, bytes }): [string, Float32Array][] => {
      const start = `${TASK}${task}/`;
      if (!name.startsWith(start)) return [];
      return [[name.slice(start.length), new Float32Array(bytes.slice().buffer)]];
    });
    return [task, { ...state, ...Object.fromEntries(own) }];
  });
  return Object.fromEntries(found);
}
