/** (x - mean) / sqrt(variance + epsilon) gamma + beta, row by row (Ba, Kiros and Hinton, 2016, equation 3), and its gradient. */
import { at, channelSums } from "../layers.ts";
import type { Applied, OracleOp } from "./op.ts";

const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The rows of `data`, each taken by `map` to as many numbers. */
function byRow(
  data: Float64Array,
  channels: number,
  map: (row: Float64Array, first: number) => Float64Array,
): Float64Array {
  const out = new Float64Array(data.length);
  for (let first = 0; first < data.length; first += channels) {
    out.set(map(data.subarray(first, first + channels), first), first);
  }
  return out;
}

/** 1 / sqrt(variance + epsilon) of a row, and the row as multiples of the root. */
function standardised(row: Float64Array, epsilon: number) {
  const mean = meanOf(row);
  const inverse = 1 / Math.sqrt(meanOf(row.map((value) => (value - mean) ** 2)) + epsilon);
  return { inverse, unit: row.map((value) => (value - mean) * inverse) };
}

const unitOf = ({ node, inputs: [x], parameter }: Applied<"layerNorm">): Float64Array =>
  byRow(x.data, parameter("gamma").length, (row) => standardised(row, node.attributes.epsilon).unit);

export const layerNorm: OracleOp<"layerNorm"> = {
  forward: (given) => {
    const [gamma, beta] = [given.parameter("gamma"), given.parameter("beta")];
    const channel = (i: number): number => i % gamma.length;
    return {
      ...given.inputs[0],
      data: unitOf(given).map((value, i) => value * at(gamma, channel(i)) + at(beta, channel(i))),
    };
  },
  backward: (given, dy) => {
    const { node, inputs, parameter } = given;
    const gamma = parameter("gamma");
    const all = unitOf(given);
    const dx = byRow(inputs[0].data, gamma.length, (row, first) => {
      const { inverse, unit } = standardised(row, node.attributes.epsilon);
      const through = gamma.map((scale, c) => scale * at(dy.data, first + c));
      const level = meanOf(through);
      const slope = meanOf(through.map((gradient, c) => gradient * at(unit, c)));
      return through.map((gradient, c) => inverse * (gradient - level - at(unit, c) * slope));
    });
    const dgamma = channelSums({ ...dy, data: dy.data.map((gradient, i) => gradient * at(all, i)) });
    return { inputs: [dx], parameters: { gamma: dgamma, beta: channelSums(dy) } };
  },
};
