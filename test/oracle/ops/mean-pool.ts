/** The mean of each window over its places inside the image. Its gradient goes to them in equal parts. */
import { at, sizeOf, type Value } from "../layers.ts";
import { outputOf, slide, type Windows } from "./windows.ts";

/** Calls `visit` with the number of an output element, of an input element in its window, and of the places inside. */
function visitAll(x: Value, windows: Windows, visit: (to: number, from: number, count: number) => void): void {
  const channels = x.shape[2] as number;
  const counts = new Float64Array(x.images * sizeOf(outputOf(x.shape, windows)));
  slide(x, windows, (output, _place, input) => {
    if (input >= 0) counts[output] = at(counts, output) + 1;
  });
  slide(x, windows, (output, _place, input) => {
    if (input < 0) return;
    for (let c = 0; c < channels; c++) visit(output * channels + c, input * channels + c, at(counts, output));
  });
}

/** The means, `[images][out height][out width][channels]`. */
export function means(x: Value, windows: Windows): Float64Array {
  const y = new Float64Array(x.images * sizeOf(outputOf(x.shape, windows)) * (x.shape[2] as number));
  visitAll(x, windows, (to, from, count) => {
    y[to] = at(y, to) + at(x.data, from) / count;
  });
  return y;
}

/** The gradient at x for the gradient `dy` at the means. */
export function meansBackward(x: Value, windows: Windows, dy: Value): Float64Array {
  const dx = new Float64Array(x.data.length);
  visitAll(x, windows, (to, from, count) => {
    dx[from] = at(dx, from) + at(dy.data, to) / count;
  });
  return dx;
}
