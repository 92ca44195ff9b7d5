import { describe, expect, test } from "vitest";
import { variationsOf } from "../ts/data/dataset.ts";
import {
  augmented,
  changed,
  digest,
  holdOut,
  makeDataset,
  type Split,
  type Stream,
  split,
  stream,
  take,
} from "../ts/data/index.ts";
import { picked } from "../ts/data/subset.ts";
import { thrown } from "./io-helpers.ts";

/** Examples that are their own numbers. */
const numbered = (count: number): Split =>
  split(
    Uint16Array.from({ length: count }, (_, i) => i),
    Array.from({ length: count }, (_, i) => i % 3),
    [1],
  );
const numberedImages = (count: number): Split =>
  split(
    Uint8Array.from({ length: count * 2 }, (_, i) => i),
    new Uint8Array(count),
    [1, 2, 1],
  );
const streamOf = (whole: Split) => stream({ count: whole.count, read: (i) => picked(whole, i) }, { shape: [1] });
const sorted = (values: Iterable<number>): readonly number[] => [...values].sort((a, b) => a - b);

describe("examples that are held out", () => {
  test("are the stated share, others for another seed, and none of them is trained on", () => {
    const [train, held] = holdOut(numbered(50), 0.1, 7);
    expect([train.count, held.count]).toEqual([45, 5]);
    expect(sorted([...train.images, ...held.images])).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(held.labels).toEqual(Uint8Array.from(held.images, (i) => i % 3));
    expect([...held.images]).not.toEqual([...holdOut(numbered(50), 0.1, 8)[1].images]);
    expect([...held.images]).not.toEqual([0, 1, 2, 3, 4]);
  });

  test("are those of the split in a stream of it, in the order of the split's passes", async () => {
    const parts = holdOut(numbered(50), 0.2, 7);
    const streams = holdOut(streamOf(numbered(50)), 0.2, 7);
    for (const [i, part] of parts.entries()) {
      const own = streams[i] as (typeof streams)[number];
      expect((await own.pass(null).next(100)).images).toEqual(part.images);
      const order = { seed: 3, epoch: 4 };
      const wanted = await streamOf(part).pass(order).next(100);
      expect((await own.pass(order).next(100)).images).toEqual(wanted.images);
      expect((await own.pass(order, 3).next(2)).images).toEqual(wanted.images.subarray(3, 5));
    }
  });

  test.each([
    ["holdOut", (varied: Stream) => holdOut(varied, 0.2, 7)],
    [
      "makeDataset",
      (varied: Stream) => {
        const { train, test } = makeDataset({ train: varied, validation: 0.2, seed: 7 });
        return [train, test] as const;
      },
    ],
  ] as const)("by %s leave variations to those that are trained on", async (_, part) => {
    const gray = split(new Uint8Array(50 * 4).fill(128), new Uint8Array(50), [2, 2, 1]);
    const [train, held] = part(augmented(gray, { brightness: 1 }));
    const seen = async (examples: Stream) =>
      new Set((await examples.pass({ seed: 1, epoch: 0 }).next(examples.count)).images);
    expect([train.count, held.count]).toEqual([40, 10]);
    expect((await seen(train)).size).toBeGreaterThan(20);
    expect(await seen(held)).toEqual(new Set([128]));
    const nested = augmented(augmented(numberedImages(50), { mirror: true }), { brightness: 0.5 });
    const [twice, plain] = part(nested);
    expect(variationsOf(twice)).toMatchObject([{ mirror: true }, { brightness: 0.5 }]);
    expect((await plain.pass(null).next(10)).images).toEqual(holdOut(numberedImages(50), 0.2, 7)[1].images);
  });

  test.each([0, 1, -0.1, 0.001, 0.999, Number.NaN])("cannot be a share of %d of 50", (share) => {
    thrown("argument", () => holdOut(numbered(50), share));
  });

  test("cannot be taken out of an iterable", () => {
    thrown("argument", () =>
      holdOut(
        stream(() => [numbered(4)], { shape: [1], count: 4 }),
        0.5,
      ),
    );
  });
});

describe("a data set of one's own", () => {
  test("names classes by their numbers, and holds out examples on request", () => {
    const data = makeDataset({ train: numbered(20), validation: 0.25, seed: 1 });
    expect(data).toMatchObject({ name: "data", classes: ["0", "1", "2"], train: { count: 15 }, test: { count: 5 } });
    expect(makeDataset({ name: "own", classes: ["a"], train: numbered(2), test: numbered(3) })).toMatchObject({
      name: "own",
      classes: ["a"],
      train: { count: 2 },
      test: { count: 3 },
    });
    const answers = split([1, 2], null, [1], { targets: [1, 2] });
    expect(makeDataset({ train: answers, test: answers }).classes).toEqual([]);
  });

  test.each([
    ["neither test nor validation", { train: numbered(2) }],
    ["both", { train: numbered(2), test: numbered(2), validation: 0.5 }],
    ["no examples", { validation: 0.5 }],
    ["classes that are no texts", { train: numbered(2), validation: 0.5, classes: [1, 2] }],
    ["an unknown part", { train: numbered(2), validation: 0.5, tests: numbered(2) }],
  ])("is refused with %s", (_, parts) => {
    thrown("argument", () => makeDataset(parts as never));
  });
});

describe("a digest", () => {
  test("is that of the numbers, wherever they lie", async () => {
    const whole = numbered(10);
    const made = await digest(whole);
    expect(made).toMatch(/^[0-9a-f]{64}$/);
    expect(await digest(take(numbered(20), 10))).toBe(made);
    const shared = new Uint16Array(new SharedArrayBuffer(20));
    shared.set(whole.images as Uint16Array);
    expect(await digest(split(shared, new Uint32Array(whole.labels), [1]))).toBe(made);
  });

  test("is another for another number, label, scale, kind or weight", async () => {
    const whole = numbered(10);
    const changedImage = picked(whole, [...Array(10).keys()]);
    changedImage.images[9] = 4;
    const others = [
      changedImage,
      { ...whole, labels: Uint8Array.of(0, 1, 2, 0, 1, 2, 0, 1, 2, 2) },
      { ...whole, scale: 0.5 },
      { ...whole, images: Float32Array.from(whole.images) },
      { ...whole, sampleWeights: new Float32Array(10).fill(1) },
      { ...whole, shape: [1, 1] },
      take(whole, 9),
    ];
    const digests = await Promise.all([whole, ...others].map(digest));
    expect(new Set(digests).size).toBe(digests.length);
    whole.images[0] = 17;
    changed(whole);
    expect(await digest(whole)).not.toBe(digests[0]);
  });

  test("of a stream looks at few of its examples, and lets go of an iterable", async () => {
    const asked: number[] = [];
    const read = (indices: Uint32Array): Split => {
      asked.push(...indices);
      return picked(numbered(1000), indices);
    };
    const source = { count: 1000, read };
    const made = await digest(stream(source, { shape: [1] }));
    expect(await digest(stream(source, { shape: [1] }))).toBe(made);
    expect(asked.slice(0, 16)).toEqual(expect.arrayContaining([0, 999]));
    expect(asked.length).toBe(32);
    let ended = false;
    function* ordered() {
      try {
        yield numbered(20);
      } finally {
        ended = true;
      }
    }
    const first = await digest(stream(ordered, { shape: [1], count: 20 }));
    expect(ended).toBe(true);
    expect(first).not.toBe(await digest(stream(ordered, { shape: [1], count: 19 })));
  });
});
