/** x + beta, channel by channel. */
import { at, channelSums } from "../layers.ts";
import type { OracleOp } from "./op.ts";

export const shift: OracleOp<"shift"> = {
  forward: ({ inputs: [x], parameter }) => {
    const beta = parameter("beta");
    return { ...x, data: x.data.map((value, i) => value + at(beta, i % beta.length)) };
  },
  backward: (_given, dy) => ({ inputs: [dy.data], parameters: { beta: channelSums(dy) } }),
};
