/** Quantizers: pairs of a forward and a backward map, their schedules and their names. */

export { checkQuantizer } from "./check-quantizer.ts";
export { type ComposeOptions, compose, compositionCost } from "./compose.ts";
export {
  type Domain,
  type DomainOptions,
  type Proximal,
  type ProximalName,
  proximals,
  type RealFunction,
  type Transform,
  type TransformName,
  transforms,
} from "./compose-parts.ts";
export type { TableCost } from "./compose-table.ts";
export {
  type DecomposeOptions,
  type Decomposes,
  type Decomposition,
  type DoesNotDecompose,
  decompose,
} from "./decompose.ts";
export type { SampledP, SampledT } from "./decompose-sample.ts";
export type { ElasticOptions } from "./elastic-families.ts";
export type {
  EdeOptions,
  FdaOptions,
  LevelsOptions,
  ParqOptions,
  PiecewiseLinearOptions,
  ProxQuantOptions,
  QuantizerOptions,
  ResteOptions,
  SignSwishOptions,
} from "./families.ts";
export {
  backwardMapNumbers,
  backwardMapParameters,
  backwardMaps,
  backwardValue,
  forwardMapNumbers,
  forwardMapParameters,
  forwardMaps,
  forwardValue,
  isHardForwardMap,
  type ParameterName,
  proximalMaps,
  type QuantizerMaps,
  quantizedValue,
  slopeValue,
} from "./maps.ts";
export type { Pair, PairPoint } from "./pair.ts";
export { type FunctionPair, type NamedPair, pairOf } from "./pair-of.ts";
export type {
  BackwardMap,
  ForwardMap,
  GivenQuantizer,
  HardForm,
  MapTable,
  Quantizer,
  Scale,
  Schedule,
  Standardize,
} from "./quantizer.ts";
export { quantizer, quantizerNames, quantizers } from "./registry.ts";
export {
  type AccumulatedOptions,
  accumulated,
  checkSchedule,
  constant,
  cosine,
  evaluateSchedule,
  geometric,
  type InverseSlopeOptions,
  inverseSlope,
  linear,
  logistic,
  logLinear,
  parqRho,
  quarterCosine,
  scheduleRange,
  schedules,
  sequence,
  staircase,
  step,
  toSchedule,
  warmup,
  window,
} from "./schedule.ts";
export { type QuantizerState, stateAt } from "./state.ts";
export type { BiperOptions, DorefaOptions, RecuOptions } from "./weight-families.ts";
export { endsAsSigns, isForWeightsAlone, standardizedWeights, weightScale } from "./weight-quantizers.ts";
