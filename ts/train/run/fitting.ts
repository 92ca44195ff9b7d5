/**
 * A call of `fit` as its caller holds it. It can be iterated, which gives its events as they come. It can be awaited, which
 * trains to the end and gives the history. Its work begins with the first of either, and is done once.
 */
import type { EpochEvent, TrainEvent } from "./events.ts";
import type { FitOptions } from "./fit-options.ts";

/** The epochs of a call of `fit`. */
export interface History {
  /** Their events, in order. */
  readonly epochs: readonly EpochEvent[];
  /** The epoch with the lowest loss in validation, the first of equal ones; null where none was validated. */
  readonly best: EpochEvent | null;
}

/** Events to iterate over, and a promise of the history. */
export interface Fitting extends AsyncGenerator<TrainEvent, void, undefined>, PromiseLike<History> {
  catch<T = never>(onRejected?: ((reason: unknown) => T | PromiseLike<T>) | null): Promise<History | T>;
  finally(onFinally?: (() => void) | null): Promise<History>;
}

/** The functions of a call that are told its events. */
type Told = Pick<FitOptions, "onStep" | "onEpoch">;

/** The call whose events `run` makes. */
export function fittingOf(run: AsyncGenerator<TrainEvent, void, undefined>, options: Partial<Told>): Fitting {
  const epochs: EpochEvent[] = [];
  let isIterated = false;
  let settle: { readonly resolve: (history: History) => void; readonly reject: (reason: unknown) => void } | null =
    null;
  let promise: Promise<History> | null = null;

  /** The promise of the end. Who iterates gets errors there, so nobody need wait for this one. */
  const ending = (): Promise<History> => {
    promise ??= new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    promise.catch(() => {});
    return promise;
  };
  ending();

  const tell = (event: TrainEvent): void => {
    if (event.type === "step") {
      options.onStep?.(event);
      return;
    }
    // A run whose worker died goes on where its last checkpoint stands, so epochs can come again.
    while ((epochs.at(-1)?.epoch ?? 0) >= event.epoch) epochs.pop();
    epochs.push(event);
    options.onEpoch?.(event);
  };

  /** Does one move of the run, and notes how it came out. */
  const move = async (
    make: () => Promise<IteratorResult<TrainEvent, void>>,
  ): Promise<IteratorResult<TrainEvent, void>> => {
    try {
      const result = await make();
      if (result.done) settle?.resolve({ epochs, best: bestOf(epochs) });
      else {
        try {
          tell(result.value);
        } catch (cause) {
          await run.return();
          throw cause;
        }
      }
      return result;
    } catch (cause) {
      settle?.reject(cause);
      throw cause;
    }
  };

  const drain = async (): Promise<void> => {
    let result = await move(() => run.next());
    while (!result.done) result = await move(() => run.next());
  };

  const whole = (): Promise<History> => {
    if (!isIterated) {
      isIterated = true;
      drain().catch(() => {});
    }
    return ending();
  };

  const own: Fitting = {
    next: () => {
      isIterated = true;
      return move(() => run.next());
    },
    return: () => {
      isIterated = true;
      return move(() => run.return());
    },
    throw: (cause) => {
      isIterated = true;
      return move(() => run.throw(cause));
    },
    [Symbol.asyncIterator]: () => own,
    [Symbol.asyncDispose]: async () => {
      await own.return();
    },
    // biome-ignore lint/suspicious/noThenProperty: a call of fit is awaited, as in other libraries.
    then: (onFulfilled, onRejected) => whole().then(onFulfilled, onRejected),
    catch: (onRejected) => whole().catch(onRejected),
    finally: (onFinally) => whole().finally(onFinally),
  };
  return own;
}

function bestOf(epochs: readonly EpochEvent[]): EpochEvent | null {
  return epochs.reduce<EpochEvent | null>((best, event) => {
    const loss = event.validation?.loss;
    if (loss === undefined) return best;
    return best === null || loss < (best.validation?.loss ?? Number.POSITIVE_INFINITY) ? event : best;
  }, null);
}
