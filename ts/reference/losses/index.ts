/** The table of loss terms on tfjs. Cases of a check run in its order. */
import { contrastive } from "./contrastive.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { distance } from "./distance.ts";
import { distillation } from "./distillation.ts";
import { kurtosis, weightDivergence } from "./distributions.ts";
import { binaryCrossEntropy, hinge, huber, meanAbsoluteError, meanSquaredError, squaredHinge } from "./elementwise.ts";
import type { LossName, ReferenceLoss } from "./loss.ts";
import { l1, l2 } from "./penalties.ts";
import { sineSquares } from "./sine-squares.ts";

export const referenceLosses: { readonly [Name in LossName]: ReferenceLoss<Name> } = Object.freeze({
  crossEntropy,
  binaryCrossEntropy,
  meanSquaredError,
  meanAbsoluteError,
  huber,
  hinge,
  squaredHinge,
  distillation,
  l1,
  l2,
  kurtosis,
  weightDivergence,
  sineSquares,
  distance,
  contrastive,
});

/** The term called `name`. */
export const referenceLossOf = (name: LossName): ReferenceLoss<LossName> => referenceLosses[name];
