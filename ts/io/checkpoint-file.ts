/**
 * The checkpoint's container: a safetensors file (`safetensors.ts`) with a digest inside, written and read without Node.
 *
 *   8 bytes: length of the header
 *   header: the tensors' names and places, and under `__metadata__` format, version and digest
 *   tensors: f32 one after the other, then `state`, the bytes of a JSON text
 *
 * The digest is the SHA-256 of the SHA-256s of the file's pieces of 4 MiB, with 64 zeros in the digest's place. Pieces keep
 * each call short, because `crypto.subtle` copies what it is given.
 *
 * JSON has neither NaN nor -0. Such a number x is written as {"number": "x"}.
 */
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { isRecord, parseStrictJson } from "./json.ts";
import { decode } from "./safetensors.ts";

const FORMAT = "proxbit-checkpoint";
/** It goes up where an older reader would take a field for something else. */
const FORMAT_VERSION = "1";
const STATE = "state";
const NO_DIGEST = "0".repeat(64);
const PIECE = 4 << 20;
const LENGTH_BYTES = 8;

/** A tensor of f32: its bytes stand least significant first, as in the core's memory. */
export interface CheckpointTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A checkpoint as it is read: its JSON state, and its tensors, whose bytes stand where a view of f32 can. */
export interface CheckpointContent {
  readonly state: Readonly<Record<string, unknown>>;
  readonly tensors: readonly CheckpointTensor[];
}

/** A file in parts, in their order. The parts are not copies, so the tensors stay as they are until it is written. */
export type FileParts = readonly Uint8Array[];

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The SHA-256 of `bytes`, piece by piece as this module's head says, in hexadecimal. Throws "environment" in an insecure page. */
export async function digestOf(parts: FileParts): Promise<string> {
  const { subtle } = globalThis.crypto;
  if (subtle === undefined) {
    throw new ProxbitError(
      "environment",
      "this page has no crypto.subtle, which checkpoints are sealed with",
      "Serve the page over https, or from localhost.",
    );
  }
  const digests: Uint8Array[] = [];
  for (const part of parts) {
    for (let start = 0; start < part.length; start += PIECE) {
      const piece = new Uint8Array(part.subarray(start, start + PIECE));
      digests.push(new Uint8Array(await subtle.digest("SHA-256", piece)));
    }
  }
  const all = new Uint8Array(32 * digests.length);
  for (const [i, digest] of digests.entries()) all.set(digest, 32 * i);
  return hex(new Uint8Array(await subtle.digest("SHA-256", all)));
}

/** The numbers that JSON has not, as words. */
const strange: ReadonlySet<unknown> = new Set(["NaN", "Infinity", "-Infinity", "-0"]);

const anyNumber = (_key: string, value: unknown): unknown =>
  typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
    ? { number: Object.is(value, -0) ? "-0" : String(value) }
    : value;

/** Puts the numbers back that JSON has not. It goes as deep as the text was allowed to. */
function withNumbers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNumbers);
  if (!isRecord(value)) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && strange.has(value.number)) return Number(value.number);
  return Object.fromEntries(keys.map((key) => [key, withNumbers(value[key])]));
}

/** A copy of a plain value, as a checkpoint would give it back. */
export const copyOfPlain = <T>(value: T): T => withNumbers(JSON.parse(JSON.stringify(value, anyNumber))) as T;

/** The header with `digest` in it. All digests are of one length, so nothing else moves. */
function headOf(tensors: readonly CheckpointTensor[], stateBytes: number, digest: string): Uint8Array {
  let end = 0;
  const entry = (name: string, dtype: string, shape: readonly number[], bytes: number): string => {
    const begin = end;
    end += bytes;
    return `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${begin},${end}]}`;
  };
  const entries = tensors.map(({ name, shape, bytes }) => entry(name, "F32", shape, bytes.length));
  entries.push(entry(STATE, "U8", [stateBytes], stateBytes));
  const metadata = JSON.stringify({ format: FORMAT, version: FORMAT_VERSION, digest });
  const text = new TextEncoder().encode(`{"__metadata__":${metadata},${entries.join(",")}}`);
  const length = Math.ceil(text.length / 8) * 8;
  const head = new Uint8Array(LENGTH_BYTES + length).fill(0x20, LENGTH_BYTES + text.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(text, LENGTH_BYTES);
  return head;
}

/** The file of `state`, a plain value, and `tensors`. */
export async function encodeCheckpoint(
  state: Readonly<Record<string, unknown>>,
  tensors: readonly CheckpointTensor[],
): Promise<FileParts> {
  const text = new TextEncoder().encode(JSON.stringify(state, anyNumber));
  const body = [...tensors.map(({ bytes }) => bytes), text];
  const digest = await digestOf([headOf(tensors, text.length, NO_DIGEST), ...body]);
  return [headOf(tensors, text.length, digest), ...body];
}

const AGAIN = "Go on from the checkpoint before it, or begin the run anew.";

/** True for a file that begins as checkpoints do, be the rest of it damaged or not. */
export function isCheckpointFile(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + 64));
  return start.startsWith(`{"__metadata__":{"format":"${FORMAT}"`);
}

/** The error for a checkpoint that nobody can go on from. */
export const brokenCheckpoint = (why: string, remedy: string = AGAIN, cause?: unknown): ProxbitError =>
  new ProxbitError("checkpoint", why, remedy, cause === undefined ? {} : { cause });

/**
 * Reads a file; the tensors are views into `bytes` where its alignment allows that.
 *
 * @throws ProxbitError "checkpoint" where it is no checkpoint, is of another version, or a single bit of it is not as written.
 */
export async function decodeCheckpoint(bytes: Uint8Array): Promise<CheckpointContent> {
  try {
    const { tensors, metadata } = decode(bytes);
    if (metadata.format !== FORMAT) throw brokenCheckpoint("it is no checkpoint of proxbit", "Give one that is.");
    if (metadata.version !== FORMAT_VERSION) {
      const message = `its format has version ${String(metadata.version)}, and this proxbit reads ${FORMAT_VERSION}`;
      throw brokenCheckpoint(message, "Go on with the proxbit that wrote it.");
    }
    const state = tensors.get(STATE);
    const floats: CheckpointTensor[] = [];
    for (const { name, shape, dtype, data } of tensors.values()) {
      if (dtype !== "F32") continue;
      floats.push({ name, shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
    }
    if (state?.dtype !== "U8" || floats.length + 1 !== tensors.size) throw brokenCheckpoint("it holds other tensors");
    const body = [...floats.map((tensor) => tensor.bytes), state.data];
    const head = headOf(floats, state.data.length, NO_DIGEST);
    // The rest of the file is its head, which has to be the one that these facts make.
    const written = headOf(floats, state.data.length, metadata.digest ?? "");
    const isWhole =
      written.every((byte, i) => byte === bytes[i]) && (await digestOf([head, ...body])) === metadata.digest;
    if (!isWhole) throw brokenCheckpoint("its bytes are not those that were written");
    const value = withNumbers(parseStrictJson(new TextDecoder("utf-8", { fatal: true }).decode(state.data), STATE));
    if (!isRecord(value)) throw brokenCheckpoint("its state is no object");
    return { state: value, tensors: floats };
  } catch (cause) {
    if (isProxbitError(cause) && cause.code !== "model-file") throw cause;
    const why = isProxbitError(cause) ? cause.message : "it is damaged";
    throw brokenCheckpoint(why, AGAIN, cause);
  }
}
