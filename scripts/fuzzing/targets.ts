/** Every kind of file that proxbit reads, with sound samples and what a reader must not accept. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import sharp from "sharp";
import { type Run, runsOf } from "../../ts/compare/grid.ts";
import { readRun, runPath, writeRun } from "../../ts/compare/run-file.ts";
import { parseNpy } from "../../ts/data/files/npy.ts";
import { npz } from "../../ts/data/files/npz.ts";
import { gunzip } from "../../ts/data/gzip.ts";
import { parseIdx } from "../../ts/data/idx.ts";
import { checkImage, decodeImage } from "../../ts/images/decode.ts";
import { load } from "../../ts/inference/index.ts";
import { isRecord, parseStrictJson } from "../../ts/io/json.ts";
import { decodeModel, encodeModel } from "../../ts/io/model-file.ts";
import { decode, encode, type SafeTensor } from "../../ts/io/safetensors.ts";
import type { RandomStream } from "../../ts/nn/random.ts";
import { elementsOf } from "../../ts/nn/shapes.ts";
import { validateGraph } from "../../ts/nn/validate.ts";
import { checkpoint, checkpointContent } from "./checkpoints.ts";
import { jsonMutant, mutantOf } from "./mutate.ts";
import { modelFiles as files, graphs } from "./samples.ts";
import type { Target } from "./target.ts";

const text = new TextEncoder();

/** Bytes of a packed file. Its digest lets nothing through but what says the same. */
const model: Target = {
  name: "model file",
  draw: (random) => mutantOf(files, random),
  read: async (bytes) => {
    const found = decodeModel(bytes);
    // A file of before has no digest, and a mutant may become one by chance alone.
    if (found.digest === null) return "its digest is gone";
    return files.some((file) => isDeepStrictEqual(decodeModel(file), found)) ? null : "its content is another";
  },
};

/** A tensor as it is, with one axis more, or, where it is codewords, with other bytes of them. */
function tensorMutant(tensor: SafeTensor, random: RandomStream): SafeTensor {
  if (random.below(12) === 0) return { ...tensor, shape: [...tensor.shape, 1] };
  const isCompact = tensor.dtype === "U8" && tensor.shape.length === 1;
  if (!isCompact || random.below(2) > 0) return tensor;
  const data = mutantOf([tensor.data], random);
  return { ...tensor, shape: [data.length], data };
}

/** Whole files around a graph that was changed, with no digest: they get as far as a mutant can. */
const content: Target = {
  name: "model content",
  draw: (random) => {
    const { tensors, metadata } = decode(files[random.below(files.length)] as Uint8Array);
    const { digest: _, graph = "", ...texts } = metadata;
    // Now and then the graph stays, so that its tensors are read.
    const changed = random.below(4) === 0 ? graph : JSON.stringify(jsonMutant(JSON.parse(graph), random));
    const data = [...tensors.values()].map((tensor) => tensorMutant(tensor, random));
    return encode(data, { ...texts, graph: changed });
  },
  read: async (bytes) => {
    const { parameters } = decodeModel(encodeModel(decodeModel(bytes)));
    const session = await load(bytes, {
      kernel: "lookup",
      variant: "plain",
      maxMemory: 2 ** 24,
      maxOperations: 2 ** 24,
    });
    const logits = session.run(new Float32Array(elementsOf(session.inputShape)));
    const isRight = parameters.size > 0 || session.graph.nodes.length > 1;
    return isRight && logits.length === session.classes && logits.every(Number.isFinite)
      ? null
      : "it runs to no result";
  },
};

const graphTexts = graphs.map((graph) => text.encode(JSON.stringify(graph)));

/** JSON is what JSON.parse takes, or is refused for a reason of ours. */
const json: Target = {
  name: "graph as JSON",
  draw: (random) =>
    random.below(2) === 0
      ? mutantOf(graphTexts, random)
      : text.encode(JSON.stringify(jsonMutant(graphs[random.below(graphs.length)], random))),
  read: async (bytes) => {
    const source = new TextDecoder().decode(bytes);
    const value = parseStrictJson(source, "the graph");
    if (!isDeepStrictEqual(value, JSON.parse(source))) return "another value than JSON.parse gives";
    const graph = validateGraph(value);
    return isDeepStrictEqual(validateGraph(JSON.parse(JSON.stringify(graph))), graph)
      ? null
      : "it is read as two graphs";
  },
};

function idxFile(dimensions: readonly number[]): Uint8Array {
  const file = new Uint8Array(4 + 4 * dimensions.length + elementsOf(dimensions));
  const view = new DataView(file.buffer);
  file.set([0, 0, 8, dimensions.length]);
  for (const [axis, size] of dimensions.entries()) view.setUint32(4 + 4 * axis, size);
  return file;
}

const idxFiles = [idxFile([5, 4, 3]), idxFile([0, 4, 4])];

const idx: Target = {
  name: "idx file",
  draw: (random) => mutantOf(idxFiles, random),
  read: async (bytes) => {
    const { dimensions, data } = parseIdx(bytes, 3, "the file");
    return dimensions.length === 3 && data.length === elementsOf(dimensions) ? null : "its sizes do not fit";
  },
};

const packed = [gzipSync(text.encode("abc".repeat(2000))), gzipSync(idxFile([9, 8, 7]))].map((file) =>
  Uint8Array.from(file),
);
const unpacked = await Promise.all(packed.map((file) => gunzip(file, 10_000, "the file")));

const gzip: Target = {
  name: "gzip file",
  draw: (random) => mutantOf(packed, random),
  read: async (bytes) => {
    const found = await gunzip(Uint8Array.from(bytes), 10_000, "the file");
    const texts = unpacked.map((one) => Buffer.from(one).toString("latin1"));
    const given = Buffer.from(found).toString("latin1");
    // Two files behind each other are one, and both are checked by their CRC-32.
    return [...texts, texts.join(""), texts.toReversed().join("")].includes(given) ? null : "its content is another";
  },
};

/** An array of NumPy's format npy, of bytes. */
function npyFile(shape: readonly number[]): Uint8Array {
  const dict = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const header = `${dict.padEnd(117)}\n`;
  const size = elementsOf(shape);
  return Uint8Array.from([
    ...[0x93, ...text.encode("NUMPY"), 1, 0, header.length, 0, ...text.encode(header)],
    ...Array.from({ length: size }, (_, at) => at % 3),
  ]);
}

const npyFiles = [npyFile([4, 3, 2]), npyFile([5])];

const npy: Target = {
  name: "npy file",
  draw: (random) => mutantOf(npyFiles, random),
  read: async (bytes) => {
    const { shape, values } = parseNpy(bytes, "the file");
    return values.length === elementsOf(shape) ? null : "its sizes do not fit";
  },
};

const archives = [
  zipSync({
    "x_train.npy": npyFile([6, 4]),
    "y_train.npy": npyFile([6]),
    "x_test.npy": npyFile([3, 4]),
    "y_test.npy": npyFile([3]),
  }),
  zipSync({ "x.npy": npyFile([6, 4]), "y.npy": npyFile([6]) }, { level: 0 }),
];
const sets = await Promise.all(archives.map((file) => npz(file).catch(() => null)));

/** Each array of a zip has a CRC-32. */
const archive: Target = {
  name: "npz file",
  draw: (random) => mutantOf(archives, random),
  read: async (bytes) => {
    const { train, test } = await npz(bytes);
    const isKnown = sets.some((one) => one !== null && isDeepStrictEqual([one.train, one.test], [train, test]));
    return isKnown ? null : "it is another data set";
  },
};

const gray = Uint8Array.from({ length: 3 * 30 }, (_, at) => 8 * Math.floor(at / 3));
const raw = () => sharp(gray, { raw: { width: 6, height: 5, channels: 3 } });
const pngs = [await raw().png().toBuffer(), await raw().png({ palette: true }).toBuffer()].map((file) =>
  Uint8Array.from(file),
);
const pixels = (await decodeImage(pngs[0] as Uint8Array, "the image", "javascript")).data;

/** All samples show the same picture, and each chunk has a CRC-32. */
const png: Target = {
  name: "PNG image",
  draw: (random) => mutantOf(pngs, random),
  read: async (bytes) => {
    const { data } = await decodeImage(bytes, "the image", "javascript");
    return isDeepStrictEqual([...data], [...pixels]) ? null : "it shows another picture";
  },
};

const jpegs = [await raw().jpeg().toBuffer(), await raw().jpeg({ progressive: true }).toBuffer()].map((file) =>
  Uint8Array.from(file),
);

/** A JPEG has no checksum, so that only the size of its picture is looked at. */
const jpeg: Target = {
  name: "JPEG image",
  draw: (random) => mutantOf(jpegs, random),
  read: async (bytes) => {
    const { width, height, data } = await decodeImage(bytes, "the image", "javascript");
    return data.length === 4 * width * height ? null : "its pixels do not fit its size";
  },
};

const webps = [await raw().webp().toBuffer(), await raw().webp({ lossless: true }).toBuffer()].map((file) =>
  Uint8Array.from(file),
);

/** The structure of a WebP; sharp and browsers decode it. */
const webp: Target = {
  name: "WebP image",
  draw: (random) => mutantOf(webps, random),
  read: async (bytes) => {
    const { width, height } = checkImage(bytes, "the image");
    return width >= 1 && height >= 1 ? null : "its picture has no pixels";
  },
};

const [run] = runsOf({
  settings: {
    data: { name: "mnist", trainImages: 10, testImages: 10, sha256: "0" },
    model: { name: "small", inputShape: [28, 28, 1], classes: 10 },
    ...{ epochs: 1, batchSize: 8, optimizer: { name: "adam", learningRate: 0.001, decay: "none" } },
  },
  ...{ quantizers: ["fp"], tasks: [], seeds: [1] },
}) as [Run];

async function runFile(folder: string): Promise<Target> {
  const epoch = { loss: 1, accuracy: 0.5, testLoss: 1, testAccuracy: 0.5 };
  const result = { testAccuracy: 0.5, testLoss: 1, softAccuracy: null, epochs: [epoch], seconds: 3, workers: 2 };
  await writeRun(folder, run, { result, failure: null });
  const sample = Uint8Array.from(await readFile(runPath(folder, run)));
  const value: unknown = JSON.parse(new TextDecoder().decode(sample));
  return {
    name: "run file",
    draw: (random) =>
      random.below(2) === 0 ? mutantOf([sample], random) : text.encode(JSON.stringify(jsonMutant(value, random))),
    read: async (bytes) => {
      await writeFile(runPath(folder, run), bytes);
      const found = await readRun(folder, run);
      const isRight = found !== undefined && (found.failure !== null || isRecord(found.result));
      return isRight ? null : "it holds neither a result nor a failure";
    },
  };
}

/** All targets, while `work` goes on. Those that are read from disk have a folder of their own. */
export async function withTargets<T>(work: (targets: readonly Target[]) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "proxbit-fuzz-"));
  try {
    return await work([
      model,
      content,
      checkpoint,
      checkpointContent,
      json,
      idx,
      gzip,
      npy,
      archive,
      png,
      jpeg,
      webp,
      await runFile(folder),
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
