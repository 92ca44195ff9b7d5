/**
 * A data set in a file npz, as numpy.savez writes it: arrays by name.
 *
 * Images or vectors stand under `x_train` and `x_test` (as in Keras), or `train_images` and `test_images` (as in MedMNIST);
 * their truth under `y_train` and `y_test`, or `train_labels` and `test_labels`. `x` and `y` alone (or `data` and `target`,
 * as in scikit-learn) are divided as a folder of images is. `classes` may hold the names of the classes.
 */
import { isArrayOf } from "../../base/arrays.ts";
import { integerIn, numberIn, plainObject, reject, type Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { requireNode } from "../../io/node.ts";
import { readFault, readWholeFile } from "../../io/read.ts";
import { randomStream } from "../../nn/random.ts";
import type { Dataset, Split } from "../dataset.ts";
import { split } from "../split.ts";
import { picked } from "../subset.ts";
import { type Npy, parseNpy } from "./npy.ts";
import { unzip } from "./zip.ts";

export interface NpzOptions {
  /** The share of the examples that is kept for testing where the file has no part for it, 0.01 to 0.99; 0.2 where absent. */
  readonly test?: number | undefined;
  /** The seed of that choice, a whole number from 0; 0 where absent. */
  readonly seed?: number | undefined;
}

const SUBJECT: Subject = { code: "argument", what: "npz" };
const MOST_BYTES = 2 ** 31;
/** Classes without names, where there are fewer examples: a label beyond is a number, and would make a name of each below it. */
const MOST_NUMBERED = 65_536;

const NAMES = {
  trainInputs: ["x_train", "X_train", "train_images"],
  trainTruth: ["y_train", "train_labels"],
  testInputs: ["x_test", "X_test", "test_images"],
  testTruth: ["y_test", "test_labels"],
  inputs: ["x", "X", "images", "data"],
  truth: ["y", "labels", "target"],
  classes: ["classes", "class_names", "target_names"],
} as const;

/**
 * Reads a file npz (Node), or its bytes.
 *
 * Truth of whole numbers, one an example, is classes. Other truth is what the network should answer.
 *
 * @throws ProxbitError "data" for a file that is missing, damaged or short, or lacks an array.
 */
export async function npz(source: string | Uint8Array, options: NpzOptions = {}): Promise<Dataset<Split>> {
  const given: NpzOptions = plainObject(options, ["test", "seed"], SUBJECT);
  integerIn(given.seed ?? 0, 0, Number.MAX_SAFE_INTEGER, "seed", SUBJECT);
  numberIn(given.test ?? 0.2, 0.01, 0.99, "test", SUBJECT);
  const isFile = (typeof source === "string" && source !== "") || isArrayOf(source, "Uint8Array");
  if (!isFile) reject(SUBJECT, "the file", "a path, or bytes", source);
  const what = typeof source === "string" ? source : "the file";
  const archive = await unzip(typeof source === "string" ? await read(source) : source, MOST_BYTES, what);
  const find = (names: readonly string[]): Npy | undefined => {
    const name = names.find((one) => archive.has(`${one}.npy`));
    return name === undefined ? undefined : parseNpy(archive.get(`${name}.npy`) as Uint8Array, `${name} in ${what}`);
  };
  const need = (names: readonly string[]): Npy => {
    const found = find(names);
    if (found !== undefined) return found;
    const present = [...archive.keys()].map((name) => name.replace(/\.npy$/, "")).join(", ");
    const remedy = "Save arrays x_train, y_train, x_test and y_test, or x and y, with numpy.savez.";
    throw new ProxbitError("data", `${what} has no array ${names.join(" or ")}; it has ${present || "none"}`, remedy);
  };
  const names = find(NAMES.classes)?.values;
  const name = typeof source === "string" ? baseName(source) : "npz";
  const isParted = find(NAMES.trainInputs) !== undefined;
  const truths = isParted ? [need(NAMES.trainTruth), need(NAMES.testTruth)] : [need(NAMES.truth)];
  const classes = truths.every(isClasses) ? namesOf(names, truths, what) : [];
  const part = (inputs: Npy, truth: Npy): Split => {
    const [images, answers] = [inputs.shape[0] ?? 0, truth.shape[0] ?? 0];
    if (images === answers) return splitOf(inputs, truth, classes.length);
    const message = `${what} has ${images} inputs whose truth is of ${answers} examples`;
    throw new ProxbitError("data", message, "Save as many answers as inputs, along the first axis.");
  };
  if (isParted) {
    const train = part(need(NAMES.trainInputs), truths[0] as Npy);
    return { name, classes, train, test: part(need(NAMES.testInputs), truths[1] as Npy) };
  }
  return { name, classes, ...divided(part(need(NAMES.inputs), truths[0] as Npy), given, what) };
}

const baseName = (path: string): string => requireNode("Reading a file", "Pass its bytes.").path.basename(path, ".npz");

async function read(path: string): Promise<Uint8Array> {
  requireNode("Reading an npz file", "Fetch it, and pass its bytes.");
  return readWholeFile(path).catch((cause: unknown) => {
    const message = `${path} cannot be read: ${readFault(cause)}`;
    throw new ProxbitError("data", message, "Give the path of an npz file.", { cause });
  });
}

/** One whole number for each example. */
function isClasses({ shape, values }: Npy): boolean {
  const one = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  return one && !Array.isArray(values) && !(values instanceof Float32Array) && !(values instanceof Float64Array);
}

function namesOf(names: Npy["values"] | undefined, truths: readonly Npy[], what: string): readonly string[] {
  const labels = truths.flatMap(({ values }) => Array.from(values as ArrayLike<number | bigint>, Number));
  const count = 1 + labels.reduce((most, label) => Math.max(most, label), 0);
  if (names === undefined) {
    if (count <= Math.max(MOST_NUMBERED, labels.length)) {
      return Array.from({ length: count }, (_, index) => String(index));
    }
    const message = `${what} has ${labels.length} examples, and a label is ${count - 1}, which is no class`;
    throw new ProxbitError("data", message, "Number the classes from 0 on, or save the truth as floats.");
  }
  const given = Array.from(names as ArrayLike<unknown>, String);
  if (given.length >= count) return given;
  const message = `${what} names ${given.length} classes, and a label is ${count - 1}`;
  throw new ProxbitError("data", message, `Name ${count} classes, from class 0 on, or leave the names out.`);
}

/** Gray images lack an axis for their channel. */
function splitOf({ shape, values }: Npy, truth: Npy, classes: number): Split {
  const axes = shape.length === 3 ? [...shape.slice(1), 1] : shape.slice(1);
  const inputs = values as Exclude<Npy["values"], readonly string[]>;
  if (classes > 0) return split(inputs, truth.values as ArrayLike<number>, axes, { classes });
  return split(inputs, null, axes, { targets: truth.values as ArrayLike<number> });
}

/** Some examples for testing, the rest for training, in an order that follows from the seed alone. */
function divided(whole: Split, { test = 0.2, seed = 0 }: NpzOptions, what: string): Pick<Dataset, "train" | "test"> {
  const { below } = randomStream(seed, "npz");
  const order = Uint32Array.from({ length: whole.count }, (_, index) => index);
  for (let last = order.length - 1; last > 0; last--) {
    const other = below(last + 1);
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
  const tests = Math.max(1, Math.round(test * whole.count));
  if (tests >= whole.count) {
    throw new ProxbitError("data", `${what} has too few examples to keep some for testing`, "Give at least two.");
  }
  return { test: picked(whole, order.subarray(0, tests)), train: picked(whole, order.subarray(tests)) };
}
