/**
 * A short text that tells data sets apart, so that a run can be told to go on with the data that it began with.
 *
 * It is SHA-256 over the shape, the scale, and the bytes of all arrays. The bytes are hashed in pieces and the pieces'
 * digests together, so that no piece is copied. Of a stream a few examples stand for all.
 */

import { bytesOf, joined } from "../base/arrays.ts";
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

async function hashOf(facts: string, arrays: readonly Uint8Array[]): Promise<string> {
  const parts: Uint8Array[] = [new TextEncoder().encode(facts)];
  for (const bytes of arrays) {
    for (let first = 0; first < bytes.length; first += PIECE) {
      parts.push(await sha256(bytes.subarray(first, first + PIECE)));
    }
  }
  return hex(await sha256(joined(parts)));
}

/** A hash that is still to be made; what it is of has been read. */
type Hash = () => Promise<string>;

function ofSplit({ count, images, labels, targets, sampleWeights, shape, scale, offset }: Split): Hash {
  const arrays = [images, Uint32Array.from(labels), targets, sampleWeights];
  const facts = { count, shape, scale, offset, kinds: arrays.map((array) => array?.[Symbol.toStringTag] ?? null) };
  const text = JSON.stringify(facts);
  const bytes = arrays.flatMap((array) => (array === undefined ? [] : [bytesOf(array)]));
  return () => hashOf(text, bytes);
}

/** First and last examples, and some between them; of an iterable the first ones. */
function ofStream(stream: Stream): Hash {
  const { count, read } = stream;
  const isStreamOfOurs = typeof stream.pass === "function" && (read === null || typeof read === "function");
  if (!isStreamOfOurs || !Number.isSafeInteger(count)) throw new TypeError("no stream");
  const samples = Math.min(SAMPLES, count);
  const text = JSON.stringify({ count });
  const hashed = async (examples: Split): Promise<string> =>
    hashOf(text, [new TextEncoder().encode(await ofSplit(examples)())]);
  return async () => {
    if (read !== null) {
      const place = (i: number): number => Math.floor((i * (count - 1)) / Math.max(1, samples - 1));
      return hashed(await read(Uint32Array.from({ length: samples }, (_, i) => place(i))));
    }
    const pass = stream.pass(null);
    try {
      return await hashed(await pass.next(samples));
    } finally {
      await pass.end();
    }
  };
}

/**
 * The digest of examples, 64 hexadecimal digits: the same for the same numbers, wherever they lie. A stream is asked for its
 * first, its last and some other examples, or, if it is an iterable, for the first ones.
 *
 * @throws ProxbitError "environment" in a page that was not served securely, and what a stream's source throws.
 */
export async function digest(examples: Examples): Promise<string> {
  const hash = reading("digest", "a split or a stream", () =>
    isStream(examples) ? ofStream(examples) : ofSplit(examples),
  );
  return hash();
}
