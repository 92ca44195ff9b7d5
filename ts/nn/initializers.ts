/**
 * Initial values of parameters: one number throughout, or by Keras's names and variances.
 *
 *   glorotUniform  uniform in +-sqrt(6 / (fanIn + fanOut))          Glorot and Bengio 2010
 *   glorotNormal   truncated normal, variance 2 / (fanIn + fanOut)
 *   heUniform      uniform in +-sqrt(6 / fanIn)                     He et al. 2015
 *   heNormal       truncated normal, variance 2 / fanIn
 *   truncatedNormal  normal of deviation 0.02, cut off at two of them     Devlin et al. 2019, Dosovitskiy et al. 2021
 *
 *   rotation       a random rotation or reflection: orthonormal rows, by Gram and Schmidt from normal numbers
 *   filterMap      units [2 K + 1] of a network that maps a filter: the first K normal of variance 1 / K, all else 0
 *   codewords      n different ones [n][9] of the 512 kernels of signs, at random
 *
 * A kernel [kh][kw][c][o] has fanIn kh kw c and fanOut kh kw o. A truncated normal lies within two standard deviations
 * of the untruncated one. The code uses only operations whose bits IEEE 754 fixes, the square root among them. So a
 * seed gives the same network in every engine.
 */
import { CODEWORDS, codewordsOf, TAPS } from "../quantizers/codebook.ts";
import { exactExp } from "../quantizers/elementary.ts";
import type { Parameter, Shape } from "./graph.ts";
import { type RandomStream, randomStream } from "./random.ts";
import { elementsOf } from "./shapes.ts";

/** Standard deviation of a standard normal that is cut off at +-2. */
const truncatedDeviation = 0.8796256610342398;

/** Deviation of embeddings before they are cut off. */
const embeddingDeviation = 0.02;

/** Fan in and fan out of a kernel `[..., inputs, outputs]`; a vector counts as one input per element. */
export function fansOf(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  const outputs = shape.at(-1) ?? 1;
  const inputs = shape.at(-2) ?? 1;
  const taps = elementsOf(shape.slice(0, -2));
  return { fanIn: taps * inputs, fanOut: taps * outputs };
}

/** A standard normal cut off at +-2, by rejection: x uniform in (-2, 2) stands with probability exp(-x^2 / 2). */
function truncatedNormal(stream: RandomStream): number {
  for (;;) {
    const x = 4 * stream.uniform() - 2;
    if (stream.uniform() < exactExp((-x * x) / 2)) return x;
  }
}

/**
 * The initial values of `parameter` for a run's `seed` (a whole number in [0, 2^53)), row-major. They are a function of
 * the seed and of the parameter's name, shape and initializer. Throws "argument" for another seed.
 */
export function initialValues(parameter: Parameter, seed: number): Float32Array {
  const values = new Float32Array(elementsOf(parameter.shape));
  if (typeof parameter.initializer === "number") return values.fill(parameter.initializer);
  const { fanIn, fanOut } = fansOf(parameter.shape);
  const stream = randomStream(seed, parameter.name);
  const fillUniform = (limit: number): Float32Array => values.map(() => (2 * stream.uniform() - 1) * limit);
  const fillNormal = (variance: number): Float32Array => {
    const scale = Math.sqrt(variance) / truncatedDeviation;
    return values.map(() => truncatedNormal(stream) * scale);
  };
  switch (parameter.initializer) {
    case "zeros":
      return values;
    case "ones":
      return values.fill(1);
    case "glorotUniform":
      return fillUniform(Math.sqrt(6 / (fanIn + fanOut)));
    case "heUniform":
      return fillUniform(Math.sqrt(6 / fanIn));
    case "glorotNormal":
      return fillNormal(2 / (fanIn + fanOut));
    case "heNormal":
      return fillNormal(2 / fanIn);
    case "truncatedNormal":
      return values.map(() => truncatedNormal(stream) * embeddingDeviation);
    case "filterMap": {
      const size = parameter.shape[1] ?? 1;
      const rows = (size - 1) / 2;
      const deviation = Math.sqrt(1 / rows);
      return values.map((_, i) => (i % size < rows ? truncatedNormal(stream) * deviation : 0));
    }
    case "codewords":
      return randomCodewords(stream, values.length / TAPS);
    case "rotation":
      return Float32Array.from(randomRotation(stream, parameter.shape[0] ?? 1));
  }
}

/** The first `count` codewords of a random order (Fisher and Yates). */
function randomCodewords(stream: RandomStream, count: number): Float32Array {
  const order = Array.from({ length: CODEWORDS }, (_, number) => number);
  for (let place = 0; place < count; place++) {
    const other = place + stream.below(CODEWORDS - place);
    [order[place], order[other]] = [order[other] as number, order[place] as number];
  }
  return codewordsOf(order.slice(0, count));
}

/** Orthonormal rows `[side][side]`. Each is made right-angled to those before twice, which is as exact as f64. */
function randomRotation(stream: RandomStream, side: number): Float64Array {
  const rows = new Float64Array(side * side);
  for (let i = 0; i < side; i++) {
    const own = rows.subarray(i * side, (i + 1) * side);
    for (const k of own.keys()) own[k] = truncatedNormal(stream);
    for (const before of [...Array(2 * i).keys()].map((k) => rows.subarray((k % i) * side, ((k % i) + 1) * side))) {
      const along = own.reduce((sum, value, k) => sum + value * (before[k] as number), 0);
      for (const [k, value] of before.entries()) own[k] = (own[k] as number) - along * value;
    }
    const norm = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0));
    for (const [k, value] of own.entries()) own[k] = value / norm;
  }
  return rows;
}
