/** A quantizer as a straight line through its value at a place, as steep as its backward map says. */
import { quantizedValue, slopeValue } from "../../ts/quantizers/maps.ts";
import type { Quantizer } from "../../ts/quantizers/quantizer.ts";
import { evaluateSchedule } from "../../ts/quantizers/schedule.ts";
import { at } from "./layers.ts";

/** F(from) + B(from) (to - from), number by number. */
export function line(quantizer: Quantizer, progress: number, from: Float64Array, to: Float64Array): Float64Array {
  const maps = { ...quantizer, parameters: quantizer.parameters.map((s) => evaluateSchedule(s, progress)) };
  return from.map((x, i) => quantizedValue(maps, x) + slopeValue(maps, x) * (at(to, i) - x));
}
