/**
 * Attention over whole values. Where queries and keys end as signs, one kernel reads their bits and does all of it, four rows of
 * the matrix at a time. Otherwise a job has the scores of its rows of one image to itself. Rows of the query do not depend on
 * each other, so that an image is cut into such.
 */
import type { NodeOf } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import { type AttentionSizes, attentionSizes, learnedOfMatrix } from "../../nn/ops/attention.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { attentionKinds } from "../../program/attention.ts";
import { attentionProducts, sliceScratchBytes } from "../../program/attention-products.ts";
import { as, type Call, k } from "../../program/inference-call.ts";
import { attentionScratchBytes } from "../../program/kernels.ts";
import { at, type Place } from "../../program/place.ts";
import { endsAsSigns } from "../../quantizers/weight-quantizers.ts";
import type { Context, Network } from "../context.ts";
import { call } from "../draft.ts";
import { quantized } from "../quantized.ts";
import { cut, type Span } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

type Node = NodeOf<"attention">;

/** The most features of a head, and the most keys, that the kernel over bits takes. */
const WIDEST = 252;
const MOST_KEYS = 65535;

const sizesOf = ({ inputs, attributes }: Node, { shapeOf }: Pick<Network, "shapeOf">): AttentionSizes =>
  attentionSizes(inputs.map(shapeOf), attributes.heads);

const quantizersOf = ({ attributes }: Node) => [
  attributes.queryQuantizer,
  attributes.keyQuantizer,
  attributes.valueQuantizer,
];

const isSigns = (node: Node, place: number): boolean => {
  const quantizer = quantizersOf(node)[place] ?? null;
  return quantizer !== null && endsAsSigns(quantizer);
};

/** True where the kernel over bits does the work. */
function isOverBits(node: Node, network: Pick<Network, "shapeOf">): boolean {
  const { d, keys } = sizesOf(node, network);
  return isSigns(node, 0) && isSigns(node, 1) && d <= WIDEST && keys <= MOST_KEYS;
}

/** The inputs at `places` behind their quantizers, as f32. */
function realsOf(node: Node, places: readonly number[], context: Context): readonly Place[] {
  const { draft, images, network, values } = context;
  const made = places.map((place) => {
    const input = node.inputs[place] as string;
    const [x, quantizer] = [values.of(input), quantizersOf(node)[place] ?? null];
    if (quantizer === null) return { levels: x, jobs: [] };
    const elements = images * elementsOf(network.shapeOf(input));
    return quantized(node.name, quantizer, { x, elements, parts: context.parts }, context);
  });
  const jobs = made.flatMap((own) => own.jobs);
  if (jobs.length > 0) draft.phase(jobs);
  return made.map(({ levels }) => levels);
}

/** The learned number of the heads; null where there is none. */
function learnedPlace(node: Node, context: Context): Place | null {
  const learned = learnedOfMatrix(node.attributes.matrix);
  return learned === null ? null : context.tensor(parameterName(node, learned));
}

/** All images in one call; a single one in a call for each part of its rows. */
function emitBits(node: Node, context: Context): void {
  const { draft, images, network, kernel } = context;
  const { tokens, keys, heads, d: width, dv: valueWidth } = sizesOf(node, network);
  const { layout } = kernel;
  const [queries, keyBits] = [context.bits.for(node, 0).place, context.bits.for(node, 1).place];
  const valueBits = isSigns(node, 2) ? context.bits.for(node, 2).place : null;
  const [values = null] = valueBits === null ? realsOf(node, [2], context) : [];
  const y = context.values.of(node.name);
  const kind = attentionKinds[node.attributes.matrix];
  const sizes = { kind, images, heads, keys, width, valueWidth, parameters: learnedPlace(node, context) };

  const role = `scores, ${node.attributes.matrix}, mix`;
  const jobs = cut(tokens, images > 1 ? 1 : context.parts).map(({ first, count }) => {
    const scratch = draft.buffer(attentionScratchBytes(keys, width, valueWidth));
    const rows = {
      queries: at(queries, first * layout.pixelBytes(heads * width)),
      out: at(y, 4 * first * heads * valueWidth),
    };
    const made = layout.attention({ ...sizes, tokens: count, ...rows, keyBits, valueBits, values, scratch });
    return [call(node.name, as(role, made))];
  });
  draft.phase(jobs);
}

function emitReals(node: Node, context: Context): void {
  const { draft, images, network } = context;
  const sizes = sizesOf(node, network);
  const [query, key, value] = realsOf(node, [0, 1, 2], context) as readonly [Place, Place, Place];
  const places = { query, key, value, y: context.values.of(node.name), learned: learnedPlace(node, context) };
  const jobs = cut(sizes.tokens, context.parts).map((rows) => {
    const products = attentionProducts({ ...sizes, tokens: rows.count }, 1);
    const own = {
      scores: draft.buffer(4 * sizes.heads * rows.count * sizes.keys),
      scratch: draft.buffer(sliceScratchBytes([products.scores, products.mix])),
    };
    return Array.from({ length: images }, (_, image) =>
      realCalls(node, sizes, { ...places, ...own }, image, rows),
    ).flat();
  });
  draft.phase(jobs);
}

/** Where the operands, the result and the parts of a job lie. */
type RealPlaces = Readonly<Record<"query" | "key" | "value" | "y" | "scores" | "scratch", Place>> & {
  readonly learned: Place | null;
};

/** Some rows of an image. */
function realCalls(
  node: Node,
  { tokens, keys, heads, d, dv }: AttentionSizes,
  { query, key, value, y, scores, scratch, learned }: RealPlaces,
  image: number,
  { first, count }: Span,
): readonly Call[] {
  const { matrix } = node.attributes;
  const products = attentionProducts({ tokens: count, keys, heads, d, dv }, 1);
  const alone = { factors: null, accumulate: false, scratch };
  const row = image * tokens + first;
  const scored = { a: at(query, 4 * row * heads * d), b: at(key, 4 * image * keys * heads * d), out: scores };
  const mixed = { a: scores, b: at(value, 4 * image * keys * heads * dv), out: at(y, 4 * row * heads * dv) };
  const map = { kind: attentionKinds[matrix], images: 1, heads, tokens: count, keys, width: d, parameters: learned };
  return [
    as("scores", k.ffSlices({ ...products.scores, ...alone, ...scored })),
    as(matrix, k.attentionMatrix({ ...map, scores, matrix: null })),
    as("mix", k.ffSlices({ ...products.mix, ...alone, ...mixed, factors: matrix === "elastic" ? learned : null })),
  ].map((made) => call(node.name, made));
}

export const attention = {
  kind: "whole",
  emit: (node, context) => (isOverBits(node, context.network) ? emitBits(node, context) : emitReals(node, context)),
  readsBits: (node, place, network) => isOverBits(node, network) && isSigns(node, place),
} satisfies InferenceOp<"attention">;
