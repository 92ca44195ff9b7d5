/** From any picture to named classes; and images that are asked for by count or in a list. */
import { describe, expect, test } from "vitest";
import { layers, sequential } from "../ts/index.ts";
import { type LoadOptions, load, type Session, softmax } from "../ts/inference/index.ts";
import { encodeModel } from "../ts/io/model-file.ts";
import type { Graph } from "../ts/nn/graph.ts";
import { packedParametersOf } from "../ts/nn/parameters.ts";
import { elementsOf } from "../ts/nn/shapes.ts";
import { pngFile } from "./image-files.ts";
import { rejected, thrown } from "./io-helpers.ts";

/** A network whose three logits are the means of red, green and blue, from 0 to 1, times 4. */
function colours(...end: readonly Parameters<typeof sequential>[1][number][]): Graph {
  return sequential({ inputShape: [4, 2, 3] }, [
    layers.globalAvgPool2d(),
    layers.dense({ units: 3, useBias: false, name: "scores" }),
    ...end,
  ]);
}

const METADATA = { inputScale: String(1 / 255), inputOffset: "0", classes: JSON.stringify(["red", "green", "blue"]) };

async function sessionOf(
  metadata: Readonly<Record<string, string>> = METADATA,
  graph = colours(),
  options: LoadOptions = {},
): Promise<Session> {
  const parameters = new Map(
    packedParametersOf(graph).map(({ name, shape }) => {
      const side = shape[0] as number;
      return [name, Float32Array.from({ length: elementsOf(shape) }, (_, at) => (at % (side + 1) === 0 ? 4 : 0))];
    }),
  );
  return load(encodeModel({ graph, parameters, metadata }), options);
}

const [RED, GREEN]: readonly (readonly [number, number, number])[] = [
  [255, 0, 0],
  [0, 255, 0],
];
const shares = softmax([4, 0, 0]);

/** An image as a canvas gives it. */
const pixels = (width: number, height: number, color: readonly number[]) => ({
  ...{ width, height },
  data: Uint8ClampedArray.from({ length: 4 * width * height }, (_, at) => color[at % 4] ?? 255),
});

describe("classify", () => {
  test("names the classes of a file's bytes, whatever holds them, the most probable first", async () => {
    const session = await sessionOf();
    const file = pngFile(9, 5, {}, () => GREEN as readonly [number, number, number]);
    const wanted = [
      { label: "green", index: 1, probability: expect.closeTo(shares[0] as number, 6) },
      { label: "red", index: 0, probability: expect.closeTo(shares[1] as number, 6) },
      { label: "blue", index: 2, probability: expect.closeTo(shares[2] as number, 6) },
    ];
    const wide = new Uint8Array(file.length + 9);
    wide.set(file, 4);
    for (const source of [file, new Uint8Array(file).buffer, new Blob([Uint8Array.from(file)]), wide.subarray(4, -5)]) {
      expect(await session.classify(source)).toEqual(wanted);
    }
    expect(await session.classify(file, { top: 1 })).toEqual(wanted.slice(0, 1));
  });

  test("takes the pixels of a canvas, blended on the file's background, and lists of pictures", async () => {
    const session = await sessionOf({ ...METADATA, inputBackground: "#0000ff" });
    const clear = pixels(8, 8, [255, 0, 0, 0]);
    const answers = await session.classify([pixels(2, 4, RED as readonly number[]), clear], { top: 1 });
    expect(answers.map(([best]) => best?.label)).toEqual(["red", "blue"]);
    expect((await (await sessionOf()).classify(clear)).map(({ label }) => label)).toEqual(["red", "green", "blue"]);
  });

  test("takes numbers as run does where their count is stated", async () => {
    const session = await sessionOf();
    const two = Float32Array.from({ length: 2 * 24 }, (_, at) => Number(at % 3 === (at < 24 ? 2 : 0)));
    const answers = await session.classify(two, { count: 2, top: 1 });
    expect(answers.map(([best]) => best?.label)).toEqual(["blue", "red"]);
    const { message, remedy } = await rejected("argument", session.classify(two as unknown as Blob));
    expect(message).toContain("without a count");
    expect(remedy).toContain("{ count: 1 }");
  });

  test.each([["a"], [Number.NaN], [Number.POSITIVE_INFINITY]])("softmax refuses %j", (value) => {
    for (const given of [[value], value]) {
      expect(() => softmax(given as never)).toThrow(expect.objectContaining({ code: "argument" }));
    }
  });

  test("gives the shares of a network that ends in softmax as they are", async () => {
    const session = await sessionOf(METADATA, colours(layers.softmax()));
    const [best] = await session.classify(pixels(2, 4, RED as readonly number[]));
    expect(best?.probability).toBeCloseTo(shares[0] as number, 6);
  });

  describe("of a picture that shows any number of classes", () => {
    const many = { ...METADATA, labels: "many" };
    const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
    const yellow = pixels(2, 4, [255, 255, 0]);

    test("names those from a threshold on, each with a probability of its own, as the file says", async () => {
      const session = await sessionOf(many);
      const sure = expect.closeTo(sigmoid(4), 6);
      const wanted = [
        { label: "red", index: 0, probability: sure },
        { label: "green", index: 1, probability: sure },
      ];
      expect(await session.classify(yellow)).toEqual([...wanted, { label: "blue", index: 2, probability: 0.5 }]);
      expect(await session.classify(yellow, { threshold: 0.6 })).toEqual(wanted);
      expect(await session.classify(yellow, { threshold: 0.6, top: 1 })).toEqual(wanted.slice(0, 1));
      expect(await session.classify([yellow, pixels(1, 1, [0, 0, 0])], { threshold: 0.6 })).toEqual([wanted, []]);
    });

    test("where the option says so, or the network ends in a sigmoid, whose numbers stay; else it shows one", async () => {
      const silent = await sessionOf();
      expect(await silent.classify(yellow, { labels: "many", threshold: 0.6 })).toHaveLength(2);
      const ended = await sessionOf(METADATA, colours(layers.activation({ activation: "sigmoid" }), layers.flatten()));
      const [best, ...others] = await ended.classify(yellow, { threshold: 0.6 });
      expect(best?.probability).toBeCloseTo(sigmoid(4), 6);
      expect(others).toHaveLength(1);
      for (const session of [silent, await sessionOf(many), ended]) {
        const one = await session.classify(yellow, { labels: "one" });
        expect(one.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
      }
    });

    test("takes no threshold where it shows one, and no other words", async () => {
      const session = await sessionOf();
      const { remedy } = await rejected("argument", session.classify(yellow, { threshold: 0.6 }));
      expect(remedy).toContain('labels: "many"');
      await rejected("argument", session.classify(yellow, { labels: "some" as "one" }));
      await rejected("argument", session.classify(yellow, { labels: "many", threshold: 2 }));
    });
  });

  test("numbers the classes where the file has no names, or not as many", async () => {
    const { classes: _, ...silent } = METADATA;
    for (const metadata of [silent, { ...METADATA, classes: '["red"]' }, { ...METADATA, classes: "red" }]) {
      const session = await sessionOf(metadata);
      expect(session.classNames).toEqual(["0", "1", "2"]);
      expect((await session.classify(pixels(1, 1, GREEN as readonly number[])))[0]).toMatchObject({ label: "1" });
    }
  });

  test.each([
    ["argument", null],
    ["argument", "photo.png"],
    ["argument", {}],
    ["argument", () => 1],
    ["image", new Uint8Array(24)],
    ["image", { width: 3, height: 2, data: new Uint8Array(23) }],
    ["image", { width: 3, height: 2, data: "24" }],
    ["image", { width: 0, height: 0, data: new Uint8Array() }],
    ["image", { width: -2, height: -2, data: new Uint8Array(16) }],
  ] as const)("refuses by the code %s: %o", async (code, source) => {
    await rejected(code, (await sessionOf()).classify(source as unknown as Blob));
  });

  test.each([{ top: 0 }, { top: 4 }, { top: 1.5 }, { best: 1 }, { count: 0 }, { count: null }, { count: "2" }])(
    "refuses the options %o",
    async (options) => {
      const classify = (await sessionOf()).classify as (source: unknown, options: unknown) => Promise<unknown>;
      await rejected("argument", classify(new Uint8Array(24), options));
    },
  );

  test("refuses a network that reads no pictures, and a description that is none", async () => {
    const vector = sequential({ inputShape: [3] }, [layers.dense({ units: 3, name: "scores" })]);
    const { message } = await rejected("shape", (await sessionOf(METADATA, vector)).classify(pixels(1, 1, [1])));
    expect(message).toBe("the network takes inputs of [3], which are no pictures");
    for (const wrong of [{ inputFit: "crop" }, { inputBackground: "white" }]) {
      const session = await sessionOf({ ...METADATA, ...wrong });
      await rejected("model-file", session.classify(pixels(1, 1, [1])));
    }
  });
});

describe("run", () => {
  test("takes one image, or as many as are asked for", async () => {
    const session = await sessionOf();
    const images = Uint8Array.from({ length: 3 * 24 }, (_, at) => (at * 37) % 256);
    const all = session.run(images, { count: 3 });
    const each = [0, 1, 2].map((index) => images.subarray(24 * index, 24 * (index + 1)));
    expect([...all]).toEqual(each.flatMap((image) => [...session.run(image)]));
    expect(session.run(each)).toEqual(all);
    expect(session.run([Float32Array.from(each[0] as Uint8Array, (byte) => byte / 255)]).length).toBe(3);
    expect(session.runAll(each)).toEqual(session.runAll(images, { count: 3 }));
  });

  test("refuses what would be several images in silence, such as the pixels of a canvas", async () => {
    const graph = sequential({ inputShape: [28, 28, 1] }, [layers.flatten(), layers.dense({ units: 10 })]);
    const session = await sessionOf(METADATA, graph);
    const { message, remedy } = thrown("shape", () => session.run(new Uint8ClampedArray(4 * 784)));
    expect(message).toBe("the network takes an image of [28, 28, 1], 784 numbers; 3136 were given");
    expect(remedy).toContain("{ count: 4 }");
    expect(session.run(new Uint8ClampedArray(4 * 784), { count: 4 }).length).toBe(40);
  });

  test("refuses lists of other lengths and kinds, and counts that are none", async () => {
    const session = await sessionOf();
    const [bytes, floats] = [new Uint8Array(24), new Float32Array(24)];
    thrown("shape", () => session.run([bytes, new Uint8Array(25)]));
    thrown("shape", () => session.run([]));
    thrown("shape", () => session.run(bytes, { count: 2 }));
    thrown("argument", () => session.run([bytes, floats]));
    thrown("argument", () => session.run([bytes], { count: 1 }));
    thrown("argument", () => session.run(bytes, { count: 0 }));
    thrown("argument", () => session.run(bytes, { counts: 1 } as never));
    thrown("not-finite", () => session.run([floats, new Float32Array(24).fill(Number.NaN)]));
  });
});
