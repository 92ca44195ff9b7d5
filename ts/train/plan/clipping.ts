/**
 * Bounds on gradients, between their last addition and the update. A norm is that of all gradients of one part of the
 * optimizer: each piece of a parameter leaves its sum of squares, and each update adds those up in the same order. So the
 * bits do not depend on workers. Tensors that only gather gradients have no bound.
 */
import { type KernelCall, k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import { isReal } from "../optimizers/optimizers.ts";
import { CHUNK, type ParameterLayout, type TrainedTensor } from "./layout.ts";

/** The places of the sums of squares of each part, f64 each. */
export type ClippingPlan = Readonly<Record<TrainedTensor["part"], Place>>;

/** A piece of a gradient. */
interface Piece {
  readonly gradient: Place;
  readonly count: number;
}

/** The bounds of one step, while it is written down. */
export interface Clipper {
  /** The calls for a piece of the complete gradient, before all meet. */
  readonly whenComplete: (tensor: TrainedTensor, piece: Piece) => readonly KernelCall[];
  /** The calls for it before its update. */
  readonly beforeUpdate: (tensor: TrainedTensor, piece: Piece) => readonly KernelCall[];
}

const bounds = ({
  optimizer,
  parameter,
}: TrainedTensor): { readonly clipNorm?: number; readonly clipValue?: number } => {
  if (optimizer === null || !isReal(optimizer) || parameter.isGathered === true) return {};
  const { clipNorm, clipValue } = optimizer;
  return { ...(clipNorm === undefined ? {} : { clipNorm }), ...(clipValue === undefined ? {} : { clipValue }) };
};

/** Room for the sums of squares of all pieces that are bounded by a norm. */
export function planClipping({ tensors }: ParameterLayout, allocate: (bytes: number) => Place): ClippingPlan {
  const room = (part: TrainedTensor["part"]): Place => {
    const own = [...tensors.values()].filter((tensor) => tensor.part === part && bounds(tensor).clipNorm !== undefined);
    return allocate(own.reduce((sum, { size }) => sum + 8 * Math.ceil(size / CHUNK), 0));
  };
  return { binary: room("binary"), rest: room("rest") };
}

export function createClipper(plan: ClippingPlan): Clipper {
  const shares = { binary: 0, rest: 0 };
  return {
    whenComplete: (tensor, piece) => {
      const { clipNorm, clipValue } = bounds(tensor);
      if (clipValue !== undefined) return [k.clipGradientValue({ ...piece, limit: clipValue })];
      if (clipNorm === undefined) return [];
      const result = at(plan[tensor.part], 8 * shares[tensor.part]++);
      return [k.squaredDistance({ a: piece.gradient, b: null, count: piece.count, result })];
    },
    beforeUpdate: (tensor, piece) => {
      const { clipNorm } = bounds(tensor);
      if (clipNorm === undefined) return [];
      const { part } = tensor;
      return [k.clipGradientNorm({ ...piece, squares: plan[part], shares: shares[part], limit: clipNorm })];
    },
  };
}
