/** Quantizers: pairs of a forward and a backward map, their schedules and their names. */
export { backwardMaps, checkQuantizer, forwardMaps } from "./check.ts";
export type {
  EdeOptions,
  PiecewiseLinearOptions,
  QuantizerOptions,
  SignSwishOptions,
} from "./families.ts";
export {
  backwardMapNumbers,
  backwardMapParameters,
  backwardValue,
  forwardMapNumbers,
  forwardMapParameters,
  forwardValue,
  isHardForwardMap,
  type ParameterName,
} from "./maps.ts";
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
  checkSchedule,
  constant,
  cosine,
  evaluateSchedule,
  linear,
  logLinear,
  scheduleRange,
  schedules,
  step,
  toSchedule,
} from "./schedule.ts";
export { type QuantizerState, stateAt } from "./state.ts";
