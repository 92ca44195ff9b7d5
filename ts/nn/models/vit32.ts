/** A vision transformer for 32 x 32 images: 64 patches of 4 x 4, 128 features, six blocks. It has 810,890 parameters. */
import type { Graph } from "../graph.ts";
import { type VitOptions, vitOf } from "./vit.ts";

/** The graph of the network; `inputShape` is [32, 32, 3] by default. Throws as `vit` does. */
export const vit32 = (options: VitOptions = {}): Graph =>
  vitOf("vit32", options, { inputShape: [32, 32, 3], dim: 128 });
