/** The mean of each feature over all tokens: `[tokens, features]` to `[features]`, as Keras's GlobalAveragePooling1D. */
import { checkTokens, type Shape } from "../shapes.ts";
import { type WindowGeometry, windowGeometry } from "../windows.ts";
import { noFields, operation } from "./op.ts";

/** Tokens are the rows of an image of width 1, and the one window is the image. */
const windows = (input: Shape, _attributes: unknown, layer: string): WindowGeometry => {
  const [tokens, features] = checkTokens(layer, input);
  return windowGeometry(layer, [tokens, 1, features], { kernel: "whole", strides: [1, 1], padding: "valid" });
};

export const globalAvgPool1d = operation({
  name: "globalAvgPool1d",
  kind: "global_avg_pool1d",
  inputs: 1,
  fields: noFields,
  windows,
  shape: ([input], attributes, layer) => [windows(input, attributes, layer).filters],
  is: { windowed: true },
});
