/**
 * PNG (ISO/IEC 15948). The structure is checked here, and fast-png decodes.
 *
 * A file is a signature and chunks: length, type, data, CRC-32. Every chunk's checksum is compared, and the pixel data
 * must inflate to exactly the bytes that the header promises. So a damaged or short file is refused before a decoder
 * sees it. A header that promises more than the pixel data can hold is refused before anything is unpacked. The decoder gets
 * the chunks that make the picture and nothing else. Bytes behind IEND are ignored.
 */
import { joined } from "../base/arrays.ts";
import { crc32 } from "./crc32.ts";
import { MOST_GROWTH } from "./deflate.ts";
import { checkSize, imageError, MEGAPIXELS, type Picture, SAVE_AGAIN } from "./picture.ts";

const SIGNATURE: readonly number[] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const CHUNK_FRAME = 12;

/** Samples of a pixel by colour type; others do not exist. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
const PALETTE = 3;

/** First column and row, and the distance of columns and rows, of Adam7's passes. */
const PASSES: readonly (readonly [number, number, number, number])[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

export interface PngFacts {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colorType: number;
  readonly interlaced: boolean;
  /** The content of the eXIf chunk. */
  readonly exif: Uint8Array | undefined;
  /** The chunks that make the picture, whole, in their order. */
  readonly chunks: readonly Uint8Array[];
  /** The contents of the IDAT chunks. */
  readonly pixels: readonly Uint8Array[];
}

export const isPng = (bytes: Uint8Array): boolean => SIGNATURE.every((byte, index) => bytes[index] === byte);

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  readonly whole: Uint8Array;
}

function* chunksOf(bytes: Uint8Array, what: string): Generator<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = SIGNATURE.length; ; ) {
    if (at + CHUNK_FRAME > bytes.length) throw imageError(`${what} ends before its last chunk`, SAVE_AGAIN);
    const length = view.getUint32(at);
    const end = at + CHUNK_FRAME + length;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (!/^[A-Za-z]{4}$/.test(type)) throw imageError(`${what} is damaged: a chunk has no name`, SAVE_AGAIN);
    if (end > bytes.length) throw imageError(`${what} ends within its chunk ${type}`, SAVE_AGAIN);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
      throw imageError(`${what} is damaged: the checksum of its chunk ${type} differs`, SAVE_AGAIN);
    }
    yield { type, data: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) };
    if (type === "IEND") return;
    at = end;
  }
}

/**
 * Checks the chunks of a PNG, without its pixels.
 *
 * @throws ProxbitError "image" for a chunk that is damaged, short, missing or unknown and needed.
 */
export function pngFacts(bytes: Uint8Array, what: string): PngFacts {
  const fail = (message: string) => imageError(`${what} is damaged: ${message}`, SAVE_AGAIN);
  const chunks: Uint8Array[] = [];
  const pixels: Uint8Array[] = [];
  let header: Uint8Array | undefined;
  let exif: Uint8Array | undefined;
  let palette = false;
  let last = "";
  for (const { type, data, whole } of chunksOf(bytes, what)) {
    if (header === undefined && type !== "IHDR") throw fail("its first chunk is not IHDR");
    if (type === "IHDR") {
      if (header !== undefined || data.length !== 13) throw fail("its header is not one of 13 bytes");
      header = data;
    } else if (type === "PLTE") {
      if (palette || pixels.length > 0 || data.length % 3 !== 0 || data.length === 0 || data.length > 768) {
        throw fail("its palette is not one of 1 to 256 colours in front of the pixels");
      }
      palette = true;
    } else if (type === "IDAT") {
      if (pixels.length > 0 && last !== "IDAT") throw fail("its pixels are not in one piece");
      pixels.push(data);
    } else if (type === "tRNS") {
      if (pixels.length > 0) throw fail("its transparency stands behind the pixels");
    } else if (type === "eXIf") exif = data;
    else if (type !== "IEND" && /^[A-Z]/.test(type)) throw fail(`nobody knows its needed chunk ${type}`);
    if (["IHDR", "PLTE", "tRNS", "IDAT", "IEND"].includes(type)) chunks.push(whole);
    last = type;
  }
  if (header === undefined || pixels.length === 0) throw fail("it has no pixels");
  const view = new DataView(header.buffer, header.byteOffset, 13);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth = 0, colorType = 0, compression, filter, interlace = 0] = header.subarray(8);
  checkSize(width, height, what);
  if (!DEPTHS[colorType]?.includes(depth)) throw fail(`colour type ${colorType} of ${depth} bits does not exist`);
  if (compression !== 0 || filter !== 0 || interlace > 1) throw fail("its header asks for methods that do not exist");
  if (colorType === PALETTE && !palette) throw fail("it has no palette");
  const facts = { width, height, depth, colorType, interlaced: interlace === 1, exif, chunks, pixels };
  const packed = pixels.reduce((sum, { length }) => sum + length, 0);
  if (inflatedBytes(facts) <= MOST_GROWTH * packed) return facts;
  throw fail(`its header says ${width} x ${height} pixels, which its ${packed} bytes of pixels cannot hold`);
}

/** The bytes of the filtered rows: for each row the filter's number and its samples, in whole bytes. */
function inflatedBytes({ width, height, depth, colorType, interlaced }: PngFacts): number {
  const bits = depth * (CHANNELS[colorType] ?? 0);
  const rows = (columns: number, lines: number): number =>
    columns === 0 ? 0 : lines * (1 + Math.ceil((columns * bits) / 8));
  if (!interlaced) return rows(width, height);
  return PASSES.reduce(
    (sum, [x, y, right, down]) =>
      sum + rows(Math.max(0, Math.ceil((width - x) / right)), Math.max(0, Math.ceil((height - y) / down))),
    0,
  );
}

/** Inflates the pixels and counts, so that no file makes a decoder allocate more than its header promises. */
async function checkPixels(facts: PngFacts, what: string): Promise<void> {
  const wanted = inflatedBytes(facts);
  const stream = new Blob(facts.pixels as Uint8Array<ArrayBuffer>[]).stream();
  const reader = stream.pipeThrough(new DecompressionStream("deflate")).getReader();
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw imageError(`${what} is damaged: its pixels do not unpack`, SAVE_AGAIN, cause);
    });
    length += value?.length ?? 0;
    if (length > wanted || (done && length < wanted)) {
      await reader.cancel();
      const message = `its pixels unpack to ${done ? length : `more than ${wanted}`} bytes where the header says ${wanted}`;
      throw imageError(`${what} is damaged: ${message}`, SAVE_AGAIN);
    }
    if (done) return;
  }
}

/** The file out of the chunks that make the picture. */
const essential = (chunks: readonly Uint8Array[]): Uint8Array => joined([Uint8Array.from(SIGNATURE), ...chunks]);

/**
 * Decodes a PNG of any colour type and depth, except interlaced ones of fewer than 8 bits a sample.
 *
 * @throws ProxbitError "image" for a damaged, short or interlaced file as said.
 */
export async function decodePng(bytes: Uint8Array, what: string): Promise<Picture> {
  const facts = pngFacts(bytes, what);
  const { width, height, depth, colorType, interlaced } = facts;
  if (interlaced && depth < 8) {
    const message = `${what} is an interlaced PNG of ${depth} bit${depth === 1 ? "" : "s"} a sample`;
    throw imageError(`${message}, which needs sharp`, "Save it without interlacing, or run `npm install sharp`.");
  }
  if (width * height > MEGAPIXELS * 1e6) {
    const remedy = "Save it smaller, or run `npm install sharp`.";
    throw imageError(`${what} is a PNG of more than ${MEGAPIXELS} million pixels, which needs sharp`, remedy);
  }
  await checkPixels(facts, what);
  const { decode } = await import("fast-png");
  try {
    const { data, palette, transparency } = decode(essential(facts.chunks));
    const samples = samplesOf(data, width * (CHANNELS[colorType] ?? 0), height, depth);
    const rgba = new Uint8Array(width * height * 4);
    if (colorType === PALETTE) fromPalette(samples, palette ?? [], rgba);
    else fromSamples(samples, colorType, depth, transparency, rgba);
    return { width, height, data: rgba };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw imageError(`${what} is a damaged PNG (${why})`, SAVE_AGAIN, cause);
  }
}

/** One number a sample; rows of fewer than 8 bits a sample begin at a byte. */
function samplesOf(data: ArrayLike<number>, perRow: number, rows: number, depth: number): ArrayLike<number> {
  if (depth >= 8) return data;
  const samples = new Uint8Array(perRow * rows);
  const rowBytes = Math.ceil((perRow * depth) / 8);
  const mask = (1 << depth) - 1;
  for (let index = 0; index < samples.length; index++) {
    const bit = (index % perRow) * depth;
    const byte = data[Math.floor(index / perRow) * rowBytes + (bit >> 3)] ?? 0;
    samples[index] = (byte >> (8 - depth - (bit & 7))) & mask;
  }
  return samples;
}

function fromPalette(samples: ArrayLike<number>, palette: readonly (readonly number[])[], rgba: Uint8Array): void {
  for (let pixel = 0; pixel < samples.length; pixel++) {
    const color = palette[samples[pixel] as number];
    if (color === undefined) throw new Error(`colour ${samples[pixel]} is not in the palette`);
    const [red = 0, green = 0, blue = 0, alpha = 255] = color;
    rgba.set([red, green, blue, alpha], 4 * pixel);
  }
}

function fromSamples(
  samples: ArrayLike<number>,
  colorType: number,
  depth: number,
  transparency: Uint16Array | undefined,
  rgba: Uint8Array,
): void {
  const channels = CHANNELS[colorType] as number;
  const colors = channels < 3 ? 1 : 3;
  const most = 2 ** depth - 1;
  const toByte = (sample: number): number => Math.round((sample * 255) / most);
  for (let pixel = 0; pixel < rgba.length / 4; pixel++) {
    const at = pixel * channels;
    let clear = transparency !== undefined && transparency.length === colors;
    for (let color = 0; color < 3; color++) {
      const sample = samples[at + (colors === 1 ? 0 : color)] as number;
      rgba[4 * pixel + color] = toByte(sample);
      clear &&= sample === transparency?.[colors === 1 ? 0 : color];
    }
    const hasAlpha = channels === 2 || channels === 4;
    rgba[4 * pixel + 3] = hasAlpha ? toByte(samples[at + channels - 1] as number) : clear ? 0 : 255;
  }
}
