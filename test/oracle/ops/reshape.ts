/** The same numbers under another shape, of which -1 is all that the other axes leave. */
import { sizeOf } from "../layers.ts";
import type { OracleOp } from "./op.ts";

export const reshape: OracleOp<"reshape"> = {
  forward: ({ node, inputs: [x] }) => {
    const { targetShape } = node.attributes;
    const rest = sizeOf(x.shape) / Math.abs(sizeOf(targetShape));
    return { ...x, shape: targetShape.map((size) => (size < 0 ? rest : size)) };
  },
  backward: (_given, dy) => ({ inputs: [dy.data], parameters: {} }),
};
