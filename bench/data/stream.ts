/** Training on more data than memory holds: the memory in use while a stream of 10 GB goes through. */
import { type Split, split, stream } from "../../ts/data/index.ts";
import { layers, sequential } from "../../ts/nn/index.ts";
import { bytes } from "../../ts/show/table.ts";
import { optimizers } from "../../ts/train/optimizers/optimizers.ts";
import { Trainer } from "../../ts/train/run/trainer.ts";
import type { Benchmark } from "../frame/benchmark.ts";

const SHAPE = [32, 32, 3] as const;
const IMAGE = 32 * 32 * 3;
const BATCH = 256;
const PARTS = 10;

/** Images of noise, each made of its number: the class is in the first bytes. */
function synthetic(): (indices: Uint32Array) => Split {
  const noise = new Uint8Array(1 << 20);
  for (let i = 0, state = 1; i < noise.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    noise[i] = state >>> 24;
  }
  return (indices) => {
    const images = new Uint8Array(indices.length * IMAGE);
    indices.forEach((index, place) => {
      const from = (index * 4099) % (noise.length - IMAGE);
      images.set(noise.subarray(from, from + IMAGE), place * IMAGE);
      images.fill(25 * (index % 10), place * IMAGE, place * IMAGE + 96);
    });
    return split(
      images,
      indices.map((index) => index % 10),
      SHAPE,
    );
  };
}

export const streamed: Benchmark = {
  title: "A stream of 10 GB",
  about:
    "One epoch over 10 GB of synthetic images of 32 x 32 x 3, shuffled, through a layer of ten units. The memory of the process and that of the trainer are read ten times on the way. --quick takes 0.3 GB.",
  async *run({ quick, expect, tick, atEnd }) {
    const count = Math.floor((quick ? 3e8 : 1e10) / IMAGE / (PARTS * BATCH)) * PARTS * BATCH;
    const train = stream({ count, read: synthetic() }, { shape: SHAPE });
    const graph = sequential({ inputShape: SHAPE }, [layers.flatten(), layers.dense({ units: 10 })]);
    const trainer = await Trainer.create(graph, { optimizer: optimizers.adam(), workers: 2, seed: 1 });
    atEnd(trainer.close);
    expect(PARTS);
    const data = { name: "synthetic", classes: [], train, test: train };
    const rows: string[][] = [];
    const began = performance.now();
    for await (const event of trainer.fit(data, { epochs: 1, batchSize: BATCH, validate: false })) {
      if (event.type !== "step" || event.step % (event.steps / PARTS) !== 0) continue;
      const done = event.step * BATCH;
      rows.push([
        bytes(done * IMAGE),
        bytes(process.memoryUsage().rss),
        bytes(trainer.memoryBytes()),
        (done / ((performance.now() - began) / 1000)).toFixed(0),
        event.loss.toFixed(4),
      ]);
      tick();
    }
    const columns = ["read", "memory of the process", "of the trainer", "images a second", "loss"];
    yield { type: "table", title: `${count} images, ${bytes(count * IMAGE)}`, columns, rows };
  },
};
