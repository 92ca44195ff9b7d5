/**
 * A training run as commands make it. However it ends, its threads end, and nothing is lost: a run that is stopped leaves a
 * checkpoint, one that has trained to its end leaves its network.
 */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allowedWords, checkpointRate, type KeptRun, keptEpochs, keptRun } from "../ts/cli/checkpoint.ts";
import { methodsFrom } from "../ts/cli/methods.ts";
import type { Context } from "../ts/cli/run.ts";
import { runTraining, type TrainingRun } from "../ts/cli/training.ts";
import { writeNetwork } from "../ts/cli/write-network.ts";
import { load } from "../ts/inference/index.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { rejected, withFolder } from "./io-helpers.ts";
import { randomDataset } from "./oracle/compare.ts";
import { leftAlone, withThreads } from "./worker-spy.ts";

const graph = sequential({ inputShape: [6, 6, 1] }, [layers.flatten(), layers.dense({ units: 3 })]);

/** A run of two epochs, of which `see` is told each event that programs are told of. */
const running = (
  file: string,
  see: (type: string, controller: AbortController) => void | Promise<void>,
  more: Partial<TrainingRun> = {},
) => {
  const controller = new AbortController();
  const done: (void | Promise<void>)[] = [];
  const output: Context["output"] = {
    ...{ json: true, text: () => {}, result: () => {}, note: () => {} },
    event: ({ type }) => void done.push(see(type, controller)),
  };
  const data = randomDataset(1, [32, 8], [6, 6, 1], 3);
  const course = { epochs: 2, batchSize: 8, seed: 1, workers: 2, profile: false };
  const run = { graph, data, file, optimizer: optimizers.sgd({}), ...course, ...more };
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
  ["before the first step", "start", 1, "model.safetensors.checkpoint", "Go on with `proxbit"],
  ["after a step", "step", 3, "model.safetensors.checkpoint", "Go on with `proxbit"],
  ["after the last epoch", "epoch", 2, "model.safetensors", "The network was trained to its end and stands in"],
])("leaves no thread where it is stopped %s, and what it has so far", (_, wanted, number, left, says) =>
  withFolder(async (folder) => {
    let seen = 0;
    const { threads } = await withThreads(async () => {
      const stopped = running(join(folder, "model.safetensors"), (type, controller) => {
        if (type === wanted && ++seen === number) controller.abort();
      });
      expect((await rejected("aborted", stopped)).remedy).toContain(says);
    });
    expect(threads).toHaveLength(2);
    expect(leftAlone(threads)).toEqual([]);
    expect(await readdir(folder)).toEqual([left]);
  }),
);

it("keeps the network in another place where its own has gone away meanwhile, and says which", () =>
  withFolder(async (folder) => {
    const { threads } = await withThreads(async () => {
      const failing = running(join(folder, "model.safetensors"), (type) =>
        type === "start" ? rm(folder, { recursive: true }) : undefined,
      );
      const { message, remedy } = await rejected("output", failing);
      const [, other = ""] = /the trained network stands in (\S+) instead$/.exec(message) ?? [];
      expect(remedy).toContain(`mv ${other} `);
      expect((await load(await readFile(other))).metadata).toMatchObject({ epochs: "2" });
      await rm(other);
    });
    expect(leftAlone(threads)).toEqual([]);
  }));

it("takes the next free name in the first place that can be written", () =>
  withFolder(async (folder) => {
    await writeFile(join(folder, "net"), "another one");
    const places = [join(folder, "absent"), folder];
    const { message } = await rejected("output", writeNetwork(join(folder, "none", "net"), Uint8Array.of(7), places));
    expect(message).toContain(join(folder, "1-net"));
    expect([...(await readFile(join(folder, "1-net")))]).toEqual([7]);
    expect(await readFile(join(folder, "net"), "utf8")).toBe("another one");
    const nowhere = writeNetwork(join(folder, "none", "net"), Uint8Array.of(7), [join(folder, "absent")]);
    expect((await rejected("output", nowhere)).message).not.toContain("stands in");
  }));

describe("a checkpoint on the command line", () => {
  it.each([
    [true, true],
    [false, false],
  ])("is a way out of numbers that are not finite, where there is one (%s)", (isWritten, offers) =>
    withFolder(async (folder) => {
      const optimizer = optimizers.sgd({ learningRate: 1e18, weightDecay: 1 });
      const more = { optimizer, kept: kept(join(folder, "run.ckpt"), { isWritten }) };
      const { remedy } = await rejected(
        "not-finite",
        running(join(folder, "net"), () => {}, more),
      );
      expect(remedy.includes("add --resume --on-divergence rollback")).toBe(offers);
    }),
  );

  const kept = (path: string, more: Partial<KeptRun> = {}): KeptRun => ({
    ...{ path, isWritten: true, isNamed: true, every: { steps: 1 }, resume: false, allow: [], onDivergence: "stop" },
    ...{ keep: "last", average: undefined },
    ...more,
  });

  it("goes on to the same file, with the same last epoch, and stays where it was named", () =>
    withFolder(async (folder) => {
      const [whole, file, path] = ["whole", "file", "run.ckpt"].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      const straight = await running(whole, () => {});
      let seen = 0;
      const stopped = running(
        file,
        (type, controller) => (type === "step" && ++seen === 6 ? controller.abort() : undefined),
        { kept: kept(path) },
      );
      expect((await rejected("aborted", stopped)).remedy).toMatch(/^Go on with `proxbit/);
      // Another run over it would lose this one.
      const over = await rejected(
        "checkpoint",
        running(file, () => {}, { kept: kept(path) }),
      );
      expect(over.message).toContain("1 of 2 epochs are done");
      const told: string[] = [];
      const resumed = await running(file, (type) => void told.push(type), { kept: kept(path, { resume: true }) });
      expect(told.filter((type) => type === "resume")).toHaveLength(1);
      expect(resumed.evaluation).toEqual(straight.evaluation);
      expect(resumed.soft).toEqual(straight.soft);
      expect(await readFile(file)).toEqual(await readFile(whole));
      expect((await readdir(folder)).sort()).toEqual(["file", "run.ckpt", "run.ckpt.previous", "whole"]);
      // One that has ended may be begun anew, and gone on with to the same end.
      await running(file, () => {}, { kept: kept(path, { resume: true }) });
      expect(await readFile(file)).toEqual(await readFile(whole));
      await running(file, () => {}, { kept: kept(path) });
    }));

  it("goes on with its methods, named again or not, and with no others", () =>
    withFolder(async (folder) => {
      const [whole, file, path] = ["whole", "file", "run.ckpt"].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      const methods = methodsFrom("self-distillation:share=0.5");
      await running(whole, () => {}, { methods });
      for (const again of [{}, { methods }]) {
        let seen = 0;
        const stopped = running(
          file,
          (type, controller) => (type === "step" && ++seen === 6 ? controller.abort() : undefined),
          { kept: kept(path), methods },
        );
        await rejected("aborted", stopped);
        const resumed = kept(path, { resume: true });
        const other = methodsFrom("self-distillation:share=0.6");
        const { message } = await rejected(
          "checkpoint",
          running(file, () => {}, { kept: resumed, methods: other }),
        );
        expect(message).toContain("methods[0].options.share was 0.5 and is 0.6");
        await running(file, () => {}, { kept: resumed, ...again });
        expect(await readFile(file)).toEqual(await readFile(whole));
      }
    }));

  it("goes on with the weights of --from that it began with, and no others", () =>
    withFolder(async (folder) => {
      const [from, file, path] = ["from", "file", "run.ckpt"].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      await running(from, () => {}, { seed: 2 });
      const start = { file: from, bytes: await readFile(from), rescale: false };
      let seen = 0;
      const stopped = running(
        file,
        (type, controller) => (type === "step" && ++seen === 3 ? controller.abort() : undefined),
        { kept: kept(path), start },
      );
      await rejected("aborted", stopped);
      const resumed = kept(path, { resume: true });
      for (const other of [undefined, { ...start, rescale: true }]) {
        const { message } = await rejected(
          "checkpoint",
          running(file, () => {}, { kept: resumed, start: other }),
        );
        expect(message).toContain("start");
      }
      await running(file, () => {}, { kept: resumed, start });
      const straight = join(folder, "straight");
      await running(straight, () => {}, { start });
      expect(await readFile(file)).toEqual(await readFile(straight));
    }));

  it.each([
    ["90", { seconds: 90 }],
    ["0.5s", { seconds: 0.5 }],
    ["500steps", { steps: 500 }],
    ["20 steps", { steps: 20 }],
  ])("is written every %s", (text, rate) => {
    expect(checkpointRate(text)).toEqual(rate);
  });
  it.each(["", "often", "-1", "0steps", "1.5steps", "3 hours"])("is not written every %j", (text) => {
    expect(() => checkpointRate(text)).toThrow(expect.objectContaining({ code: "argument" }));
  });

  it("takes words of options for what may differ, and refuses others", () => {
    expect(allowedWords("learning-rate,data, on-divergence")).toEqual(["learningRate", "data", "onDivergence"]);
    expect(() => allowedWords("lerning-rate")).toThrow(expect.objectContaining({ code: "argument" }));
  });

  it.each([
    [{ checkpoint: "" }, "--checkpoint is empty"],
    [{ allow: ["data"] as const }, "--allow is for --resume"],
    [{ checkpointEvery: { seconds: 1 } }, "--checkpoint-every is for --checkpoint"],
  ])("refuses %j", (options, message) => {
    expect(() => keptRun({ onDivergence: "stop", keep: "last", ...options }, "m")).toThrow(message);
  });

  it("keeps the networks of the last epochs in files of their own, of which the last is the file", () =>
    withFolder(async (folder) => {
      const file = join(folder, "file");
      await running(file, () => {}, { epochs: 3, kept: kept(join(folder, "run.ckpt"), { isWritten: false, keep: 2 }) });
      expect((await readdir(folder)).sort()).toEqual(["file", "file.epoch-2", "file.epoch-3"]);
      expect(await readFile(`${file}.epoch-3`)).toEqual(await readFile(file));
      expect(await readFile(`${file}.epoch-2`)).not.toEqual(await readFile(file));
    }));

  it("takes last, best or a number for what is kept", () => {
    expect(["last", "best", "3"].map(keptEpochs)).toEqual(["last", "best", 3]);
    for (const text of ["", "0", "1.5", "first"]) expect(() => keptEpochs(text)).toThrow(/--keep/);
  });

  it("stands beside the model file where it has no name of its own", () => {
    expect(keptRun({ onDivergence: "stop", keep: "last" }, "m")).toMatchObject({
      path: "m.checkpoint",
      isWritten: false,
    });
    expect(keptRun({ onDivergence: "stop", keep: "last", resume: true }, "m")).toMatchObject({
      path: "m.checkpoint",
      isWritten: true,
    });
  });
});
