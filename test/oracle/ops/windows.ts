/** Windows that slide over images, from TensorFlow's rules. */
import type { Padding, Shape } from "../../../ts/nn/graph.ts";
import type { Value } from "../layers.ts";

export interface Windows {
  readonly window: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
  /** Pixels from a place of a window to the next; 1 where absent. */
  readonly dilation?: readonly [number, number];
}

/** Output size of an axis and how many elements lie before the first: the extra one of SAME lies behind. */
function axis(
  { window, strides, padding, dilation = [1, 1] }: Windows,
  along: 0 | 1,
  size: number,
): { readonly out: number; readonly before: number } {
  const [kernel, stride] = [(window[along] - 1) * dilation[along] + 1, strides[along]];
  if (padding !== "same") {
    const [before, behind] = padding === "valid" ? [0, 0] : padding[along];
    return { out: Math.floor((before + size + behind - kernel) / stride) + 1, before };
  }
  const out = Math.ceil(size / stride);
  return { out, before: Math.floor(Math.max((out - 1) * stride + kernel - size, 0) / 2) };
}

/** Output height and width. */
export function outputOf(shape: Shape, windows: Windows): [number, number] {
  const [height = 0, width = 0] = shape;
  return [axis(windows, 0, height).out, axis(windows, 1, width).out];
}

/** Takes the number of an output row, of a place in its window, and of the input row there, or -1 outside. */
export type Visit = (output: number, place: number, input: number) => void;

/** Calls `visit` for every output pixel and every place of its window. */
export function slide(x: Value, windows: Windows, visit: Visit): void {
  const [height = 0, width = 0] = x.shape;
  const { window, strides, dilation = [1, 1] } = windows;
  const rows = axis(windows, 0, height);
  const columns = axis(windows, 1, width);
  for (let image = 0; image < x.images; image++) {
    for (let oy = 0; oy < rows.out; oy++) {
      for (let ox = 0; ox < columns.out; ox++) {
        for (let r = 0; r < window[0]; r++) {
          for (let s = 0; s < window[1]; s++) {
            const iy = oy * strides[0] + r * dilation[0] - rows.before;
            const ix = ox * strides[1] + s * dilation[1] - columns.before;
            const inside = iy >= 0 && iy < height && ix >= 0 && ix < width;
            const input = inside ? (image * height + iy) * width + ix : -1;
            visit((image * rows.out + oy) * columns.out + ox, r * window[1] + s, input);
          }
        }
      }
    }
  }
}
