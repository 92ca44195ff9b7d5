/** x where x > 0, alpha (exp(x) - 1) elsewhere. */
import { at, note } from "../layers.ts";
import type { OracleOp } from "./op.ts";

export const elu: OracleOp<"elu"> = {
  forward: ({ node, inputs: [x], pass }) => {
    const { alpha } = node.attributes;
    for (const value of x.data) note(pass.margin, value, 0);
    return { ...x, data: x.data.map((value) => (value > 0 ? value : alpha * Math.expm1(value))) };
  },
  backward: ({ node, inputs: [x] }, dy) => {
    const { alpha } = node.attributes;
    const slope = (value: number): number => (value > 0 ? 1 : alpha * Math.exp(value));
    return { inputs: [dy.data.map((gradient, i) => slope(at(x.data, i)) * gradient)], parameters: {} };
  },
};
