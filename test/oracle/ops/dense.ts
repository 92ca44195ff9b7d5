/** y(row, u) = sum over i of x(row, i) w(i, u). A row is a vector, or a place of a value with more axes. */
import type { Applied, OracleOp } from "./op.ts";
import { productBackward, productForward, type Walk } from "./product.ts";

function walkOf({ node, inputs: [x] }: Applied<"dense">): Walk {
  const rows = x.data.length / (x.shape.at(-1) as number);
  return {
    shape: [...x.shape.slice(0, -1), node.attributes.units],
    outside: 0,
    each: (visit) => {
      for (let row = 0; row < rows; row++) visit(row, 0, row);
    },
  };
}

export const dense: OracleOp<"dense"> = {
  forward: (given) => productForward(given, walkOf(given)),
  backward: (given, dy) => productBackward(given, walkOf(given), dy),
};
