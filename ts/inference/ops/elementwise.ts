/** A function of each number by itself, in inference. */
import { k } from "../../program/inference-call.ts";
import { type ElementwiseFunction, mapArguments } from "../../quantizers/functions.ts";
import type { Context } from "../context.ts";
import { call } from "../draft.ts";
import type { Step } from "../strips.ts";

/** The step of the node called `name`. */
export function elementwise(given: ElementwiseFunction, name: string, { draft, network }: Context): Step {
  const { forward } = mapArguments(given, (values) => draft.constant(new Uint8Array(values.buffer)));
  const channels = network.channelsOf(name);
  return (x, y, rows) => call(name, k.quantizeForward({ ...forward, x, y, count: rows * channels }));
}
