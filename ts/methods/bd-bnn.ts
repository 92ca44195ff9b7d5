/**
 * BD-BNN ("Bimodal Distributed Binarized Neural Networks", Rozen et al., 2022): the latent weights of each kernel are drawn to a
 * kurtosis, so that they lie about two values and signs lose less. The loss gains factor times the mean over kernels of
 * (kappa - target)^2 (`ts/train/losses/kurtosis.ts`).
 *
 * Its teacher's part is two terms of their own: `losses.weightDivergence` over weights, `losses.distillation` over answers.
 */

import { reject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { unknownName } from "../base/names.ts";
import { type Field, number, optional } from "../nn/fields.ts";
import type { Graph } from "../nn/graph.ts";
import { networkOf } from "../nn/network.ts";
import { losses } from "../train/losses/index.ts";
import { type MethodRecord, makerOf } from "./define.ts";
import { kernelOf, latentKernels } from "./graph.ts";

export interface BdBnnOptions {
  /** lambda, the term's weight in the loss; 1 where absent. */
  readonly factor?: number | undefined;
  /** The kurtosis that weights are drawn to, from 0.01 to 100: 1 of two points, 1.8 of an even spread; 1.8 where absent. */
  readonly target?: number | undefined;
  /** Targets of single layers, by their names. */
  readonly targets?: Readonly<Record<string, number>> | undefined;
}

const NAME = "bd-bnn";
const target = number(0.01, 100);

/** Targets by the names of layers. */
const targetsByLayer: Field<Readonly<Record<string, number>>> = {
  describe: "targets by the names of layers, in code alone",
  check: (value, option, subject) => {
    const wanted = "an object of targets by layer, such as { conv2d: 1.2 }, which only code can give";
    if (typeof value !== "object" || value === null) reject(subject, option, wanted, value);
    return Object.fromEntries(Object.entries(value).map(([layer, own]) => [layer, target.check(own, option, subject)]));
  },
};

export const bdBnnRecord: MethodRecord<BdBnnOptions> = {
  name: NAME,
  about: "latent weights are drawn to a kurtosis, layer by layer",
  source: "Rozen et al., 2022",
  fields: {
    factor: optional(number(0, 1e6), 1),
    target: optional(target, 1.8),
    targets: optional(targetsByLayer, {}),
  },
  make: ({ targets, ...options }) => ({
    objective: (objective, graph) => {
      const parameters = latentKernels(graph, NAME);
      const byKernel = Object.fromEntries(
        Object.entries(targets).map(([layer, own]) => [kernelIn(graph, layer, parameters), own]),
      );
      return [...objective, losses.kurtosis({ ...options, targets: byKernel, parameters, name: NAME })];
    },
  }),
};

/** The method. @throws ProxbitError `argument` */
export const bdBnn = makerOf(bdBnnRecord);

function kernelIn(graph: Graph, layer: string, kernels: readonly string[]): string {
  const found = kernelOf(graph, layer);
  if (found !== undefined && kernels.includes(found)) return found;
  if (!networkOf(graph).nodes.has(layer)) throw unknownName("layer", layer, [...networkOf(graph).nodes.keys()]);
  throw new ProxbitError(
    "argument",
    `the method "${NAME}" has a target for the layer "${layer}", which trains no binary weights`,
    `Layers with such weights have the kernels ${kernels.join(", ")}.`,
  );
}
