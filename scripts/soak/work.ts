/**
 * The kinds of work that are soaked, the same in Node and in a page: what they need of proxbit is an argument, so a page can
 * give the modules that it was served.
 */
import type * as proxbit from "../../ts/index.ts";
import type * as inference from "../../ts/inference/index.ts";

export type Library = Pick<typeof proxbit, "Trainer"> & Pick<typeof inference, "load">;

/** Turns of each kind in a whole soak. Bare threads, without a line of ours, show what the engine itself keeps of each. */
export const works = { loads: 2000, runs: 200_000, epochs: 200, trainers: 300, threads: 300 } as const;

export type WorkName = keyof typeof works;

export interface Work {
  readonly turn: () => unknown;
  readonly end: () => void;
}

/**
 * Begins work of the kind `name` on a network for images of 8 x 8 and four classes, and its packed `file`.
 *
 * This function stands alone, because a page gets its text.
 */
export async function beginWork(
  { load, Trainer }: Library,
  name: WorkName,
  graph: proxbit.Graph,
  file: Uint8Array,
): Promise<Work> {
  const image = new Float32Array(64).fill(0.5);
  const images = (count: number): proxbit.Split => {
    const bytes = Uint8Array.from({ length: 64 * count }, (_, i) => i * 7);
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 4);
    return { count, images: bytes, labels, shape: [8, 8, 1], scale: 1 / 127.5, offset: -1 };
  };
  const data = { name: "soak", classes: ["a", "b", "c", "d"], train: images(64), test: images(16) };
  const epoch = async (trainer: proxbit.Trainer): Promise<void> => {
    for await (const _ of trainer.fit(data, { epochs: 1, batchSize: 16 }));
  };
  if (name === "loads") {
    const turn = async (): Promise<void> => {
      const session = await load(file);
      session.run(image);
      session.close();
    };
    return { turn, end: () => {} };
  }
  if (name === "runs") {
    const session = await load(file);
    return { turn: () => session.run(image), end: () => session.close() };
  }
  if (name === "epochs") {
    const trainer = await Trainer.create(graph, { workers: 2 });
    return { turn: () => epoch(trainer), end: () => trainer.close() };
  }
  if (name === "trainers") {
    const turn = async (): Promise<void> => {
      const trainer = await Trainer.create(graph, { workers: 2 });
      await epoch(trainer);
      trainer.close();
    };
    return { turn, end: () => {} };
  }
  const threads = globalThis.process?.getBuiltinModule("node:worker_threads");
  const thread = async (): Promise<void> => {
    if (threads !== undefined) {
      const worker = new threads.Worker("require('node:worker_threads').parentPort.postMessage(1)", { eval: true });
      await new Promise((resolve) => worker.once("message", resolve));
      await worker.terminate();
      return;
    }
    const address = URL.createObjectURL(new Blob(["postMessage(1)"], { type: "text/javascript" }));
    const worker = new Worker(address);
    await new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
    worker.terminate();
    URL.revokeObjectURL(address);
  };
  return { turn: () => Promise.all([thread(), thread()]), end: () => {} };
}
