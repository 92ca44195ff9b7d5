/** The signs of an input as nibbles, row by row, in the trainer: products of two operands of signs read them. */
import { type KernelCall, k } from "../../program/call.ts";
import { denseShape } from "../../program/conv-shape.ts";
import { groups } from "../../program/kernels.ts";
import type { Place } from "../../program/place.ts";
import type { Lane, PlanContext } from "../plan/context.ts";

export interface SignBits {
  readonly bits: (lane: Lane) => Place;
  /** The call that writes them. It reports NaN. */
  readonly sign: (lane: Lane) => KernelCall;
}

/** Plans the signs of the numbers at `x`, of which each image has so many rows. */
export function planSignBits(
  x: (lane: Lane) => Place,
  { rows, features }: { readonly rows: number; readonly features: number },
  { lanes, memory }: PlanContext,
): SignBits {
  const bits = memory.declare(({ images }) => images * rows * groups(features));
  const shapes = lanes.map(({ images }) => memory.descriptor(denseShape(images * rows, features, 1)));
  return {
    bits,
    sign: (lane) => k.signNibbles({ shape: shapes[lane.index] as Place, x: x(lane), out: bits(lane) }),
  };
}
