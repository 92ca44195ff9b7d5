/** The problems that QP-SBGD is tried on, and the networks that it trains: dense layers that read signs. */
import type { Dataset, Split } from "../../ts/data/dataset.ts";
import { dataset, split, take } from "../../ts/data/index.ts";
import { type Graph, type Layer, layers, sequential } from "../../ts/nn/index.ts";
import { randomStream } from "../../ts/nn/random.ts";

export interface Problem {
  readonly name: string;
  readonly data: Dataset<Split>;
  /** The outputs of the layers of signs, in their order. */
  readonly units: readonly number[];
}

/** Features of Adult's a1a, and those that are there in an example. */
const FEATURES = 123;
const PRESENT = 14;
const WRONG = 0.05;

/** Examples of the kind of a1a: 123 features of which 14 are there, two classes by a hidden rule, some of them wrong. */
export function adultLike(seed: number, count: number): Split {
  const random = randomStream(seed, "adult");
  const hidden = randomStream(1, "rule");
  const rule = Float64Array.from({ length: FEATURES }, () => hidden.uniform() - 0.5);
  const [images, labels] = [new Uint8Array(count * FEATURES), new Uint8Array(count)];
  for (let row = 0; row < count; row++) {
    let sum = 0;
    for (let i = 0; i < PRESENT; i++) {
      const feature = Math.floor(random.uniform() * FEATURES);
      if (images[row * FEATURES + feature] === 0) sum += rule[feature] as number;
      images[row * FEATURES + feature] = 1;
    }
    labels[row] = Number(sum > 0 !== random.uniform() < WRONG);
  }
  return split(images, labels, [FEATURES], { scale: 2, offset: -1, classes: 2 });
}

/** As many training examples as a1a has. */
export const adult = (train = 1605, test = 2000): Dataset<Split> => ({
  ...{ name: "a1a-like", classes: ["below", "above"] },
  ...{ train: adultLike(2, train), test: adultLike(3, test) },
});

/** The two problems; a quick look takes few examples of the first. */
export async function problemsOf(quick: boolean): Promise<readonly Problem[]> {
  if (quick) return [{ name: "a1a-like", data: adult(128, 64), units: [4] }];
  const digits = await dataset("mnist");
  const data = { ...digits, train: take(digits.train, 6000), test: take(digits.test, 2000) };
  return [
    { name: "a1a-like", data: adult(), units: [16] },
    { name: "MNIST", data, units: [64, 32] },
  ];
}

const signs = { weightQuantizer: "bnn", activationQuantizer: "bnn" } as const;

/** The names of its layers of signs. */
export const signLayers = ({ units }: Problem): readonly string[] => units.map((_, i) => `signs${i + 1}`);

export function networkFor(problem: Problem): Graph {
  const { data, units } = problem;
  const names = signLayers(problem);
  const middle = units.flatMap((count, i): readonly Layer[] => [
    layers.binaryDense({ units: count, ...signs, name: names[i] as string }),
    layers.batchNorm(),
  ]);
  const inputShape = data.train.shape as readonly [number, ...number[]];
  const flat = inputShape.length === 1 ? [] : [layers.flatten()];
  return sequential({ inputShape }, [...flat, ...middle, layers.dense({ units: data.classes.length })]);
}
