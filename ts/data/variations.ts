/** Variations of one image, `[height, width, channels]` in a list. Numbers that come in from outside are 0. */
import { exactCosPi } from "../quantizers/elementary.ts";

export type ImageShape = readonly [height: number, width: number, channels: number];

type Pixels = Float64Array<ArrayBuffer>;

/** An image whose pixel at (y, x) is the one of `pixels` that `from` says, if there is one. */
function moved(
  pixels: Pixels,
  [height, width, channels]: ImageShape,
  from: (y: number, x: number) => [number, number],
): Pixels {
  const made = new Float64Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [fromY, fromX] = from(y, x);
      if (fromY < 0 || fromY >= height || fromX < 0 || fromX >= width) continue;
      const start = (fromY * width + fromX) * channels;
      made.set(pixels.subarray(start, start + channels), (y * width + x) * channels);
    }
  }
  return made;
}

/** Left and right change places. */
export const turned = (pixels: Pixels, shape: ImageShape): Pixels =>
  moved(pixels, shape, (y, x) => [y, shape[1] - 1 - x]);

/** Moved by so many rows and columns. */
export const shifted = (pixels: Pixels, shape: ImageShape, down: number, right: number): Pixels =>
  moved(pixels, shape, (y, x) => [y - down, x - right]);

/** Turned about its middle by so many degrees, clockwise, with the mean of the four pixels around each place by nearness. */
export function rotated(pixels: Pixels, shape: ImageShape, degrees: number): Pixels {
  const [height, width, channels] = shape;
  // The engines' own functions differ in the last bits. sin(t) = cos(t - 90 degrees), of which the sign does not count.
  const [cos, sin] = [
    exactCosPi(Math.abs(degrees) / 180),
    Math.sign(degrees) * exactCosPi(Math.abs(Math.abs(degrees) / 180 - 1 / 2)),
  ];
  const [middleY, middleX] = [(height - 1) / 2, (width - 1) / 2];
  const made = new Float64Array(pixels.length);
  const at = (y: number, x: number, channel: number): number =>
    y < 0 || y >= height || x < 0 || x >= width ? 0 : (pixels[(y * width + x) * channels + channel] as number);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fromX = cos * (x - middleX) + sin * (y - middleY) + middleX;
      const fromY = cos * (y - middleY) - sin * (x - middleX) + middleY;
      const [top, left] = [Math.floor(fromY), Math.floor(fromX)];
      const [below, beside] = [fromY - top, fromX - left];
      for (let channel = 0; channel < channels; channel++) {
        const upper = (1 - beside) * at(top, left, channel) + beside * at(top, left + 1, channel);
        const lower = (1 - beside) * at(top + 1, left, channel) + beside * at(top + 1, left + 1, channel);
        made[(y * width + x) * channels + channel] = (1 - below) * upper + below * lower;
      }
    }
  }
  return made;
}

/** Multiplies the distances from each channel's mean by `factor`, in place. */
export function withContrast(pixels: Pixels, [height, width, channels]: ImageShape, factor: number): void {
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0;
    for (let i = channel; i < pixels.length; i += channels) sum += pixels[i] as number;
    const mean = sum / (height * width);
    for (let i = channel; i < pixels.length; i += channels) pixels[i] = mean + factor * ((pixels[i] as number) - mean);
  }
}

/** Sets a square about (middleY, middleX) to 0, in place. */
export function squareOut(
  pixels: Pixels,
  [height, width, channels]: ImageShape,
  side: number,
  middleY: number,
  middleX: number,
): void {
  const [top, left] = [middleY - Math.floor(side / 2), middleX - Math.floor(side / 2)];
  for (let y = Math.max(0, top); y < Math.min(height, top + side); y++) {
    const [from, to] = [Math.max(0, left), Math.min(width, left + side)];
    if (from < to) pixels.fill(0, (y * width + from) * channels, (y * width + to) * channels);
  }
}
