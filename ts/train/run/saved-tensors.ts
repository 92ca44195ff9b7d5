/** Tensors in the state of a task, as they come out of a checkpoint. */
import { isArrayOf } from "../../base/arrays.ts";
import { reject, type Subject } from "../../base/checks.ts";

const subject: Subject = { code: "checkpoint", what: "the state of a task" };

/** Tensors by name. @throws ProxbitError "checkpoint" for anything else. */
export const savedTensors = (given: Readonly<Record<string, unknown>>): ReadonlyMap<string, Float32Array> =>
  new Map(
    Object.entries(given).map(([name, value]): [string, Float32Array] =>
      isArrayOf(value, "Float32Array") ? [name, value] : reject(subject, name, "a tensor", value),
    ),
  );
