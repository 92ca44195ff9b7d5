/** Layers with few 3x3 kernels run by a look-up of codewords, to the bits of any other kernel, where the core has it. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { type LoadOptions, load, loadParallel } from "../ts/inference/index.ts";
import { packSigns } from "../ts/io/bits.ts";
import { decodeModel, encodeModel, type PackedTensor } from "../ts/io/model-file.ts";
import { functional, input, layers, packedParametersOf, randomStream } from "../ts/nn/index.ts";
import { elementsOf, hasNineTaps, kernelMatrix } from "../ts/nn/shapes.ts";

const SHAPE = [9, 8, 2] as const;

/** Signs, sums with a shortcut and sums alone; strides, groups, too few channels and too few filters. */
function network() {
  const conv = (name: string, filters: number, more = {}) =>
    layers.binaryConv2d({ name, filters, kernelSize: 3, padding: "same", ...more });
  const x = input({ shape: SHAPE });
  let y = layers.batchNorm().apply(layers.conv2d({ filters: 68, kernelSize: 3 }).apply(x));
  y = layers.batchNorm().apply(conv("bits", 72).apply(y));
  y = layers.batchNorm().apply(conv("again", 72).apply(y));
  y = layers.add().apply([layers.batchNorm().apply(conv("norm", 72).apply(y)), y]);
  // A bias keeps sums from what follows.
  const binary = { weightQuantizer: "bnn", activationQuantizer: "bnn" } as const;
  y = layers.conv2d({ name: "sums", filters: 144, kernelSize: 3, strides: 2, ...binary }).apply(y);
  y = layers.batchNorm().apply(conv("grouped", 160, { groups: 2 }).apply(y));
  y = layers.batchNorm().apply(conv("narrow", 64).apply(y));
  y = layers.batchNorm().apply(conv("many", 96).apply(y));
  const outputs = layers.dense({ units: 5 }).apply(layers.globalAvgPool2d().apply(y));
  return functional({ inputs: x, outputs });
}

/** A file whose 3x3 kernels of bits are 16 different ones, but those of "many". */
function fileOf(): Uint8Array {
  const graph = network();
  const stream = randomStream(3, "few kernels");
  const parameters = packedParametersOf(graph).map((parameter): [string, PackedTensor] => {
    const { name, node, role, shape } = parameter;
    const real = (): number => stream.uniform() - 0.5;
    if (role !== "latent") {
      return [
        name,
        Float32Array.from({ length: elementsOf(shape) }, () => (role === "statistic" ? 1 + real() : real())),
      ];
    }
    const [reduced, filters] = kernelMatrix(parameter);
    expect(hasNineTaps(shape)).toBe(true);
    const first = stream.below(512);
    const words = Array.from({ length: node === "many" ? 17 : 16 }, (_, i) => (first + 37 * i) % 512);
    const chosen = Array.from({ length: (reduced / 9) * filters }, () => words[stream.below(words.length)] as number);
    const weights = Float32Array.from({ length: reduced * filters }, (_, at) => {
      return ((chosen[at % chosen.length] as number) >> Math.floor(at / chosen.length)) & 1 ? 1 : -1;
    });
    return [name, packSigns(weights, [reduced, filters])];
  });
  return encodeModel({ graph, parameters: new Map(parameters), metadata: {} });
}

const file = fileOf();
const images = Float32Array.from({ length: 3 * elementsOf(SHAPE) }, (_, at) => Math.sin(at * at));
const byCodewords = ["bits", "again", "norm", "sums", "grouped"];

async function logitsOf(options: LoadOptions): Promise<Float32Array> {
  const session = await load(file, options);
  const logits = session.run(images, { count: 3 });
  session.close();
  return logits.slice();
}

test("they have the logits of the other kernels", async () => {
  const wanted = await logitsOf({ kernel: "popcnt8" });
  expect(new Set(wanted).size).toBeGreaterThan(10);
  for (const variant of ["plain", "relaxed"] as const) {
    expect(await logitsOf({ kernel: "lookup", variant })).toEqual(wanted);
  }
  expect(await logitsOf({ kernel: "lookup", batch: 3 })).toEqual(wanted);
  const session = await loadParallel(file, { kernel: "lookup", workers: 2 });
  expect(await session.run(images, { count: 3 })).toEqual(wanted);
  session.close();
});

test("explanations name the kernel and its weights", async () => {
  const session = await load(file, { kernel: "lookup" });
  const { layers: rows } = await session.explain();
  const own = rows.filter(({ kernel }) => kernel?.startsWith("bb_codeword"));
  expect(own.map(({ node }) => node)).toEqual(byCodewords);
  // Two panels of 64 filters.
  expect(own[0]).toMatchObject({ kernel: "bb_codeword_conv_bits", tile: "2x64", weightBytes: 16_384 + 2 * 68 * 64 });
  expect(own[2]?.kernel).toBe("bb_codeword_conv_norm");
  expect(own[3]?.kernel).toBe("bb_codeword_conv_real");
  for (const node of ["narrow", "many"]) {
    expect(rows.find((row) => row.node === node)?.kernel).toMatch(/^bb_lookup/);
  }
  session.close();
});

test("a network that the small core runs takes the larger one for them, and runs over the small one all the same", async () => {
  const x = input({ shape: SHAPE });
  let y = layers.batchNorm().apply(layers.conv2d({ filters: 68, kernelSize: 3 }).apply(x));
  y = layers.batchNorm().apply(layers.binaryConv2d({ name: "bits", filters: 72, kernelSize: 3 }).apply(y));
  const graph = functional({ inputs: x, outputs: layers.dense({ units: 5 }).apply(layers.flatten().apply(y)) });
  const { parameters } = decodeModel(file);
  const own = packedParametersOf(graph).map(({ name, shape }): [string, PackedTensor] => {
    const same = [...parameters].find(([key, { length }]) => key === name && length === elementsOf(shape));
    const known = name === "bits/kernel" ? parameters.get(name) : same?.[1];
    return [name, known ?? Float32Array.from({ length: elementsOf(shape) }, (_, at) => Math.cos(at))];
  });
  const small = encodeModel({ graph, parameters: new Map(own), metadata: {} });
  const core = new WebAssembly.Module(
    await readFile(new URL("../ts/wasm/small-plain/proxbit_wasm_bg.wasm", import.meta.url)),
  );
  const sessions = await Promise.all([
    load(small, { variant: "plain", kernel: "lookup" }),
    load(small, { variant: "plain", kernel: "lookup", source: core }),
  ]);
  const kernels = await Promise.all(
    sessions.map(async (session) => (await session.explain()).layers.find(({ node }) => node === "bits")?.kernel),
  );
  expect(kernels).toEqual(["bb_codeword_conv_norm", "bb_lookup_conv_norm"]);
  const [one, other] = sessions.map((session) => session.run(images, { count: 3 }).slice());
  expect(one).toEqual(other);
  for (const session of sessions) session.close();
});
