/**
 * A net under pools that nobody closed. Threads live as long as their process or page, whoever has let go of them. So the
 * garbage collector's word that a pool is gone ends them, which may come late. A warning tells that `close()` is missing.
 */
const HINT =
  "A trainer or a session on several threads was dropped and not closed. Its threads have ended now, and would have ended " +
  "earlier by close(), or by `using`.";

function warn(): void {
  const emit = globalThis.process?.emitWarning;
  if (emit === undefined) console.warn(HINT);
  else emit(HINT);
}

const dropped = new FinalizationRegistry<() => void>((close) => {
  warn();
  close();
});

/** `pool`, whose `close` is called once it is gone. Neither `close` nor `token` may lead to it, which would keep it. */
export function closedWhenDropped<Pool extends object>(token: object, close: () => void, pool: Pool): Pool {
  dropped.register(pool, close, token);
  return pool;
}

/** The pool of `token` was closed by its user. */
export const forgetDropped = (token: object): void => void dropped.unregister(token);
