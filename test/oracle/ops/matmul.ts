/** y(i, j) = sum over t of a(i, t) b(t, j) for every matrix of every image, and its gradient. */
import type { Shape } from "../../../ts/nn/graph.ts";
import { at, type Value } from "../layers.ts";
import { learnedGradients, quantizerAt } from "../learned.ts";
import type { Applied, OracleOp } from "./op.ts";
import { quantized, throughQuantizer } from "./product.ts";

export type AppliedMatmul = Applied<"matmul">;

interface Sizes {
  readonly rows: number;
  readonly columns: number;
  readonly terms: number;
}

function sizesOf({ node, inputs: [a, b] }: AppliedMatmul): Sizes {
  const axis = ({ shape }: Value, from: number): number => (shape as Shape).at(from) as number;
  return { rows: axis(a, -2), terms: axis(a, -1), columns: axis(b, node.attributes.transposeSecond ? -2 : -1) };
}

/** Calls `visit` with the places of every product of two numbers, and of the sum that it goes into. */
function each(given: AppliedMatmul, visit: (a: number, b: number, y: number) => void): void {
  const { rows, columns, terms } = sizesOf(given);
  const turned = given.node.attributes.transposeSecond;
  const matrices = given.inputs[0].data.length / (rows * terms);
  for (let matrix = 0; matrix < matrices; matrix++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        for (let t = 0; t < terms; t++) {
          const b = turned ? j * terms + t : t * columns + j;
          visit((matrix * rows + i) * terms + t, matrix * terms * columns + b, (matrix * rows + i) * columns + j);
        }
      }
    }
  }
}

/** The product of the given operands. */
export function multiplied(given: AppliedMatmul, [a, b]: readonly [Float64Array, Float64Array]): Value {
  const { rows, columns, terms } = sizesOf(given);
  const [x] = given.inputs;
  const data = new Float64Array((x.data.length / terms) * columns);
  each(given, (i, j, y) => {
    data[y] = at(data, y) + at(a, i) * at(b, j);
  });
  return { images: x.images, shape: [...x.shape.slice(0, -2), rows, columns], data };
}

function operandsOf(given: AppliedMatmul): readonly [Float64Array, Float64Array] {
  const [first, second] = given.inputs;
  const behind = (x: Value, place: number): Float64Array => quantized(quantizerAt(given, place), x, given.pass).data;
  return [behind(first, 0), behind(second, 1)];
}

export const matmul: OracleOp<"matmul"> = {
  forward: (given) => multiplied(given, operandsOf(given)),
  backward: (given, dy) => {
    const { node, inputs, pass } = given;
    const [a, b] = operandsOf(given);
    const [da, db] = [new Float64Array(a.length), new Float64Array(b.length)];
    each(given, (i, j, y) => {
      da[i] = at(da, i) + at(dy.data, y) * at(b, j);
      db[j] = at(db, j) + at(dy.data, y) * at(a, i);
    });
    const [first, second] = inputs;
    const [ofFirst, ofSecond] = [quantizerAt(given, 0), quantizerAt(given, 1)];
    return {
      inputs: [throughQuantizer(ofFirst, first, da, pass), throughQuantizer(ofSecond, second, db, pass)],
      parameters: {
        ...learnedGradients(node, 0, ofFirst, first.data, da),
        ...learnedGradients(node, 1, ofSecond, second.data, db),
      },
    };
  },
};
