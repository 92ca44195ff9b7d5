/** Stochastic depth: in training an image stays, made larger, or becomes 0, by the draw of its number. */
import { drawsOf } from "../../../ts/nn/ops/dropout.ts";
import { at, type Value } from "../layers.ts";
import { wordOf } from "./dropout.ts";
import type { OracleOp, Placed } from "./op.ts";

/** `values` times the factor of the image that each belongs to. */
function scaled({ node, pass }: Placed<"dropPath">, { images, data }: Value): Float64Array {
  if (pass.phase !== "train") return data;
  const { rate } = node.attributes;
  const draws = drawsOf(node.name, pass);
  const factors = Float64Array.from({ length: images }, (_, image) =>
    wordOf(image, draws) < Math.floor(rate * 2 ** 32) ? 0 : 1 / (1 - rate),
  );
  return data.map((value, i) => value * at(factors, Math.floor((i * images) / data.length)));
}

export const dropPath: OracleOp<"dropPath"> = {
  forward: (given) => ({ ...given.inputs[0], data: scaled(given, given.inputs[0]) }),
  backward: (given, dy) => ({ inputs: [scaled(given, dy)], parameters: {} }),
};
