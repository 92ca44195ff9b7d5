import { describe, expect, test } from "vitest";
import type { Dataset, Examples, Split } from "../ts/data/index.ts";
import { split, stream, take } from "../ts/data/index.ts";
import { picked } from "../ts/data/subset.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { randomStream } from "../ts/nn/random.ts";
import { losses } from "../ts/train/losses/index.ts";
import type { FitOptions } from "../ts/train/run/fit.ts";
import { Trainer, type TrainerOptions } from "../ts/train/run/trainer.ts";
import { rejected, thrown } from "./io-helpers.ts";

const shape = [3, 2, 1] as const;
const graph = sequential({ inputShape: [...shape] }, [
  layers.flatten(),
  layers.dense({ units: 5, weightQuantizer: "bnn" }),
  layers.batchNorm(),
  layers.dense({ units: 3 }),
]);

function examples(count: number, seed: number): Split {
  const random = randomStream(seed, "stream test");
  const images = Uint8Array.from({ length: 6 * count }, () => random.below(256));
  return split(
    images,
    Array.from({ length: count }, (_, i) => (images[6 * i] as number) % 3),
    [...shape],
  );
}

/** More than two windows of 64 batches of two. */
const whole = examples(300, 1);
const options: FitOptions = { epochs: 2, batchSize: 2 };

const named = <E extends Examples>(train: E): Dataset<E | Split> => ({
  name: "random",
  classes: ["0", "1", "2"],
  train,
  test: examples(20, 2),
});

/** The traces of a run: its losses, its weights, its file. */
async function trained(data: Dataset<Examples>, made: TrainerOptions = {}, fit = options) {
  const trainer = await Trainer.create(graph, { seed: 5, workers: 2, ...made });
  try {
    const losses: number[] = [];
    for await (const event of trainer.fit(data, fit)) losses.push(event.loss);
    return { losses, weights: await trainer.weights(), file: await trainer.pack() };
  } finally {
    trainer.close();
  }
}

const byNumber = (read: (indices: Uint32Array) => object = (indices) => picked(whole, indices)) =>
  stream({ count: whole.count, read: (indices) => read(indices) as Split }, { shape });

async function* oneByOne(from: Split = whole): AsyncGenerator<Split> {
  for (let i = 0; i < from.count; i++) yield picked(from, [i]);
}

describe("a stream that reads by number", () => {
  test.each(["relaxed-shared", "plain"] as const)("trains to the bits of the split, on %s", async (variant) => {
    expect(await trained(named(byNumber()), { variant })).toEqual(await trained(named(whole), { variant }));
  });

  test("trains with views of its images to the bits of the split", async () => {
    const augmented = { ...options, epochs: 1, augment: { mirror: true, shift: 1 } };
    expect(await trained(named(byNumber()), {}, augmented)).toEqual(await trained(named(whole), {}, augmented));
  });

  test("is asked for each example of an epoch once, one request after the other, ahead of the steps", async () => {
    const asked: number[] = [];
    let [open, most] = [0, 0];
    const source = byNumber(async (indices: Uint32Array) => {
      most = Math.max(most, ++open);
      asked.push(...indices);
      await new Promise((resolve) => setTimeout(resolve, 1));
      open--;
      return picked(whole, indices);
    });
    const trainer = await Trainer.create(graph, { workers: 1 });
    for await (const event of trainer.fit(named(source), { epochs: 1, batchSize: 2, validate: false })) {
      if (event.type !== "step") continue;
      if (event.step === 1) expect(asked.length).toBe(256);
      if (event.step === 150) break;
    }
    trainer.close();
    expect(most).toBe(1);
    expect(asked.slice(0, 300).sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });

  test("is evaluated to the numbers of the split, the last batch too", async () => {
    const trainer = await Trainer.create(graph, { workers: 2 });
    expect(await trainer.evaluate(byNumber(), { batchSize: 7 })).toEqual(await trainer.evaluate(whole));
    await trainer.estimateStatistics(byNumber(), { batchSize: 10 });
    const estimated = await trainer.weights();
    await trainer.estimateStatistics(whole, { batchSize: 10 });
    expect(estimated).toEqual(await trainer.weights());
    trainer.close();
  });

  test("is measured to the metrics of the split, in pieces that no batch fits, by number or one after the other", async () => {
    const trainer = await Trainer.create(graph, { workers: 1, seed: 5 });
    const metrics = ["accuracy", "top2", "precision", "recall", "f1"] as const;
    const { metrics: wanted } = await trainer.evaluate(whole, { metrics });
    // Iterables give seven at a time.
    const sevens = function* () {
      for (let at = 0; at < 300; at += 7) {
        yield picked(
          whole,
          Array.from({ length: Math.min(7, 300 - at) }, (_, i) => at + i),
        );
      }
    };
    for (const examples of [byNumber(), stream(sevens, { shape, count: 300 })]) {
      const found = await trainer.evaluate(examples, { metrics, batchSize: 11 });
      expect(found.metrics).toEqual(wanted);
    }
    const data = { ...named(whole), test: byNumber() };
    const history = await trainer.fit(data, { epochs: 1, batchSize: 30, metrics });
    expect(history.epochs[0]?.validation?.metrics).toEqual((await trainer.evaluate(whole, { metrics })).metrics);
    trainer.close();
  });

  test("is measured against its targets, and refused where it has none", async () => {
    const two = sequential({ inputShape: [...shape] }, [layers.flatten(), layers.dense({ units: 2 })]);
    const trainer = await Trainer.create(two, { workers: 1, seed: 5, objective: [losses.meanSquaredError()] });
    const targets = Float32Array.from({ length: 600 }, (_, i) => Math.fround(Math.sin(i)));
    const aimed = split(whole.images, null, [...shape], { targets });
    const source = stream({ count: 300, read: (indices) => picked(aimed, indices) }, { shape });
    const options = { metrics: ["meanSquaredError", "meanAbsoluteError", "f1"] as const, batchSize: 7 };
    expect(await trainer.evaluate(source, options)).toEqual(await trainer.evaluate(aimed, options));
    const top = trainer.evaluate(source, { metrics: ["top2"] });
    await expect(top).rejects.toMatchObject({ code: "data", message: expect.stringContaining("top2") });
    trainer.close();
  });

  test("takes memory that does not grow with the number of examples, nor from run to run", async () => {
    const trainer = await Trainer.create(graph, { workers: 1 });
    const bytesAfter = async (count: number): Promise<number> => {
      const many = stream(
        {
          count,
          read: (indices) =>
            picked(
              whole,
              indices.map((i) => i % 300),
            ),
        },
        { shape },
      );
      for await (const _ of trainer.fit(named(many), { epochs: 1, batchSize: 20, validate: false }));
      return trainer.memoryBytes();
    };
    const bytes = await bytesAfter(4000);
    expect(await bytesAfter(8000)).toBe(bytes);
    trainer.close();
  });

  test("stops a run with the source's own error, and the trainer goes on with other data", async () => {
    const trainer = await Trainer.create(graph, { workers: 1 });
    const broken = byNumber((indices) => {
      if (indices.includes(299)) throw new Error("the disk is gone");
      return picked(whole, indices);
    });
    const run = async (data: Dataset<Examples>): Promise<void> => {
      for await (const _ of trainer.fit(data, options));
    };
    await expect(run(named(broken))).rejects.toThrow("the disk is gone");
    await run(named(whole));
    trainer.close();
  });

  test("stops waiting for its source when it is aborted", async () => {
    const trainer = await Trainer.create(graph, { workers: 1 });
    const stop = new AbortController();
    const endless = byNumber(() => {
      setTimeout(() => stop.abort(), 1);
      return new Promise(() => {});
    });
    const run = trainer.fit(named(endless), { ...options, signal: stop.signal }).next();
    await expect(run).rejects.toMatchObject({ code: "aborted" });
    trainer.close();
  });

  const few = { shape: [...shape] };
  test.each([
    ["too few examples", "data", () => picked(whole, [0]), "1 examples for"],
    ["no numbers", "argument", () => ({ images: "bytes", labels: [0] }), "typed array"],
    ["a number that is none", "data", () => ({ images: [[Number.NaN]], labels: [0] }), "number 0 of the images is NaN"],
    [
      "a label past the outputs",
      "data",
      (i: Uint32Array) => ({ ...picked(whole, i), labels: i.map(() => 3) }),
      "3 outputs",
    ],
    ["no labels", "data", (i: Uint32Array) => ({ ...few, images: picked(whole, i).images, targets: i }), "no labels"],
    ["a word too many", "data", (i: Uint32Array) => ({ ...picked(whole, i), pixels: i }), "pixels"],
    ["nothing", "data", () => undefined, "undefined"],
  ] as const)("that gives %s is refused", async (_, code, read, message) => {
    await expect(trained(named(byNumber(read as () => object)))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });
});

describe("a stream of an iterable", () => {
  const ordered = (buffer: number, count = 300) => stream(() => oneByOne(), { shape, count, buffer });

  test("keeps its own order with a buffer of one, and is cut into batches of any size", async () => {
    const pass = ordered(1).pass({ seed: 1, epoch: 0 });
    const parts = [await pass.next(7), await pass.next(100), await pass.next(1000)];
    expect(parts.map(({ count }) => count)).toEqual([7, 100, 193]);
    expect(parts.flatMap(({ images }) => [...images])).toEqual([...whole.images]);
  });

  test("draws each example from the next so many, the same ones for a seed and an epoch", async () => {
    const drawn = async (epoch: number, sizes: readonly number[], from = 0): Promise<number[]> => {
      const numbered = split(
        Uint16Array.from({ length: 300 }, (_, i) => i),
        new Uint8Array(300),
        [1],
      );
      const source = stream(() => oneByOne(numbered), { shape: [1], count: 300, buffer: 20 });
      const pass = source.pass({ seed: 1, epoch }, from);
      const parts: number[] = [];
      for (const size of sizes) parts.push(...(await pass.next(size)).images);
      return parts;
    };
    const first = await drawn(0, [300]);
    expect(first.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(first).not.toEqual(first.toSorted((a, b) => a - b));
    first.forEach((number, place) => {
      expect(number).toBeLessThan(place + 20);
    });
    expect(await drawn(0, [1, 99, 200])).toEqual(first);
    expect(await drawn(0, [200], 100)).toEqual(first.slice(100));
    expect(await drawn(1, [300])).not.toEqual(first);
  });

  test.each(["one after the other", "by number"])(
    "keeps what a source gave that fills its memory anew, %s",
    async (way) => {
      const memory = { images: new Uint16Array(2), targets: new Float32Array(2) };
      const fill = (indices: ArrayLike<number>) => {
        for (const array of Object.values(memory)) array.set(indices);
        const [images, targets] = [
          memory.images.subarray(0, indices.length),
          memory.targets.subarray(0, indices.length),
        ];
        return { images, targets, sampleWeights: targets };
      };
      function* ordered() {
        for (let i = 0; i < 6; i += 2) yield fill([i, i + 1]);
      }
      const source =
        way === "by number"
          ? stream({ count: 6, read: fill }, { shape: [1] })
          : stream(ordered, { shape: [1], count: 6, buffer: 1 });
      for (const sizes of [[6], [3, 3], [2, 2, 2], [1, 5]]) {
        const pass = source.pass(null);
        const parts: Split[] = [];
        if (way === "by number") for (let i = 0; i < 3; i++) parts.push(await pass.next(2));
        else for (const size of sizes) parts.push(await pass.next(size));
        for (const key of ["images", "targets", "sampleWeights"] as const) {
          expect(parts.flatMap((part) => [...(part[key] ?? [])])).toEqual([0, 1, 2, 3, 4, 5]);
        }
      }
    },
  );

  test("takes pieces whose sample weights are all 0", async () => {
    const weights = [0, 0, 0, 1];
    function* ordered() {
      for (const weight of weights) yield { images: [1], labels: [0], sampleWeights: [weight] };
    }
    const one = stream(ordered, { shape: [1], count: 4 });
    const other = stream(
      {
        count: 4,
        read: (i) => ({
          images: i.slice(),
          labels: i.map(() => 0),
          sampleWeights: Array.from(i, (at) => weights[at] ?? 0),
        }),
      },
      { shape: [1] },
    );
    for (const source of [one, other])
      expect([...((await source.pass(null).next(3)).sampleWeights ?? [])]).toEqual([0, 0, 0]);
  });

  test("trains alike with any number of workers, and lets go of the source", async () => {
    let ended = 0;
    async function* counted(): AsyncGenerator<Split> {
      try {
        yield* oneByOne();
      } finally {
        ended++;
      }
    }
    const data = named(stream(counted, { shape, count: 280, buffer: 50 }));
    const one = await trained(data, { workers: 1 });
    expect(await trained(data, { workers: 2 })).toEqual(one);
    // Each run trains twice, and estimates statistics twice.
    expect(ended).toBe(8);
  });

  test.each([
    ["a promise", async () => [whole], "gave a promise, which is no iterable"],
    ["nothing", () => undefined, "gave undefined, which is no iterable"],
    ["examples by themselves", () => whole, "which is no iterable"],
  ])("is refused for %s", async (_, source, message) => {
    const given = stream(source as never, { shape, count: 300 });
    const { message: told } = await rejected("data", (async () => given.pass(null).next(1))());
    expect(told).toContain(message);
  });

  test("cannot be cut", () => {
    expect(thrown("argument", () => take(ordered(1) as never, 3)).message).toBe("a stream cannot be cut");
  });

  test("that ends early is refused", async () => {
    await expect(trained(named(ordered(10, 301)))).rejects.toMatchObject({
      code: "data",
      message: expect.stringContaining("ended after 300 examples"),
    });
  });
});

test.each([
  ["no source", undefined, { shape }],
  ["a source without read", { count: 3 }, { shape }],
  ["no count", { read: () => whole }, { shape }],
  ["an iterable without its count", () => oneByOne(), { shape }],
  ["a buffer of none", () => oneByOne(), { shape, count: 3, buffer: 0 }],
  ["an unknown option", { count: 3, read: () => whole }, { shape, shuffle: true }],
  ["no shape", { count: 3, read: () => whole }, {}],
  ["a source by number with a count beside its own", { count: 3, read: () => whole }, { shape, count: 2 }],
  ["a source by number with a buffer", { count: 3, read: () => whole }, { shape, buffer: 2 }],
])("%s makes no stream", (_, source, given) => {
  expect(() => stream(source as never, given as never)).toThrow(expect.objectContaining({ code: "argument" }));
});
