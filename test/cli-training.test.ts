/** A training run as commands make it. However it ends, its threads end. A file is there only after a complete run. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import type { Context } from "../ts/cli/run.ts";
import { runTraining } from "../ts/cli/training.ts";
import { load } from "../ts/inference/index.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { rejected, withFolder } from "./io-helpers.ts";
import { randomDataset } from "./oracle/compare.ts";
import { leftAlone, withThreads } from "./worker-spy.ts";

const graph = sequential({ inputShape: [6, 6, 1] }, [layers.flatten(), layers.dense({ units: 3 })]);

/** A run of two epochs, of which `see` is told each event that programs are told of. */
const running = (file: string, see: (type: string, controller: AbortController) => void | Promise<void>) => {
  const controller = new AbortController();
  const done: (void | Promise<void>)[] = [];
  const output: Context["output"] = {
    ...{ json: true, text: () => {}, result: () => {}, note: () => {} },
    event: ({ type }) => void done.push(see(type, controller)),
  };
  const data = randomDataset(1, [32, 8], [6, 6, 1], 3);
  const course = { epochs: 2, batchSize: 8, seed: 1, workers: 2, profile: false };
  const run = { graph, data, file, optimizer: optimizers.sgd({}), ...course };
  return runTraining(run, { output, signal: controller.signal, exitWith: () => expect.unreachable() });
};

it("leaves its file and no thread at its end", () =>
  withFolder(async (folder) => {
    const file = join(folder, "model.safetensors");
    const { result, threads } = await withThreads(() => running(file, () => {}));
    expect(result.packedBytes).toBe((await readFile(file)).length);
    expect((await load(await readFile(file))).metadata).toMatchObject({ epochs: "2", seed: "1" });
    expect(threads).toHaveLength(2);
    expect(leftAlone(threads)).toEqual([]);
  }));

it.each([
  ["before the first step", "start", 1],
  ["after a step", "step", 3],
  ["after the last epoch", "epoch", 2],
])("leaves neither a file nor a thread where it is stopped %s", (_, wanted, number) =>
  withFolder(async (folder) => {
    let seen = 0;
    const { threads } = await withThreads(async () => {
      const stopped = running(join(folder, "model.safetensors"), (type, controller) => {
        if (type === wanted && ++seen === number) controller.abort();
      });
      expect((await rejected("aborted", stopped)).remedy).toBe("No model file was written.");
    });
    expect(threads).toHaveLength(2);
    expect(leftAlone(threads)).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  }),
);

it("leaves no thread where its folder has gone away meanwhile", () =>
  withFolder(async (folder) => {
    const { threads } = await withThreads(async () => {
      const failing = running(join(folder, "model.safetensors"), (type) =>
        type === "start" ? rm(folder, { recursive: true }) : undefined,
      );
      await rejected("output", failing);
    });
    expect(leftAlone(threads)).toEqual([]);
  }));

it("writes no file where the stop comes as the last thing before it", () =>
  withFolder(async (folder) => {
    const throwing = vi.spyOn(AbortSignal.prototype, "aborted", "get");
    let [epochs, looks] = [0, 0];
    // The signal is looked at while the network is evaluated, and once more before the file is written.
    throwing.mockImplementation(() => epochs === 2 && ++looks > 1);
    const stopped = running(join(folder, "model.safetensors"), (type) => {
      if (type === "epoch") epochs++;
    });
    await rejected("aborted", stopped).finally(() => throwing.mockRestore());
    expect(await readdir(folder)).toEqual([]);
  }));
