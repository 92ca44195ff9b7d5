/**
 * DeiT-Tiny for 224 x 224 images, without distillation: 196 patches of 16 x 16 and a class token, 192 features, twelve blocks.
 * It has 5,717,416 parameters. Touvron et al., "Training data-efficient image transformers", ICML 2021, table 1.
 */
import type { Graph } from "../graph.ts";
import { type VitOptions, vitOf } from "./vit.ts";

/** The graph of the network; `inputShape` is [224, 224, 3] and `classes` 1000 by default. Throws as `vit` does. */
export const deitTiny = (options: VitOptions = {}): Graph =>
  vitOf("deitTiny", options, {
    ...{
      inputShape: [224, 224, 3],
      classes: 1000,
      patch: 16,
      dim: 192,
      depth: 12,
      heads: 3,
      ratio: 4,
      pooling: "token",
    },
  });
