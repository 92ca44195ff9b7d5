/** The product of two values, over reals. A single product of one image is cut into rows. */
import { matmulSizes } from "../../nn/ops/matmul.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { matmulObstacles } from "../../obstacles.ts";
import { as, k } from "../../program/inference-call.ts";
import { panelFloats } from "../../program/kernels.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { quantized } from "../quantized.ts";
import { cut } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

export const matmul = {
  kind: "whole",
  obstacles: (node) => matmulObstacles(node),
  emit: (node, context) => {
    const { name, inputs, attributes } = node;
    const { draft, images, network, parts, values } = context;
    const { transposeSecond, firstQuantizer, secondQuantizer } = attributes;
    const { products: heads, rows, columns, terms } = matmulSizes(inputs.map(network.shapeOf), transposeSecond);
    const made = inputs.map((input, place) => {
      const [x, quantizer] = [values.of(input), [firstQuantizer, secondQuantizer][place] ?? null];
      if (quantizer === null) return { levels: x, jobs: [] };
      const elements = images * elementsOf(network.shapeOf(input));
      return quantized(node, place, { x, elements, parts }, context);
    });
    const jobs = made.flatMap((own) => own.jobs);
    if (jobs.length > 0) draft.phase(jobs);
    const [a, b] = made.map(({ levels }) => levels) as [typeof out, typeof out];
    const out = values.of(name);
    const layouts = { aSplit: false, aTransposed: false, bSplit: false, bTransposed: transposeSecond, outSplit: false };
    const sizes = { images, heads, columns, terms, ...layouts, factors: null, accumulate: false };
    const slices = cut(rows, images * heads > 1 ? 1 : parts).map(({ first, count }) => {
      const scratch = draft.buffer(4 * panelFloats(terms, columns));
      const places = { a: at(a, 4 * first * terms), b, out: at(out, 4 * first * columns), scratch };
      return [call(name, as({ product: "ff" }, k.ffSlices({ ...sizes, rows: count, ...places })))];
    });
    draft.phase(slices);
  },
} satisfies InferenceOp<"matmul">;
