/**
 * Calls of the core with names: `k.ffConv({ shape, x, panels, bias, out })`. What may be given follows from the generated
 * tables, so a missing or an extra argument does not compile. `null` stands for a tensor that is left out.
 */
import { kernels } from "./kernels.ts";
import { define, type KernelName } from "./named-call.ts";
import type { Place } from "./place.ts";
import { trainingKernels } from "./training-kernels.ts";

export * from "./named-call.ts";

const all = { ...kernels, ...trainingKernels };

export const kernelNames = Object.keys(all) as KernelName[];

/** The kernels over addresses of a kind of one's own. */
export const kernelsOver = define(all);

/** The kernels, for programs. */
export const k = kernelsOver<Place>();
