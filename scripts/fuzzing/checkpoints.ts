/** Checkpoints as they are fuzzed: their bytes, and what they say under a digest that is right. */
import { isDeepStrictEqual } from "node:util";
import { split } from "../../ts/data/split.ts";
import {
  type CheckpointContent,
  decodeCheckpoint,
  encodeCheckpoint,
  type FileParts,
} from "../../ts/io/checkpoint-file.ts";
import type { CheckpointStore } from "../../ts/io/checkpoint-store.ts";
import { layers, sequential } from "../../ts/nn/index.ts";
import { Trainer } from "../../ts/train/run/trainer.ts";
import { jsonMutant, mutantOf } from "./mutate.ts";
import type { Target } from "./target.ts";

const text = new TextEncoder();

const checkpoints = await Promise.all(
  [3, 5].map(async (size) => {
    const tensor = { name: "weights", shape: [size], bytes: new Uint8Array(4 * size).fill(size) };
    const parts = await encodeCheckpoint({ epoch: 1, updates: [1, 2, size], facts: { name: "run" } }, [tensor]);
    return Uint8Array.from(parts.flatMap((part) => [...part]));
  }),
);
const contents = await Promise.all(checkpoints.map(decodeCheckpoint));

/** Its digest lets nothing through but what was written. */
export const checkpoint: Target = {
  name: "checkpoint",
  draw: (random) => mutantOf(checkpoints, random),
  read: async (bytes) => {
    const found = await decodeCheckpoint(bytes);
    return contents.some((one) => isDeepStrictEqual(one, found)) ? null : "its content is another";
  },
};

const trained = sequential({ inputShape: [4] }, [
  layers.binaryDense({ units: 4, activationQuantizer: null }),
  layers.batchNorm(),
  layers.dense({ units: 2 }),
]);
const numbers = split(new Float32Array(64).fill(0.5), new Uint8Array(16), [4], { classes: 2 });
const examples = { name: "numbers", classes: ["a", "b"], train: numbers, test: numbers };

/** A run that was left behind its first epoch, as a checkpoint. */
async function leftRun(): Promise<CheckpointContent> {
  let last: FileParts = [];
  const to: CheckpointStore = {
    ...{ name: "memory", read: async () => null, lock: async () => async () => {} },
    write: async (parts) => {
      last = parts;
    },
  };
  const trainer = await Trainer.create(trained, { workers: 1, variant: "plain" });
  const options = { epochs: 2, batchSize: 8, average: "ema", keep: "best", onDivergence: "rollback" } as const;
  for await (const { type } of trainer.fit(examples, { ...options, checkpoint: to })) if (type === "epoch") break;
  trainer.close();
  return decodeCheckpoint(Uint8Array.from(Buffer.concat([...last])));
}

const left = await leftRun();

/** Checkpoints that say something else under a digest that is right: they get as far as a mutant can. */
export const checkpointContent: Target = {
  name: "checkpoint content",
  // A thread starts for each of them.
  oneIn: 10,
  draw: (random) => {
    const dropped = random.below(8) === 0 ? random.below(left.tensors.length) : null;
    const state = dropped === null ? jsonMutant(left.state, random) : left.state;
    return text.encode(JSON.stringify({ state, dropped }));
  },
  read: async (bytes) => {
    const { state, dropped } = JSON.parse(new TextDecoder().decode(bytes));
    const tensors = left.tensors.filter((_, at) => at !== dropped);
    const file = Uint8Array.from(Buffer.concat([...(await encodeCheckpoint(state, tensors))]));
    const trainer = await Trainer.resume(file, { workers: 1, variant: "plain" });
    try {
      for await (const _ of trainer.continueFit(examples)) break;
      return (await trainer.pack()).length > 0 ? null : "it makes no file";
    } finally {
      trainer.close();
    }
  },
};
