/**
 * JPEG (ITU-T T.81). The structure is checked here, and jpeg-js decodes.
 *
 * A file is a row of markers, most with a length and data. Pixels stand behind a start of scan, up to the next marker
 * that is no restart. A file without its end marker is refused. JPEG has no checksums: a changed pixel byte may decode to
 * other pixels. Bytes behind the end marker are ignored.
 */
import { hasExifPrefix, orientationOf } from "./orientation.ts";
import { checkSize, imageError, MEGAPIXELS, type Picture, SAVE_AGAIN } from "./picture.ts";

const START = 0xd8;
const END = 0xd9;
const SCAN = 0xda;
const APP1 = 0xe1;
const APP14 = 0xee;
/** Start-of-frame markers; those left out are tables, an extension and arithmetic conditioning. */
const FRAMES: readonly number[] = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];
/** Baseline, extended and progressive, all of Huffman coding. */
const DECODED: readonly number[] = [0xc0, 0xc1, 0xc2];
const MEGABYTES = 2048;
/**
 * A block takes at least one bit, of its first coefficient. Sampling factors go to 4, so that 32 x 32 pixels have at least
 * eight blocks: components of 4 x 1 and 1 x 4 have no more.
 */
const MOST_PIXELS_OF_A_BYTE = 1024;
/** Writers make some ten. Each scan walks over the whole picture, and a few bytes make one. */
const MOST_SCANS = 200;

export interface JpegFacts {
  readonly width: number;
  readonly height: number;
  readonly frame: number;
  readonly precision: number;
  /** The numbers of the components, which some writers set to the letters R, G, B. */
  readonly components: readonly number[];
  /** The colour transform of an Adobe marker: 0 none, 1 YCbCr, 2 YCCK; undefined where there is no such marker. */
  readonly transform: number | undefined;
  /** Exif orientation from 1 to 8. */
  readonly orientation: number;
  /** The file without trailing bytes. */
  readonly whole: Uint8Array;
}

export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === START && bytes[2] === 0xff;

const textAt = (bytes: Uint8Array, text: string): boolean =>
  [...text].every((letter, index) => bytes[index] === letter.charCodeAt(0));

interface Segment {
  readonly marker: number;
  readonly data: Uint8Array;
  /** The place behind it, and behind its pixels. */
  readonly end: number;
}

function* segmentsOf(bytes: Uint8Array, what: string): Generator<Segment> {
  const short = () => imageError(`${what} ends before its end marker`, SAVE_AGAIN);
  for (let at = 2; ; ) {
    if (bytes[at] !== 0xff) throw at < bytes.length ? damaged(what, "a marker is missing") : short();
    while (bytes[at] === 0xff) at++;
    const marker = bytes[at++];
    if (marker === undefined) throw short();
    if (marker === END) return yield { marker, data: bytes.subarray(at, at), end: at };
    if (marker === 0 || marker === START) throw damaged(what, "a marker stands where none may");
    if (marker === 1 || (marker >= 0xd0 && marker <= 0xd7)) continue;
    if (at + 2 > bytes.length) throw short();
    const length = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    if (length < 2) throw damaged(what, "a length is below 2");
    if (at + length > bytes.length) throw short();
    const data = bytes.subarray(at + 2, at + length);
    at += length;
    if (marker === SCAN) at = behindPixels(bytes, at);
    yield { marker, data, end: at };
  }
}

/** The place of the next marker that is neither a stuffed byte nor a restart. */
function behindPixels(bytes: Uint8Array, start: number): number {
  for (let at = start; ; ) {
    at = bytes.indexOf(0xff, at);
    if (at < 0) return bytes.length;
    const next = bytes[at + 1];
    if (next !== 0 && !(next !== undefined && next >= 0xd0 && next <= 0xd7)) return at;
    at += 2;
  }
}

const damaged = (what: string, why: string) => imageError(`${what} is a damaged JPEG: ${why}`, SAVE_AGAIN);

/**
 * Checks the markers of a JPEG.
 *
 * @throws ProxbitError "image" where it is short, or a marker is missing, damaged or of no length.
 */
export function jpegFacts(bytes: Uint8Array, what: string): JpegFacts {
  let frame: Segment | undefined;
  let exif: Uint8Array | undefined;
  let transform: number | undefined;
  let scans = 0;
  let end = 0;
  for (const segment of segmentsOf(bytes, what)) {
    const { marker, data } = segment;
    if (FRAMES.includes(marker)) {
      if (frame !== undefined) throw damaged(what, "it has two frames");
      frame = segment;
    }
    if (marker === APP1 && hasExifPrefix(data)) exif ??= data;
    if (marker === APP14 && textAt(data, "Adobe") && data.length >= 12) transform = data[11];
    if (marker === SCAN && frame === undefined) throw damaged(what, "its pixels come before its size");
    if (marker === SCAN && ++scans > MOST_SCANS) throw damaged(what, `it has more than ${MOST_SCANS} scans`);
    end = segment.end;
  }
  if (frame === undefined || scans === 0) throw damaged(what, "it has no pixels");
  const [precision = 0, high = 0, low = 0, left = 0, right = 0, count = 0] = frame.data;
  if (frame.data.length !== 6 + 3 * count || count === 0) throw damaged(what, "its frame has another length");
  const [height, width] = [high * 256 + low, left * 256 + right];
  checkSize(width, height, what);
  if (DECODED.includes(frame.marker) && width * height > MOST_PIXELS_OF_A_BYTE * end) {
    throw damaged(what, `its size is ${width} x ${height}, which its ${end} bytes cannot hold`);
  }
  return {
    width,
    height,
    frame: frame.marker,
    precision,
    components: Array.from({ length: count }, (_, index) => frame.data[6 + 3 * index] as number),
    transform,
    orientation: orientationOf(exif),
    whole: bytes.subarray(0, end),
  };
}

/**
 * Decodes a JPEG of Huffman coding in gray or colour, 8 bits a sample, as it is stored.
 *
 * @throws ProxbitError "image" for a damaged or short file, and for kinds that JavaScript does not decode.
 */
export async function decodeJpeg(bytes: Uint8Array, what: string): Promise<Picture> {
  const { frame, precision, components, transform, whole, width, height } = jpegFacts(bytes, what);
  const kind = !DECODED.includes(frame)
    ? "lossless or arithmetic coding"
    : precision !== 8
      ? `${precision} bits a sample`
      : components.length !== 1 && components.length !== 3
        ? `${components.length} components, such as CMYK`
        : width * height > MEGAPIXELS * 1e6
          ? `more than ${MEGAPIXELS} million pixels`
          : undefined;
  if (kind !== undefined) {
    const remedy = "Save it as a usual JPEG or PNG, or run `npm install sharp`.";
    throw imageError(`${what} is a JPEG of ${kind}, which needs sharp`, remedy);
  }
  const letters = String.fromCharCode(...components) === "RGB";
  const { decode } = await import("jpeg-js");
  try {
    const { data } = decode(whole, {
      useTArray: true,
      formatAsRGBA: true,
      tolerantDecoding: false,
      colorTransform: transform === undefined ? !letters : transform !== 0,
      maxResolutionInMP: MEGAPIXELS,
      maxMemoryUsageInMB: MEGABYTES,
    });
    return { width, height, data };
  } catch (cause) {
    throw imageError(
      `${what} is a damaged JPEG (${cause instanceof Error ? cause.message : String(cause)})`,
      SAVE_AGAIN,
      cause,
    );
  }
}
