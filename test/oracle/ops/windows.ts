/** Windows that slide over images, from TensorFlow's rules. */
import type { Padding, Shape } from "../../../ts/nn/graph.ts";
import type { Value } from "../layers.ts";

export interface Windows {
  readonly window: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
}

/** Output size of an axis and how many elements lie before the first: the extra one of SAME lies behind. */
function axis(size: number, window: number, stride: number, padding: Padding): { out: number; before: number } {
  if (padding === "valid") return { out: Math.floor((size - window) / stride) + 1, before: 0 };
  const out = Math.ceil(size / stride);
  return { out, before: Math.floor(Math.max((out - 1) * stride + window - size, 0) / 2) };
}

/** Output height and width. */
export function outputOf(shape: Shape, { window, strides, padding }: Windows): [number, number] {
  const [height = 0, width = 0] = shape;
  return [axis(height, window[0], strides[0], padding).out, axis(width, window[1], strides[1], padding).out];
}

/** Takes the number of an output row, of a place in its window, and of the input row there, or -1 outside. */
export type Visit = (output: number, place: number, input: number) => void;

/** Calls `visit` for every output pixel and every place of its window. */
export function slide(x: Value, windows: Windows, visit: Visit): void {
  const [height = 0, width = 0] = x.shape;
  const { window, strides, padding } = windows;
  const rows = axis(height, window[0], strides[0], padding);
  const columns = axis(width, window[1], strides[1], padding);
  for (let image = 0; image < x.images; image++) {
    for (let oy = 0; oy < rows.out; oy++) {
      for (let ox = 0; ox < columns.out; ox++) {
        for (let r = 0; r < window[0]; r++) {
          for (let s = 0; s < window[1]; s++) {
            const [iy, ix] = [oy * strides[0] + r - rows.before, ox * strides[1] + s - columns.before];
            const inside = iy >= 0 && iy < height && ix >= 0 && ix < width;
            const input = inside ? (image * height + iy) * width + ix : -1;
            visit((image * rows.out + oy) * columns.out + ox, r * window[1] + s, input);
          }
        }
      }
    }
  }
}
