/**
 * x + p with a learned number for each element of an example, so that tokens know their place. Dosovitskiy et al., "An Image
 * is Worth 16x16 Words", ICLR 2021, section 3.1. The numbers start from a normal distribution of deviation 0.02, cut off at
 * two deviations.
 */
import { keepsShape, noFields, operation } from "./op.ts";

export const positionEmbedding = operation({
  name: "positionEmbedding",
  kind: "position_embedding",
  inputs: 1,
  fields: noFields,
  shape: keepsShape,
  parameters: ([input]) => ({ positions: { role: "real", shape: input, initializer: "truncatedNormal" } }),
});
