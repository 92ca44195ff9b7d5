/**
 * The parts of a product whose activations are bits of two learned values: -a and +a, or 0 and a. Few networks have such, so their
 * code is brought with the second half.
 */
import type { ProductNode } from "../../nn/nodes.ts";
import type { KernelCall, k } from "../../program/inference-call.ts";
import type { Place } from "../../program/place.ts";
import type { Context } from "../context.ts";

type Given = Pick<Context, "draft" | "tensor">;

export interface ElasticParts {
  /** Numbers whose signs are the bits of the `elements` numbers at `x`, by calls for the layer in a phase of the draft's own. */
  readonly signed: (
    node: ProductNode,
    given: { readonly x: Place; readonly elements: number; readonly parts: number },
    context: Given,
  ) => Place;
  /** The factor of every filter's sums, f32 `[filters]`, times their `scale` where they have one. */
  readonly scale: (node: ProductNode, scale: Place | null, filters: number, context: Given) => Place;
  /** The number at which the bits begin, f32. */
  readonly middle: (node: ProductNode, context: Given) => Place;
  /** The call that writes what sums of the layer start from. */
  readonly starts: (node: ProductNode, given: Parameters<typeof k.bbStarts>[0]) => KernelCall;
}

let brought: ElasticParts | null = null;

/** Takes them in. */
export function takeElastic(parts: ElasticParts): void {
  brought = parts;
}

export function elasticParts(): ElasticParts {
  if (brought === null) throw new Error("the parts of elastic activations were not brought");
  return brought;
}
