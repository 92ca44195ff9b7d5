/**
 * The operations by name. The first ones, of which most convolutional networks are made, are known from the start. All that
 * builds or trains networks takes in the others when it is loaded (`every.ts`), and a page that runs a model does so where the
 * model has one.
 */
import type { Fields } from "../fields.ts";
import { activation } from "./activation.ts";
import { adaptiveSign } from "./adaptive-sign.ts";
import { add } from "./add.ts";
import type { ops } from "./all.ts";
import { avgPool2d } from "./avg-pool2d.ts";
import { batchNorm } from "./batch-norm.ts";
import { conv2d } from "./conv2d.ts";
import { dense } from "./dense.ts";
import { dropPath } from "./drop-path.ts";
import { dropout } from "./dropout.ts";
import { flatten } from "./flatten.ts";
import { globalAvgPool2d } from "./global-avg-pool2d.ts";
import { input } from "./input.ts";
import { maxPool2d } from "./max-pool2d.ts";
import type { Arity, Flags, Op } from "./op.ts";
import { prelu } from "./prelu.ts";
import { shift } from "./shift.ts";

export type Ops = typeof ops;
export type OpName = keyof Ops;

/** The names of all operations. A name that is missing does not compile. */
export const opNames = Object.keys({
  input: 0,
  conv2d: 0,
  depthwiseConv2d: 0,
  dense: 0,
  batchNorm: 0,
  layerNorm: 0,
  maxPool2d: 0,
  avgPool2d: 0,
  globalAvgPool2d: 0,
  activation: 0,
  leakyRelu: 0,
  elu: 0,
  shift: 0,
  prelu: 0,
  adaptiveSign: 0,
  softmax: 0,
  flatten: 0,
  add: 0,
  concatenate: 0,
  multiply: 0,
  matmul: 0,
  attention: 0,
  reshape: 0,
  permute: 0,
  upSampling2d: 0,
  zeroPadding2d: 0,
  dropout: 0,
  layerScale: 0,
  dropPath: 0,
  positionEmbedding: 0,
  classToken: 0,
  slice: 0,
  globalAvgPool1d: 0,
  unitDeviation: 0,
} satisfies Readonly<Record<OpName, 0>>) as readonly OpName[];

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

const known: { -readonly [Name in OpName]?: Ops[Name] } = {
  ...{ input, conv2d, dense, batchNorm, maxPool2d, avgPool2d, globalAvgPool2d, flatten, add },
  ...{ activation, shift, prelu, adaptiveSign, dropout, dropPath },
};

/** True where the operation is known from the start, or has been taken in. Other words are not known. */
export const isKnownOp = (name: string): boolean => Object.hasOwn(known, name);

/** Takes in all operations. */
export function takeOps(all: Ops): void {
  Object.assign(known, all);
}

/** The operation called `name`, which is known. */
export function opOf(name: OpName): AnyOp {
  const op = known[name];
  if (op === undefined) throw new Error(`the operation ${name} was not taken in`);
  return op;
}
