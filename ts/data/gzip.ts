/** Gzip (RFC 1952) through the platform's `DecompressionStream`, with a cap on the result's size. */
import { joined } from "../base/arrays.ts";
import { ProxbitError } from "../base/errors.ts";

/** Recognises the beginning of a gzip member. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The content of the gzip file `bytes`; `what` names it in errors.
 *
 * @throws ProxbitError "data" where it is damaged or cut short, or holds more than `maximumBytes`.
 */
export async function gunzip(
  bytes: Uint8Array<ArrayBuffer>,
  maximumBytes: number,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new ProxbitError("data", `${what} is not a sound gzip file`, "Get the file again.", { cause });
    });
    if (done) break;
    length += value.length;
    if (length > maximumBytes) {
      await reader.cancel();
      throw new ProxbitError(
        "data",
        `${what} holds more than ${maximumBytes} bytes`,
        "Check that it is the right file.",
      );
    }
    chunks.push(value);
  }
  return joined(chunks);
}
