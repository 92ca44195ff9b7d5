/** The options of layers, which every entry of the package passes on. An operation with options has its line here. */
export type { ActivationOptions } from "./activation.ts";
export type { BatchNormOptions } from "./batch-norm.ts";
export type { ConcatenateOptions } from "./concatenate.ts";
export type { Conv2dOptions } from "./conv2d.ts";
export type { DenseOptions } from "./dense.ts";
export type { DepthwiseConv2dOptions } from "./depthwise-conv2d.ts";
export type { DropoutOptions } from "./dropout.ts";
export type { EluOptions } from "./elu.ts";
export type { InputOptions } from "./input.ts";
export type { LayerNormOptions } from "./layer-norm.ts";
export type { LeakyReluOptions } from "./leaky-relu.ts";
export type { PermuteOptions } from "./permute.ts";
export type { Pool2dOptions } from "./pool.ts";
export type { ReshapeOptions } from "./reshape.ts";
export type { UnitDeviationOptions } from "./unit-deviation.ts";
export type { UpSampling2dOptions } from "./up-sampling2d.ts";
export type { BorderSize, ZeroPadding2dOptions } from "./zero-padding2d.ts";
