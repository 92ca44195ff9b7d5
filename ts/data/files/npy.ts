/**
 * The format npy of NumPy (its NEP 1): one array in a file.
 *
 * "\x93NUMPY", two bytes of version, the length of a header (2 bytes, from version 2 on 4), the header as the text of a
 * Python dictionary, and the numbers. `descr` says order and kind of the numbers, `<f4` for 32-bit floats from the lowest
 * byte on; `shape` the axes; `fortran_order` that the first axis runs fastest, which is refused.
 */
import { reading } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";

export type NpyValues =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly string[];

export interface Npy {
  readonly shape: readonly number[];
  readonly values: NpyValues;
}

/** NumPy has no arrays of more. */
const MOST_AXES = 64;

const MAGIC: readonly number[] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

type Read = (bytes: ArrayBuffer) => Exclude<NpyValues, readonly string[]>;

const KINDS: Readonly<Record<string, readonly [size: number, read: Read]>> = {
  b1: [1, (bytes) => new Uint8Array(bytes)],
  u1: [1, (bytes) => new Uint8Array(bytes)],
  i1: [1, (bytes) => new Int8Array(bytes)],
  u2: [2, (bytes) => new Uint16Array(bytes)],
  i2: [2, (bytes) => new Int16Array(bytes)],
  u4: [4, (bytes) => new Uint32Array(bytes)],
  i4: [4, (bytes) => new Int32Array(bytes)],
  u8: [8, (bytes) => new BigUint64Array(bytes)],
  i8: [8, (bytes) => new BigInt64Array(bytes)],
  f4: [4, (bytes) => new Float32Array(bytes)],
  f8: [8, (bytes) => new Float64Array(bytes)],
};

/**
 * Reads an npy file; `what` names it in errors. Numbers are from the lowest byte on, or bytes; texts are `<U`.
 *
 * @throws ProxbitError "data" for a file that is damaged or short, another order of bytes or axes, and other kinds.
 */
export const parseNpy = (bytes: Uint8Array, what: string): Npy =>
  reading("parseNpy", "the bytes of a file, and its name", () => parsed(bytes, what));

function parsed(given: Uint8Array, what: string): Npy {
  // `slice` of a Buffer is a view of memory that others share.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.length);
  const fail = (message: string, remedy = "Save the array again, with numpy.save.") =>
    new ProxbitError("data", `${what} ${message}`, remedy);
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) throw fail("is no npy file");
  const wide = (bytes[6] ?? 0) > 1;
  const start = wide ? 12 : 10;
  if (bytes.length < start) throw fail("ends within its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const begin = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  if (bytes.length < begin) throw fail("ends within its header");
  const header = new TextDecoder().decode(bytes.subarray(start, begin));
  const [, order, kind] = /'descr':\s*'([<>|=]?)([a-zA-Z]\d{1,9})'/.exec(header) ?? [];
  const [, axes] = /'shape':\s*\(([\d,\s]*)\)/.exec(header) ?? [];
  if (kind === undefined || axes === undefined) throw fail("has a header that names no plain array");
  const remedy = "Convert it first: numpy.ascontiguousarray(a, dtype='<f4'), or another kind.";
  if (/'fortran_order':\s*True/.test(header)) throw fail("has its first axis run fastest", remedy);
  if (order === ">") throw fail("has its numbers from the highest byte on", remedy);
  const shape = axes.split(",").flatMap((text) => (text.trim() === "" ? [] : [Number(text)]));
  if (shape.length > MOST_AXES) throw fail(`has ${shape.length} axes`);
  const count = shape.reduce((product, size) => product * size, 1);
  const letters = kind.startsWith("U") ? Number(kind.slice(1)) : undefined;
  const known = KINDS[kind];
  if (letters === undefined && known === undefined)
    throw fail(`holds numbers of the kind ${kind}, which are not read`, remedy);
  // Any number of them would take no bytes.
  if (letters === 0) throw fail("holds texts without letters", remedy);
  const size = letters === undefined ? (known?.[0] ?? 0) : 4 * letters;
  if (!Number.isSafeInteger(count) || bytes.length - begin !== count * size) {
    throw fail(`of ${shape.join(" x ")} must hold ${count * size} bytes but holds ${bytes.length - begin}`);
  }
  if (letters !== undefined) return { shape, values: texts(view, begin, count, letters, fail) };
  // A copy begins at an address that fits the numbers.
  return { shape, values: (known as NonNullable<typeof known>)[1](bytes.slice(begin).buffer as ArrayBuffer) };
}

/** Texts of a fixed number of code points of 4 bytes each, filled up with zeros. */
function texts(
  view: DataView,
  begin: number,
  count: number,
  letters: number,
  fail: (message: string) => ProxbitError,
): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const points = Array.from({ length: letters }, (_, at) => view.getUint32(begin + 4 * (index * letters + at), true));
    if (points.some((point) => point > 0x10ffff)) throw fail("holds a letter that does not exist");
    const used = 1 + points.findLastIndex((point) => point !== 0);
    // No call with all letters as arguments: a long text would exhaust the stack.
    return points
      .slice(0, used)
      .map((point) => String.fromCodePoint(point))
      .join("");
  });
}
