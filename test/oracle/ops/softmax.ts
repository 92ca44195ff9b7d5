/** exp(x) / sum exp(x) over the last axis. */
import { at, type Value } from "../layers.ts";
import type { OracleOp } from "./op.ts";

function shares({ shape, data }: Value): Float64Array {
  const channels = shape.at(-1) as number;
  const y = new Float64Array(data.length);
  for (let first = 0; first < data.length; first += channels) {
    const row = data.subarray(first, first + channels);
    const largest = Math.max(...row);
    const powers = row.map((value) => Math.exp(value - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    y.set(
      powers.map((power) => power / total),
      first,
    );
  }
  return y;
}

export const softmax: OracleOp<"softmax"> = {
  forward: ({ inputs: [x] }) => ({ ...x, data: shares(x) }),
  backward: ({ inputs: [x] }, dy) => {
    const y = shares(x);
    const channels = x.shape.at(-1) as number;
    const sums = new Float64Array(y.length / channels);
    y.forEach((share, i) => {
      const row = Math.floor(i / channels);
      sums[row] = at(sums, row) + share * at(dy.data, i);
    });
    const dx = y.map((share, i) => share * (at(dy.data, i) - at(sums, Math.floor(i / channels))));
    return { inputs: [dx], parameters: {} };
  },
};
