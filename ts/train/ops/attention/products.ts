/**
 * The products of attention as the kernel of slices takes them. A slice is what one head has of one image: columns beside those
 * of the other heads in queries, keys, values and results ("split"), a block of its own in the matrix.
 */
import type { AttentionSizes } from "../../../nn/ops/attention.ts";
import { panelFloats } from "../../../program/kernels.ts";

/** Sizes and layouts of a product `[rows][terms]` times `[terms][columns]` in every head of every image. */
export interface SliceProduct {
  readonly images: number;
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly terms: number;
  readonly aSplit: boolean;
  readonly aTransposed: boolean;
  readonly bSplit: boolean;
  readonly bTransposed: boolean;
  readonly outSplit: boolean;
}

/** The way forward, and the gradients at the matrix, the value, the query and the key. */
export type AttentionProduct = "scores" | "mix" | "matrix" | "value" | "query" | "key";

/** All six over so many images. The first operand of the last four is a gradient, or has it behind it. */
export function attentionProducts(
  { tokens, keys, heads, d, dv }: AttentionSizes,
  images: number,
): Readonly<Record<AttentionProduct, SliceProduct>> {
  const split = { aSplit: true, aTransposed: false, bSplit: true, bTransposed: true, outSplit: false };
  const mixed = { aSplit: false, aTransposed: false, bSplit: true, bTransposed: false, outSplit: true };
  const turned = { ...mixed, aTransposed: true };
  const sizes = (rows: number, columns: number, terms: number) => ({ images, heads, rows, columns, terms });
  return {
    scores: { ...sizes(tokens, keys, d), ...split },
    mix: { ...sizes(tokens, dv, keys), ...mixed },
    matrix: { ...sizes(tokens, keys, dv), ...split },
    value: { ...sizes(keys, dv, tokens), ...turned },
    query: { ...sizes(tokens, d, keys), ...mixed },
    key: { ...sizes(keys, d, tokens), ...turned },
  };
}

/** Bytes of the kernel's scratch for all of `products`. */
export const sliceScratchBytes = (products: readonly SliceProduct[]): number =>
  Math.max(...products.map(({ columns, terms }) => 4 * panelFloats(terms, columns)));
