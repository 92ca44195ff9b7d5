/** The mean of each channel over the whole image: `[height, width, channels]` to `[channels]`. */
import type { Shape } from "../shapes.ts";
import { type WindowGeometry, windowGeometry } from "../windows.ts";
import { noFields, operation } from "./op.ts";

const windows = (input: Shape, _attributes: unknown, layer: string): WindowGeometry =>
  windowGeometry(layer, input, { kernel: "whole", strides: [1, 1], padding: "valid" });

export const globalAvgPool2d = operation({
  name: "globalAvgPool2d",
  kind: "global_avg_pool2d",
  inputs: 1,
  fields: noFields,
  windows,
  shape: ([input], attributes, layer) => [windows(input, attributes, layer).filters],
  is: { windowed: true },
});
