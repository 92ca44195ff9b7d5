/** Networks as values: layers, the graph they make, its shapes, parameters and summary. */
export { type FunctionalOptions, functional, type SequentialOptions, sequential } from "./build.ts";
export type * from "./graph.ts";
export { fansOf, initialValues } from "./initializers.ts";
export type { Layer, LayerChain, SymbolicTensor } from "./layer.ts";
export {
  type AccumulatorChoice,
  type ActivationOptions,
  type BatchNormOptions,
  type BinaryConv2dOptions,
  type BinaryDenseOptions,
  type Conv2dOptions,
  type DenseOptions,
  type InputOptions,
  input,
  type LayerOptions,
  layers,
  type Pool2dOptions,
  type QuantizerChoice,
  type Size,
} from "./layers.ts";

export {
  birealnet18,
  cnn,
  fashion,
  type ModelOptions,
  mlp,
  model,
  modelNames,
  resnet20,
  small,
  type Task,
  type TaskOptions,
  type TaskQuantizers,
  taskNames,
  taskQuantizers,
  tasks,
} from "./models/index.ts";
export { packedParametersOf, parametersOf } from "./parameters.ts";
export { type RandomStream, randomStream, shuffle } from "./random.ts";
export { convGeometry, elementsOf, inputShapeOf, outputShape, shapesOf, type WindowGeometry } from "./shapes.ts";
export {
  formatSummary,
  type Product,
  productOf,
  type Summary,
  type SummaryRow,
  type SummaryTotals,
  summary,
} from "./summary.ts";
export { validateGraph } from "./validate.ts";
