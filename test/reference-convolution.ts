/** A convolution and its gradient on small whole numbers, by tfjs and by its definition. */
import type { TensorFlow } from "../ts/reference/tensorflow.ts";

const wholeNumbers = (count: number, step: number) => Array.from({ length: count }, (_, at) => ((at * step) % 17) - 8);

/** [1, 5, 5, 2]. */
export const image: readonly number[] = wholeNumbers(50, 5);
/** [2, 2, 2, 3]. */
export const kernel: readonly number[] = wholeNumbers(24, 7);

export interface Convolved {
  /** [1, 4, 4, 3]. */
  readonly output: readonly number[];
  /** Of the output's sum by the image. */
  readonly gradient: readonly number[];
}

/** What tfjs makes of it on its backend. It takes all it needs as arguments, so that a page can be given its source. */
export async function convolve(tf: TensorFlow, x: readonly number[], weights: readonly number[]): Promise<Convolved> {
  const input = tf.tensor4d([...x], [1, 5, 5, 2]);
  const filters = tf.tensor4d([...weights], [2, 2, 2, 3]);
  const output = tf.conv2d(input, filters, 1, "valid");
  const gradient = tf.grad((value) => tf.conv2d(value as typeof input, filters, 1, "valid").sum())(input);
  return { output: Array.from(await output.data()), gradient: Array.from(await gradient.data()) };
}

/** The definition. */
export function convolveByDefinition(): Convolved {
  const output = new Array<number>(48).fill(0);
  const gradient = new Array<number>(50).fill(0);
  for (let product = 0; product < 4 * 4 * 2 * 2 * 2 * 3; product++) {
    const filter = product % 3;
    const channel = Math.floor(product / 3) % 2;
    const column = Math.floor(product / 6) % 2;
    const row = Math.floor(product / 12) % 2;
    const pixel = Math.floor(product / 24);
    const from = ((Math.floor(pixel / 4) + row) * 5 + (pixel % 4) + column) * 2 + channel;
    const weight = kernel[((row * 2 + column) * 2 + channel) * 3 + filter] as number;
    output[pixel * 3 + filter] = (output[pixel * 3 + filter] as number) + (image[from] as number) * weight;
    gradient[from] = (gradient[from] as number) + weight;
  }
  return { output, gradient };
}
