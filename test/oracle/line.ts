/** A quantizer as a straight line through its value at a place, as steep as its backward map says. */
import type { OpName } from "../../ts/nn/graph.ts";
import { elasticFactors } from "../../ts/quantizers/maps/elastic.ts";
import { quantizedValue, slopeValue } from "../../ts/quantizers/maps.ts";
import { isLearnedMap } from "../../ts/quantizers/operand-kinds.ts";
import type { Quantizer } from "../../ts/quantizers/quantizer.ts";
import { evaluateSchedule } from "../../ts/quantizers/schedule.ts";
import { at } from "./layers.ts";
import { quantizerAt } from "./learned.ts";
import type { Placed } from "./ops/op.ts";

/** F(from) + B(from) (to - from), number by number. */
export function line(quantizer: Quantizer, progress: number, from: Float64Array, to: Float64Array): Float64Array {
  const maps = { ...quantizer, parameters: quantizer.parameters.map((s) => evaluateSchedule(s, progress)) };
  return from.map((x, i) => quantizedValue(maps, x) + slopeValue(maps, x) * (at(to, i) - x));
}

/**
 * The operand of a node at `place` as such a line, from `x` to `z`, also over the numbers that the node learns for its quantizer;
 * `z` itself where it has no quantizer.
 */
export function operandLine(
  from: Placed<OpName>,
  moved: Placed<OpName>,
  place: string | number,
  x: Float64Array,
  z: Float64Array,
): Float64Array {
  const [quantizer, there] = [quantizerAt(from, place), quantizerAt(moved, place)];
  if (quantizer === null || there === null) return z;
  const own = line(quantizer, from.pass.progress, x, z);
  const { forward } = quantizer;
  if (!isLearnedMap(forward)) return own;
  const [[alpha, offset], [alphaThere, offsetThere]] = [quantizer, there].map(({ parameters }) =>
    parameters.map((schedule) => evaluateSchedule(schedule, 0)),
  ) as [[number, number], [number, number]];
  return own.map((value, i) => {
    const [dalpha, doffset] = elasticFactors(forward, at(x, i), alpha, offset);
    return value + dalpha * (alphaThere - alpha) + doffset * (offsetThere - offset);
  });
}
