/** x where x >= 0, alpha x elsewhere, channel by channel. */
import { at, channelSums, note } from "../layers.ts";
import type { OracleOp } from "./op.ts";

export const prelu: OracleOp<"prelu"> = {
  forward: ({ inputs: [x], parameter, pass }) => {
    const alpha = parameter("alpha");
    const data = x.data.map((value, i) => {
      note(pass.margin, value, 0);
      return value >= 0 ? value : at(alpha, i % alpha.length) * value;
    });
    return { ...x, data };
  },
  backward: ({ inputs: [x], parameter }, dy) => {
    const alpha = parameter("alpha");
    const slope = (i: number): number => (at(x.data, i) >= 0 ? 1 : at(alpha, i % alpha.length));
    const shares = dy.data.map((gradient, i) => gradient * Math.min(at(x.data, i), 0));
    return {
      inputs: [dy.data.map((gradient, i) => gradient * slope(i))],
      parameters: { alpha: channelSums({ ...dy, data: shares }) },
    };
  },
};
