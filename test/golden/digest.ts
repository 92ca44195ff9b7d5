/** SHA-256 of bytes and of numbers as they lie in memory, shortened to 16 hex digits. They tell two apart. */
import { createHash } from "node:crypto";

const DIGITS = 16;

/** The digest of the bytes behind `values`. Equal numbers with other bits, 0 and -0, have another digest. */
export function digest(values: Uint8Array | Uint32Array | Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return createHash("sha256").update(bytes).digest("hex").slice(0, DIGITS);
}

/** Numbers in full: JavaScript's shortest text reads back as the same 64 bits. */
export const exact = (numbers: readonly number[]): string => numbers.map(String).join(" ");
