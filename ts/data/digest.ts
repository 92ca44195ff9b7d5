/**
 * A short text that tells data sets apart, so that a run can be told to go on with the data that it began with.
 *
 * It is SHA-256 over the shape, the scale, and the bytes of all arrays. The bytes are hashed in pieces and the pieces'
 * digests together, so that no piece is copied. Of a stream a few examples stand for all.
 */

import { bytesOf } from "../base/arrays.ts";
import { reading } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import type { Examples, Split, Stream } from "./dataset.ts";
import { isStream } from "./dataset.ts";

const PIECE = 1 << 26;
/** Examples of a stream that are looked at. */
const SAMPLES = 16;

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  // Node has it everywhere, browsers where a page is served securely.
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    throw new ProxbitError(
      "environment",
      "data cannot be told apart here, because the page was not served securely",
      "Serve the page by https or from localhost.",
    );
  }
  // The engine refuses views of shared memory.
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : bytes.slice();
  return new Uint8Array(await subtle.digest("SHA-256", own));
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

async function hashOf(facts: object, arrays: readonly Uint8Array[]): Promise<string> {
  const parts: Uint8Array[] = [new TextEncoder().encode(JSON.stringify(facts))];
  for (const bytes of arrays) {
    for (let first = 0; first < bytes.length; first += PIECE) {
      parts.push(await sha256(bytes.subarray(first, first + PIECE)));
    }
  }
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return hex(await sha256(all));
}

function ofSplit({ count, images, labels, targets, sampleWeights, shape, scale, offset }: Split): Promise<string> {
  const arrays = [images, Uint32Array.from(labels), targets, sampleWeights];
  const facts = { count, shape, scale, offset, kinds: arrays.map((array) => array?.[Symbol.toStringTag] ?? null) };
  return hashOf(
    facts,
    arrays.flatMap((array) => (array === undefined ? [] : [bytesOf(array)])),
  );
}

/** First and last examples, and some between them; of an iterable the first ones. */
async function ofStream(stream: Stream): Promise<string> {
  const { count, read } = stream;
  const samples = Math.min(SAMPLES, count);
  const places = Uint32Array.from({ length: samples }, (_, i) =>
    Math.floor((i * (count - 1)) / Math.max(1, samples - 1)),
  );
  if (read !== null) return hashOf({ count }, [new TextEncoder().encode(await ofSplit(await read(places)))]);
  const pass = stream.pass(null);
  try {
    return await hashOf({ count }, [new TextEncoder().encode(await ofSplit(await pass.next(samples)))]);
  } finally {
    await pass.end();
  }
}

/**
 * The digest of examples, 64 hexadecimal digits: the same for the same numbers, wherever they lie. A stream is asked for its
 * first, its last and some other examples, or, if it is an iterable, for the first ones.
 *
 * @throws ProxbitError "environment" in a page that was not served securely, and what a stream's source throws.
 */
export const digest = (examples: Examples): Promise<string> =>
  reading("digest", "a split or a stream", async () => (isStream(examples) ? ofStream(examples) : ofSplit(examples)));
