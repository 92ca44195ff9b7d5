/** The bytes at an address, within bounds of size and time. */
import { joined } from "../base/arrays.ts";

/** A server that sends less than so many bytes in so long has gone away, or wants its client to wait. */
const PATIENCE_MS = 30_000;
const LEAST_BYTES = 16_384;

/** Such stretches that one file may take: an hour. */
const MOST_STRETCHES = 120;

/** The bytes were too many, or came too slowly. */
export class Patience extends Error {}

interface Bounds {
  readonly signal: AbortSignal | undefined;
  readonly mostBytes: number;
  /** False where the answer says that there is no such file; throws where it is another one that will not do. */
  readonly check: (response: Response) => boolean;
}

/**
 * The bytes at `url`, as long as they come fast enough and are no more than may be; undefined where there is no such file.
 *
 * @throws Patience, what `check` throws, and what fetch throws.
 */
export async function fetchBytes(
  url: string,
  onProgress: (received: number, total: number | undefined) => void,
  { signal, mostBytes, check }: Bounds,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const patience = new AbortController();
  const stop = (): void => patience.abort(signal?.reason);
  let [received, before, stretches] = [0, 0, 0];
  const look = (): void => {
    const came = received - before;
    const seconds = PATIENCE_MS / 1000;
    if (came === 0) patience.abort(new Patience(`nothing came for ${seconds} seconds`));
    else if (came < LEAST_BYTES) patience.abort(new Patience(`only ${came} bytes came in ${seconds} seconds`));
    else if (++stretches === MOST_STRETCHES) {
      patience.abort(new Patience(`it was not done after ${(seconds * MOST_STRETCHES) / 60} minutes`));
    } else timer = setTimeout(look, PATIENCE_MS);
    before = received;
  };
  let timer = setTimeout(look, PATIENCE_MS);
  try {
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
    const response = await fetch(url, { signal: patience.signal });
    let isFile = false;
    try {
      isFile = check(response);
    } finally {
      if (!isFile) await response.body?.cancel();
    }
    if (!isFile) return undefined;
    if (response.body === null) return new Uint8Array();
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const total = Number.isSafeInteger(length) && !response.headers.has("content-encoding") ? length : undefined;
    if (total !== undefined && total > mostBytes) {
      await response.body.cancel();
      throw new Patience(`it has ${total} bytes, and the file at most ${mostBytes}`);
    }
    const chunks: Uint8Array[] = [];
    // Not `for await`: not every browser iterates over a body.
    const reader = response.body.getReader();
    for (;;) {
      const { value: chunk, done } = await reader.read();
      if (done) break;
      received += chunk.length;
      if (received > mostBytes) {
        const excess = new Patience(`it sends more than the ${mostBytes} bytes that the file may have`);
        patience.abort(excess);
        throw excess;
      }
      chunks.push(chunk);
      onProgress(received, total);
    }
    return joined(chunks);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
