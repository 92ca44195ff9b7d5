/** The mean of each window. */
import { means, meansBackward } from "./mean-pool.ts";
import type { Applied, OracleOp } from "./op.ts";
import { outputOf, type Windows } from "./windows.ts";

const windowsOf = ({ node }: Applied<"avgPool2d">): Windows => ({
  ...node.attributes,
  window: node.attributes.poolSize,
});

export const avgPool2d: OracleOp<"avgPool2d"> = {
  forward: (given) => {
    const [x] = given.inputs;
    const windows = windowsOf(given);
    const shape = [...outputOf(x.shape, windows), x.shape[2] as number];
    return { images: x.images, shape, data: means(x, windows) };
  },
  backward: (given, dy) => ({ inputs: [meansBackward(given.inputs[0], windowsOf(given), dy)], parameters: {} }),
};
