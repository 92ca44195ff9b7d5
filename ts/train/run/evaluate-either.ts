/** An evaluation as a caller asks for it: of the hard-signed network, or of the one that trains. */
import { callbackOf, numberIn, plainObject, reject, type Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Examples } from "../../data/dataset.ts";
import type { Engine } from "./engine.ts";
import { type EvaluateOptions, evaluate, evaluateSoft, type SoftNetwork } from "./evaluate.ts";
import type { Evaluation } from "./events.ts";
import { momentAt } from "./run.ts";
import type { TrainerState } from "./trainer-state.ts";

/** The hard-signed network, or the soft one where that is asked for. */
export async function evaluateEither(
  engine: Engine,
  state: TrainerState,
  split: Examples,
  given: EvaluateOptions,
): Promise<Evaluation> {
  const known = ["soft", "batchSize", "signal", "onProgress"];
  const { soft, ...options }: EvaluateOptions = plainObject(given, known, { code: "argument", what: "evaluate" });
  if (soft === undefined) return evaluate(engine, split, options);
  const subject: Subject = { code: "argument", what: "evaluate: soft" };
  const { statistics, progress } = plainObject(soft, ["statistics", "progress"], subject) as unknown as SoftNetwork;
  if (typeof statistics !== "object") reject(subject, "statistics", "a split of images", statistics);
  const moment = momentAt(state, state.progress);
  const asked = progress === undefined ? moment : numberIn(progress, 0, 1, "progress", subject);
  if (state.busy) {
    throw new ProxbitError(
      "argument",
      "the soft network cannot be evaluated while this trainer trains, for both would set the same statistics",
      "Wait for the other call to end, or take validation.soft of fit's epoch events.",
    );
  }
  const onProgress = callbackOf<NonNullable<typeof options.onProgress>>(options.onProgress, "onProgress", subject);
  state.busy = true;
  try {
    return await evaluateSoft(engine, state.seed, split, { statistics, progress: asked }, options, (batches, of) =>
      onProgress?.(Math.floor((split.count * batches) / of), split.count),
    );
  } finally {
    state.busy = false;
  }
}
