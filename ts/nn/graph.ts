/**
 * The graph: a plain, serialisable description of a network, and the only one. The trainer, the inference compiler and
 * every other reader work from these values; nothing in here computes.
 *
 * Nodes stand in topological order. Shapes leave out the batch axis: an image is `[height, width, channels]` (NHWC), a
 * vector `[units]`. A convolution's kernel is `[kernelHeight, kernelWidth, channels, filters]` (HWIO), a dense layer's
 * `[inputs, units]`.
 */
import type { Quantizer } from "../quantizers/quantizer.ts";

/** A shape without its batch axis. */
export type Shape = readonly number[];

export type Padding = "same" | "valid";
export type PadValue = "zero" | "one";
export type Initializer = "glorotUniform" | "glorotNormal" | "heUniform" | "heNormal" | "zeros" | "ones";
export type ActivationName = "relu" | "hardTanh";
export type Overflow = "saturate" | "wrap";

/**
 * A signed accumulator of 8 bits for the sums of a product of +-1 operands. The window is walked tap by tap, rows first, and
 * in a tap by groups of four channels, the last of them perhaps shorter; the exact sum of a group is added and the result
 * kept in [-128, 127], at the nearest bound or modulo 256. A tap outside the image adds nothing. Gradients are those of the
 * exact sum.
 */
export interface Accumulator {
  readonly bits: 8;
  readonly overflow: Overflow;
}

export interface InputAttributes {
  readonly shape: Shape;
}

/**
 * `weightQuantizer` and `activationQuantizer` are null where the operand stays real; "binary" layers set both.
 * `accumulator` is null for exact sums; it acts where both operands are +-1, and sums of soft phases stay real.
 */
export interface Conv2dAttributes {
  readonly filters: number;
  readonly kernelSize: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
  readonly padValue: PadValue;
  readonly useBias: boolean;
  readonly kernelInitializer: Initializer;
  readonly weightQuantizer: Quantizer | null;
  readonly activationQuantizer: Quantizer | null;
  readonly accumulator: Accumulator | null;
}

export interface DenseAttributes {
  readonly units: number;
  readonly useBias: boolean;
  readonly kernelInitializer: Initializer;
  readonly weightQuantizer: Quantizer | null;
  readonly activationQuantizer: Quantizer | null;
  readonly accumulator: Accumulator | null;
}

/** `momentum` is the share of the old running statistics that is kept (Keras's convention). */
export interface BatchNormAttributes {
  readonly momentum: number;
  readonly epsilon: number;
}

/** Of maxPool2d and avgPool2d. */
export interface Pool2dAttributes {
  readonly poolSize: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
}

export interface ActivationAttributes {
  readonly activation: ActivationName;
}

export type EmptyAttributes = Readonly<Record<string, never>>;

/** One named operation. `inputs` are names of earlier nodes. */
export type GraphNode =
  | { readonly op: "input"; readonly name: string; readonly inputs: readonly []; readonly attributes: InputAttributes }
  | {
      readonly op: "conv2d";
      readonly name: string;
      readonly inputs: readonly [string];
      readonly attributes: Conv2dAttributes;
    }
  | {
      readonly op: "dense";
      readonly name: string;
      readonly inputs: readonly [string];
      readonly attributes: DenseAttributes;
    }
  | {
      readonly op: "batchNorm";
      readonly name: string;
      readonly inputs: readonly [string];
      readonly attributes: BatchNormAttributes;
    }
  | {
      readonly op: "maxPool2d";
      readonly name: string;
      readonly inputs: readonly [string];
      readonly attributes: Pool2dAttributes;
    }
  | {
      readonly op: "avgPool2d";
      readonly name: string;
      readonly inputs: readonly [string];
      readonly attributes: Pool2dAttributes;
    }
  | {
      readonly op: "globalAvgPool2d";
      readonly name: string;
      readonly inputs: readonly [string];
      readonly attributes: EmptyAttributes;
    }
  | {
      readonly op: "activation";
      readonly name: string;
      readonly inputs: readonly [string];
      readonly attributes: ActivationAttributes;
    }
  | {
      readonly op: "shift";
      readonly name: string;
      readonly inputs: readonly [string];
      readonly attributes: EmptyAttributes;
    }
  | {
      readonly op: "prelu";
      readonly name: string;
      readonly inputs: readonly [string];
      readonly attributes: EmptyAttributes;
    }
  | {
      readonly op: "adaptiveSign";
      readonly name: string;
      readonly inputs: readonly [string];
      readonly attributes: EmptyAttributes;
    }
  | {
      readonly op: "flatten";
      readonly name: string;
      readonly inputs: readonly [string];
      readonly attributes: EmptyAttributes;
    }
  | {
      readonly op: "add";
      readonly name: string;
      readonly inputs: readonly [string, string];
      readonly attributes: EmptyAttributes;
    };

export type OpName = GraphNode["op"];
export type NodeOf<Op extends OpName> = Extract<GraphNode, { readonly op: Op }>;

/** A network: nodes in topological order, exactly one `input`, and the name of the node whose value is the result. */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly output: string;
}

/**
 * A tensor that belongs to a node. `latent` is a real weight that a quantizer binarises; `real` a weight used as it is;
 * `statistic` is kept by batch norm and not trained. Names are `node/kernel`, `node/bias`, `node/gamma`, `node/beta`,
 * `node/movingMean`, `node/movingVariance`; `node/beta` of a shift; `node/alpha` of a prelu; both of
 * an adaptive sign.
 */
export interface Parameter {
  readonly name: string;
  readonly node: string;
  readonly role: "latent" | "real" | "statistic";
  readonly shape: Shape;
  /** A number stands for itself in every element. */
  readonly initializer: Initializer | number;
}
