/**
 * CCT-2/3x2 for 32 x 32 images: Hassani et al., "Escaping the Big Data Paradigm with Compact Transformers", arXiv 2104.05704.
 * Two convolutions with max pools make 64 tokens of 128 features. Two blocks follow, and a pool over the tokens that is learned.
 * It has 283,722 parameters, one fewer than the paper's: the bias of the pool's scores changes no softmax.
 *
 * The learned pool is an attention of one query over the tokens. The query is a learned token. Tokenizer, pool and head are
 * real by default.
 */
import type { Subject } from "../../base/checks.ts";
import { integerIn, numberIn } from "../../base/checks.ts";
import { functional } from "../build.ts";
import type { Graph } from "../graph.ts";
import type { SymbolicTensor } from "../layer.ts";
import { input, layers } from "../layers.ts";
import { head, modelChoices, stemQuantizer } from "./options.ts";
import { compactBlock } from "./plain-block.ts";
import { normBefore, through } from "./transformer.ts";
import { blocksOf, transformerChoices, type VitOptions } from "./vit.ts";

export type CctOptions = Omit<VitOptions, "patch" | "block" | "pooling">;

/** A learned weighted mean of the tokens: softmax of a score for each. */
function sequencePool(x: SymbolicTensor): SymbolicTensor {
  const query = through(x, layers.classToken({ name: "pool.query" }), layers.slice({ name: "pool.first" }));
  const mean = layers.attention({ heads: 1, name: "pool.attn" }).apply([query, x, x]);
  return layers.flatten({ name: "pool" }).apply(mean);
}

/** The graph of the network; `inputShape` is [32, 32, 3] by default. Throws as `vit` does. */
export function cct2(options: CctOptions = {}): Graph {
  const subject: Subject = { code: "argument", what: 'model "cct2"' };
  const more = ["dim", "depth", "heads", "ratio", "matrix", "dropPath"];
  const given = modelChoices("cct2", options, { inputShape: [32, 32, 3], classes: 10, more });
  const choices = transformerChoices(given, options, { dim: 128, heads: 2, ratio: 1 }, subject);
  const depth = integerIn(options.depth ?? 2, 1, 64, "depth", subject);
  const rate = numberIn(options.dropPath ?? 0, 0, 0.99, "dropPath", subject);
  const conv = { kernelSize: 3, padding: "same", useBias: false } as const;
  const pool = { poolSize: 3, strides: 2, padding: 1 } as const;

  const pixels = input({ shape: choices.inputShape });
  const image = through(
    pixels,
    layers.conv2d({ ...conv, filters: 64, name: "tokenizer.0", weightQuantizer: stemQuantizer(choices) }),
    layers.relu({ name: "tokenizer.0_act" }),
    layers.maxPool2d({ ...pool, name: "tokenizer.0_pool" }),
    layers.conv2d({ ...conv, filters: choices.dim, name: "tokenizer.1" }),
    layers.relu({ name: "tokenizer.1_act" }),
    layers.maxPool2d({ ...pool, name: "tokenizer.1_pool" }),
  );
  const tokens = through(
    image,
    layers.reshape({ targetShape: [-1, choices.dim], name: "tokens" }),
    layers.positionEmbedding({ name: "pos_embed" }),
  );
  const last = blocksOf(tokens, compactBlock, { depth, rate }, choices);
  const normed = normBefore("norm", choices).apply(last);
  const outputs = through(sequencePool(normed), ...head(choices, "head"));
  return functional({ inputs: pixels, outputs, name: "cct2" });
}
