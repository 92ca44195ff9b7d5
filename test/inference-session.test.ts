/** The guarantees of a session: what it explains, what it does to its input, and that whatever is wrong is said. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nextTurn } from "../ts/base/turn.ts";
import { formatExplanation, load } from "../ts/inference/index.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { type Graph, layers, randomStream, resnet20, sequential, validateGraph } from "../ts/nn/index.ts";
import { instantiate } from "../ts/runtime/instantiate.ts";
import { loadModule } from "../ts/runtime/load.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { probe } from "../ts/runtime/probe.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { awkwardWeights, bits, engineWith, inMemory, inputMetadata } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

describe("a session", () => {
  const graph = sequential({ inputShape: [6, 6, 2] }, [
    layers.conv2d({ filters: 6, kernelSize: 3, name: "real" }),
    layers.batchNorm({ name: "norm" }),
    layers.binaryConv2d({ filters: 8, kernelSize: 3, name: "first" }),
    layers.maxPool2d({ name: "pool" }),
    layers.batchNorm({ name: "fused" }),
    layers.conv2d({ filters: 4, kernelSize: 2, activationQuantizer: "poly", name: "mixed" }),
    layers.flatten(),
    layers.dense({ units: 3, weightQuantizer: "bc", name: "head" }),
  ]);
  const split = randomSplit(8, 7, [6, 6, 2], 3);
  const fileWith = async (metadata: Record<string, string>, of: Graph = graph): Promise<Uint8Array> =>
    pack(await engineWith(pool, of, awkwardWeights(of, 8)), metadata);

  test("explains what runs, on what, and what would be faster", async () => {
    const session = await load(await fileWith({}), { kernel: "lookup", variant: "plain" });
    const { layers: rows, ...rest } = await session.explain();
    expect(rest).toMatchObject({
      variant: "plain",
      kernel: "lookup",
      chosenBy: "caller",
      obstacles: [{ reason: expect.stringContaining("relaxed SIMD"), remedy: expect.stringContaining("Node 22") }],
    });
    expect(rest.memoryBytes % 65536).toBe(0);
    expect(rows).toMatchObject([
      { node: "input", kernel: null, fusedInto: null, valueBytes: 4 * 72 },
      {
        node: "real",
        product: "ff",
        kernel: "ff_conv",
        weightBits: 32,
        activationBits: 32,
        multiplyAccumulates: 16 * 6 * 18,
        outputShape: [4, 4, 6],
        // Row by row with the batch norm behind it.
        valueBytes: 0,
        obstacles: [{ reason: "real weights and activations" }],
      },
      { node: "norm", product: null, kernel: "affine", multiplyAccumulates: 0, valueBytes: 4 * 96 },
      {
        node: "first",
        product: "bb",
        kernel: "bb_lookup_conv_bits",
        fusedInto: null,
        weightBits: 1,
        activationBits: 1,
        // 16 filters a block, two groups of channels, nine taps.
        weightBytes: 64 * 2 * 9,
        valueBytes: 0,
        multiplyAccumulates: 16 * 8 * 54,
        obstacles: [{ reason: expect.stringMatching(/^6 input channels are not a multiple of 4/) }],
      },
      { node: "pool", product: null, kernel: "max_pool_nibbles" },
      { node: "fused", product: null, kernel: null, fusedInto: "first", valueBytes: 4 * 2 },
      {
        node: "mixed",
        product: "fb",
        kernel: "fb_conv",
        weightBits: 32,
        activationBits: 1,
        weightBytes: 4 * 32 * 4,
        multiplyAccumulates: 4 * 32,
        obstacles: [{ reason: "real weights", remedy: expect.stringContaining("weightQuantizer") }],
      },
      { node: "flatten", kernel: null, fusedInto: null, valueBytes: 0 },
      {
        node: "head",
        product: "ff",
        kernel: "ff_conv",
        weightBits: 1,
        activationBits: 32,
        multiplyAccumulates: 4 * 3,
        valueBytes: 4 * 3,
        obstacles: [{ reason: "real activations", remedy: expect.stringContaining("activationQuantizer") }],
      },
    ]);
    for (const { product, tile } of rows) expect(tile === null).toBe(product === null);
    const text = formatExplanation(await session.explain());
    for (const { node, obstacles } of rows) {
      expect(text).toContain(`\n${node} `);
      for (const { reason } of obstacles) expect(text).toContain(`${node}: ${reason}`);
    }
    expect(text).toMatch(/\nfused +2x2x8 +fused +64 B +8 B\n/);
    expect(text).toContain("core plain; binary kernel lookup (chosen by caller)");
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test.each([
    ["popcnt8", 8],
    ["popcnt64", 64],
  ] as const)("%s wants channels in groups of %i", async (kernel, group) => {
    const { layers: rows } = await (await load(await fileWith({}), { kernel, variant: "plain" })).explain();
    const reasons = rows.find(({ node }) => node === "first")?.obstacles.map(({ reason }) => reason);
    // The layer behind it reads another layout of bits.
    expect(reasons).toEqual([
      expect.stringContaining(`not a multiple of ${group}`),
      expect.stringContaining("sums leave as f32"),
    ]);
  });

  test("counts the channels of each group of a convolution", async () => {
    const net = sequential({ inputShape: [5, 5, 1] }, [
      layers.conv2d({ filters: 24, kernelSize: 1 }),
      layers.binaryConv2d({ filters: 16, kernelSize: 3, groups: 2, name: "grouped" }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ]);
    const { layers: rows } = await (
      await load(await fileWith({}, net), { kernel: "popcnt8", variant: "plain" })
    ).explain();
    expect(rows.find(({ node }) => node === "grouped")?.obstacles[0]).toEqual({
      reason: "12 input channels of a group are not a multiple of 8: the last 4 cost as much as 8",
      remedy: "Give the layer before it 32 filters.",
    });
  });

  test("explains residual layers: batch norm, sum and signs in one kernel, and sums that leave as they are", async () => {
    const net = resnet20({ inputShape: [8, 8, 4], classes: 3 });
    const { layers: rows, obstacles } = await (await load(await fileWith({}, net), { variant: "relaxed" })).explain();
    expect(obstacles).toEqual([]);
    const by = new Map(rows.map((row) => [row.node, row]));
    expect(by.get("stage1_2_conv")).toMatchObject({ product: "bb", valueBytes: 0, obstacles: [] });
    expect(by.get("stage1_2_conv")?.kernel).toMatch(/^bb_\w+_conv_norm$/);
    expect(by.get("stage1_2_norm")).toMatchObject({ kernel: null, fusedInto: "stage1_2_conv", valueBytes: 0 });
    // As f32 for the next shortcut, and as bits for the next convolution.
    const real = 4 * 8 * 8 * 16;
    expect(by.get("stage1_2")).toMatchObject({ kernel: null, fusedInto: "stage1_2_conv" });
    expect(by.get("stage1_2")?.valueBytes).toBeGreaterThan(real);
    expect(by.get("stage1_2")?.valueBytes).toBeLessThan(1.5 * real);
    // The last sum has no reader that takes signs.
    expect(by.get("stage3_6")?.valueBytes).toBe(4 * 2 * 2 * 64);
    expect(by.get("stage2_1_shortcut_pool")).toMatchObject({ kernel: "avg_pool", product: null });
    const bare = sequential({ inputShape: [4, 4, 4] }, [
      layers.conv2d({ filters: 4, kernelSize: 3, weightQuantizer: "bc", activationQuantizer: "poly", name: "biased" }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ]);
    const [, biased] = (await (await load(await fileWith({}, bare))).explain()).layers;
    expect(biased?.kernel).toMatch(/_conv_real$/);
    expect(biased?.obstacles).toEqual([
      { reason: expect.stringContaining("sums leave as f32"), remedy: expect.stringContaining("no bias") },
    ]);
  });

  test("explains the layers of ReActNet: RSign leaves signs, RPReLU is written once", async () => {
    const net = resnet20({ inputShape: [8, 8, 4], classes: 3, reactnet: true });
    const { layers: rows } = await (
      await load(await fileWith({}, net), { variant: "relaxed", kernel: "lookup" })
    ).explain();
    const by = new Map(rows.map((row) => [row.node, row]));
    const real = 4 * 8 * 8 * 16;
    // A nibble is four channels.
    expect(by.get("stage1_2_rsign")).toMatchObject({ kernel: "normalize", valueBytes: real + (8 * 8 * 16) / 4 });
    expect(by.get("stage1_2_prelu")).toMatchObject({ kernel: "prelu_forward", fusedInto: null, valueBytes: 0 });
    expect(by.get("stage1_2")).toMatchObject({ kernel: "affine", valueBytes: real });
    const words = (await (await load(await fileWith({}, net), { variant: "plain", kernel: "popcnt64" })).explain())
      .layers;
    expect(words.find(({ node }) => node === "stage1_2_rsign")).toMatchObject({ kernel: "affine", valueBytes: real });
  });

  test("measures its layers: shares that add up to 1, and results as before", async () => {
    const session = await load(await fileWith(inputMetadata(split)), { batch: 4 });
    const before = bits(session.run(split.images, { count: split.count }));
    const profile = await session.profile({ runs: 50 });
    expect(profile).toMatchObject({ runs: 50, images: expect.any(Number) });
    expect(profile.milliseconds).toBeGreaterThan(0);
    expect(profile.layers.map(({ node }) => node)).toEqual(graph.nodes.map(({ name }) => name));
    const shares = profile.layers.map(({ share }) => share);
    expect(shares.reduce((sum, share) => sum + share, profile.rest)).toBeCloseTo(1, 9);
    expect(Math.min(...shares, profile.rest)).toBeGreaterThanOrEqual(0);
    const milliseconds = profile.layers.reduce((sum, layer) => sum + layer.milliseconds, 0);
    expect(milliseconds).toBeCloseTo((1 - profile.rest) * profile.milliseconds, 9);
    const measured = (name: string) => profile.layers.find(({ node }) => node === name)?.share;
    expect(measured("first")).toBeGreaterThan(0);
    expect([measured("fused"), measured("flatten")]).toEqual([0, 0]);
    const text = formatExplanation(await session.explain(), profile);
    expect(text).toMatch(/\nlayer .* values +time\n/);
    expect(text).toMatch(/\nmeasured: [\d.]+ ms for \d+ images?, fastest of 50 runs; between layers [\d.]+ %\n/);
    expect(bits(session.run(split.images, { count: split.count }))).toEqual(before);
    await expect(session.profile({ runs: 0 })).rejects.toMatchObject({ code: "argument" });
    await expect(session.profile({ run: 1 } as never)).rejects.toMatchObject({ code: "argument" });
  });

  test("lets others have the thread while it measures, and stops after a signal", async () => {
    const session = await load(await fileWith(inputMetadata(split)), { batch: 4 });
    const before = bits(session.run(split.images, { count: split.count }));
    const aborting = new AbortController();
    const measuring = session.profile({ runs: 1e6, signal: aborting.signal });
    await nextTurn();
    expect(bits(session.run(split.images, { count: split.count }))).toEqual(before);
    aborting.abort();
    await expect(measuring).rejects.toMatchObject({ code: "aborted" });
    await expect(session.profile({ signal: 1 } as never)).rejects.toMatchObject({ code: "argument" });
  });

  test("measures images on their way in as part of no layer, whatever a layer is called", async () => {
    const named = sequential({ inputShape: [6, 6, 2] }, [layers.flatten(), layers.dense({ units: 3, name: "head" })]);
    const renamed: Record<string, string> = { input: "pixels", head: "input" };
    const newName = (name: string): string => renamed[name] ?? name;
    const nodes = named.nodes.map((node) => ({ ...node, name: newName(node.name), inputs: node.inputs.map(newName) }));
    const net = validateGraph({ ...named, nodes, output: "input" });
    const { prepared } = await inMemory(decodeModel(await fileWith(inputMetadata(split), net)), {});
    for (const kind of ["bytes", "floats"] as const) {
      const calls = prepared.program(1, kind).flat(2);
      expect(calls.filter(({ node }) => node === "input").map(({ kernel }) => kernel)).toEqual(["ff_conv"]);
      expect(calls.filter(({ part }) => part === "gather").map(({ node }) => node)).toEqual(["", ""]);
    }
  });

  test("lets the probe choose the kernel where the caller does not, for each build of the core", async () => {
    for (const variant of ["plain", "relaxed"] as const) {
      const { chosenBy, kernel, obstacles } = await (await load(await fileWith({}), { variant })).explain();
      expect(chosenBy).toBe("probe");
      expect(kernel).toBe(probe(variant, instantiate(await loadModule(variant))).kernel);
      expect(obstacles).toHaveLength(variant === "plain" ? 1 : 0);
    }
  });

  test("applies the file's input scale and offset to bytes, and takes floats as they are", async () => {
    const session = await load(await fileWith(inputMetadata(split)));
    const floats = Float32Array.from(split.images, (byte) => Math.fround(byte * split.scale) + split.offset);
    expect(bits(session.run(split.images, { count: split.count }))).toEqual(
      bits(session.run(floats, { count: split.count })),
    );
    const plain = await load(await fileWith({}));
    expect(bits(plain.run(floats, { count: split.count }))).toEqual(bits(session.run(floats, { count: split.count })));
    expect(() => plain.run(split.images, { count: split.count })).toThrow(
      expect.objectContaining({ code: "model-file", message: expect.stringContaining("inputScale") }),
    );
    expect(bits(plain.run(Float32Array.from(split.images), { count: split.count }))).not.toEqual(
      bits(session.run(split.images, { count: split.count })),
    );
    expect(bits(session.run(Uint8ClampedArray.from(split.images), { count: split.count }))).toEqual(
      bits(session.run(split.images, { count: split.count })),
    );
    expect(session.metadata).toEqual(inputMetadata(split));
    expect({ shape: session.inputShape, classes: session.classes }).toEqual({ shape: [6, 6, 2], classes: 3 });
  });

  test("a file packed without training knows the bytes it was evaluated on", async () => {
    const trainer = await Trainer.create(graph, { workers: 1, seed: 3 });
    const { predictions } = await trainer.evaluate(split);
    const session = await load(await trainer.pack());
    trainer.close();
    const logits = session.run(split.images, { count: split.count });
    const answers = Array.from({ length: split.count }, (_, i) => {
      const row = [...logits.subarray(3 * i, 3 * i + 3)];
      return row.indexOf(Math.max(...row));
    });
    expect(answers).toEqual([...predictions]);
  });

  test.each([
    ["1e300", "0"],
    ["2e36", "0"],
    ["1", "-1e39"],
  ])(
    "scale %s and offset %s in the file are refused, which make numbers beyond f32",
    async (inputScale, inputOffset) => {
      await expect(load(await fileWith({ inputScale, inputOffset }))).rejects.toMatchObject({
        code: "model-file",
        message: expect.stringMatching(/beyond f32/),
      });
    },
  );

  test.each(["", "wide", "NaN", "Infinity"])("a scale of %o in the file is refused", async (inputScale) => {
    await expect(load(await fileWith({ inputScale }))).rejects.toMatchObject({
      code: "model-file",
      message: expect.stringMatching(/inputScale/),
    });
  });

  test("a run leaves nothing behind for the next one", async () => {
    const session = await load(await fileWith(inputMetadata(split)), { batch: 4 });
    const all = session.run(split.images, { count: split.count });
    for (const i of [6, 0, 3]) {
      expect(bits(session.run(split.images.subarray(72 * i, 72 * (i + 1))))).toEqual(
        bits(all.subarray(3 * i, 3 * (i + 1))),
      );
    }
    expect(bits(session.run(split.images, { count: split.count }))).toEqual(bits(all));
  });

  const graphs: readonly [string, Graph][] = [
    ["a real convolution", graph],
    [
      "a binary convolution",
      sequential({ inputShape: [6, 6, 2] }, [
        layers.binaryConv2d({ filters: 3, kernelSize: 6 }),
        layers.flatten(),
        layers.binaryDense({ units: 2 }),
      ]),
    ],
    [
      "a pool",
      sequential({ inputShape: [6, 6, 2] }, [layers.maxPool2d(), layers.flatten(), layers.dense({ units: 2 })]),
    ],
    ["relu", sequential({ inputShape: [6, 6, 2] }, [layers.relu(), layers.flatten(), layers.dense({ units: 2 })])],
    [
      "a dense layer and nothing else",
      sequential({ inputShape: [6, 6, 2] }, [layers.flatten(), layers.dense({ units: 2 })]),
    ],
  ];
  test.each(graphs)("a pixel that is not finite is reported, wherever it goes: %s", async (_title, of) => {
    const session = await load(await fileWith({}, of), { batch: 2 });
    const good = new Float32Array(3 * 72).fill(0.5);
    const wanted = bits(session.run(good, { count: 3 }));
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const place of [0, 71, 2 * 72 + 13]) {
        const bad = good.slice();
        bad[place] = value;
        expect(() => session.run(bad, { count: 3 })).toThrow(expect.objectContaining({ code: "not-finite" }));
      }
    }
    expect(bits(session.run(good, { count: 3 }))).toEqual(wanted);
  });

  test("images that overflowed do not spoil the next run", async () => {
    const of = sequential({ inputShape: [6, 6, 2] }, [
      layers.conv2d({ filters: 2, kernelSize: 6 }),
      layers.batchNorm(),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ]);
    // Infinity times a gamma of 0 is NaN.
    const weights = awkwardWeights(of, 8);
    weights.set("conv2d/kernel", new Float32Array(144).fill(1e3));
    weights.set("batch_norm/gamma", new Float32Array(2));
    const session = await load(await pack(await engineWith(pool, of, weights), {}), { batch: 4 });
    const good = new Float32Array(72).fill(0.5);
    const wanted = bits(session.run(good));
    const loud = new Float32Array(4 * 72).fill(0.5);
    loud.fill(3e38, 3 * 72);
    expect(() => session.run(loud, { count: 4 })).toThrow(
      expect.objectContaining({ code: "not-finite", message: expect.stringContaining("batch_norm") }),
    );
    expect(bits(session.run(good))).toEqual(wanted);
  });

  test("an output that overflows is reported", async () => {
    const of = graphs.at(-1)?.[1] as Graph;
    const weights = awkwardWeights(of, 8);
    weights.set("dense/kernel", new Float32Array(144).fill(1e37));
    const session = await load(await pack(await engineWith(pool, of, weights), {}));
    expect(session.run(new Float32Array(72).fill(0.1))[0]).toBeGreaterThan(7e37);
    expect(() => session.run(new Float32Array(72).fill(1))).toThrow(expect.objectContaining({ code: "not-finite" }));
  });

  test.each([0, 1, 71, 73, 143, 144])("%i numbers are not one image", async (length) => {
    const session = await load(await fileWith({}));
    const wanted = expect.objectContaining({ code: "shape", message: expect.stringContaining("[6, 6, 2]") });
    expect(() => session.run(new Uint8Array(length))).toThrow(wanted);
    expect(() => session.run(new Float32Array(length))).toThrow(wanted);
  });

  test("anything but an array of numbers is refused", async () => {
    const session = await load(await fileWith({}));
    for (const images of [[...new Uint8Array(72)], new Float64Array(72), "72", null, undefined]) {
      const run = (): unknown => session.run(images as unknown as Uint8Array);
      expect(run).toThrow(
        expect.objectContaining({ code: "argument", message: expect.stringContaining("Uint8Array") }),
      );
    }
  });

  test.each([
    ["no bytes", (): Uint8Array => new Uint8Array()],
    ["a truncated file", (file: Uint8Array): Uint8Array => file.subarray(0, file.length - 1)],
    ["half a file", (file: Uint8Array): Uint8Array => file.subarray(0, file.length >> 1)],
    ["a byte too many", (file: Uint8Array): Uint8Array => Uint8Array.of(...file, 0)],
    ["another header length", (file: Uint8Array): Uint8Array => file.map((byte, i) => (i === 0 ? byte ^ 1 : byte))],
    ["a header that is no JSON", (file: Uint8Array): Uint8Array => file.map((byte, i) => (i === 8 ? 0x5b : byte))],
  ])("%s is no model file", async (_title, spoil) => {
    const file = await fileWith({});
    await expect(load(spoil(file))).rejects.toMatchObject({ code: "model-file" });
    expect((await load(file)).classes).toBe(3);
  });

  test.each([
    [{ batch: 0 }, "argument"],
    [{ batch: 257 }, "argument"],
    [{ batch: 1.5 }, "argument"],
    [{ kernel: "lookdown" as "lookup" }, "argument"],
    [{ variant: "turbo" as "plain" }, "argument"],
  ])("options %o are refused", async (options, code) => {
    await expect(load(await fileWith({}), options)).rejects.toMatchObject({ code });
  });

  test("damaged bytes never crash: every single one that is flipped loads or is refused", async () => {
    const file = await fileWith({});
    const stream = randomStream(1, "damage");
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      const damaged = file.slice();
      const at = stream.below(file.length);
      damaged[at] = (damaged[at] as number) ^ (1 << stream.below(8));
      const code: unknown = await load(damaged, { kernel: "lookup" })
        .then(
          (session) => session.run(split.images.subarray(0, 72)).length,
          (error: { code?: unknown }) => error.code,
        )
        .catch((error: { code?: unknown }) => error.code);
      expect([3, "model-file", "not-finite", "graph", "shape"]).toContain(code);
      if (code === "model-file") refused++;
    }
    expect(refused).toBeGreaterThan(30);
  });
});
