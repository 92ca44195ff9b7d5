/** Views of training images, mirrored and moved at random. The number of workers does not change them. */
import { describe, expect, test } from "vitest";
import type { Dataset, Split } from "../ts/data/dataset.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { drawViews } from "../ts/train/run/augment.ts";
import type { FitOptions } from "../ts/train/run/fit.ts";
import type { Trainer } from "../ts/train/run/trainer.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";
import { binary, data, SHAPE } from "./train-networks.ts";

describe("augmentation", () => {
  /** The images of `data`, each the same when left and right change places. */
  const symmetric = (): Dataset => {
    const { images } = data.train;
    const row = SHAPE[1];
    const mirrored = images.map((byte, i) =>
      (i % row) * 2 < row ? byte : (images[i - 2 * (i % row) + row - 1] as number),
    );
    return { ...data, train: { ...data.train, images: mirrored } };
  };
  const trained = async (
    set: Dataset,
    augment: FitOptions["augment"],
    workers = 1,
  ): Promise<Map<string, Float32Array>> => {
    const trainer = await trainerOf(binary(), { workers });
    await eventsOf(trainer.fit(set, { epochs: 2, batchSize: 16, validate: false, augment }));
    return trainer.weights();
  };

  test("mirrors: nothing changes where images are symmetric, and something where they are not", async () => {
    const set = symmetric();
    expect(await trained(set, { mirror: true })).toEqual(await trained(set, undefined));
    expect(await trained(data, { mirror: true })).not.toEqual(await trained(data, undefined));
  });

  test("moves images, the same way with any number of workers and another way in every epoch", async () => {
    const moved = await trained(data, { shift: 2 });
    expect(moved).not.toEqual(await trained(data, undefined));
    expect(await trained(data, { shift: 2 }, 2)).toEqual(moved);
    const settings = { mirror: true, shift: 2 };
    expect(drawViews(settings, 50, 3, 0)).not.toEqual(drawViews(settings, 50, 3, 1));
  });

  test("draws each view equally often", () => {
    const counts = new Map<number, number>();
    for (const view of drawViews({ mirror: true, shift: 1 }, 18000, 1, 0)) {
      counts.set(view, (counts.get(view) ?? 0) + 1);
    }
    // 18 views, 1000 times each; the standard deviation of a count is 31.
    expect(counts.size).toBe(18);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(160);
  });

  test.each([
    [{ shift: 128 }, "shift"],
    [{ shift: 1.5 }, "shift"],
    [{ mirror: 1 }, "mirror"],
    [{ flip: true }, "flip"],
  ])("refuses %o", async (augment, named) => {
    const trainer = await trainerOf(binary());
    const events = trainer.fit(data, { epochs: 1, batchSize: 16, augment: augment as FitOptions["augment"] });
    await expect(eventsOf(events)).rejects.toMatchObject({ code: "argument", message: expect.stringContaining(named) });
  });
});

describe("inputs that are no images", () => {
  const vector = (): Promise<Trainer> =>
    trainerOf(sequential({ inputShape: [36] }, [layers.dense({ units: 3, name: "head" })]));
  /** The bytes of `data` as vectors. */
  const vectors = (): Dataset => {
    const flat = (split: Split): Split => ({ ...split, shape: [36] as unknown as Split["shape"] });
    return { ...data, train: flat(data.train), test: flat(data.test) };
  };
  const options = { epochs: 2, batchSize: 16 };

  test("train as the same bytes do as images behind a flatten", async () => {
    const image = sequential({ inputShape: SHAPE }, [layers.flatten(), layers.dense({ units: 3, name: "head" })]);
    const runs = [
      [await vector(), vectors()],
      [await trainerOf(image), data],
    ] as const;
    const weights = runs.map(async ([trainer, set]) => {
      await eventsOf(trainer.fit(set, options));
      return trainer.weights();
    });
    expect(await weights[0]).toEqual(await weights[1]);
  });

  test("have no views", async () => {
    const trainer = await vector();
    const events = trainer.fit(vectors(), { ...options, augment: { mirror: true } });
    await expect(eventsOf(events)).rejects.toMatchObject({
      code: "argument",
      message: expect.stringMatching(/augment .*\[36\]/),
      remedy: expect.stringContaining("augment"),
    });
  });

  test("are not mistaken for images", async () => {
    const trainer = await vector();
    const events = trainer.fit(data, options);
    await expect(eventsOf(events)).rejects.toMatchObject({ code: "shape", message: expect.stringContaining("[36]") });
  });
});
