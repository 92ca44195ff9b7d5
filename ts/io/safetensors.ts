/**
 * The safetensors container, written and read without Node.
 *
 * Layout (the safetensors format description): 8 bytes hold the length of the header as an unsigned little-endian
 * integer. The header is a JSON object `{name: {dtype, shape, data_offsets: [begin, end]}, __metadata__: {key: text}}`,
 * padded with spaces to a multiple of 8 bytes. The tensors' bytes follow, little endian, with offsets counted from the
 * header's end.
 *
 * A file is read as if its author meant harm. Lengths are compared with the file before anything is allocated, and the
 * header is capped before it is parsed. The tensors must tile the rest of the file with no hole and no overlap.
 * `decode` gives out views into the given bytes wherever the alignment allows.
 */
import { isArrayOf } from "../base/arrays.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { byCodeUnits, isPrototypeKey, isRecord, parseStrictJson } from "./json.ts";

interface Named {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A named tensor; `shape` may be empty (a scalar), and its product is the length of `data`. */
export type SafeTensor =
  | (Named & { readonly dtype: "U8"; readonly data: Uint8Array })
  | (Named & { readonly dtype: "F32"; readonly data: Float32Array })
  | (Named & { readonly dtype: "I32"; readonly data: Int32Array });

export type SafeDtype = SafeTensor["dtype"];

export interface SafeTensors {
  /** The tensors, in the order of the file. */
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** 4 MiB. A graph of a thousand layers with all its tensors takes less than 1 MiB. */
export const MAXIMUM_HEADER_BYTES = 4 * 1024 * 1024;

const LENGTH_BYTES = 8;
const METADATA_KEY = "__metadata__";
const DTYPE_BYTES: Readonly<Record<SafeDtype, number>> = { F32: 4, I32: 4, U8: 1 };
/** Wide types come first. With the header padded to 8 bytes, every tensor begins where a view of its type can. */
const DTYPE_ORDER: readonly SafeDtype[] = ["F32", "I32", "U8"];

const AGAIN = "The file is damaged or cut short: copy or download it again, or pack the model again.";

function corrupt(message: string, remedy: string = AGAIN, cause?: unknown): ProxbitError {
  return new ProxbitError("model-file", message, remedy, cause === undefined ? undefined : { cause });
}

function isDtype(value: unknown): value is SafeDtype {
  return typeof value === "string" && Object.hasOwn(DTYPE_BYTES, value);
}

/** The number of elements of `shape`, or undefined where a step of the product is no exact integer. */
function elementsOf(shape: readonly number[]): number | undefined {
  let product = 1;
  for (const size of shape) {
    product *= size;
    if (!Number.isSafeInteger(product)) return undefined;
  }
  return product;
}

function checkName(name: string, what: string): void {
  if (name === METADATA_KEY || isPrototypeKey(name) || !name.isWellFormed()) {
    throw new ProxbitError("argument", `${describe(name)} cannot be ${what}`, "Choose another name.");
  }
}

function checkTensor(tensor: SafeTensor): void {
  checkName(tensor.name, "the name of a tensor");
  const bad = tensor.shape.find((size) => !Number.isSafeInteger(size) || size < 0);
  const length = elementsOf(tensor.shape);
  if (bad !== undefined || length !== tensor.data.length) {
    throw new ProxbitError(
      "shape",
      `the tensor ${describe(tensor.name)} of shape ${describe(tensor.shape)} has ${tensor.data.length} elements`,
      "Give a shape whose product is the number of elements.",
    );
  }
}

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The bytes of `tensor`, least significant byte first: a view where the host has this order too, else a copy. */
export function bytesOf({ data }: SafeTensor): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (HOST_IS_LITTLE_ENDIAN || data.BYTES_PER_ELEMENT === 1) return bytes;
  const swapped = bytes.slice();
  for (let at = 0; at < swapped.length; at += 4) swapped.subarray(at, at + 4).reverse();
  return swapped;
}

/**
 * The file for `tensors` and `metadata`. The bytes depend on the values alone, not on their order. Tensors stand by
 * dtype (F32, I32, U8), then by name; metadata stand by key.
 *
 * @throws ProxbitError "argument" for a name given twice or not allowed, and for a header above {@link
 *   MAXIMUM_HEADER_BYTES}.
 * @throws ProxbitError "shape" for a shape that does not fit its data.
 */
export function encode(
  tensors: readonly SafeTensor[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort(
    (a, b) => DTYPE_ORDER.indexOf(a.dtype) - DTYPE_ORDER.indexOf(b.dtype) || byCodeUnits(a.name, b.name),
  );
  const names = new Set<string>();
  const entries: string[] = [];
  const texts = Object.entries(metadata).sort(([a], [b]) => byCodeUnits(a, b));
  if (texts.length > 0) {
    for (const [key] of texts) checkName(key, "a key of the metadata");
    const fields = texts.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    entries.push(`"${METADATA_KEY}":{${fields.join(",")}}`);
  }
  let end = 0;
  for (const tensor of sorted) {
    checkTensor(tensor);
    if (names.has(tensor.name)) {
      throw new ProxbitError(
        "argument",
        `the tensor ${describe(tensor.name)} is given twice`,
        "Give each tensor its own name.",
      );
    }
    names.add(tensor.name);
    const begin = end;
    end += tensor.data.byteLength;
    const shape = `[${tensor.shape.join(",")}]`;
    entries.push(
      `${JSON.stringify(tensor.name)}:{"dtype":"${tensor.dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`,
    );
  }
  const header = new TextEncoder().encode(`{${entries.join(",")}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  if (headerBytes > MAXIMUM_HEADER_BYTES) {
    throw new ProxbitError(
      "argument",
      `the header takes ${headerBytes} bytes; a reader accepts at most ${MAXIMUM_HEADER_BYTES}`,
      "Shorten the metadata.",
    );
  }
  const dataStart = LENGTH_BYTES + headerBytes;
  const bytes = new Uint8Array(dataStart + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(header, LENGTH_BYTES);
  bytes.fill(0x20, LENGTH_BYTES + header.length, dataStart);
  let begin = dataStart;
  for (const tensor of sorted) {
    bytes.set(bytesOf(tensor), begin);
    begin += tensor.data.byteLength;
  }
  return bytes;
}

/** An entry of the header whose numbers have been checked: elements, bytes and offsets agree. */
interface Entry extends Named {
  readonly dtype: SafeDtype;
  readonly begin: number;
  readonly end: number;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function readEntry(name: string, value: unknown, dataBytes: number): Entry {
  const what = `the tensor ${describe(name)}`;
  if (!isRecord(value)) throw corrupt(`${what} is described by something other than an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const strange = Object.keys(value).find((key) => key !== "dtype" && key !== "shape" && key !== "data_offsets");
  if (strange !== undefined) throw corrupt(`${what} has the unknown field ${describe(strange)}`);
  if (!isDtype(dtype)) {
    throw corrupt(
      `${what} has the unknown dtype ${describe(dtype)}; known are ${DTYPE_ORDER.join(", ")}`,
      "Open a file that proxbit has written; other types of number are not supported.",
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) throw corrupt(`${what} has a shape that is no list of sizes`);
  if (!Array.isArray(offsets) || offsets.length !== 2) throw corrupt(`${what} lacks its two data_offsets`);
  const [begin, end]: readonly unknown[] = offsets;
  if (!isCount(begin) || !isCount(end)) throw corrupt(`${what} has data_offsets that are no positions`);
  if (begin > end) throw corrupt(`${what} ends (${end}) before it begins (${begin})`);
  if (end > dataBytes) throw corrupt(`${what} ends at byte ${end}, past the end of the data (${dataBytes} bytes)`);
  const bytes = elementsOf([...shape, DTYPE_BYTES[dtype]]);
  if (bytes === undefined) throw corrupt(`${what} has a shape whose size overflows: ${describe(shape)}`);
  if (bytes !== end - begin) {
    throw corrupt(`${what} of shape ${describe(shape)} needs ${bytes} bytes but its data_offsets span ${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
}

function readMetadata(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isRecord(value)) throw corrupt("the metadata is not an object");
  const texts: [string, string][] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw corrupt(`the metadata ${describe(key)} is not a text`);
    texts.push([key, text]);
  }
  return Object.fromEntries(texts);
}

/** The tensors in the order of their bytes, which must tile `[0, dataBytes)`. */
function checkTiling(entries: readonly Entry[], dataBytes: number): readonly Entry[] {
  const sorted = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let reached = 0;
  for (const { name, begin, end } of sorted) {
    if (begin > reached) throw corrupt(`${begin - reached} bytes before the tensor ${describe(name)} belong to none`);
    if (begin < reached) throw corrupt(`the tensor ${describe(name)} overlaps the one before it`);
    reached = end;
  }
  if (reached !== dataBytes)
    throw corrupt(`the last tensor ends at byte ${reached} of ${dataBytes}: bytes are left over`);
  return sorted;
}

function tensorOf(entry: Entry, bytes: Uint8Array, dataStart: number): SafeTensor {
  const { name, shape, dtype } = entry;
  const begin = dataStart + entry.begin;
  const end = dataStart + entry.end;
  // Not `subarray`: of a Buffer that is a Buffer, whose methods differ from those of plain bytes.
  if (dtype === "U8") {
    return { name, shape, dtype, data: new Uint8Array(bytes.buffer, bytes.byteOffset + begin, end - begin) };
  }
  const length = (end - begin) / 4;
  let buffer: ArrayBufferLike = bytes.buffer;
  let at = bytes.byteOffset + begin;
  if (!HOST_IS_LITTLE_ENDIAN || at % 4 !== 0) {
    const words = new Int32Array(length);
    const view = new DataView(buffer, at, 4 * length);
    for (let index = 0; index < length; index++) words[index] = view.getInt32(4 * index, true);
    buffer = words.buffer;
    at = 0;
  }
  if (dtype === "F32") return { name, shape, dtype, data: new Float32Array(buffer, at, length) };
  return { name, shape, dtype, data: new Int32Array(buffer, at, length) };
}

/** The header's text and the position where the data begin. */
function readHeader(bytes: Uint8Array): { readonly text: string; readonly dataStart: number } {
  if (bytes.length < LENGTH_BYTES) {
    throw corrupt(`the file has ${bytes.length} bytes; the length of its header alone takes ${LENGTH_BYTES}`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAXIMUM_HEADER_BYTES)) {
    throw corrupt(
      `the header claims ${length} bytes; at most ${MAXIMUM_HEADER_BYTES} are accepted`,
      "Check that this is a model file of proxbit.",
    );
  }
  const end = LENGTH_BYTES + Number(length);
  if (end > bytes.length) throw corrupt(`the header claims ${length} bytes, but the file ends after ${bytes.length}`);
  try {
    // A copy, because a TextDecoder does not read shared memory.
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return { text: decoder.decode(bytes.slice(LENGTH_BYTES, end)), dataStart: end };
  } catch (cause) {
    throw corrupt("the header is not UTF-8", AGAIN, cause);
  }
}

/**
 * Reads a file. The tensors are views into `bytes`. Copies are made only where the file does not stand on a multiple of
 * 4 in its buffer. Nothing is allocated before the header agrees with the length of the file.
 *
 * @throws ProxbitError "model-file" for a file that is not well formed; "argument" where `bytes` are no bytes.
 */
export function decode(bytes: Uint8Array): SafeTensors {
  if (!isArrayOf(bytes, "Uint8Array")) {
    throw new ProxbitError("argument", "a model file must be given as a Uint8Array", "Read the file into bytes first.");
  }
  const { text, dataStart } = readHeader(bytes);
  const header = parseStrictJson(text, "the header");
  if (!isRecord(header)) throw corrupt("the header is not an object");
  const dataBytes = bytes.length - dataStart;
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name !== METADATA_KEY) entries.push(readEntry(name, value, dataBytes));
  }
  const metadata = readMetadata(header[METADATA_KEY]);
  const sorted = checkTiling(entries, dataBytes);
  return { tensors: new Map(sorted.map((entry) => [entry.name, tensorOf(entry, bytes, dataStart)])), metadata };
}
