/** Calls with names, as in `call.ts`, of the kernels that every core has: those that run a packed model. */
import { kernels } from "./kernels.ts";
import { define } from "./named-call.ts";
import type { Place } from "./place.ts";

export * from "./named-call.ts";

/** The kernels over addresses of a kind of one's own. */
export const kernelsOver = define(kernels);

/** The kernels, for programs. */
export const k = kernelsOver<Place>();
