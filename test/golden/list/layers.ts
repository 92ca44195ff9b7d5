/** Layers that the ready-made models do not have in this form: windows, pools, learned layers, initial values. */
import { type Conv2dOptions, functional, type Graph, input, layers as make } from "../../../ts/index.ts";
import { around, CLASSES } from "../networks.ts";
import type { Run } from "../run.ts";

const signs = { weightQuantizer: "bnn", activationQuantizer: "poly" } as const;

/** Strides, even and oblong kernels, one pixel, both paddings, borders of zeros and ones, with operands of one kind. */
const windows = (operands: Partial<Conv2dOptions>): Graph =>
  around(
    [
      make.conv2d({ filters: 7, kernelSize: 3, strides: 2, padding: "same", ...operands }),
      make.batchNorm(),
      make.conv2d({ filters: 10, kernelSize: [2, 3], padding: "valid", ...operands }),
      make.batchNorm(),
      make.conv2d({ filters: 6, kernelSize: 4, strides: [2, 1], padding: "same", padValue: "one", ...operands }),
      make.batchNorm(),
      make.conv2d({ filters: 5, kernelSize: 1, padding: "valid", ...operands }),
      make.batchNorm(),
    ],
    [13, 11, 2],
  );

const pools: Graph = around(
  [
    make.maxPool2d({ poolSize: 3, strides: 2, padding: "same" }),
    make.binaryConv2d({ filters: 6, kernelSize: 3, padValue: "one" }),
    make.maxPool2d({ poolSize: [2, 1], strides: 1 }),
    make.batchNorm({ momentum: 0.8, epsilon: 1e-2 }),
    make.avgPool2d({ poolSize: 2, padding: "same" }),
    make.hardTanh(),
    make.avgPool2d({ poolSize: [1, 2], strides: 1 }),
  ],
  [12, 11, 2],
);

/** Shortcuts: each sum is read twice, by a layer that takes signs and by the next sum. */
function shortcuts(): Graph {
  const start = input({ shape: [7, 6, 3] });
  const stem = make.conv2d({ filters: 6, kernelSize: 3, padding: "same", useBias: false }).apply(start);
  let value = make.batchNorm().apply(stem);
  for (const _ of ["first", "second"]) {
    const moved = make.rsign().apply(value);
    const sums = make.binaryConv2d({ filters: 6, kernelSize: 3, weightQuantizer: "magnitude-aware" }).apply(moved);
    const joined = make.add().apply([make.batchNorm().apply(sums), value]);
    value = make.rprelu().apply(joined);
  }
  const pooled = make.globalAvgPool2d().apply(value);
  return functional({ inputs: start, outputs: make.dense({ units: CLASSES }).apply(pooled), name: "shortcuts" });
}

const learned = (): Graph =>
  around([
    make.prelu(),
    make.shift(),
    make.conv2d({ filters: 5, kernelSize: 3, ...signs }),
    make.batchNorm(),
    make.adaptiveSign(),
    make.conv2d({ filters: 7, kernelSize: 2, weightQuantizer: "adabin" }),
    ...make.rprelu(),
    make.relu(),
  ]);

const initial = (): Graph =>
  around([
    make.conv2d({ filters: 4, kernelSize: 2, kernelInitializer: "glorotNormal" }),
    make.batchNorm(),
    make.conv2d({ filters: 4, kernelSize: 2, kernelInitializer: "heNormal", ...signs }),
    make.batchNorm(),
    make.conv2d({ filters: 4, kernelSize: 2, kernelInitializer: "heUniform", weightQuantizer: "bc" }),
    make.relu(),
    make.flatten(),
    make.dense({ units: 6, kernelInitializer: "ones" }),
    make.dense({ units: 5, kernelInitializer: "zeros" }),
  ]);

export const layers: readonly Run[] = [
  { name: "windows over real numbers", network: () => windows({}) },
  { name: "windows of real weights over signs", network: () => windows({ activationQuantizer: "bnn" }) },
  { name: "windows of signs over real numbers", network: () => windows({ weightQuantizer: "bnn" }) },
  { name: "windows of signs over signs", network: () => windows(signs), everywhere: true, session: true },
  { name: "windows without bias", network: () => windows({ ...signs, useBias: false }) },
  { name: "pools", network: () => pools, everywhere: true, session: true },
  { name: "shortcuts with RSign and RPReLU", network: shortcuts, everywhere: true },
  { name: "learned layers", network: learned, everywhere: true, session: true },
  { name: "initial values", network: initial },
];
