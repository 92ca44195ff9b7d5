/** x + p, with a number for each element of an example. */
import { at } from "../layers.ts";
import type { OracleOp } from "./op.ts";

export const positionEmbedding: OracleOp<"positionEmbedding"> = {
  forward: ({ inputs: [x], parameter }) => {
    const positions = parameter("positions");
    return { ...x, data: x.data.map((value, i) => value + at(positions, i % positions.length)) };
  },
  backward: ({ parameter }, dy) => {
    const positions = new Float64Array(parameter("positions").length);
    for (const [i, gradient] of dy.data.entries()) {
      positions[i % positions.length] = at(positions, i % positions.length) + gradient;
    }
    return { inputs: [dy.data], parameters: { positions } };
  },
};
