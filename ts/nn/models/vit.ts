/**
 * A vision transformer of any size: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021. Patches are a convolution
 * without overlap, whose pixels are the tokens. Learned positions, blocks, a norm and a pool over the tokens follow. Patches
 * and head are real by default.
 *
 * With real operands, plain blocks and a class token the layers are those of timm, by its names: `patch_embed.proj`, `cls_token`, `pos_embed`,
 * `blocks.0.norm1`, `blocks.0.attn.proj`, `blocks.0.mlp.fc1`, `norm`, `head`. timm's `attn.qkv` is `attn.q`, `attn.k` and
 * `attn.v` here, one behind the other.
 */
import { integerIn, numberIn, oneOf, type Subject } from "../../base/checks.ts";
import { functional } from "../build.ts";
import type { Graph } from "../graph.ts";
import type { Layer, SymbolicTensor } from "../layer.ts";
import { input, layers } from "../layers.ts";
import { misfit, type Shape } from "../shapes.ts";
import { type AttentionMatrix, attentionMatrices } from "../words.ts";
import { binaryVitBlock } from "./binaryvit-block.ts";
import { head, type ModelChoices, type ModelOptions, modelChoices, stemQuantizer } from "./options.ts";
import { plainBlock } from "./plain-block.ts";
import { type Block, normBefore, type TransformerChoices, takesSigns, through } from "./transformer.ts";

/** The sizes of a vision transformer, and its parts. */
export interface VitOptions extends ModelOptions {
  /** Pixels of a patch's side, 1 .. 256, which divides both sides of the image. Default 4. */
  readonly patch?: number | undefined;
  /** Features of a token, which the heads divide. Default 64. */
  readonly dim?: number | undefined;
  /** Blocks, 1 .. 64. Default 6. */
  readonly depth?: number | undefined;
  /** Heads of the attention. Default 4. */
  readonly heads?: number | undefined;
  /** Features of an MLP's hidden layer for each of a token, 1 .. 16. Default 2. */
  readonly ratio?: number | undefined;
  /** "plain", or "binaryvit" with BinaryViT's residuals, norms, RPReLU and pooled branches. Default "plain". */
  readonly block?: "plain" | "binaryvit" | undefined;
  /** The map of the scores. Default "softmax", and "threshold" where activations are quantized. */
  readonly matrix?: AttentionMatrix | undefined;
  /**
   * "mean" over the tokens, or a class "token" in front of them, which plain blocks alone take. Default "mean", or that of the
   * model's size.
   */
  readonly pooling?: "mean" | "token" | undefined;
  /** The share of images that the last block's branches drop in training; it grows from 0 with the depth. Default 0. */
  readonly dropPath?: number | undefined;
}

type Sizes = Required<Pick<VitOptions, "patch" | "dim" | "depth" | "heads" | "ratio" | "pooling">>;

/** A ready-made transformer: a size, and the images that it is made for. */
export interface VitSize extends Partial<{ readonly [Key in keyof Sizes]: NonNullable<Sizes[Key]> }> {
  readonly inputShape?: Shape;
  readonly classes?: number;
}

const usualSize = { patch: 4, dim: 64, depth: 6, heads: 4, ratio: 2, pooling: "mean" } as const;
const ownKeys = ["patch", "dim", "depth", "heads", "ratio", "block", "matrix", "pooling", "dropPath"];

/** The choices of a transformer's blocks. `sizes` are those of the model. */
export function transformerChoices(
  choices: ModelChoices,
  options: VitOptions,
  sizes: Pick<VitSize, "dim" | "heads" | "ratio">,
  subject: Subject,
): TransformerChoices {
  const usual = { ...usualSize, ...sizes };
  const matrix = options.matrix ?? (takesSigns(choices) ? "threshold" : "softmax");
  return {
    ...choices,
    dim: integerIn(options.dim ?? usual.dim, 1, 2 ** 16, "dim", subject),
    heads: integerIn(options.heads ?? usual.heads, 1, 2 ** 16, "heads", subject),
    ratio: integerIn(options.ratio ?? usual.ratio, 1, 16, "ratio", subject),
    matrix: oneOf(matrix, attentionMatrices, "matrix", subject),
  };
}

/** `depth` blocks one behind the other, named blocks.0, blocks.1, .. The last drops `rate` of its images. */
export function blocksOf(
  x: SymbolicTensor,
  block: Block,
  { depth, rate }: { readonly depth: number; readonly rate: number },
  choices: TransformerChoices,
): SymbolicTensor {
  let value = x;
  for (let i = 0; i < depth; i++) {
    value = block(value, `blocks.${i}`, depth === 1 ? rate : (rate * i) / (depth - 1), choices);
  }
  return value;
}

/** Throws "shape" where patches do not cover the image: pixels beside the last one would change nothing. */
function checkPatches(pixels: SymbolicTensor, patch: number): void {
  const [height = 0, width = 0] = pixels.shape;
  if (height % patch === 0 && width % patch === 0) return;
  const sizes = Array.from({ length: Math.min(height, width) }, (_, i) => i + 1);
  const known = sizes.filter((size) => height % size === 0 && width % size === 0).join(", ");
  const remedy = `Give a patch of ${known}, or images of other sides.`;
  throw misfit("patch_embed.proj", `images whose sides a patch of ${patch} divides`, pixels.shape, remedy);
}

/** The tokens of images as an image, `[rows, columns, dim]`. */
function patchesOf(pixels: SymbolicTensor, patch: number, dim: number, choices: ModelChoices): SymbolicTensor {
  const window = { filters: dim, kernelSize: patch, strides: patch, name: "patch_embed.proj" } as const;
  return layers.conv2d({ ...window, weightQuantizer: stemQuantizer(choices) }).apply(pixels);
}

/** The layers behind the blocks that leave one vector an image. */
const poolOf = (pooling: "mean" | "token"): readonly Layer[] =>
  pooling === "mean"
    ? [layers.globalAvgPool1d({ name: "pool" })]
    : [layers.slice({ name: "token" }), layers.flatten({ name: "pool" })];

/** The graph of a vision transformer called `name`, whose defaults are those of `size`. */
export function vitOf(name: string, options: VitOptions, size: VitSize = {}): Graph {
  const subject: Subject = { code: "argument", what: `model "${name}"` };
  const { inputShape = [28, 28, 1], classes = 10, ...sizes } = size;
  const given = modelChoices(name, options, { inputShape, classes, more: ownKeys });
  const usual = { ...usualSize, ...sizes };
  const choices = transformerChoices(given, options, usual, subject);
  const patch = integerIn(options.patch ?? usual.patch, 1, 256, "patch", subject);
  const depth = integerIn(options.depth ?? usual.depth, 1, 64, "depth", subject);
  const rate = numberIn(options.dropPath ?? 0, 0, 0.99, "dropPath", subject);
  const kind = oneOf(options.block ?? "plain", ["plain", "binaryvit"] as const, "block", subject);
  const poolings = kind === "plain" ? (["mean", "token"] as const) : (["mean"] as const);
  const usualPooling = kind === "plain" ? usual.pooling : "mean";
  const pooling = oneOf(options.pooling ?? usualPooling, poolings, "pooling", subject);

  const pixels = input({ shape: choices.inputShape });
  checkPatches(pixels, patch);
  const image = patchesOf(pixels, patch, choices.dim, choices);
  const [rows = 0, columns = 0] = image.shape;
  const tokens = layers.reshape({ targetShape: [rows * columns, choices.dim], name: "patch_embed" }).apply(image);
  const first = pooling === "token" ? [layers.classToken({ name: "cls_token" })] : [];
  const start = through(tokens, ...first, layers.positionEmbedding({ name: "pos_embed" }));
  const block = kind === "plain" ? plainBlock : binaryVitBlock([rows, columns]);
  const last = blocksOf(start, block, { depth, rate }, choices);
  const outputs = through(last, normBefore("norm", choices), ...poolOf(pooling), ...head(choices, "head"));
  return functional({ inputs: pixels, outputs, name });
}

/**
 * The graph of a vision transformer; by default for 28 x 28 images in patches of 4, six plain blocks of 64 features. Throws
 * "argument", "unknown-name" or "shape" for options that do not fit.
 */
export const vit = (options: VitOptions = {}): Graph => vitOf("vit", options);
