/**
 * DeiT-Base for 224 x 224 images, without distillation: 196 patches of 16 x 16 and a class token, 768 features, twelve blocks.
 * It has 86,567,656 parameters. Touvron et al., "Training data-efficient image transformers", ICML 2021, table 1.
 */
import type { Graph } from "../graph.ts";
import { type VitOptions, vitOf } from "./vit.ts";

/** The graph of the network; `inputShape` is [224, 224, 3] and `classes` 1000 by default. Throws as `vit` does. */
export const deitBase = (options: VitOptions = {}): Graph =>
  vitOf("deitBase", options, {
    ...{
      inputShape: [224, 224, 3],
      classes: 1000,
      patch: 16,
      dim: 768,
      depth: 12,
      heads: 12,
      ratio: 4,
      pooling: "token",
    },
  });
