/** |alpha| sign(u) + beta, u = (x - beta) / |alpha|, with max(0, 2 - 2 |u|) for the derivative of the sign. */
import { at, note } from "../layers.ts";
import type { OracleOp } from "./op.ts";

export const adaptiveSign: OracleOp<"adaptiveSign"> = {
  forward: ({ inputs: [x], parameter, pass }) => {
    const [alpha, beta] = [Math.abs(at(parameter("alpha"), 0)), at(parameter("beta"), 0)];
    const data = x.data.map((value) => {
      note(pass.margin, value, beta);
      return value >= beta ? beta + alpha : beta - alpha;
    });
    return { ...x, data };
  },
  backward: ({ inputs: [x], parameter }, dy) => {
    const [alpha, beta] = [at(parameter("alpha"), 0), at(parameter("beta"), 0)];
    const dx = new Float64Array(x.data.length);
    let [dalpha, dbeta] = [0, 0];
    x.data.forEach((value, i) => {
      const u = (value - beta) / Math.abs(alpha);
      const slope = Math.max(0, 2 - 2 * Math.abs(u));
      const gradient = at(dy.data, i);
      dx[i] = gradient * slope;
      dalpha += gradient * ((u >= 0 ? 1 : -1) - u * slope) * Math.sign(alpha);
      dbeta += gradient * (1 - slope);
    });
    return { inputs: [dx], parameters: { alpha: Float64Array.of(dalpha), beta: Float64Array.of(dbeta) } };
  },
};
