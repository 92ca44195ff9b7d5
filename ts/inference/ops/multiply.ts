/** The product of two values, element by element. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/inference-call.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { cutFours } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

export const multiply = {
  kind: "whole",
  emit: (node, { draft, images, network, parts, values }) => {
    const [a, b] = [values.of(node.inputs[0]), values.of(node.inputs[1])];
    const y = values.of(node.name);
    const jobs = cutFours(images * elementsOf(network.shapeOf(node.name)), parts).map(({ first, count }) => {
      const places = { a: at(a, 4 * first), b: at(b, 4 * first), y: at(y, 4 * first) };
      return [call(node.name, k.multiplyForward({ ...places, count }))];
    });
    draft.phase(jobs);
  },
} satisfies InferenceOp<"multiply">;
