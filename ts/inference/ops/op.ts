/**
 * The reader's side of an operation: how inference runs it. What `ts/nn/ops` promises of an operation by a flag, its
 * entry here has to keep, or the table does not compile.
 */
import type { NodeOf, OpName } from "../../nn/graph.ts";
import type { Ops, OpsThat } from "../../nn/ops/index.ts";
import type { Shape } from "../../nn/shapes.ts";
import type { Obstacle } from "../../obstacles.ts";
import type { ConvShape } from "../../program/kernels.ts";
import type { Phase } from "../../program/program.ts";
import type { BitsGiven } from "../bits.ts";
import type { Context, Network, ScaleAndShift } from "../context.ts";
import type { Step } from "../strips.ts";

/** The caller writes the value before a run. */
export interface GivenOp {
  readonly kind: "given";
}

/** The value is the memory of its input, so that nothing runs. */
export interface AliasOp {
  readonly kind: "alias";
}

/** A product leads a group, and its form says how it runs (`product/`). */
export interface ProductOp<Name extends OpName> {
  readonly kind: "product";
  /** The window over `images` images. Bits come in the layout of `unflattened`, their shape before any alias. */
  window(node: NodeOf<Name>, images: number, input: Shape, unflattened: Shape): ConvShape;
  /** True where bits are read in the layout of their pixels, as the product's kernel writes them. */
  takesPixels(node: NodeOf<Name>, input: Shape): boolean;
}

/**
 * Rows are worked on one by one, each as a whole. One step serves a layer behind a product, one behind its like, and
 * one by itself.
 */
export interface RowsOp<Name extends OpName> {
  readonly kind: "rows";
  step(node: NodeOf<Name>, context: Context): Step;
}

/** Rows whose channels are scaled and shifted, which a product's kernel does on the way out. */
export interface AffineOp<Name extends OpName> extends RowsOp<Name> {
  scaleAndShift(node: NodeOf<Name>, context: Context): ScaleAndShift;
  /** Bytes that are made of the weights, at set-up, for so many channels; absent where kernels read the file's. */
  madeBytes?(channels: number): number;
}

/** The whole value comes of the whole inputs, however many they are and whatever their shapes. */
export interface WholeOp<Name extends OpName> {
  readonly kind: "whole";
  emit(node: NodeOf<Name>, context: Context): void;
  /** Bytes of the weights as its kernel reads them, where it has any. */
  weightBytes?(node: NodeOf<Name>, context: Pick<Context, "network">): number;
  /** True where it reads the input at `place` as bits, row by row in the layout of the product's kernel. */
  readsBits?(node: NodeOf<Name>, place: number, network: Network): boolean;
  /** Reasons of its own why it is not on the fast path. */
  obstacles?(node: NodeOf<Name>, network: Network): readonly Obstacle[];
  /** The sum of the inputs, which a product's kernel adds up on the way out. */
  readonly isSum?: true;
}

/** The same over bits. Thresholds may be taken in front of the operation, because it keeps the order of numbers. */
export interface OnBits<Name extends OpName> {
  onBits(node: NodeOf<Name>, given: BitsGiven, context: Context): Phase;
}

/** The operations with one input whose rows do not depend on each other. */
type SingleRows = {
  [Name in OpsThat<"perRow">]: Ops[Name]["inputs"] extends 1 ? Name : never;
}[OpsThat<"perRow">];

/** The entry of an operation, as far as its flags decide. */
export type InferenceOp<Name extends OpName> = Name extends OpsThat<"alias"> | OpsThat<"onlyInTraining">
  ? AliasOp
  : Name extends OpsThat<"product">
    ? ProductOp<Name>
    : Name extends OpsThat<"affine">
      ? AffineOp<Name>
      : Name extends SingleRows
        ? RowsOp<Name>
        : Ops[Name]["inputs"] extends 0
          ? GivenOp
          : WholeOp<Name> | (WholeOp<Name> & OnBits<Name>);
