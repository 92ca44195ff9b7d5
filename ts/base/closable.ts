/** A holder of threads or memory is closed by its user: by `close()`, or by `using` at the end of a block. */

export interface Closable {
  /** Gives back threads and memory. Later calls are refused. */
  close(): void;
  /** The same, for `using`. */
  [Symbol.dispose](): void;
}

/** Safari had no `Symbol.dispose` for long. Those who fill it in take this symbol. */
const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

export const closable = (close: () => void): Closable => ({ close, [dispose]: close }) as Closable;
