/** A form of the product in inference: what it reads, and how it runs with the steps behind it. */
import type { ProductNode } from "../../nn/nodes.ts";
import type { ConvShape } from "../../program/kernels.ts";
import type { Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import type { BitLayout, ProductKernel } from "../layout.ts";
import type { Step } from "../strips.ts";

export interface ProductForm {
  /** The layout of the bits that it reads; null where it reads f32. */
  readonly layout: (kernel: ProductKernel) => BitLayout | null;
  /** Bytes of the weights as its kernel reads them, where the shape is that of so many images. */
  readonly weightBytes: (shape: ConvShape, kernel: ProductKernel, images: number) => number;
  /** Writes what the steps make of the sums to `out`. */
  readonly emit: (node: ProductNode, steps: readonly Step[], out: Place, context: Context) => void;
}
