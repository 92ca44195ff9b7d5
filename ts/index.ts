/**
 * `proxbit`: networks, quantizers and training. Packed models run by `proxbit/inference`, data sets come from
 * `proxbit/data`.
 *
 * ```ts
 * import { layers, optimizers, sequential, Trainer } from "proxbit";
 * import { mnist } from "proxbit/data";
 *
 * const network = sequential({ inputShape: [28, 28, 1] }, [
 *   layers.flatten(),
 *   layers.binaryDense({ units: 256, weightQuantizer: "bnn++", activationQuantizer: null }),
 *   layers.batchNorm(),
 *   layers.binaryDense({ units: 10, weightQuantizer: "bnn++", activationQuantizer: "poly" }),
 * ]);
 * const trainer = await Trainer.create(network, { optimizer: optimizers.adam({ learningRate: 1e-3 }), seed: 1 });
 * for await (const event of trainer.fit(await mnist(), { epochs: 2 })) console.log(event);
 * const bytes = await trainer.pack();
 * ```
 */
export { type ErrorCode, isProxbitError, ProxbitError } from "./base/errors.ts";
export type { ClassNumbers, Dataset, Examples, ImageSplit, Numbers, Split, Stream } from "./data/dataset.ts";
export { browserStore, type CheckpointStore, fileStore } from "./io/checkpoint-store.ts";
export { fitByQubo, type QuboFit, type QuboFitOptions } from "./methods/fit-by-qubo.ts";
export {
  type BdBnnOptions,
  type BiperMethodOptions,
  type CmimOptions,
  type GapHardeningOptions,
  type HardeningOptions,
  methodNames,
  methodOf,
  methods,
  type NoisySupervisionOptions,
  type PsteOptions,
  type QpSbgdMethodOptions,
  type SelfDistillationOptions,
  type SimanMethodOptions,
  type TwoStepOptions,
} from "./methods/index.ts";
export { energyOf, type Qubo, type QuboSolver, quboOf } from "./methods/qubo.ts";
export {
  type Accumulator,
  type AccumulatorChoice,
  type BinaryConv2dOptions,
  type BinaryDenseOptions,
  type Borders,
  birealnet18,
  type CctOptions,
  cct2,
  cnn,
  deitBase,
  deitTiny,
  type FunctionalOptions,
  fashion,
  formatSummary,
  freeze,
  functional,
  type GivenPadding,
  type Graph,
  type GraphNode,
  type Initializer,
  input,
  type Layer,
  type LayerChain,
  type LayerOptions,
  layers,
  type ModelOptions,
  mlp,
  model,
  modelNames,
  type Overflow,
  type Padding,
  type PadValue,
  type Parameter,
  type Product,
  type ProductWork,
  parametersOf,
  type QuantizerChoice,
  resnet20,
  type SequentialOptions,
  type Shape,
  type Size,
  type Summary,
  type SummaryRow,
  type SummaryTotals,
  type SymbolicTensor,
  sequential,
  shapesOf,
  small,
  summary,
  type Task,
  type TaskOptions,
  type TaskQuantizers,
  taskNames,
  taskQuantizers,
  tasks,
  type VitOptions,
  validateGraph,
  vit,
  vit28,
  vit32,
} from "./nn/index.ts";
export type * from "./nn/ops/options.ts";
export type { Obstacle, Work } from "./obstacles.ts";
export {
  type AccumulatedOptions,
  type BackwardMap,
  type BiperOptions,
  backwardValue,
  type ComposeOptions,
  compose,
  compositionCost,
  type DecomposeOptions,
  type Decomposition,
  type DomainOptions,
  type DorefaOptions,
  decompose,
  type EdeOptions,
  type ElasticOptions,
  evaluateSchedule,
  type FdaOptions,
  type ForwardMap,
  type FunctionPair,
  forwardValue,
  type GivenQuantizer,
  type HardForm,
  type LevelsOptions,
  type MapTable,
  type ParqOptions,
  type PiecewiseLinearOptions,
  type Proximal,
  type ProximalName,
  type ProxQuantOptions,
  proximals,
  type Quantizer,
  type QuantizerOptions,
  quantizer,
  quantizerNames,
  quantizers,
  type RecuOptions,
  type ResteOptions,
  type Scale,
  type Schedule,
  type SignSwishOptions,
  type Standardize,
  schedules,
  type TableCost,
  type Transform,
  type TransformName,
  transforms,
} from "./quantizers/index.ts";
export type {
  AnyWorker,
  CoreModule,
  CoreResponse,
  CoreSource,
  GivenCore,
  SourceOptions,
  WorkerOptions,
  WorkerSource,
} from "./runtime/source.ts";
export type { Variant } from "./runtime/variants.ts";
export { formatConfusion } from "./show/confusion.ts";
export { confusionPicture } from "./show/confusion-picture.ts";
export type { TrainedLayer, TrainingExplainOptions, TrainingExplanation } from "./train/explain/explain-training.ts";
export { formatTrainingExplanation, formatTrainingProfile } from "./train/explain/explain-training-text.ts";
export type {
  PartShare,
  StepShares,
  TrainingProfile,
  TrainingProfileOptions,
} from "./train/explain/profile-training.ts";
export type { CompareOptions, Truth, TruthOptions } from "./train/losses/compare.ts";
export type { ContrastiveOptions } from "./train/losses/contrastive.ts";
export type { DistanceOptions } from "./train/losses/distance.ts";
export type { DistillationOptions } from "./train/losses/distillation.ts";
export type { HuberOptions } from "./train/losses/elementwise.ts";
export { losses } from "./train/losses/index.ts";
export type { KurtosisOptions } from "./train/losses/kurtosis.ts";
export type { PenaltyOptions } from "./train/losses/penalties.ts";
export type { LossTerm } from "./train/losses/term.ts";
export type { WeightDivergenceOptions } from "./train/losses/weight-divergence.ts";
export type { Method, MethodByName, MethodCall, MethodWork } from "./train/method.ts";
export type { Answers } from "./train/metrics/answers.ts";
export { confusionMatrix } from "./train/metrics/counts.ts";
export { type MetricName, measure } from "./train/metrics/metrics.ts";
export {
  type Adam,
  type AdamOptions,
  type AdamWOptions,
  type Bop,
  type Bop2,
  type Bop2Options,
  type BopOptions,
  type CaseOptimizer,
  type Clipping,
  caseOptimizer,
  type Decay,
  type Lion,
  type LionOptions,
  type Optimizer,
  optimizers,
  type ParameterOptimizer,
  type Rate,
  type RealOptimizer,
  type RmsProp,
  type RmsPropOptions,
  type Sgd,
  type SgdOptions,
} from "./train/optimizers/optimizers.ts";
export type { FlipRatio } from "./train/plan/flips.ts";
export type { Augmentation } from "./train/run/augment.ts";
export type { Average } from "./train/run/average.ts";
export type { Allowed } from "./train/run/checkpoint.ts";
export type { CheckpointOption, CheckpointRate } from "./train/run/checkpoint-keeper.ts";
export type { CheckpointReport } from "./train/run/checkpoint-report.ts";
export type { EarlyStopping } from "./train/run/early-stopping.ts";
export type { EpochTask, EpochView, HardSigned, StartView, TaskResults } from "./train/run/epoch-task.ts";
export type { EvaluateOptions, SoftNetwork } from "./train/run/evaluate.ts";
export type { EpochEvent, Evaluation, StepEvent, TrainEvent, Validation } from "./train/run/events.ts";
export type { FitOptions } from "./train/run/fit.ts";
export type { Fitting, History } from "./train/run/fitting.ts";
export type { PredictOptions } from "./train/run/predict.ts";
export type { LeftRun, ResumeOptions, ResumeStart } from "./train/run/resume.ts";
export type { Score } from "./train/run/score.ts";
export type { StartOptions, StartSource } from "./train/run/start-from.ts";
export { type Predictor, type Teacher, withTeacher } from "./train/run/teacher.ts";
export { type MetricOptions, Trainer, type TrainerOptions } from "./train/run/trainer.ts";
