/** A request with its defaults filled in, and everything in it checked that can be checked without calculating. */
import { integerIn, listOf, numberIn, oneOf, plainObject, type Subject } from "../base/checks.ts";
import { distinctModelNames } from "../nn/models/index.ts";
import { backendNames, type CheckRequest, type CheckSubject } from "./report.ts";

/** The shares of a run at which steps of networks are looked at: with soft quantizers, and with hard ones. */
const MOMENTS = [0.25, 1];

export interface Setting extends Required<CheckRequest> {
  readonly signal: AbortSignal | undefined;
}

/** The request with its defaults filled in. */
export function settingOf(request: CheckRequest, signal: AbortSignal | undefined): Setting {
  const subject: Subject = { code: "argument", what: "check" };
  plainObject(request, ["backend", "subjects", "batchSize", "steps", "seed", "progress"], subject);
  const everything = [{ kind: "operations" }, ...distinctModelNames.map((name) => ({ kind: "model", name }) as const)];
  const progress = listOf(request.progress ?? MOMENTS, 1, 100, "progress", subject);
  return {
    backend: oneOf(request.backend, backendNames, "backend", subject),
    subjects: listOf(request.subjects ?? everything, 1, 1000, "subjects", subject) as CheckSubject[],
    batchSize: integerIn(request.batchSize ?? 4, 2, 1024, "batchSize", subject),
    steps: integerIn(request.steps ?? 20, 1, 1000, "steps", subject),
    seed: integerIn(request.seed ?? 1, 0, 0xffffffff, "seed", subject),
    progress: progress.map((value) => numberIn(value, 0, 1, "progress", subject)),
    signal,
  };
}
