/** The product of two values. The gradient at each is that of the product times the other one. */
import { at } from "../layers.ts";
import type { OracleOp } from "./op.ts";

export const multiply: OracleOp<"multiply"> = {
  forward: ({ inputs: [x, second] }) => ({ ...x, data: x.data.map((value, i) => value * at(second.data, i)) }),
  backward: ({ inputs: [x, second] }, dy) => ({
    inputs: [dy.data.map((g, i) => g * at(second.data, i)), dy.data.map((g, i) => g * at(x.data, i))],
    parameters: {},
  }),
};
