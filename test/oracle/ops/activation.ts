/** An elementwise function keeps x in [low, high]; its gradient passes where it is open. */
import type { ActivationName } from "../../../ts/nn/graph.ts";
import { at, note } from "../layers.ts";
import type { OracleOp } from "./op.ts";

interface Bounds {
  readonly low: number;
  readonly high: number;
  readonly open: (x: number) => boolean;
}

const functions: Readonly<Record<ActivationName, Bounds>> = {
  relu: { low: 0, high: Number.POSITIVE_INFINITY, open: (x) => x > 0 },
  hardTanh: { low: -1, high: 1, open: (x) => Math.abs(x) <= 1 },
};

export const activation: OracleOp<"activation"> = {
  forward: ({ node, inputs: [x], pass }) => {
    const { low, high } = functions[node.attributes.activation];
    for (const value of x.data) for (const edge of [low, high]) note(pass.margin, value, edge);
    return { ...x, data: x.data.map((value) => Math.min(high, Math.max(low, value))) };
  },
  backward: ({ node, inputs: [x] }, dy) => {
    const { open } = functions[node.attributes.activation];
    return { inputs: [dy.data.map((gradient, i) => (open(at(x.data, i)) ? gradient : 0))], parameters: {} };
  },
};
