/** All benchmarks by name. Each is loaded when it is run, because peers are large. */
import type { Benchmark } from "./frame/benchmark.ts";

interface Entry {
  readonly summary: string;
  readonly inBrowser: boolean;
  /** It takes days, so it runs where it is named, or in a quick run. */
  readonly isLong?: true;
  readonly load: () => Promise<Benchmark>;
}

export const benchmarkNames = [
  "conv",
  "network",
  "network-workers",
  "transformer",
  "products",
  "attention",
  "train",
  "train-peers",
  "train-transformer",
  "reference",
  "start",
  "send",
  "stream",
  "read",
  "checkpoint",
  "study",
  "methods",
  "qp-sbgd",
] as const;

export type BenchmarkName = (typeof benchmarkNames)[number];

export const BENCHMARKS: Readonly<Record<BenchmarkName, Entry>> = {
  conv: {
    summary: "binary convolutions against tfjs-backend-wasm (f32) and onnxruntime-web (uint8), one thread",
    inBrowser: true,
    load: async () => (await import("./conv/benchmark.ts")).conv,
  },
  network: {
    summary: "Bi-Real ResNet-18 at 224x224 against the same topology in f32 and uint8, one thread",
    inBrowser: false,
    load: async () => (await import("./network/benchmark.ts")).network,
  },
  "network-workers": {
    summary: "that network with two workers against one thread, batch 1 and 32",
    inBrowser: false,
    load: async () => (await import("./network/workers.ts")).networkWorkers,
  },
  transformer: {
    summary: "DeiT-Tiny at 224x224 against the same topology in f32 and uint8, one thread",
    inBrowser: false,
    load: async () => (await import("./transformer/benchmark.ts")).transformer,
  },
  products: {
    summary: "the products of training with one +-1 operand against those with two reals",
    inBrowser: false,
    load: async () => (await import("./products/benchmark.ts")).productsBenchmark,
  },
  attention: {
    summary: "attention and matmul over bits against the same over reals, from 49 to 1,024 tokens",
    inBrowser: false,
    load: async () => (await import("./attention/benchmark.ts")).attentionBenchmark,
  },
  train: {
    summary: "training steps with 1 and 2 workers",
    inBrowser: false,
    load: async () => (await import("./train/workers.ts")).workers,
  },
  "train-peers": {
    summary: "a training step of ResNet-20 against our own real products, tfjs and PyTorch",
    inBrowser: false,
    load: async () => (await import("./train/peers.ts")).peers,
  },
  "train-transformer": {
    summary: "a training step of vit32 against our own real products and PyTorch",
    inBrowser: false,
    load: async () => (await import("./train/transformer.ts")).trainTransformer,
  },
  reference: {
    summary:
      "a training step against tfjs on each of its backends: webgl and webgpu in Chromium, webgpu, wasm, cpu in Node",
    inBrowser: false,
    load: async () => (await import("./reference/benchmark.ts")).reference,
  },
  start: {
    summary: "size of the core, and time to the first answer in a fresh process",
    inBrowser: true,
    load: async () => (await import("./start/benchmark.ts")).start,
  },
  send: {
    summary: "the time until a data set lies in the workers' memory",
    inBrowser: false,
    load: async () => (await import("./data/send.ts")).send,
  },
  stream: {
    summary: "memory in use while a network trains on a stream of 10 GB",
    inBrowser: false,
    load: async () => (await import("./data/stream.ts")).streamed,
  },
  read: {
    summary: "folders of pictures as a data set, against sharp alone",
    inBrowser: false,
    load: async () => (await import("./read/benchmark.ts")).read,
  },
  checkpoint: {
    summary: "the longest wait of a step for a checkpoint, and the share of a run that writing takes",
    inBrowser: false,
    load: async () => (await import("./checkpoint/benchmark.ts")).checkpoint,
  },
  study: {
    summary: "schedules over runs of 3, 12 and 40 epochs: slopes, flips, gradients, soft and hard accuracy (days)",
    inBrowser: false,
    isLong: true,
    load: async () => (await import("./study/benchmark.ts")).study,
  },
  methods: {
    summary: "methods of training, each beside the same training without it, three seeds (hours)",
    inBrowser: false,
    isLong: true,
    load: async () => (await import("./methods/benchmark.ts")).methodsBenchmark,
  },
  "qp-sbgd": {
    summary: "QP-SBGD on MNIST and on a problem of the kind of a1a, beside the straight-through estimator (minutes)",
    inBrowser: false,
    load: async () => (await import("./qp-sbgd/benchmark.ts")).qpSbgdBenchmark,
  },
};
