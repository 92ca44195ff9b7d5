/**
 * The guarantees of weight quantizers that scale or standardise. A step of training is that of the definitions, on
 * every path and with every neighbour of a layer. A file holds all that inference needs. Options that make no sense are
 * refused.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load } from "../ts/inference/index.ts";
import { decodeModel, encodeModel, type PackedModel } from "../ts/io/model-file.ts";
import { type Graph, layers, packedParametersOf, sequential } from "../ts/nn/index.ts";
import { type Quantizer, quantizer, quantizers } from "../ts/quantizers/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { awkwardWeights, bits, engineWith, trainerLogits } from "./inference-helpers.ts";
import { thrownBy } from "./nn-arbitrary.ts";
import { randomSplit } from "./oracle/compare.ts";
import { expectOracle } from "./oracle/trainer.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

/**
 * Every kind of operand as a convolution, and as a dense layer. Biases mean nothing before a batch norm, so layers have
 * one or the other.
 */
function network(weightQuantizer: Quantizer, useBias: boolean): Graph {
  const between = () => (useBias ? layers.hardTanh() : layers.batchNorm());
  return sequential({ inputShape: [6, 5, 3] }, [
    layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", weightQuantizer, useBias }),
    between(),
    layers.conv2d({ filters: 9, kernelSize: 3, weightQuantizer, activationQuantizer: "poly", useBias }),
    between(),
    layers.conv2d({ filters: 4, kernelSize: 2, weightQuantizer, activationQuantizer: "bnn++", useBias }),
    between(),
    layers.flatten(),
    layers.dense({ units: 7, weightQuantizer, activationQuantizer: "bnn", useBias: false }),
    layers.batchNorm(),
    layers.dense({ units: 3, weightQuantizer, useBias: true }),
  ]);
}

const soft = quantizer("bnn++");
const hard = quantizer("bnn");
const choices: Readonly<Record<string, Quantizer>> = {
  "hard, a scale of each filter": quantizer("xnor"),
  "hard, one scale": { ...hard, scale: "tensor" },
  "soft, a scale of each filter": { ...soft, scale: "filter" },
  "hard, standardised by filter": { ...hard, standardize: "filter" },
  "soft, standardised by filter": { ...soft, standardize: "filter" },
  "hard, standardised and scaled, as BinaryViT's": quantizer("bnn:standardize=filter,scale=filter,clipLatent=0"),
  "hard, tanh over its maximum": { ...hard, standardize: "tanhMax" },
  "soft, tanh over its maximum, one scale": { ...soft, standardize: "tanhMax", scale: "tensor" },
  "hard, with ReCU's clip": quantizers.recu(),
  "hard, with ReCU's clip behind a proximal map": {
    ...quantizers.recu(),
    proximal: "tanh",
    parameters: [
      { kind: "constant", value: 0.25 },
      { kind: "linear", from: 0.6, to: 0.9 },
    ],
  },
  "the sine, and its sign from the middle on": quantizers.biper({ omega: 5, hardenAt: 0.1 }),
  "the larger half of the magnitudes": quantizers.siman({ percentile: { kind: "linear", from: 20, to: 5 } }),
  "DoReFa's, four levels": quantizers.dorefaWeights({ bits: 2 }),
  "DoReFa's, 256 levels": quantizers.dorefaWeights({ bits: 8 }),
  "AdaBin's": quantizer("adabin"),
  "AdaBin's, soft": { ...soft, standardize: "adabin" },
};

/** Hard at once, where the map is ever to turn into the sign. */
const fromTheStart = (choice: Quantizer): Quantizer => (choice.hard === "levels" ? choice : { ...choice, hardenAt: 0 });

describe.each(Object.keys(choices))("%s", (title) => {
  const choice = choices[title] as Quantizer;
  const optimizer = optimizers.sgd({ learningRate: 0.1 });

  test.each(["auto", "ff"] as const)("a step is what the definitions say, products %s", async (products) => {
    await expectOracle(pool, { graph: network(choice, true), products, steps: 2, of: 10, optimizer });
    await expectOracle(pool, { graph: network(fromTheStart(choice), false), products, optimizer });
  });

  test("the packed file gives the trainer's logits, bit for bit", async () => {
    for (const useBias of [true, false]) {
      const graph = network(choice, useBias);
      const split = randomSplit(5, 9, [6, 5, 3], 3);
      const engine = await engineWith(pool, graph, awkwardWeights(graph, 5));
      const wanted = await trainerLogits(engine, split);
      const file = await pack(engine, {});
      const pixels = Float32Array.from(split.images, (byte) => byte * split.scale + split.offset);
      for (const kernel of ["lookup", "popcnt8", "popcnt64"] as const) {
        for (const batch of [1, 4]) {
          const session = await load(file, { kernel, batch });
          expect(bits(session.run(pixels, { count: split.count })), `${kernel} ${batch}`).toEqual(bits(wanted));
        }
      }
    }
  });
});

describe("the file of a network with scales", () => {
  const graph = sequential({ inputShape: [2, 2, 1] }, [
    layers.conv2d({ filters: 2, kernelSize: 2, weightQuantizer: "xnor", name: "a" }),
    layers.flatten(),
    layers.dense({ units: 3, weightQuantizer: "adabin", useBias: false, name: "b" }),
  ]);
  const weights = new Map([
    ...randomParameters(graph, 1),
    ["a/kernel", Float32Array.of(1, -2, -2, 2, 3, -2, -2, 2)],
    ["b/kernel", Float32Array.of(1, 0, 5, 3, 4, 5)],
  ]);
  const packed = async (): Promise<PackedModel> => decodeModel(await pack(await engineWith(pool, graph, weights), {}));

  test("holds them beside the signs, in the order of the nodes", async () => {
    const { parameters } = await packed();
    expect([...parameters.keys()]).toEqual(["a/kernel", "a/scale", "a/bias", "b/kernel", "b/scale", "b/shift"]);
    expect(packedParametersOf(graph).map(({ name }) => name)).toEqual([...parameters.keys()]);
    expect(parameters.get("a/scale")).toEqual(Float32Array.of(2, 2));
    expect(parameters.get("a/kernel")).toEqual(Uint8Array.of(0b0101, 0b1010));
    expect(parameters.get("b/shift")).toEqual(Float32Array.of(2, 2, 5));
    const [first, second, third] = parameters.get("b/scale") as Float32Array;
    expect([first, second]).toEqual([1, 2]);
    // Equal weights: what is added to their variance.
    expect(third).toBeCloseTo(1e-4, 9);
    expect(parameters.get("b/kernel")).toEqual(Uint8Array.of(0b10, 0b10, 0b11));
  });

  test("is refused without one", async () => {
    const model = await packed();
    const parameters = new Map([...model.parameters].filter(([name]) => name !== "b/shift"));
    expect(thrownBy(() => encodeModel({ ...model, parameters })).message).toContain('"b/shift"');
  });

  test("is refused with a scale below 0", async () => {
    const model = await packed();
    const parameters = new Map([...model.parameters, ["a/scale", Float32Array.of(1, -1)]]);
    const { message } = thrownBy(() => encodeModel({ ...model, parameters }));
    expect(message).toContain('"a/scale" holds the negative scale -1 at position 1');
  });

  test("holds levels as they are multiplied", async () => {
    const weightQuantizer = quantizers.dorefaWeights({ bits: 2 });
    const levels = sequential({ inputShape: [4] }, [layers.dense({ units: 2, weightQuantizer, name: "d" })]);
    const latent = new Map([
      ...randomParameters(levels, 1),
      ["d/kernel", Float32Array.of(-9, -9, -0.2, -0.2, 0, 0, 0.5, 0.5)],
    ]);
    const file = await pack(await engineWith(pool, levels, latent), {});
    // 0 lies half-way between two levels, and half a level rounds to even: to the third of four.
    const kernel = decodeModel(file).parameters.get("d/kernel") as Float32Array;
    const wanted = [-1, -1, -1 / 3, -1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3];
    expect(kernel).toHaveLength(8);
    for (const [i, level] of wanted.entries()) expect(kernel[i]).toBeCloseTo(level, 6);
    const [, d] = (await (await load(file)).explain()).layers;
    expect(d).toMatchObject({ product: "ff", weightBits: 32 });
    expect(d?.obstacles.map(({ reason }) => reason)).toContainEqual(expect.stringContaining("are levels"));
  });

  test("is explained", async () => {
    const session = await load(await pack(await engineWith(pool, graph, weights), {}));
    const [, a, , b] = (await session.explain()).layers;
    expect(a).toMatchObject({ node: "a", product: "ff", weightBits: 1 });
    expect(b).toMatchObject({ node: "b", product: "ff", weightBits: 1 });
    expect(b?.obstacles.map(({ reason }) => reason)).toContainEqual(expect.stringContaining("two values"));
  });
});

describe("refused", () => {
  const layer = (options: Parameters<typeof layers.dense>[0]) => () => layers.dense(options);

  test("standardised activations", () => {
    const error = thrownBy(layer({ units: 3, activationQuantizer: "adabin" }));
    expect(error).toMatchObject({ code: "argument", message: expect.stringContaining('"adabin" standardises') });
    expect(error.remedy).toContain("weightQuantizer");
  });

  test("a scale beside AdaBin's own", () => {
    expect(thrownBy(() => quantizer({ ...quantizer("adabin"), scale: "filter" })).message).toContain(
      'scale is "filter"',
    );
  });
});

test("makers of other quantizers take a scale and a standardisation", () => {
  expect(quantizers.pc({ standardize: "filter" })).toMatchObject({ name: "pc", standardize: "filter", scale: "none" });
  expect(quantizers.parq({ standardize: "filter", scale: "filter" })).toMatchObject({ name: "parq", scale: "filter" });
  expect(quantizers.bnn({ scale: "tensor" })).toMatchObject({ scale: "tensor", clipLatent: 1 });
  expect(quantizers.reste()).toMatchObject({ scale: "tensor" });
  expect(quantizers.reste({ scale: "none" })).toMatchObject({ scale: "none" });
  expect(thrownBy(() => quantizers.bc({ scale: "layer" as never })).message).toContain("scale");
});

test("makers refuse what is no set of options, and take undefined for what is left out", () => {
  for (const make of [
    quantizers.xnor,
    quantizers.recu,
    quantizers.adabin,
    quantizers.dorefaWeights,
    quantizers.biper,
    quantizers.siman,
  ]) {
    expect(thrownBy(() => make(null as never)).code).toBe("argument");
    expect(thrownBy(() => make({ speed: 1 } as never)).message).toContain("speed");
  }
  expect(quantizers.biper({ hardenAt: undefined })).toEqual(quantizers.biper());
  expect(thrownBy(() => quantizers.dorefaWeights({ bits: 9 })).message).toContain("bits");
  expect(thrownBy(() => quantizers.recu({ tau: 1 })).message).toContain("tau");
  expect(thrownBy(() => quantizers.biper({ omega: 0 })).message).toContain("omega");
  expect(thrownBy(() => quantizers.siman({ percentile: 30 })).message).toContain("percentile");
});

test("an activation quantizer loses its scale, which it has no weights for", () => {
  const graph = sequential({ inputShape: [4] }, [layers.dense({ units: 3, activationQuantizer: "xnor" })]);
  const node = graph.nodes[1];
  expect(node?.op === "dense" ? node.attributes.activationQuantizer : null).toMatchObject({
    name: "xnor",
    scale: "none",
  });
});
