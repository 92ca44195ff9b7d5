/** The results of a session: gathered block by block, checked, and given out by name. */
import type { PackedModel } from "../io/model-reader.ts";
import { outputsOf } from "../nn/network.ts";
import { checkOutputs } from "./images.ts";
import type { Prepared } from "./prepare.ts";

/** Outputs of images, as many as were asked for. */
export interface Results {
  /** Takes what a run left for `count` images; the first of them has the number `first`. */
  readonly take: (first: number, count: number) => void;
  /** Each output of all images. @throws ProxbitError `not-finite` where a number is not. */
  readonly checked: () => readonly Float32Array[];
}

/** Room for the outputs of `images` images. */
export function createResults({ compiled, outputs }: Prepared, images: number): Results {
  const sizes = compiled.outputs.map(({ size }) => size);
  const all = sizes.map((size) => new Float32Array(images * size));
  return {
    take: (first, count) => {
      for (const [i, found] of outputs(count).entries()) all[i]?.set(found, first * (sizes[i] as number));
    },
    checked: () => {
      for (const [i, found] of all.entries()) checkOutputs(found, sizes[i] as number);
      return all;
    },
  };
}

/** `results` by the names of the outputs of `model`. */
export const byName = (
  { graph }: PackedModel,
  results: readonly Float32Array[],
): Readonly<Record<string, Float32Array>> =>
  Object.fromEntries(outputsOf(graph).map((name, i) => [name, results[i] as Float32Array]));
