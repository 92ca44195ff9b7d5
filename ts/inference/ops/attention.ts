/**
 * Attention over whole values. One kernel does all of it, four rows of the matrix at a time, over bits where queries and keys
 * end as signs. Rows of the query do not depend on each other, so that an image is cut into such.
 */
import type { NodeOf } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import { quantizedOperands } from "../../nn/operands.ts";
import { type AttentionSizes, attentionSizes, bitsOfAttention, learnedOfMatrix } from "../../nn/ops/attention.ts";
import { learnedKey } from "../../nn/ops/quantizer-parameters.ts";
import { attentionKinds, MOST_KEYS, WIDEST_HEAD } from "../../program/attention.ts";
import { as, type KernelCall, k, type Roles } from "../../program/inference-call.ts";
import { attentionRealScratchFloats, attentionScratchBytes } from "../../program/kernels.ts";
import { at, type Place } from "../../program/place.ts";
import { elasticValues } from "../../quantizers/operand-kinds.ts";
import { attentionObstacles } from "../../value-obstacles.ts";
import type { Context, Network } from "../context.ts";
import { call } from "../draft.ts";
import { realOperands } from "../quantized.ts";
import { cut } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

type Node = NodeOf<"attention">;

const sizesOf = ({ inputs, attributes }: Node, { shapeOf }: Pick<Network, "shapeOf">): AttentionSizes =>
  attentionSizes(inputs.map(shapeOf), attributes.heads);

const quantizersOf = ({ attributes }: Node) => [
  attributes.queryQuantizer,
  attributes.keyQuantizer,
  attributes.valueQuantizer,
];

const isSigns = ({ attributes }: Node, place: number): boolean => bitsOfAttention(attributes)[place] === true;

/** True for signs of a learned size, which are packed behind their quantizer. */
const isElastic = (node: Node, place: number): boolean => {
  const quantizer = quantizersOf(node)[place] ?? null;
  return quantizer !== null && elasticValues(quantizer) !== null;
};

/** True where the kernel over bits does the work. */
function isOverBits(node: Node, network: Pick<Network, "shapeOf">): boolean {
  const { d, keys } = sizesOf(node, network);
  return isSigns(node, 0) && isSigns(node, 1) && d <= WIDEST_HEAD && keys <= MOST_KEYS;
}

/** The kernels of bits and of reals have sizes in common, and the places of some rows of the query and of the result. */
function emitRows(
  node: Node,
  context: Context,
  bytes: Bytes,
  make: (given: RowsGiven) => KernelCall,
  roles: Roles,
): void {
  const { draft, images, network } = context;
  const { tokens, keys, heads, d: width, dv: valueWidth } = sizesOf(node, network);
  const learned = learnedOfMatrix(node.attributes.matrix);
  const parameters = learned === null ? null : context.tensor(parameterName(node, learned));
  const sizes = { kind: attentionKinds[node.attributes.matrix], images, heads, keys, width, valueWidth, parameters };
  const y = context.values.of(node.name);
  const jobs = cut(tokens, images > 1 ? 1 : context.parts).map(({ first, count }) => {
    const scratch = draft.buffer(bytes.scratch);
    const out = at(y, 4 * first * heads * valueWidth);
    return [call(node.name, as(roles, make({ ...sizes, tokens: count, skipped: first * bytes.row, out, scratch })))];
  });
  draft.phase(jobs);
}

/** Bytes of a row of the queries, and of a call's scratch. */
interface Bytes {
  readonly row: number;
  readonly scratch: number;
}

type Sizes = "querySize" | "keySize" | "valueSize";
type Bits = Parameters<typeof k.attentionNibbles>[0];
type RowsGiven = Omit<Bits, "queries" | "keyBits" | "valueBits" | "values" | Sizes> & { readonly skipped: number };

/** The bits of the input at `place`. */
function bitsAt(node: Node, place: number, context: Context): Place {
  if (!isElastic(node, place)) return context.bits.for(node, place).place;
  const [x] = realOperands(node, [place], context) as readonly [Place];
  const given = { x, shape: context.network.windowAt({ node, place }), layout: context.kernel.layout };
  return context.bits.signs(node.name, given, context).place;
}

/** The size that the quantizer of the input at `place` learns; null where signs have none. */
function sizeAt(node: Node, place: number, { tensor }: Context): Place | null {
  const { option } = quantizedOperands(node).find((own) => own.at === place) ?? {};
  if (option === undefined || !isElastic(node, place) || !isSigns(node, place)) return null;
  return tensor(parameterName(node, learnedKey(option, "alpha")));
}

function emitBits(node: Node, context: Context): void {
  const { keys, heads, d, dv } = sizesOf(node, context.network);
  const { layout } = context.kernel;
  const [queries, keyBits] = [bitsAt(node, 0, context), bitsAt(node, 1, context)];
  const valueBits = isSigns(node, 2) ? bitsAt(node, 2, context) : null;
  const [values = null] = valueBits === null ? realOperands(node, [2], context) : [];
  const bytes = { row: layout.pixelBytes(heads * d), scratch: attentionScratchBytes(keys, d, dv) };
  const { matrix } = node.attributes;
  const roles = {
    scores: "bb",
    [matrix]: null,
    mix: matrix !== "softmax" && valueBits !== null ? "bb" : "ff",
  } as const;
  const sizes = {
    querySize: sizeAt(node, 0, context),
    keySize: sizeAt(node, 1, context),
    valueSize: sizeAt(node, 2, context),
  };
  const make = ({ skipped, ...rows }: RowsGiven) =>
    layout.attention({ ...rows, queries: at(queries, skipped), keyBits, valueBits, values, ...sizes });
  emitRows(node, context, bytes, make, roles);
}

function emitReals(node: Node, context: Context): void {
  const { keys, heads, d, dv } = sizesOf(node, context.network);
  const [query, keyValues, values] = realOperands(node, [0, 1, 2], context) as readonly [Place, Place, Place];
  const bytes = { row: 4 * heads * d, scratch: 4 * attentionRealScratchFloats(keys, d, dv) };
  const make = ({ skipped, ...rows }: RowsGiven) =>
    k.attentionReals({ ...rows, queries: at(query, skipped), keyValues, values });
  emitRows(node, context, bytes, make, { scores: "ff", [node.attributes.matrix]: null, mix: "ff" });
}

export const attention = {
  kind: "whole",
  emit: (node, context) => (isOverBits(node, context.network) ? emitBits(node, context) : emitReals(node, context)),
  obstacles: (node, network) => attentionObstacles(node, node.inputs.map(network.shapeOf)),
  readsBits: (node, place, network) => isOverBits(node, network) && isSigns(node, place) && !isElastic(node, place),
} satisfies InferenceOp<"attention">;
