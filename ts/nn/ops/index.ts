/** The table of operations. Adding one takes its file and its line here, then a file and a line for each reader. */
import type { Fields } from "../fields.ts";
import { activation } from "./activation.ts";
import { adaptiveSign } from "./adaptive-sign.ts";
import { add } from "./add.ts";
import { avgPool2d } from "./avg-pool2d.ts";
import { batchNorm } from "./batch-norm.ts";
import { conv2d } from "./conv2d.ts";
import { dense } from "./dense.ts";
import { depthwiseConv2d } from "./depthwise-conv2d.ts";
import { flatten } from "./flatten.ts";
import { globalAvgPool2d } from "./global-avg-pool2d.ts";
import { input } from "./input.ts";
import { maxPool2d } from "./max-pool2d.ts";
import type { Arity, Flags, Op } from "./op.ts";
import { prelu } from "./prelu.ts";
import { shift } from "./shift.ts";

export const ops = Object.freeze({
  input,
  conv2d,
  depthwiseConv2d,
  dense,
  batchNorm,
  maxPool2d,
  avgPool2d,
  globalAvgPool2d,
  activation,
  shift,
  prelu,
  adaptiveSign,
  flatten,
  add,
});

export type Ops = typeof ops;
export type OpName = keyof Ops;
export const opNames = Object.keys(ops) as readonly OpName[];

/** The operations that have a flag. */
export type OpsThat<Flag extends keyof Flags> = {
  [Name in OpName]: Ops[Name] extends { readonly is?: infer Is }
    ? NonNullable<Is> extends { readonly [Key in Flag]: true }
      ? Name
      : never
    : never;
}[OpName];

/** An operation whose attributes are not known. */
export type AnyOp = Op<OpName, Arity, Fields, Flags>;

/** The operation called `name`. */
export const opOf = (name: OpName): AnyOp => ops[name];
