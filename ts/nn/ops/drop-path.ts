/**
 * Stochastic depth: in training y = x / (1 - rate) for an image that stays, and 0 for one that is dropped, which it is as a
 * whole with probability rate; otherwise y = x. Huang, Sun, Liu, Sedra and Weinberger, "Deep Networks with Stochastic Depth",
 * ECCV 2016, section 3.
 *
 * The draw of an image is that of dropout's element of the same number in the batch.
 */

import { dropFields } from "./dropout.ts";
import { keepsShape, operation } from "./op.ts";

export const dropPath = operation({
  name: "dropPath",
  kind: "drop_path",
  inputs: 1,
  fields: dropFields,
  shape: keepsShape,
  is: { onlyInTraining: true },
});
