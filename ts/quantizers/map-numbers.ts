/**
 * The maps of the core by name: the numbers that it calls them by, and their parameters in its order.
 * `npm run generate` makes it from the Rust sources.
 */

/** The number of each forward map. */
export const forwardMapNumbers = {
  identity: 0,
  sign: 1,
  piecewiseLinear: 2,
  hardTanh: 3,
  signSwish: 4,
  poly: 5,
  ede: 6,
  tanh: 7,
  proxQuant: 8,
  unitLevels: 10,
  symmetricLevels: 11,
  relu: 13,
  relu6: 14,
  sigmoid: 15,
  gelu: 16,
  elasticSign: 17,
  elasticUnit: 18,
  table: 12,
} as const;

/** The names of the parameters of each forward map. */
export const forwardMapParameters = {
  identity: [],
  sign: [],
  piecewiseLinear: ["rho", "varrho"],
  hardTanh: [],
  signSwish: ["beta"],
  poly: [],
  ede: ["t"],
  tanh: ["t"],
  proxQuant: ["lambda"],
  unitLevels: ["levels"],
  symmetricLevels: ["levels"],
  relu: [],
  relu6: [],
  sigmoid: [],
  gelu: [],
  elasticSign: ["alpha", "offset"],
  elasticUnit: ["alpha", "offset"],
  table: [],
} as const;

/** The number of each backward map. */
export const backwardMapNumbers = {
  one: 0,
  box: 1,
  polyPrime: 2,
  signSwishPrime: 3,
  edePrime: 4,
  tanhPrime: 5,
  rbnnPrime: 6,
  restePrime: 7,
  fdaPrime: 8,
  unitBox: 9,
  clippedBox: 10,
  reluPrime: 12,
  relu6Prime: 13,
  sigmoidPrime: 14,
  geluPrime: 15,
  elasticBox: 16,
  elasticUnitBox: 17,
  table: 11,
} as const;

/** The names of the parameters of each backward map. */
export const backwardMapParameters = {
  one: [],
  box: [],
  polyPrime: [],
  signSwishPrime: ["beta"],
  edePrime: ["t"],
  tanhPrime: ["t"],
  rbnnPrime: ["t"],
  restePrime: ["o"],
  fdaPrime: ["n"],
  unitBox: [],
  clippedBox: ["width"],
  reluPrime: [],
  relu6Prime: [],
  sigmoidPrime: [],
  geluPrime: [],
  elasticBox: ["alpha", "offset"],
  elasticUnitBox: ["alpha", "offset"],
  table: [],
} as const;

/** Floats before the samples of a table. */
export const TABLE_HEADER = 4;
