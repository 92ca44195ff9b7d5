/**
 * Fine-tuning. A binary network that starts from a float one begins with the signs of its weights. A network that
 * cannot be started from is refused, with the reason.
 */
import { describe, expect, test } from "vitest";
import { ProxbitError } from "../ts/base/errors.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { simanWeights } from "../ts/quantizers/magnitudes.ts";
import type { Quantizer } from "../ts/quantizers/quantizer.ts";
import { quantizer, quantizerNames } from "../ts/quantizers/registry.ts";
import { noisy, rotatedRbnn } from "../ts/quantizers/weight-families.ts";
import type { TrainEvent } from "../ts/train/run/events.ts";
import { latentsOf } from "../ts/train/run/latent-signs.ts";
import type { Trainer } from "../ts/train/run/trainer.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";

const SHAPE = [6, 6, 1] as const;
const data = randomDataset(7, [96, 40], SHAPE, 3);

/** Binary weights only, so that the float network with these weights is the same function. */
const network = (weightQuantizer: string | null, filters = 8): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters, kernelSize: 3, useBias: false, name: "stem" }),
    layers.batchNorm({ name: "norm" }),
    layers.hardTanh({ name: "bend" }),
    layers.conv2d({ filters: 9, kernelSize: 3, useBias: false, name: "body", weightQuantizer }),
    layers.batchNorm({ name: "second_norm" }),
    layers.flatten(),
    layers.dense({ units: 3, name: "head" }),
  ]);

async function floatFile(epochs = 3): Promise<{ bytes: Uint8Array; weights: Map<string, Float32Array> }> {
  const trainer = await trainerOf(network(null));
  await eventsOf(trainer.fit(data, { epochs, batchSize: 32 }));
  return { bytes: await trainer.pack(), weights: await trainer.weights() };
}
const signs = (values: Float32Array | undefined): Float32Array =>
  (values as Float32Array).map((value) => (value < 0 ? -1 : 1));

describe("from a float network", () => {
  test("a binary one has its weights and statistics, by file and by weights", async () => {
    const { bytes, weights } = await floatFile();
    for (const source of [bytes, weights]) {
      const trainer = await trainerOf(network("bnn++"));
      await trainer.startFrom(source);
      expect(await trainer.weights()).toEqual(weights);
    }
  });

  test.each(["bnn++", "bc"])(
    "the first hard evaluation of %s is that of the signs of its weights",
    async (quantizer) => {
      const { bytes, weights } = await floatFile();
      const trainer = await trainerOf(network(quantizer));
      await trainer.startFrom(bytes);
      await trainer.estimateStatistics(data.train, { batchSize: 32 });
      const tuned = await trainer.evaluate(data.test);

      const signed = await trainerOf(network(null));
      await signed.setWeights(new Map([...weights, ["body/kernel", signs(weights.get("body/kernel"))]]));
      await signed.estimateStatistics(data.train, { batchSize: 32 });
      const wanted = await signed.evaluate(data.test);
      // Weights of signs are multiplied by tables, which add up in another order.
      expect(tuned).toMatchObject({ images: wanted.images, accuracy: wanted.accuracy });
      expect(tuned.loss).toBeCloseTo(wanted.loss, 5);
      const before = await (await trainerOf(network(quantizer))).evaluate(data.test);
      expect(before.loss).not.toBeCloseTo(tuned.loss, 3);
    },
  );

  test("rescaled, the mean magnitude of each filter is 1, its signs stay, and so do predictions behind a norm", async () => {
    const { bytes, weights } = await floatFile();
    const kernel = (weights.get("body/kernel") as Float32Array).slice();
    // One filter of zeros, which has no magnitude to divide by.
    for (let i = 4; i < kernel.length; i += 9) kernel[i] = 0;
    const [trainer, plain] = [await trainerOf(network("bnn++")), await trainerOf(network("bnn++"))];
    await trainer.startFrom(new Map([...weights, ["body/kernel", kernel]]), { rescale: "filter" });
    const scaled = (await trainer.weights()).get("body/kernel") as Float32Array;
    expect(signs(scaled)).toEqual(signs(kernel));
    for (let filter = 0; filter < 9; filter++) {
      const column = scaled.filter((_, i) => i % 9 === filter);
      const mean = column.reduce((sum, value) => sum + Math.abs(value), 0) / column.length;
      expect(mean).toBeCloseTo(filter === 4 ? 0 : 1, 6);
    }
    expect((await trainer.weights()).get("stem/kernel")).toEqual(weights.get("stem/kernel"));

    await trainer.startFrom(bytes, { rescale: "filter" });
    await plain.startFrom(bytes);
    for (const each of [trainer, plain]) await each.estimateStatistics(data.train, { batchSize: 32 });
    expect((await trainer.evaluate(data.test)).predictions).toEqual((await plain.evaluate(data.test)).predictions);
  });

  test("training goes on from there, with an optimizer that has seen nothing", async () => {
    const { bytes } = await floatFile(6);
    const [used, fresh] = [await trainerOf(network("bc")), await trainerOf(network("bc"))];
    await used.startFrom(bytes);
    await eventsOf(used.fit(data, { epochs: 1, batchSize: 32, validate: false }));
    await used.startFrom(bytes);
    await fresh.startFrom(bytes);
    const once = async (trainer: Trainer): Promise<unknown> => {
      const split = { ...data, train: { ...data.train } };
      return eventsOf(trainer.fit(split, { epochs: 1, batchSize: 96, validate: false }));
    };
    const losses = (events: unknown): unknown => (events as TrainEvent[]).map(({ loss }) => loss);
    // One step takes all images. Their order is another in the second epoch of a trainer, their sums are nearly the
    // same.
    const [again, first] = [losses(await once(used)), losses(await once(fresh))] as [number[], number[]];
    expect(again[0]).toBeCloseTo(first[0] as number, 4);
    const [a, b] = [await used.weights(), await fresh.weights()];
    for (const [name, values] of a) {
      if (name.includes("/moving")) continue;
      const other = b.get(name) as Float32Array;
      // Adam's first step is its rate times the sign of the gradient. Only where the gradient is next to nothing it
      // differs.
      const equal = values.filter((value, i) => Math.abs(value - (other[i] as number)) < 1e-5).length;
      expect(equal / values.length, name).toBeGreaterThan(0.9);
    }
  });
});

describe("from a packed network", () => {
  // Without a scale, with one, and with a shift beside it.
  test.each(["bc", "xnor", "adabin"])(
    "%s: its weights quantize to the file's again, and its answers are the same",
    async (quantizer) => {
      const trained = await trainerOf(network(quantizer));
      await eventsOf(trained.fit(data, { epochs: 2, batchSize: 32 }));
      const trainer = await trainerOf(network(quantizer), { seed: 9 });
      await trainer.startFrom(await trained.pack());
      const [again, wanted] = [await trainer.evaluate(data.test), await trained.evaluate(data.test)];
      expect(again.predictions).toEqual(wanted.predictions);
      expect(again.loss).toBeCloseTo(wanted.loss, 3);
    },
  );
});

/** The quantizers of weights whose files hold signs, or levels that one of DoReFa's makes. */
const ofWeights: readonly Quantizer[] = [
  ...quantizerNames.filter((name) => !/activations|elastic|^fp$/.test(name)),
  ...["dorefa-weights-4", "biper:omega=10", "biper:omega=0.5", "biper:hardenAt=1"],
].map((name) => quantizer(name));
const brought = [rotatedRbnn(), rotatedRbnn({ angle: 1 }), noisy()];

describe("a packed kernel", () => {
  const kernels = async (trainer: Trainer) => {
    const { parameters } = decodeModel(await trainer.pack());
    return ["body/kernel", "last/kernel"].map((name) => parameters.get(name));
  };
  const binary = (weightQuantizer: string | Quantizer): Graph =>
    sequential({ inputShape: SHAPE }, [
      layers.conv2d({ filters: 5, kernelSize: 3, name: "body", weightQuantizer }),
      layers.flatten(),
      layers.dense({ units: 3, name: "last", weightQuantizer }),
    ]);

  test.each([...ofWeights, ...brought].map((own) => [own.name, own] as const))(
    "of %s is the same once more where training starts from it",
    async (_, own) => {
      const trained = await trainerOf(binary(own));
      await trained.fit(data, { epochs: 1, batchSize: 32, validate: false });
      // A file holds no tensors of quantizers, so it may come from a plain one, as with the methods that bring these.
      const source = brought.includes(own) ? await trainerOf(binary("recu")) : trained;
      const trainer = await trainerOf(binary(own), { seed: 9 });
      for (const rescale of ["none", "filter"] as const) {
        await trainer.startFrom(await source.pack(), { rescale });
        expect(await kernels(trainer)).toEqual(await kernels(source));
        if (own.standardize === "none") continue;
        const before = (await trainer.weights()).get("body/kernel");
        await trainer.fit(data, { epochs: 1, batchSize: 96, validate: false });
        expect((await trainer.weights()).get("body/kernel"), "weights that training moves").not.toEqual(before);
      }
    },
  );

  test("of signs that the other quantizer never makes is refused, and names the filter", async () => {
    const source = await trainerOf(binary("bc"));
    const weights = await source.weights();
    const kernel = (weights.get("body/kernel") as Float32Array).map((_, i) =>
      i % 5 === 3 || Math.floor(i / 5) % 2 === 1 ? -1 : 1,
    );
    await source.setWeights(new Map([["body/kernel", kernel]]));
    for (const [name, message] of [
      ["recu", /filter 3 of "body\/kernel" has -1 alone.*"recu"/],
      ["siman", /filter 3 of "body\/kernel" has 0 of 9 weights at \+1.*"siman"/],
    ] as const) {
      const trainer = await trainerOf(binary(name));
      const refused = expect(trainer.startFrom(await source.pack(), { layers: ["body"] })).rejects;
      await refused.toMatchObject({ code: "argument", message: expect.stringMatching(message) });
    }
  });

  test("of magnitudes has them whatever the filter's size, where its larger half is +1", () => {
    for (let rows = 1; rows <= 40; rows++) {
      for (const shift of [0, 1, 5]) {
        const values = Float32Array.from({ length: rows }, (_, i) =>
          ((i + shift) * 7) % rows < Math.ceil(rows / 2) ? 1 : -1,
        );
        const larger = values.filter((value) => value > 0).length;
        const latents = () => latentsOf(quantizer("siman"), { name: "k", values, filters: 1 });
        if (larger !== Math.ceil(rows / 2) || (rows === 2 && values[0] === -1)) expect(latents).toThrow(ProxbitError);
        else expect(signs(Float32Array.from(simanWeights(Float64Array.from(latents()), 1, 0).value))).toEqual(values);
      }
    }
  });
});

describe("transfer", () => {
  test("takes the parameters and statistics of some layers, of a network that is another behind them", async () => {
    const source = await trainerOf(network("bc", 8), { seed: 4 });
    await eventsOf(source.fit(data, { epochs: 2, batchSize: 32 }));
    const [taken, own] = [await source.weights(), sequential({ inputShape: SHAPE }, transferred())];
    for (const from of [await source.pack(), taken]) {
      const trainer = await trainerOf(own);
      const before = await trainer.weights();
      await trainer.startFrom(from, { layers: ["stem", "norm"] });
      for (const [name, values] of await trainer.weights()) {
        const isTaken = name.startsWith("stem/") || name.startsWith("norm/");
        expect(values, name).toEqual((isTaken ? taken : before).get(name));
      }
    }
  });

  test("takes all layers that both have in the same shapes, and says which", async () => {
    const source = await trainerOf(network("bc", 8), { seed: 4 });
    const [taken, graph] = [await source.weights(), sequential({ inputShape: SHAPE }, transferred("head"))];
    for (const from of [await source.pack(), taken]) {
      const trainer = await trainerOf(graph);
      const before = await trainer.weights();
      // The head has another shape.
      expect(await trainer.startFrom(from, { layers: "shared" })).toEqual(["stem", "norm"]);
      expect((await trainer.weights()).get("stem/kernel")).toEqual(taken.get("stem/kernel"));
      expect((await trainer.weights()).get("head/kernel")).toEqual(before.get("head/kernel"));
      expect(await (await trainerOf(network("bc"))).startFrom(from, { layers: "shared" })).toHaveLength(5);
    }
    // A norm of another kind has the same gamma and beta.
    const normed = sequential({ inputShape: SHAPE }, [
      layers.conv2d({ filters: 8, kernelSize: 3, useBias: false, name: "stem" }),
      layers.layerNorm({ name: "norm" }),
      layers.flatten(),
      layers.dense({ units: 5, name: "tail" }),
    ]);
    expect(await (await trainerOf(normed)).startFrom(await source.pack(), { layers: "shared" })).toEqual(["stem"]);
    const stranger = await trainerOf(sequential({ inputShape: SHAPE }, [layers.flatten(), layers.dense({ units: 2 })]));
    const shared = stranger.startFrom(taken, { layers: "shared" });
    await expect(shared).rejects.toMatchObject({ code: "shape", message: expect.stringContaining("no layer") });
  });

  test("names layers that have parameters, which the source has in the same shape", async () => {
    const source = await (await trainerOf(network("bc", 12))).pack();
    const trainer = await trainerOf(sequential({ inputShape: SHAPE }, transferred()));
    const start = (layers: unknown) => trainer.startFrom(source, { layers: layers as string[] });
    await expect(start(["stem"])).rejects.toMatchObject({ code: "shape", message: expect.stringMatching(/12.*8/) });
    await expect(start(["tail"])).rejects.toMatchObject({ code: "shape", message: expect.stringContaining("tail") });
    await expect(start(["bend"])).rejects.toMatchObject({
      code: "unknown-name",
      remedy: expect.stringContaining("stem"),
    });
    await expect(start(["stm"])).rejects.toMatchObject({ code: "unknown-name" });
    await expect(start([])).rejects.toMatchObject({ code: "argument" });
  });
});

/** The first layers of `network`, and other ones behind them. */
function transferred(last = "tail") {
  return [
    layers.conv2d({ filters: 8, kernelSize: 3, useBias: false, name: "stem" }),
    layers.batchNorm({ name: "norm" }),
    layers.hardTanh({ name: "bend" }),
    layers.flatten(),
    layers.dense({ units: 5, name: last }),
  ];
}

describe("what cannot be started from", () => {
  const packed = async (graph: Graph): Promise<Uint8Array> => (await trainerOf(graph)).pack();
  const refusal = async (source: unknown, options = {}): Promise<{ code: string; message: string; remedy: string }> => {
    const trainer = await trainerOf(network("bnn++"));
    const before = await trainer.weights();
    const error = await trainer.startFrom(source as Uint8Array, options).then(
      () => undefined,
      (cause) => cause,
    );
    expect(await trainer.weights()).toEqual(before);
    return error;
  };

  test("another network: other shapes, missing and unknown names", async () => {
    const wider = await refusal(await packed(network(null, 12)));
    expect(wider).toMatchObject({ code: "shape", message: expect.stringMatching(/stem\/kernel.*12.*8/) });
    const other = sequential({ inputShape: SHAPE }, [layers.flatten(), layers.dense({ units: 3, name: "head" })]);
    expect(await refusal(await packed(other))).toMatchObject({
      code: "shape",
      remedy: expect.stringContaining("same"),
    });
    const weights = await (await trainerOf(network(null))).weights();
    const more = new Map([...weights, ["tail/kernel", new Float32Array(1)]]);
    expect(await refusal(more)).toMatchObject({ code: "shape", message: expect.stringContaining('"tail/kernel"') });
    weights.delete("body/kernel");
    expect(await refusal(weights)).toMatchObject({ code: "shape", message: expect.stringContaining('"body/kernel"') });
  });

  test("corrupt files, other values and other options", async () => {
    const bytes = await packed(network(null));
    expect(await refusal(bytes.slice(0, bytes.length - 9))).toMatchObject({ code: "model-file" });
    expect(await refusal("model.safetensors")).toMatchObject({ code: "argument" });
    expect(await refusal(bytes, { rescale: "layer" })).toMatchObject({
      code: "argument",
      message: expect.stringContaining("rescale"),
    });
    const weights = await (await trainerOf(network(null))).weights();
    weights.set("head/bias", Float32Array.of(0, Number.NaN, 0));
    expect(await refusal(weights)).toMatchObject({ code: "not-finite" });
  });
});
