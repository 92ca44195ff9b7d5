/**
 * The mean of the weights at the ends of epochs, which the run ends with.
 *
 *   swa: the plain mean over the epochs from a share of the run on (Izmailov et al., "Averaging Weights Leads to Wider Optima and
 *        Better Generalization", UAI 2018, algorithm 1, with a cycle of one epoch)
 *   ema: m = decay m + (1 - decay) w after each epoch, which begins as the first epoch's weights
 *
 * The mean is over the latent weights of binary layers, and over signs with Bop, whose majority decides. Running statistics are
 * estimated anew for the mean.
 */
import { integerIn, numberIn, oneOf, plainObject, type Subject } from "../../base/checks.ts";
import type { Parameter } from "../../nn/graph.ts";
import type { EpochTask } from "./epoch-task.ts";
import { savedTensors } from "./saved-tensors.ts";

/** A word, or the mean with its number: `from` in [0, 1), 0.75 where absent; `decay` in [0, 1), 0.7 where absent. */
export type Average =
  | "swa"
  | "ema"
  | { readonly kind: "swa"; readonly from?: number }
  | { readonly kind: "ema"; readonly decay?: number };

/** A mean with its defaults, as a plain value. */
type CheckedAverage =
  | { readonly kind: "swa"; readonly from: number }
  | { readonly kind: "ema"; readonly decay: number };

const USUAL_FROM = 0.75;
const USUAL_DECAY = 0.7;
const BELOW_ONE = 1 - 2 ** -20;

/** A mean out of an option; null where it is absent. Throws "argument". */
export function checkAverage(value: unknown, subject: Subject): CheckedAverage | null {
  if (value === undefined || value === null) return null;
  const own: Subject = { ...subject, what: `${subject.what}: average` };
  const given = typeof value === "string" ? { kind: value } : plainObject(value, ["kind", "from", "decay"], own);
  const kind = oneOf(given.kind, ["swa", "ema"], "kind", own);
  plainObject(given, kind === "swa" ? ["kind", "from"] : ["kind", "decay"], own);
  const { from, decay } = given as { readonly from?: unknown; readonly decay?: unknown };
  return kind === "swa"
    ? { kind, from: numberIn(from ?? USUAL_FROM, 0, BELOW_ONE, "from", own) }
    : { kind, decay: numberIn(decay ?? USUAL_DECAY, 0, BELOW_ONE, "decay", own) };
}

/** The name of the task, which no user's task has by chance. */
const NAME = "proxbit.average";

/**
 * The work behind each epoch's steps; behind the last ones it sets the weights to their mean. What no step moves stays, because a
 * mean of rotations is none.
 */
export function averageTask(average: CheckedAverage, parameters: readonly Parameter[]): EpochTask {
  const kept = new Set(parameters.flatMap(({ name, role }) => (role === "kept" ? [name] : [])));
  let count = 0;
  let means = new Map<string, Float32Array>();
  /** The share of a new value in the mean. */
  const share = (): number => (average.kind === "swa" ? 1 / count : count === 1 ? 1 : 1 - average.decay);
  return {
    name: NAME,
    run: async ({ epoch, epochs, weights, setWeights }) => {
      const begins = average.kind === "swa" ? average.from : 0;
      // The last epoch counts, whatever the share.
      if (epoch / epochs <= begins && epoch < epochs) return undefined;
      count++;
      const part = share();
      for (const [name, values] of await weights()) {
        if (kept.has(name)) continue;
        const mean = means.get(name) ?? new Float32Array(values.length);
        means.set(
          name,
          mean.map((old, i) => old + part * ((values[i] as number) - old)),
        );
      }
      if (epoch === epochs) await setWeights(means);
      return undefined;
    },
    save: () => ({ count, ...Object.fromEntries(means) }),
    restore: (state) => {
      const { count: counted, ...rest } = state as Record<string, unknown>;
      count = integerIn(counted, 0, Number.MAX_SAFE_INTEGER, "count", { code: "checkpoint", what: NAME });
      means = new Map(savedTensors(rest));
    },
  };
}
