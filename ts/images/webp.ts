/**
 * WebP (RFC 9649): its size, and a check that all of it is there. sharp or a browser decodes.
 *
 * The file is "RIFF", the length of the rest, "WEBP" and chunks. The first chunk says which of three kinds it is.
 */
import { checkSize, imageError, SAVE_AGAIN } from "./picture.ts";

const text = (bytes: Uint8Array, from: number): string => String.fromCharCode(...bytes.subarray(from, from + 4));

export const isWebp = (bytes: Uint8Array): boolean => text(bytes, 0) === "RIFF" && text(bytes, 8) === "WEBP";

export interface WebpFacts {
  readonly width: number;
  readonly height: number;
  /** The content of the EXIF chunk. */
  readonly exif: Uint8Array | undefined;
  /** The file without trailing bytes. */
  readonly whole: Uint8Array;
}

/** @throws ProxbitError "image" for a short file, a chunk that is cut off, and a kind that nobody knows. */
export function webpFacts(bytes: Uint8Array, what: string): WebpFacts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const short = () => imageError(`${what} is a WebP that ends too early`, SAVE_AGAIN);
  if (bytes.length < 30) throw short();
  const end = 8 + view.getUint32(4, true);
  if (end > bytes.length || end < 30) throw short();
  let exif: Uint8Array | undefined;
  for (let at = 12; at < end; ) {
    const length = at + 8 <= end ? view.getUint32(at + 4, true) : Number.POSITIVE_INFINITY;
    if (at + 8 + length > end) throw short();
    if (text(bytes, at) === "EXIF") exif ??= bytes.subarray(at + 8, at + 8 + length);
    at += 8 + length + (length % 2);
  }
  const [width, height] = sizeOf(view, text(bytes, 12), what);
  checkSize(width, height, what);
  return { width, height, exif, whole: bytes.subarray(0, end) };
}

function sizeOf(view: DataView, kind: string, what: string): readonly [number, number] {
  const threeBytes = (at: number): number => view.getUint16(at, true) + 65536 * view.getUint8(at + 2);
  if (kind === "VP8X") return [1 + threeBytes(24), 1 + threeBytes(27)];
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
  }
  if (kind === "VP8 ") return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
  throw imageError(`${what} is a WebP of the unknown kind ${JSON.stringify(kind)}`, SAVE_AGAIN);
}
