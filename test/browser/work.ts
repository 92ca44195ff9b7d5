/**
 * The work that Node and pages do alike: train small networks on made-up images, pack them, run the files. It uses the
 * library as its users do, and no test runner.
 */

import {
  type Dataset,
  functional,
  type Graph,
  type ImageSplit,
  input,
  layers,
  type Optimizer,
  optimizers,
  schedules,
  sequential,
  Trainer,
} from "../../ts/index.ts";
import { isProxbitError, load, loadParallel } from "../../ts/inference/index.ts";

const SIDE = 12;
const CLASSES = 4;

/** Images with a bright bar in noise: whole numbers out of a seed. The bar's place and direction is the class. */
function images(count: number, seed: number): ImageSplit {
  let state = seed;
  const below = (bound: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % bound;
  };
  const bytes = new Uint8Array(count * SIDE * SIDE);
  const labels = new Uint8Array(count);
  for (let image = 0; image < count; image++) {
    const label = below(CLASSES);
    const place = (label & 1) * 6 + below(5);
    labels[image] = label;
    for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
      const axis = label < 2 ? Math.floor(pixel / SIDE) : pixel % SIDE;
      bytes[image * SIDE * SIDE + pixel] = below(110) + (axis === place ? 100 : 0);
    }
  }
  return { count, images: bytes, labels, shape: [SIDE, SIDE, 1], scale: 1 / 127.5, offset: -1 };
}

const data: Dataset<ImageSplit> = {
  name: "bars",
  classes: ["0", "1", "2", "3"],
  train: images(512, 1),
  test: images(128, 2),
};

interface Network {
  readonly graph: () => Graph;
  readonly optimizer: Optimizer;
}

/** Two networks that between them take every kind of layer, of product and of schedule. */
const networks = {
  chain: {
    graph: () =>
      sequential({ inputShape: [SIDE, SIDE, 1] }, [
        layers.conv2d({ filters: 20, kernelSize: 3 }),
        layers.batchNorm(),
        layers.binaryConv2d({ filters: 33, kernelSize: 3 }),
        layers.maxPool2d(),
        layers.batchNorm(),
        layers.binaryConv2d({ filters: 17, kernelSize: 3, strides: 2, padValue: "one", weightQuantizer: "bnn" }),
        layers.batchNorm(),
        layers.flatten(),
        layers.binaryDense({ units: 40 }),
        layers.batchNorm(),
        layers.dense({ units: CLASSES }),
      ]),
    optimizer: optimizers.adam({ learningRate: schedules.cosine(4e-3, 1e-5, 0.1) }),
  },
  residual: {
    graph: () => {
      const start = input({ shape: [SIDE, SIDE, 1] });
      const stem = layers.hardTanh().apply(layers.conv2d({ filters: 16, kernelSize: 3, strides: 2 }).apply(start));
      const options = { filters: 16, kernelSize: 3, weightQuantizer: "ede+", activationQuantizer: "ede" };
      const branch = layers.batchNorm().apply(layers.binaryConv2d(options).apply(stem));
      const sum = layers.relu().apply(layers.add().apply([branch, stem]));
      const flat = layers.flatten().apply(layers.maxPool2d({ padding: "same" }).apply(sum));
      return functional({ inputs: start, outputs: layers.dense({ units: CLASSES }).apply(flat) });
    },
    optimizer: optimizers.sgd({ learningRate: schedules.logLinear(0.05, 0.001), momentum: 0.9, weightDecay: 1e-4 }),
  },
} satisfies Record<string, Network>;

export type NetworkName = keyof typeof networks;
export const networkNames = Object.keys(networks) as NetworkName[];

const EPOCHS = 8;
const BATCH = 30; // no whole number of lanes, so the last one is short

export interface Trained {
  readonly workers: number;
  readonly variant: string;
  readonly losses: readonly number[];
  readonly accuracy: number;
  readonly packed: readonly number[];
}

/** Trains and packs a network. Plain numbers come back, because they have to leave the page. */
export async function train(name: NetworkName, workers: number): Promise<Trained> {
  const { graph, optimizer } = networks[name];
  const trainer = await Trainer.create(graph(), { optimizer, workers, seed: 7 });
  try {
    const losses: number[] = [];
    let accuracy = 0;
    for await (const event of trainer.fit(data, { epochs: EPOCHS, batchSize: BATCH })) {
      if (event.type === "step") losses.push(event.loss);
      else accuracy = event.validation?.accuracy ?? 0;
    }
    return {
      workers: trainer.workers,
      variant: trainer.variant,
      losses,
      accuracy,
      packed: [...(await trainer.pack())],
    };
  } finally {
    trainer.close();
  }
}

/** The logits of the test images by a packed network, by each kernel of the +-1 by +-1 product. */
export async function infer(packed: readonly number[]): Promise<Record<string, number[]>> {
  const logits: Record<string, number[]> = {};
  for (const kernel of ["lookup", "popcnt8", "popcnt64"] as const) {
    const session = await load(Uint8Array.from(packed), { kernel, batch: 5 });
    logits[kernel] = [...session.run(data.test.images, { count: data.test.count })];
  }
  return logits;
}

/**
 * The logits of the test images by two workers, which share every image or take images of their own. Where they cannot,
 * the code of the error.
 */
export async function inferParallel(packed: readonly number[]): Promise<number[][] | string> {
  const logits: number[][] = [];
  for (const batch of [1, 6]) {
    try {
      const session = await loadParallel(Uint8Array.from(packed), { workers: 2, batch });
      logits.push([...(await session.run(data.test.images, { count: data.test.count }))]);
      session.close();
    } catch (error) {
      if (isProxbitError(error)) return error.code;
      throw error;
    }
  }
  return logits;
}

/** Trains by `workers` workers for `milliseconds`. */
export async function trainFor(workers: number, milliseconds: number): Promise<void> {
  const { graph, optimizer } = networks.chain;
  const trainer = await Trainer.create(graph(), { optimizer, workers, seed: 7 });
  try {
    const signal = AbortSignal.timeout(milliseconds);
    for await (const _ of trainer.fit(data, { epochs: 1000, batchSize: 64, signal }));
    throw new Error("the run ended before the time was up");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "aborted")) throw error;
  } finally {
    trainer.close();
  }
}
