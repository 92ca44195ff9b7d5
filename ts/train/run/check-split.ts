/** Checks of what the caller gives to the trainer: each error names what was expected, what was given, and the remedy. */

import { isArrayOf } from "../../base/arrays.ts";
import { isList, reading } from "../../base/checks.ts";
import { describe } from "../../base/describe.ts";
import { ProxbitError } from "../../base/errors.ts";
import { versionOf } from "../../data/changed.ts";
import { type ClassNumbers, type Examples, isStream, type Split } from "../../data/dataset.ts";
import { firstNotFinite, firstWithoutShares } from "../../data/numbers.ts";
import { inputShapeOf } from "../../nn/network.ts";
import { elementsOf } from "../../nn/shapes.ts";
import type { Engine } from "./engine.ts";

const REMEDY = "Make the split with split() of proxbit/data, which checks what it is given.";

/**
 * That examples fit the network, and their truth the terms that read `truth`. Those of a stream are looked at as they come
 * (`feed.ts`).
 */
export function checkExamples(engine: Engine, examples: Examples, truth: Engine["truth"] = engine.truth): void {
  reading("the examples", "a split or a stream", () => {
    if (typeof examples === "object" && examples !== null && isStream(examples)) checkShape(engine, examples.shape);
    else checkSplit(engine, examples, truth);
  });
}

/** That inputs of `split` fit the network, and its truth the terms that read `truth`. Every number is looked at once. */
export function checkSplit(engine: Engine, split: Split, truth: Engine["truth"] = engine.truth): void {
  if (typeof split !== "object" || split === null) {
    throw new ProxbitError("argument", `the examples must be a split, not ${describe(split)}`, REMEDY);
  }
  checkInputs(engine, split);
  checkWeights(split);
  const output = engine.shapes.get(engine.graph.output) ?? [];
  if (truth.has("labels")) checkLabels(split, engine.graph.output, output);
  if (truth.has("targets")) checkTargets(split, elementsOf(output));
  if (truth.has("shares")) checkShares(split, elementsOf(output));
}

function checkShape(engine: Engine, shape: readonly number[]): number {
  const wanted = inputShapeOf(engine.graph);
  if (!isList(shape) || wanted.length !== shape.length || wanted.some((axis, i) => axis !== shape[i])) {
    throw new ProxbitError(
      "shape",
      `the network takes images of [${wanted.join(", ")}], the data set has ${describe(shape)}`,
      "Build the model with inputShape equal to the data set's shape, of images [height, width, channels].",
    );
  }
  return elementsOf(wanted);
}

function checkInputs(engine: Engine, { count, images, labels, shape, scale, offset }: Split): void {
  const numbers = count * checkShape(engine, shape);
  const isKept =
    isArrayOf(images, "Uint8Array", "Int8Array", "Uint16Array", "Float32Array") &&
    isArrayOf(labels, "Uint8Array", "Uint16Array", "Uint32Array");
  const isWhole = Number.isSafeInteger(count) && count > 0;
  if (!(isWhole && isKept && images.length === numbers && (labels.length === count || labels.length === 0))) {
    throw new ProxbitError(
      "data",
      `a split of ${describe(count)} images has ${describe(labels?.length)} labels and ${describe(images?.length)} ` +
        `${images?.BYTES_PER_ELEMENT === 1 ? "bytes of pixels" : "numbers"}`,
      REMEDY,
    );
  }
  if (!Number.isFinite(scale) || !Number.isFinite(offset)) {
    throw new ProxbitError("data", `scale ${describe(scale)} and offset ${describe(offset)} make no input`, REMEDY);
  }
  if (isArrayOf(images, "Float32Array")) checkFinite("images", images);
}

/** The findings in arrays that were looked at already, with the version of their memory then. */
type Seen = WeakMap<object, { readonly version: number; readonly found: number }>;
const seen: Seen = new WeakMap();
/** By the number of shares that an example has: one array may be read by networks of several sizes. */
const seenShares = new Map<number, Seen>();

/** The result of `look` at `array`, which is asked again only after its memory changed. */
function once<A extends ClassNumbers | Float32Array>(array: A, look: (array: A) => number, known: Seen = seen): number {
  const version = versionOf(array.buffer);
  const before = known.get(array);
  if (before?.version === version) return before.found;
  const found = look(array);
  known.set(array, { version, found });
  return found;
}

function checkFinite(what: string, values: Float32Array): void {
  const place = once(values, firstNotFinite);
  if (place < 0) return;
  throw new ProxbitError(
    "data",
    `number ${place} of the ${what} is ${values[place]}`,
    "Leave out or replace what is missing, and say changed(split) after that.",
  );
}

function checkWeights({ count, sampleWeights }: Split): void {
  if (sampleWeights === undefined) return;
  if (!isArrayOf(sampleWeights, "Float32Array") || sampleWeights.length !== count) {
    throw new ProxbitError("data", `${count} examples have ${describe(sampleWeights?.length)} sample weights`, REMEDY);
  }
  checkFinite("sample weights", sampleWeights);
}

function checkLabels({ count, labels }: Split, node: string, output: readonly number[]): void {
  if (labels.length !== count) {
    throw new ProxbitError(
      "data",
      "the loss compares the output with classes, and the examples have no labels",
      "Give split() the class numbers, or choose a loss that reads targets.",
    );
  }
  if (output.length !== 1) {
    throw new ProxbitError(
      "shape",
      `the network's output "${node}" has shape [${output.join(", ")}], not [classes]`,
      "End the network with flatten and a dense layer of one unit a class.",
    );
  }
  const classes = output[0] as number;
  const worst = once(labels, (all) => {
    let most = 0;
    for (const label of all) if (label > most) most = label;
    return most;
  });
  if (worst >= classes) {
    throw new ProxbitError(
      "data",
      `a label is ${worst}, but the network has ${classes} outputs, for labels 0 to ${classes - 1}`,
      `Give the last layer at least ${worst + 1} units.`,
    );
  }
}

function checkTargets({ count, targets }: Split, elements: number): void {
  if (targets === undefined) {
    throw new ProxbitError(
      "data",
      "the loss compares the output with targets, and the examples have none",
      "Give split() the option targets, or choose a loss that reads class numbers.",
    );
  }
  if (!isArrayOf(targets, "Float32Array") || targets.length !== count * elements) {
    throw new ProxbitError(
      "shape",
      `the network's output has ${elements} numbers, and ${count} examples have ${describe(targets.length)} targets`,
      `Give ${elements} targets for each example, or the last layer as many units as there are targets.`,
    );
  }
  checkFinite("targets", targets);
}

/** That targets are distributions over the outputs. A smaller or larger sum would scale the loss, and a negative one has none. */
function checkShares({ targets }: Split, size: number): void {
  const known = seenShares.get(size) ?? new WeakMap();
  seenShares.set(size, known);
  const example = once(targets as Float32Array, (all) => firstWithoutShares(all, size), known);
  if (example < 0) return;
  const own = Array.from((targets as Float32Array).subarray(example * size, (example + 1) * size));
  throw new ProxbitError(
    "data",
    `losses.crossEntropy reads targets as shares of 1, and those of example ${example} are ${describe(own)}`,
    "Give numbers from 0 with the sum 1, or take losses.distillation() for logits, losses.binaryCrossEntropy() for several labels.",
  );
}
