/** Networks as values: layers, the graph they make, its shapes, parameters and summary. */
export { type FunctionalOptions, functional, type SequentialOptions, sequential } from "./build.ts";
export type { AccumulatorChoice, GivenPadding, LayerOptions, QuantizerChoice, Size } from "./fields.ts";
export { freeze } from "./freeze.ts";
export type * from "./graph.ts";
export { fansOf, initialValues } from "./initializers.ts";
export type { Layer, LayerChain, SymbolicTensor } from "./layer.ts";
export { type BinaryConv2dOptions, type BinaryDenseOptions, input, layers } from "./layers.ts";
export {
  birealnet18,
  type CctOptions,
  cct2,
  cnn,
  deitBase,
  deitTiny,
  distinctModelNames,
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
  type VitOptions,
  vit,
  vit28,
  vit32,
} from "./models/index.ts";
export { inputShapeOf, outputsOf, parameterName, shapesOf } from "./network.ts";
export { convGeometry, outputShape } from "./nodes.ts";
export { type Product, productOf } from "./operands.ts";
export type * from "./ops/options.ts";
export { packedParametersOf, parametersOf } from "./parameters.ts";
export { type RandomStream, randomStream, shuffle } from "./random.ts";
export { elementsOf } from "./shapes.ts";
export {
  formatSummary,
  type ProductWork,
  type Summary,
  type SummaryRow,
  type SummaryTotals,
  summary,
} from "./summary.ts";
export { validateGraph } from "./validate.ts";
export type { WindowGeometry } from "./windows.ts";
