/**
 * The orientation that a camera wrote beside a picture (Exif 2.32, tag 274, 1 to 8), and the picture turned by it.
 *
 * Exif data is a TIFF file: byte order, 42, the offset of a directory. A directory is a count and entries of 12 bytes:
 * tag, type, number of values, value. JPEG, and some writers of WebP, put "Exif" and two zero bytes in front.
 */
import type { Picture } from "./picture.ts";

const ORIENTATION = 274;
const SHORT = 3;

const PREFIX: readonly number[] = [0x45, 0x78, 0x69, 0x66, 0, 0];

/** Recognises Exif data by its prefix. */
export const hasExifPrefix = (data: Uint8Array): boolean => PREFIX.every((byte, index) => data[index] === byte);

/** The orientation in `data`, from 1 to 8; 1 where it is absent or not to be read. */
export function orientationOf(data: Uint8Array | undefined): number {
  if (data === undefined) return 1;
  const exif = hasExifPrefix(data) ? data.subarray(PREFIX.length) : data;
  if (exif.length < 14) return 1;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.length);
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return 1;
  const little = order === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > exif.length) return 1;
  const entries = view.getUint16(directory, little);
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + 12 * entry;
    if (at + 12 > exif.length) return 1;
    if (view.getUint16(at, little) !== ORIENTATION || view.getUint16(at + 2, little) !== SHORT) continue;
    const found = view.getUint16(at + 8, little);
    return found >= 1 && found <= 8 ? found : 1;
  }
  return 1;
}

/** Orientations from 5 on exchange rows and columns. */
export const isTransposed = (orientation: number): boolean => orientation > 4;

/** The picture as it is meant to be seen. */
export function upright(picture: Picture, orientation: number): Picture {
  if (orientation === 1) return picture;
  const { width: from, height: rows } = picture;
  const [width, height] = isTransposed(orientation) ? [rows, from] : [from, rows];
  const source = wordsOf(picture.data);
  const target = new Uint32Array(width * height);
  const mirrored = [2, 3, 7, 8].includes(orientation);
  const flipped = [3, 4, 6, 7].includes(orientation);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [column, row] = isTransposed(orientation) ? [y, x] : [x, y];
      const sourceX = mirrored ? from - 1 - column : column;
      const sourceY = flipped ? rows - 1 - row : row;
      target[y * width + x] = source[sourceY * from + sourceX] as number;
    }
  }
  return { width, height, data: new Uint8Array(target.buffer) };
}

/** A pixel a word; copied where the bytes do not begin at a word. */
function wordsOf(data: Picture["data"]): Uint32Array {
  const { buffer, byteOffset, length } = byteAligned(data);
  return new Uint32Array(buffer, byteOffset, length / 4);
}

const byteAligned = (data: Picture["data"]): Picture["data"] => (data.byteOffset % 4 === 0 ? data : data.slice());
