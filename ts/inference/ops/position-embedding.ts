/** Learned positions, added to every image. One image is cut into parts. */
import { parameterName } from "../../nn/network.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/inference-call.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { cutFours } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

export const positionEmbedding = {
  kind: "whole",
  emit: (node, { draft, images, network, parts, tensor, values }) => {
    const size = elementsOf(network.shapeOf(node.name));
    const positions = tensor(parameterName(node, "positions"));
    const [x, y] = [values.of(node.inputs[0]), values.of(node.name)];
    const jobs = cutFours(size, images > 1 ? 1 : parts).map(({ first, count }) =>
      Array.from({ length: images }, (_, image) => {
        const offset = 4 * (image * size + first);
        return call(node.name, k.add({ a: at(x, offset), b: at(positions, 4 * first), y: at(y, offset), count }));
      }),
    );
    draft.phase(jobs);
  },
} satisfies InferenceOp<"positionEmbedding">;
