import { describe, expect, test } from "vitest";
import { augmented, type Split, split, stream, type Variations } from "../ts/data/index.ts";
import { picked } from "../ts/data/subset.ts";
import { rotated, shifted, squareOut, turned, withContrast } from "../ts/data/variations.ts";
import { randomStream } from "../ts/nn/random.ts";
import { thrown } from "./io-helpers.ts";

const list = (values: ArrayLike<number>): readonly number[] => Array.from(values);

describe("one image's variation", () => {
  const image = () => Float64Array.of(1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60);
  const shape = [2, 3, 2] as const;

  test("mirrors left to right, channels together", () => {
    expect(list(turned(image(), shape))).toEqual([3, 30, 2, 20, 1, 10, 6, 60, 5, 50, 4, 40]);
  });

  test("moves, with zeros from outside", () => {
    expect(list(shifted(image(), shape, 1, -1))).toEqual([0, 0, 0, 0, 0, 0, 2, 20, 3, 30, 0, 0]);
  });

  test("turns by a quarter exactly, clockwise, and by 0 not at all", () => {
    const square = Float64Array.of(1, 2, 3, 4);
    expect(list(rotated(square, [2, 2, 1], 90))).toEqual([3, 1, 4, 2]);
    expect(list(rotated(square, [2, 2, 1], -90))).toEqual([2, 4, 1, 3]);
    expect(list(rotated(square, [2, 2, 1], 180))).toEqual([4, 3, 2, 1]);
    expect(list(rotated(square, [2, 2, 1], 0))).toEqual([1, 2, 3, 4]);
  });

  test("takes means of four pixels between them", () => {
    const turnedBy45 = rotated(Float64Array.of(0, 0, 0, 0, 8, 0, 0, 0, 0), [3, 3, 1], 45);
    expect(turnedBy45[4]).toBe(8);
    expect(turnedBy45.reduce((sum, x) => sum + x, 0)).toBeGreaterThan(8);
  });

  test("changes contrast about each channel's mean", () => {
    const pixels = Float64Array.of(1, 10, 3, 30);
    withContrast(pixels, [1, 2, 2], 0.5);
    expect(list(pixels)).toEqual([1.5, 15, 2.5, 25]);
  });

  test("sets a square to 0, cut at the border", () => {
    const pixels = new Float64Array(16).fill(1);
    squareOut(pixels, [4, 4, 1], 3, 0, 3);
    expect(list(pixels)).toEqual([1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
  });
});

describe("augmented examples", () => {
  const random = randomStream(1, "augmented test");
  const whole = split(
    Uint8Array.from({ length: 150 * 48 }, () => random.below(256)),
    Array.from({ length: 150 }, (_, i) => i % 3),
    [4, 4, 3],
    { classes: 3 },
  );
  const all: Variations = { mirror: true, crop: 1, rotate: 20, brightness: 0.2, contrast: 0.3, cutout: 2 };
  const order = { seed: 3, epoch: 1 };

  test("are the same for a seed and an epoch, however they are asked for, and others in the next", async () => {
    const source = augmented(whole, all);
    const once = await source.pass(order).next(150);
    const pass = source.pass(order);
    const parts = [await pass.next(10), await pass.next(100), await pass.next(40)];
    expect(parts.flatMap(({ images }) => list(images))).toEqual(list(once.images));
    expect((await source.pass(order, 97).next(20)).images).toEqual(once.images.subarray(97 * 48, 117 * 48));
    const streamed = stream({ count: 150, read: (indices) => picked(whole, indices) }, { shape: [4, 4, 3] });
    expect(await augmented(streamed, all).pass(order).next(150)).toEqual(once);
    expect((await source.pass({ seed: 3, epoch: 2 }).next(150)).images).not.toEqual(once.images);
    expect(once.labels).toEqual((await streamed.pass(order).next(150)).labels);
    expect(once.images).not.toEqual((await streamed.pass(order).next(150)).images);
  });

  test("are as they are in their own order, and for statistics", async () => {
    const source = augmented(whole, all);
    expect((await source.pass(null).next(150)).images).toEqual(whole.images);
    const plain = await source.pass({ ...order, isPlain: true }).next(150);
    const drawn = stream({ count: 150, read: (indices) => picked(whole, indices) }, { shape: [4, 4, 3] });
    expect(plain.images).toEqual((await drawn.pass(order).next(150)).images);
  });

  test("vary varied ones by draws of their own, and leave those of one level as they were", async () => {
    const once = await augmented(whole, { mirror: true }).pass(order).next(150);
    const plain = stream({ count: 150, read: (indices) => picked(whole, indices) }, { shape: [4, 4, 3] });
    const own = await plain.pass(order).next(150);
    const twice = await augmented(augmented(whole, { mirror: true }), { mirror: true })
      .pass(order)
      .next(150);
    const image = ({ images }: Split, i: number) => list(images.subarray(i * 48, (i + 1) * 48)).join();
    const mirrored = (made: Split) => Array.from({ length: 150 }, (_, i) => image(made, i) !== image(own, i));
    // Draws of the level that was there before levels.
    const digits = mirrored(once).map(Number).join("");
    expect(digits.slice(0, 40)).toBe("1100011011101110111111111010111010111110");
    const count = mirrored(twice).filter(Boolean).length;
    expect(count).toBeGreaterThan(50);
    expect(count).toBeLessThan(100);
  });

  test.each(["mixup", "cutmix"] as const)("%s mixes images and truth by the same shares", async (kind) => {
    // The three classes are black, gray and white, so that an image tells its truth.
    const levels = [0, 100, 200];
    const plain = split(
      Float32Array.from({ length: 90 * 64 }, (_, i) => levels[Math.floor(i / 64) % 3] as number),
      Array.from({ length: 90 }, (_, i) => i % 3),
      [8, 8, 1],
    );
    const made = await augmented(plain, { [kind]: 1, classes: 3 })
      .pass(order)
      .next(90);
    expect(made.labels.length).toBe(0);
    let isMixed = 0;
    for (let i = 0; i < 90; i++) {
      const truth = list(made.targets?.subarray(3 * i, 3 * i + 3) ?? []);
      expect(truth.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6);
      const mean = list(made.images.subarray(64 * i, 64 * i + 64)).reduce((sum, x) => sum + x, 0) / 64;
      expect(mean).toBeCloseTo(
        truth.reduce((sum, share, level) => sum + share * (levels[level] as number), 0),
        3,
      );
      isMixed += Number(Math.max(...truth) < 1);
    }
    expect(isMixed).toBeGreaterThan(30);
  });

  test.each([
    ["both mixtures", { mixup: 0.2, cutmix: 1 }],
    ["a share above 1", { brightness: 2 }],
    ["half a pixel", { crop: 0.5 }],
    ["an alpha whose draws do not end", { mixup: 1e-12 }],
    ["another one", { cutmix: 1e-300 }],
    ["an unknown word", { zoom: 2 }],
  ])("are refused with %s", (_, variations) => {
    thrown("argument", () => augmented(whole, variations as Variations));
  });

  test("need a number of classes where labels are mixed, and images", async () => {
    await expect(augmented(whole, { mixup: 0.2 }).pass(order).next(4)).rejects.toMatchObject({ code: "argument" });
    thrown("shape", () => augmented(split([1, 2], [0, 1], [1]), { mirror: true }));
  });
});
