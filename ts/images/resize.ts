/**
 * A picture as the bytes of a network's input: blended, gray where one channel is wanted, cropped and resized.
 *
 * Resizing weighs by a triangle, as wide as a source pixel or a target pixel, whichever is larger. So a picture that is made
 * smaller is averaged, and one that is made larger is interpolated. libvips calls this kernel linear, Pillow bilinear.
 * Gray is the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, as in JPEG.
 */
import { colorOf, type ImageInput } from "./input.ts";
import type { Picture } from "./picture.ts";

/** The part of one axis of the source that the target shows, in pixels of the source. */
interface Span {
  readonly from: number;
  readonly length: number;
  /** The first of the target's pixels, and their number. */
  readonly at: number;
  readonly pixels: number;
}

/** @returns bytes, `height * width * channels` of them, channels running fastest. */
export function fitPicture(picture: Picture, input: ImageInput): Uint8Array<ArrayBuffer> {
  const { height, width, channels, background } = input;
  const source = blended(picture, channels, background);
  const [across, down] = spansOf(picture, input);
  if (across.pixels === picture.width && down.pixels === picture.height && isWhole(across) && isWhole(down)) {
    if (picture.width === width && picture.height === height) return source;
  }
  const [columns, lines] = [picture.width, picture.height];
  if (across.pixels <= across.length || down.pixels >= down.length) {
    return framed(inBoth(source, [columns, lines], channels, across, down), across, down, input);
  }
  // Rows that grow while their number shrinks come last: else a strip of a million rows would take gigabytes on its way.
  const turned = inBoth(transposed(source, lines, columns, channels), [lines, columns], channels, down, across);
  return framed(transposed(turned, across.pixels, down.pixels, channels), across, down, input);
}

/** Resizes rows of `columns` pixels to `first`, and then `lines` of them to `second`, of which it needs but a part. */
function inBoth(
  source: Uint8Array,
  [columns, lines]: readonly [number, number],
  channels: number,
  first: Span,
  second: Span,
): Uint8Array<ArrayBuffer> {
  const { begin, end } = needed(second, lines);
  const part = source.subarray(begin * columns * channels, end * columns * channels);
  const rows = resample(part, end - begin, { begin: 0, end: columns }, columns, channels, first);
  const turned = transposed(rows, end - begin, first.pixels, channels);
  const resized = resample(turned, first.pixels, { begin, end }, lines, channels, second);
  return transposed(resized, first.pixels, second.pixels, channels);
}

/** Pixels of an axis from `begin` on and before `end`. */
interface Part {
  readonly begin: number;
  readonly end: number;
}

/** The pixels of the source, of `columns`, that weigh in the target's pixel `target`. */
function weighing({ from, length, pixels }: Span, target: number, columns: number): Part & { readonly center: number } {
  const step = length / pixels;
  const support = Math.max(1, step);
  const center = from + (target + 0.5) * step;
  const begin = Math.max(0, Math.floor(center - support));
  return { begin, end: 1 + Math.min(columns - 1, Math.ceil(center + support)), center };
}

const needed = (span: Span, columns: number): Part => ({
  begin: weighing(span, 0, columns).begin,
  end: weighing(span, span.pixels - 1, columns).end,
});

const isWhole = ({ from, length, pixels }: Span): boolean => from === 0 && length === pixels;

type Size = Pick<Picture, "width" | "height">;

/** True where an axis of the picture has more pixels in the input than in the part of the source that it shows. */
export const isEnlarged = (picture: Size, input: ImageInput): boolean =>
  spansOf(picture, input).some(({ length, pixels }) => pixels > length);

/** The whole pixels of the source that the input shows. */
export function shownOf(picture: Size, input: ImageInput) {
  const [across, down] = spansOf(picture, input);
  const part = ({ from, length }: Span, most: number): readonly [number, number] => {
    const first = Math.min(most - 1, Math.round(from));
    return [first, Math.max(1, Math.min(most - first, Math.round(length)))];
  };
  const [left, width] = part(across, picture.width);
  const [top, height] = part(down, picture.height);
  return { left, top, width, height };
}

function spansOf(picture: Size, { width, height, fit }: ImageInput): readonly [Span, Span] {
  const [ratioX, ratioY] = [width / picture.width, height / picture.height];
  const span = (source: number, target: number, scale: number): Span => {
    if (fit === "fill") return { from: 0, length: source, at: 0, pixels: target };
    if (fit === "contain") {
      const pixels = Math.min(target, Math.max(1, Math.round(source * scale)));
      return { from: 0, length: source, at: (target - pixels) >> 1, pixels };
    }
    const length = Math.min(source, target / scale);
    return { from: (source - length) / 2, length, at: 0, pixels: target };
  };
  const scale = fit === "contain" ? Math.min(ratioX, ratioY) : Math.max(ratioX, ratioY);
  return [span(picture.width, width, scale), span(picture.height, height, scale)];
}

/** Pixels on the background, in gray or colour. */
function blended({ width, height, data }: Picture, channels: 1 | 3, background: string): Uint8Array<ArrayBuffer> {
  const [behindRed, behindGreen, behindBlue] = colorOf(background);
  const result = new Uint8Array(width * height * channels);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = data[4 * pixel + 3] as number;
    const over = (sample: number, behind: number): number =>
      alpha === 255 ? sample : Math.round((sample * alpha + behind * (255 - alpha)) / 255);
    const red = over(data[4 * pixel] as number, behindRed);
    const green = over(data[4 * pixel + 1] as number, behindGreen);
    const blue = over(data[4 * pixel + 2] as number, behindBlue);
    if (channels === 1) result[pixel] = luma(red, green, blue);
    else {
      result[3 * pixel] = red;
      result[3 * pixel + 1] = green;
      result[3 * pixel + 2] = blue;
    }
  }
  return result;
}

const luma = (red: number, green: number, blue: number): number =>
  Math.round((299 * red + 587 * green + 114 * blue) / 1000);

/** Red, green and blue bytes as gray ones. */
export function grayOf(colors: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: colors.length / 3 }, (_, pixel) =>
    luma(colors[3 * pixel] as number, colors[3 * pixel + 1] as number, colors[3 * pixel + 2] as number),
  );
}

/** Resizes every row to `span`. A row has `columns` pixels, of which `source` holds the `part`. */
function resample(
  source: Uint8Array,
  rows: number,
  part: Part,
  columns: number,
  channels: number,
  span: Span,
): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(rows * span.pixels * channels);
  const support = Math.max(1, span.length / span.pixels);
  const held = part.end - part.begin;
  for (let target = 0; target < span.pixels; target++) {
    const { begin, end, center } = weighing(span, target, columns);
    const weights = Float64Array.from({ length: end - begin }, (_, index) =>
      Math.max(0, 1 - Math.abs(begin + index + 0.5 - center) / support),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let row = 0; row < rows; row++) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        let at = (row * held + begin - part.begin) * channels + channel;
        for (let index = 0; index < weights.length; index++, at += channels) {
          sum += (weights[index] as number) * (source[at] as number);
        }
        result[(row * span.pixels + target) * channels + channel] = Math.round(sum / total);
      }
    }
  }
  return result;
}

function transposed(source: Uint8Array, rows: number, columns: number, channels: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(source.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let channel = 0; channel < channels; channel++) {
        result[(column * rows + row) * channels + channel] = source[
          (row * columns + column) * channels + channel
        ] as number;
      }
    }
  }
  return result;
}

/** The picture with the background around it. */
function framed(
  picture: Uint8Array<ArrayBuffer>,
  across: Span,
  down: Span,
  input: ImageInput,
): Uint8Array<ArrayBuffer> {
  const { width, height, channels, background } = input;
  if (across.pixels === width && down.pixels === height) return picture;
  const color = channels === 1 ? [luma(...colorOf(background))] : colorOf(background);
  const result = Uint8Array.from({ length: width * height * channels }, (_, at) => color[at % channels] as number);
  const row = across.pixels * channels;
  for (let y = 0; y < down.pixels; y++) {
    result.set(picture.subarray(y * row, (y + 1) * row), ((down.at + y) * width + across.at) * channels);
  }
  return result;
}
