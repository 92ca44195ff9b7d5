/**
 * The digest of a model file: MurmurHash3_x86_128 over all that the file says. Each text of the header comes as a line of
 * JSON `[key, text]`, in the order of the keys. Each tensor follows in the order of the names, as a line `[name, dtype,
 * shape]` and its bytes, little endian. The digest's own text is left out. The hashes of these parts, one behind the
 * other as little-endian words, have the hash that the file names. So it holds however a program lays the file out.
 */
import { byCodeUnits } from "./json.ts";
import { murmur128 } from "./murmur.ts";
import { bytesOf, type SafeTensor } from "./safetensors.ts";

/** The key of the header under which the digest stands. */
export const DIGEST_KEY = "digest";

const line = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`);

function* partsOf(
  tensors: Iterable<SafeTensor>,
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array, void, undefined> {
  for (const [key, text] of Object.entries(metadata).sort(([a], [b]) => byCodeUnits(a, b))) {
    if (key !== DIGEST_KEY) yield line([key, text]);
  }
  for (const tensor of [...tensors].sort((a, b) => byCodeUnits(a.name, b.name))) {
    yield line([tensor.name, tensor.dtype, tensor.shape]);
    yield bytesOf(tensor);
  }
}

/** The digest of `tensors` and the header's texts: "murmur3-128:" and 32 hexadecimal digits. */
export function digestOf(tensors: Iterable<SafeTensor>, metadata: Readonly<Record<string, string>>): string {
  const hashes = Array.from(partsOf(tensors, metadata), murmur128);
  const joined = new DataView(new ArrayBuffer(16 * hashes.length));
  for (const [i, word] of hashes.flatMap((hash) => [...hash]).entries()) joined.setUint32(4 * i, word, true);
  const digits = Array.from(murmur128(new Uint8Array(joined.buffer)), (word) => word.toString(16).padStart(8, "0"));
  return `murmur3-128:${digits.join("")}`;
}
