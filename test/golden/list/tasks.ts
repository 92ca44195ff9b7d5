/** The tasks, on a ready-made model and on windows whose sums leave 8 bits. */
import { layers, type Overflow, taskNames, taskQuantizers } from "../../../ts/index.ts";
import { around, small } from "../networks.ts";
import type { Run } from "../run.ts";

/** 75 channels of signs in a window of 3 x 3 are 675 terms, which 8 bits cannot hold. */
const wide = (overflow: Overflow): Run => ({
  name: `sums beyond 8 bits ${overflow}`,
  network: () =>
    around([
      layers.conv2d({ filters: 75, kernelSize: 1, name: "wide" }),
      layers.maxPool2d({ poolSize: 3, strides: 1 }),
      layers.binaryConv2d({ filters: 5, kernelSize: 3, strides: 2, weightQuantizer: "bnn", accumulator: overflow }),
      layers.batchNorm(),
      layers.flatten(),
      layers.dense({ units: 7, weightQuantizer: "bc", activationQuantizer: "bnn", accumulator: overflow }),
    ]),
  session: true,
  everywhere: overflow === "saturate",
});

const everywhere = { session: true, everywhere: true } as const;

export const tasks: readonly Run[] = [
  ...taskNames.map(
    (task): Run => ({
      name: `task ${task}`,
      network: () => small("small", taskQuantizers(task, "bnn++")),
      ...everywhere,
    }),
  ),
  {
    name: "task bwaa that wraps",
    network: () => small("small", taskQuantizers("bwaa", "ede", { overflow: "wrap" })),
    session: true,
  },
  { name: "task fp", network: () => small("small", taskQuantizers("bwa", null)), session: true },
  wide("saturate"),
  wide("wrap"),
];
