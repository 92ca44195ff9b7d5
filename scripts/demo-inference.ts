/**
 * The other half of the demo, in a process of its own. It has nothing of proxbit but the inference entry and the data.
 *
 *   demo-inference.ts MODEL.safetensors PREDICTIONS.json
 *
 * It prints one JSON line, a `PackedCheck`.
 */
import { readFile } from "node:fs/promises";
import { classify, medianLatency } from "../ts/cli/classify.ts";
import { mnist } from "../ts/data/index.ts";
import { load } from "../ts/inference/index.ts";

export interface PackedCheck {
  readonly images: number;
  /** Predictions that equal the expected ones, and the first that does not. */
  readonly agrees: number;
  readonly first: { readonly image: number; readonly expected: number; readonly predicted: number } | null;
  /** Share of right answers. */
  readonly accuracy: number;
  /** Median time of one image. */
  readonly latencyMs: number;
  readonly kernel: string;
  readonly variant: string;
}

const [file = "", expectedFile = ""] = process.argv.slice(2);
const expected: readonly number[] = JSON.parse(await readFile(expectedFile, "utf8"));
const session = await load(await readFile(file));
const { test } = await mnist();
const predictions = await classify(session, test.images);
const differing = [...predictions.keys()].filter((image) => predictions[image] !== expected[image]);
const wrong = [...predictions.keys()].filter((image) => predictions[image] !== test.labels[image]);
const [image] = differing;
const { kernel, variant } = await session.explain();
const check: PackedCheck = {
  images: test.count,
  agrees: test.count - differing.length,
  first: image === undefined ? null : { image, expected: expected[image] ?? -1, predicted: predictions[image] ?? -1 },
  accuracy: 1 - wrong.length / test.count,
  latencyMs: medianLatency(session, test.images.subarray(0, test.images.length / test.count)),
  kernel,
  variant,
};
process.stdout.write(`${JSON.stringify(check)}\n`);
