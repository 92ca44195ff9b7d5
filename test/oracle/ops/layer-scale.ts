/** gamma x, channel by channel. */
import { at, channelSums } from "../layers.ts";
import type { OracleOp } from "./op.ts";

export const layerScale: OracleOp<"layerScale"> = {
  forward: ({ inputs: [x], parameter }) => {
    const gamma = parameter("gamma");
    return { ...x, data: x.data.map((value, i) => value * at(gamma, i % gamma.length)) };
  },
  backward: ({ inputs: [x], parameter }, dy) => {
    const gamma = parameter("gamma");
    const shares = dy.data.map((gradient, i) => gradient * at(x.data, i));
    return {
      inputs: [dy.data.map((gradient, i) => gradient * at(gamma, i % gamma.length))],
      parameters: { gamma: channelSums({ ...dy, data: shares }) },
    };
  },
};
