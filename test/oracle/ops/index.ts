/** The table of operations in f64. */
import type { OpName } from "../../../ts/nn/graph.ts";
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
import type { OracleOp } from "./op.ts";
import { prelu } from "./prelu.ts";
import { shift } from "./shift.ts";

export const oracleOps: { readonly [Name in OpName]: OracleOp<Name> } = Object.freeze({
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

/** The operation called `name`. */
export const oracleOpOf = (name: OpName): OracleOp<OpName> => oracleOps[name];
