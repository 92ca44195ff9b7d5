/** An elementwise function by its name; the maps are the definitions in `ts/quantizers/maps`. */
import type { ActivationName } from "../../../ts/nn/graph.ts";
import { functions } from "../../../ts/quantizers/functions.ts";
import { backwardValue, forwardValue } from "../../../ts/quantizers/maps.ts";
import { at, note } from "../layers.ts";
import type { OracleOp } from "./op.ts";

/** The places where the slope of a function jumps. */
const jumps: Readonly<Partial<Record<ActivationName, readonly number[]>>> = {
  relu: [0],
  hardTanh: [-1, 1],
  relu6: [0, 6],
};

export const activation: OracleOp<"activation"> = {
  forward: ({ node, inputs: [x], pass }) => {
    const name = node.attributes.activation;
    for (const value of x.data) for (const jump of jumps[name] ?? []) note(pass.margin, value, jump);
    const { forward, parameters } = functions[name];
    return { ...x, data: x.data.map((value) => forwardValue(forward, value, parameters)) };
  },
  backward: ({ node, inputs: [x] }, dy) => {
    const { backward, parameters } = functions[node.attributes.activation];
    const through = (gradient: number, i: number): number =>
      gradient * backwardValue(backward, at(x.data, i), parameters);
    return { inputs: [dy.data.map(through)], parameters: {} };
  },
};
