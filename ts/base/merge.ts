/** Generators that run side by side, as one. */

/**
 * The values of all `sources` as they come, each source's in its own order. A source goes on only after its value was taken.
 *
 * When a source throws, or nobody takes more values, `stop` is called. It shall end the others, which are waited for. The first
 * error is thrown.
 */
export async function* merge<T>(
  sources: readonly AsyncGenerator<T, void, undefined>[],
  stop: () => void,
): AsyncGenerator<T, void, undefined> {
  const next = (source: AsyncGenerator<T, void, undefined>) => source.next().then((step) => ({ source, step }));
  const awaited = new Map(sources.map((source) => [source, next(source)]));
  try {
    while (awaited.size > 0) {
      const { source, step } = await Promise.race(awaited.values());
      // It comes back as the last one, so that none waits for others that are faster.
      awaited.delete(source);
      if (step.done) continue;
      yield step.value;
      awaited.set(source, next(source));
    }
  } finally {
    stop();
    await Promise.allSettled([...awaited.values(), ...sources.map((source) => source.return())]);
  }
}
