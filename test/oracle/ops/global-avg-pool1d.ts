/** The mean of each feature over all tokens. */
import { at } from "../layers.ts";
import type { OracleOp } from "./op.ts";

export const globalAvgPool1d: OracleOp<"globalAvgPool1d"> = {
  forward: ({ inputs: [x] }) => {
    const [tokens = 0, features = 0] = x.shape;
    const data = new Float64Array(x.images * features);
    for (const [i, value] of x.data.entries()) {
      const to = Math.floor(i / (tokens * features)) * features + (i % features);
      data[to] = at(data, to) + value / tokens;
    }
    return { images: x.images, shape: [features], data };
  },
  backward: ({ inputs: [x] }, dy) => {
    const [tokens = 0, features = 0] = x.shape;
    const from = (i: number): number => Math.floor(i / (tokens * features)) * features + (i % features);
    return { inputs: [x.data.map((_, i) => at(dy.data, from(i)) / tokens)], parameters: {} };
  },
};
