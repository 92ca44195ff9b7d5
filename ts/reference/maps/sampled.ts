/** Maps out of samples. */
import type { MapTable } from "../../quantizers/quantizer.ts";
import { UNIT } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { type Near, near } from "./near.ts";

/** Linear between `samples`, constant outside. */
export function interpolated(
  tf: TensorFlow,
  table: MapTable | null,
  samples: readonly number[] | undefined,
  x: Tensor,
): Near {
  if (table === null || samples === undefined) throw new Error("a map of samples without its table");
  const last = samples.length - 1;
  const density = Math.fround(last / (table.to - table.from));
  const position = tf.clipByValue(tf.mul(tf.sub(x, Math.fround(table.from)), density), 0, last);
  const at = tf.minimum(tf.floor(position), last - 1);
  const value = (offset: number): Tensor => tf.gather(tf.tensor1d([...samples]), tf.cast(tf.add(at, offset), "int32"));
  const [low, high] = [value(0), value(1)];
  const steepest = Math.max(...samples.slice(1).map((sample, i) => Math.abs(sample - (samples[i] as number))));
  return near(tf.add(low, tf.mul(tf.sub(position, at), tf.sub(high, low))), () => {
    const moved = tf.mul(tf.add(position, 1), 8 * UNIT * steepest);
    return tf.add(moved, tf.mul(tf.maximum(tf.abs(low), tf.abs(high)), 8 * UNIT));
  });
}
