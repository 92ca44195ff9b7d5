/** x where x > 0, a given share of it elsewhere. */
import { at, note } from "../layers.ts";
import type { OracleOp } from "./op.ts";

export const leakyRelu: OracleOp<"leakyRelu"> = {
  forward: ({ node, inputs: [x], pass }) => {
    const slope = node.attributes.negativeSlope;
    for (const value of x.data) note(pass.margin, value, 0);
    return { ...x, data: x.data.map((value) => (value > 0 ? value : slope * value)) };
  },
  backward: ({ node, inputs: [x] }, dy) => {
    const slope = node.attributes.negativeSlope;
    return { inputs: [dy.data.map((gradient, i) => (at(x.data, i) > 0 ? 1 : slope) * gradient)], parameters: {} };
  },
};
