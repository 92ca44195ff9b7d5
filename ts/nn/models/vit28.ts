/** A vision transformer for 28 x 28 images: 49 patches of 4 x 4, 64 features, six blocks. It has 205,834 parameters. */
import type { Graph } from "../graph.ts";
import { type VitOptions, vitOf } from "./vit.ts";

/** The graph of the network. Throws "argument", "unknown-name" or "shape" for options that do not fit. */
export const vit28 = (options: VitOptions = {}): Graph => vitOf("vit28", options);
