/**
 * (x - mean) / sqrt(variance + epsilon) gamma + beta, and its gradient where the moments are those of x itself (Ioffe and
 * Szegedy, 2015, section 3).
 */
import { at, channelSums, type Moments, type Value } from "../layers.ts";
import type { Applied, OracleOp } from "./op.ts";

/** Mean and variance of each channel over the batch, in two passes. */
function momentsOf(x: Value): Moments {
  const channels = x.shape.at(-1) as number;
  const count = x.data.length / channels;
  const mean = channelSums(x).map((sum) => sum / count);
  const squares = x.data.map((value, i) => (value - at(mean, i % channels)) ** 2);
  return { mean, variance: channelSums({ ...x, data: squares }).map((sum) => sum / count), count };
}

/** The share of one batch in the running statistics: the mean, and the unbiased variance n / (n - 1) var. */
export function runningStatistics(moments: Moments): { readonly mean: Float64Array; readonly variance: Float64Array } {
  const { mean, variance, count } = moments;
  return { mean, variance: variance.map((v) => (v * count) / (count - 1)) };
}

function moments({ inputs: [x], parameter, pass }: Applied<"batchNorm">): Moments {
  if (pass.phase !== "evaluate") return momentsOf(x);
  return { mean: parameter("movingMean"), variance: parameter("movingVariance"), count: 0 };
}

/** (x - mean) / sqrt(variance + epsilon), and the root. */
function standardised(given: Applied<"batchNorm">) {
  const { node, inputs } = given;
  const { mean, variance, count } = moments(given);
  const deviation = variance.map((own) => Math.sqrt(own + node.attributes.epsilon));
  const unit = inputs[0].data.map((value, i) => {
    const channel = i % mean.length;
    return (value - at(mean, channel)) / at(deviation, channel);
  });
  return { unit, deviation, count };
}

export const batchNorm: OracleOp<"batchNorm"> = {
  forward: (given) => {
    const [gamma, beta] = [given.parameter("gamma"), given.parameter("beta")];
    const channel = (i: number): number => i % gamma.length;
    const data = standardised(given).unit.map((value, i) => value * at(gamma, channel(i)) + at(beta, channel(i)));
    return { ...given.inputs[0], data };
  },
  backward: (given, dy) => {
    const { unit, deviation, count } = standardised(given);
    const gamma = given.parameter("gamma");
    const dgamma = channelSums({ ...dy, data: dy.data.map((gradient, i) => gradient * at(unit, i)) });
    const dbeta = channelSums(dy);
    const dx = dy.data.map((gradient, i) => {
      const c = i % gamma.length;
      const centred = gradient - at(dbeta, c) / count - (at(unit, i) * at(dgamma, c)) / count;
      return (at(gamma, c) / at(deviation, c)) * centred;
    });
    return { inputs: [dx], parameters: { gamma: dgamma, beta: dbeta } };
  },
  moments,
  statistics: ({ node, parameter }, own) => {
    const { mean, variance } = runningStatistics(own);
    const keep = node.attributes.momentum;
    const mixed = (key: string, batch: Float64Array): Float64Array =>
      parameter(key).map((running, c) => keep * running + (1 - keep) * at(batch, c));
    return { movingMean: mixed("movingMean", mean), movingVariance: mixed("movingVariance", variance) };
  },
};
