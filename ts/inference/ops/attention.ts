/**
 * Attention over whole values. Each image is cut into rows of the query, whose scores, matrix and result do not depend on other
 * rows. A job has the scores of its rows of one image to itself, so that they stay in the cache.
 */

import type { NodeOf } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import { attentionSizes, learnedOfMatrix } from "../../nn/ops/attention.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { attentionKinds } from "../../program/attention.ts";
import { attentionProducts, sliceScratchBytes } from "../../program/attention-products.ts";
import { as, type Call, k } from "../../program/inference-call.ts";
import { at, type Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import { call } from "../draft.ts";
import { quantized } from "../quantized.ts";
import { cut } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

/** Query, key and value behind their quantizers. */
function operandsOf(node: NodeOf<"attention">, context: Context): readonly [Place, Place, Place] {
  const { name, inputs, attributes } = node;
  const { draft, images, network, values } = context;
  const quantizers = [attributes.queryQuantizer, attributes.keyQuantizer, attributes.valueQuantizer];
  const made = inputs.map((input, place) => {
    const [x, quantizer] = [values.of(input), quantizers[place] ?? null];
    if (quantizer === null) return { levels: x, jobs: [] };
    const elements = images * elementsOf(network.shapeOf(input));
    return quantized(name, quantizer, { x, elements, parts: context.parts }, context);
  });
  const jobs = made.flatMap(({ jobs }) => jobs);
  if (jobs.length > 0) draft.phase(jobs);
  return made.map(({ levels }) => levels) as unknown as readonly [Place, Place, Place];
}

export const attention = {
  kind: "whole",
  emit: (node, context) => {
    const { name, inputs, attributes } = node;
    const { draft, images, network, values } = context;
    const sizes = attentionSizes(inputs.map(network.shapeOf), attributes.heads);
    const { tokens, keys, heads, d, dv } = sizes;
    const [query, key, value] = operandsOf(node, context);
    const learned = learnedOfMatrix(attributes.matrix);
    const parameters = learned === null ? null : context.tensor(parameterName(node, learned));
    const factors = attributes.matrix === "elastic" ? parameters : null;
    const kind = attentionKinds[attributes.matrix];
    const map = { kind, images: 1, heads, keys, width: d, parameters, matrix: null };
    const y = values.of(name);

    const jobs = cut(tokens, context.parts).map(({ first, count }) => {
      const products = attentionProducts({ ...sizes, tokens: count }, 1);
      const scores = draft.buffer(4 * heads * count * keys);
      const scratch = draft.buffer(sliceScratchBytes([products.scores, products.mix]));
      const alone = { factors: null, accumulate: false, scratch };
      return Array.from({ length: images }, (_, image): readonly Call[] => {
        const row = image * tokens + first;
        const [a, out] = [at(query, 4 * row * heads * d), at(y, 4 * row * heads * dv)];
        const b = at(key, 4 * image * keys * heads * d);
        const from = { a: scores, b: at(value, 4 * image * keys * heads * dv) };
        return [
          as("scores", k.ffSlices({ ...products.scores, ...alone, a, b, out: scores })),
          as(attributes.matrix, k.attentionMatrix({ ...map, tokens: count, scores })),
          as("mix", k.ffSlices({ ...products.mix, ...alone, ...from, factors, out })),
        ].map((made) => call(name, made));
      }).flat();
    });
    draft.phase(jobs);
  },
} satisfies InferenceOp<"attention">;
