/** The sum of two values, element by element. A product's kernel adds the shortcut of a residual block by itself. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/inference-call.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { cutFours } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

export const add = {
  kind: "whole",
  isSum: true,
  emit: (node, { draft, images, network, parts, values }) => {
    const [a, b] = [values.of(node.inputs[0]), values.of(node.inputs[1])];
    const y = values.of(node.name);
    const jobs = cutFours(images * elementsOf(network.shapeOf(node.name)), parts).map(({ first, count }) => {
      const offset = 4 * first;
      return [call(node.name, k.add({ a: at(a, offset), b: at(b, offset), y: at(y, offset), count }))];
    });
    draft.phase(jobs);
  },
} satisfies InferenceOp<"add">;
