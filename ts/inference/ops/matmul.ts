/**
 * The product of two values: over bits where both end as signs, and over reals elsewhere. A single product of one image is cut
 * into rows.
 */
import type { NodeOf } from "../../nn/graph.ts";
import type { Product } from "../../nn/operands.ts";
import { type MatmulSizes, matmulSizes } from "../../nn/ops/matmul.ts";
import { as, type KernelCall, k } from "../../program/inference-call.ts";
import { panelFloats, signSliceBytes } from "../../program/kernels.ts";
import { MOST_TERMS } from "../../program/matmul.ts";
import { at, type Place } from "../../program/place.ts";
import { endsAsSigns } from "../../quantizers/operand-kinds.ts";
import { matmulObstacles } from "../../value-obstacles.ts";
import type { Context, Network } from "../context.ts";
import { call } from "../draft.ts";
import { realOperands } from "../quantized.ts";
import { cut } from "../slices.ts";
import type { InferenceOp } from "./op.ts";

type Node = NodeOf<"matmul">;

const quantizersOf = ({ attributes }: Node) => [attributes.firstQuantizer, attributes.secondQuantizer];

const sizesOf = ({ inputs, attributes }: Node, { shapeOf }: Pick<Network, "shapeOf">): MatmulSizes =>
  matmulSizes(inputs.map(shapeOf), attributes.transposeSecond);

const isOfSigns = (node: Node): boolean => quantizersOf(node).every((own) => own !== null && endsAsSigns(own));

/** True where the kernel over bits does the work. */
const isOverBits = (node: Node, network: Pick<Network, "shapeOf">): boolean =>
  isOfSigns(node) && sizesOf(node, network).terms <= MOST_TERMS;

type Rows = Parameters<typeof k.bbSlicesNibbles>[0];

/** A way to multiply: operands, bytes of a row of the first and of a call's scratch, and the call over some rows. */
interface Way {
  readonly a: Place;
  readonly b: Place;
  readonly rowBytes: number;
  readonly scratchBytes: number;
  readonly product: Product;
  readonly make: (given: Rows) => KernelCall;
}

function overBits(node: Node, { bits, kernel, network }: Context): Way {
  const { columns, terms } = sizesOf(node, network);
  const { layout } = kernel;
  const [a, b] = [bits.for(node, 0).place, bits.for(node, 1).place];
  const bytes = { rowBytes: layout.pixelBytes(terms), scratchBytes: signSliceBytes(columns, terms) };
  return { a, b, ...bytes, product: "bb", make: layout.slices };
}

function overReals(node: Node, context: Context): Way {
  const { columns, terms } = sizesOf(node, context.network);
  const [a, b] = realOperands(node, [0, 1], context) as readonly [Place, Place];
  const bytes = { rowBytes: 4 * terms, scratchBytes: 4 * panelFloats(terms, columns) };
  const layouts = { aSplit: false, aTransposed: false, bSplit: false, outSplit: false };
  const make = (rows: Rows) => k.ffSlices({ ...rows, ...layouts, alphas: null, accumulate: false });
  return { a, b, ...bytes, product: "ff", make };
}

export const matmul = {
  kind: "whole",
  emit: (node, context) => {
    const { draft, images, network, parts, values } = context;
    const { products: heads, rows, columns, terms } = sizesOf(node, network);
    const way = isOverBits(node, network) ? overBits(node, context) : overReals(node, context);
    const { a, b, product } = way;
    const out = values.of(node.name);
    const sizes = { images, heads, columns, terms, b, bTransposed: node.attributes.transposeSecond };
    const jobs = cut(rows, images * heads > 1 ? 1 : parts).map(({ first, count }) => {
      const places = { a: at(a, first * way.rowBytes), out: at(out, 4 * first * columns) };
      const given = { ...sizes, ...places, rows: count, scratch: draft.buffer(way.scratchBytes) };
      return [call(node.name, as({ product }, way.make(given)))];
    });
    draft.phase(jobs);
  },
  obstacles: (node, network) => matmulObstacles(node, node.inputs.map(network.shapeOf)),
  readsBits: (node, _place, network) => isOverBits(node, network),
} satisfies InferenceOp<"matmul">;
