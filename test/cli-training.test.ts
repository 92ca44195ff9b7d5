/**
 * A training run as commands make it. However it ends, its threads end, and nothing is lost: a run that is stopped leaves a
 * checkpoint, one that has trained to its end leaves its network.
 */
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allowedWords, checkKept, checkpointRate, type KeptRun, keptEpochs, keptRun } from "../ts/cli/checkpoint.ts";
import { methodsFrom } from "../ts/cli/methods.ts";
import type { Context } from "../ts/cli/run.ts";
import { randomImages, reportStep } from "../ts/cli/step-report.ts";
import { runTraining, type TrainingRun } from "../ts/cli/training.ts";
import { trainingLines } from "../ts/cli/training-lines.ts";
import { taught } from "../ts/cli/training-options.ts";
import { writeNetwork } from "../ts/cli/write-network.ts";
import { load } from "../ts/inference/index.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
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

it("says how many epochs were made, and which one's weights the file has", () =>
  withFolder(async (folder) => {
    const file = join(folder, "net");
    const more = { epochs: 8, patience: 1, optimizer: optimizers.sgd({ learningRate: 1e-12 }) };
    const result = await running(file, () => {}, more);
    expect(result).toMatchObject({ epochs: 2, keptEpoch: 1 });
    expect((await load(await readFile(file))).metadata).toMatchObject({ epochs: "2", keptEpoch: "1" });
    const run = { ...more, graph, file } as TrainingRun;
    expect(Object.fromEntries(trainingLines(run, result)).trained).toMatch(
      /^2 of 8 epochs, of which epoch 1 is kept, in /,
    );
    const whole = await running(file, () => {}, {});
    expect(whole).toMatchObject({ epochs: 2, keptEpoch: undefined });
  }));

it.each([
  ["none", "none", "the network in float"],
  ["none", "poly", "weights in float, activations hard-signed"],
  ["bc", "none", "weights hard-signed, activations in float"],
  ["bc", "dorefa-activations", "weights hard-signed, activations at their levels"],
  ["bc", "poly", "weights and activations hard-signed"],
])("names what is evaluated with %s and %s", (weights, activations, words) => {
  const [weightQuantizer, activationQuantizer] = [weights, activations].map((name) => (name === "none" ? null : name));
  const layer = layers.binaryDense({ units: 3, weightQuantizer, activationQuantizer });
  const run = { graph: sequential({ inputShape: [4] }, [layer]), epochs: 1, file: "net" } as unknown as TrainingRun;
  const evaluation = { accuracy: 0.5, images: 8, loss: 1, predictions: new Uint32Array(8) };
  const sizes = { seconds: 1, workers: 1, epochs: 1, keptEpoch: undefined, packedBytes: 1, floatBytes: 2 };
  const lines = Object.fromEntries(trainingLines(run, { evaluation, soft: null, flipRatio: null, ...sizes }));
  expect(lines["test accuracy"]).toBe(`50.00 % of 8 images, ${words}`);
});

it("stops measuring a step at a signal", async () => {
  const trainer = await Trainer.create(graph, { workers: 1 });
  try {
    await rejected("aborted", reportStep(trainer, 8, 0, randomImages(trainer, 8), AbortSignal.abort()));
  } finally {
    trainer.close();
  }
});

it("names the file of a teacher that is no model", async () => {
  const data = randomDataset(1, [32, 8], [6, 6, 1], 3);
  const teacher = { teacher: Uint8Array.of(1, 2, 3), teacherFile: "notes.txt" };
  const { message } = await rejected("model-file", taught(teacher, data, new AbortController().signal));
  expect(message).toMatch(/^notes\.txt: /);
});

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

  it("has no way on from numbers that are not finite but a lower rate, where good weights did not help", () =>
    withFolder(async (folder) => {
      const optimizer = optimizers.sgd({ learningRate: 1e18, weightDecay: 1 });
      const more = { optimizer, kept: kept(join(folder, "run.ckpt"), { onDivergence: "rollback" }) };
      const { remedy } = await rejected(
        "not-finite",
        running(join(folder, "net"), () => {}, more),
      );
      expect(remedy).toContain("Begin the run anew with a lower --learning-rate.");
    }));

  it("takes the place of no file that is none", () =>
    withFolder(async (folder) => {
      const [notes, path] = [join(folder, "notes.txt"), join(folder, "run.ckpt")];
      await writeFile(notes, "not to be lost");
      for (const isWritten of [true, false]) {
        const { message, remedy } = await rejected(
          "checkpoint",
          checkKept(kept(notes, { isWritten }), join(folder, "m")),
        );
        expect(message).toBe(`${notes} is no checkpoint, and the run would replace it`);
        expect(remedy).toContain("another --checkpoint");
      }
      await writeFile(`${path}.previous`, "nor this");
      expect((await rejected("checkpoint", checkKept(kept(path), join(folder, "m")))).message).toContain(".previous");
      await rm(`${path}.previous`);
      await mkdir(path);
      expect((await rejected("checkpoint", checkKept(kept(path), join(folder, "m")))).message).toContain(
        "cannot be read",
      );
      expect(await readFile(notes, "utf8")).toBe("not to be lost");
      // There is nothing in it.
      await writeFile(notes, "");
      await checkKept(kept(notes), join(folder, "m"));
    }));

  it("says what to remove where it is damaged", () =>
    withFolder(async (folder) => {
      const path = join(folder, "run.ckpt");
      const damaged = `12345678{"__metadata__":{"format":"proxbit-checkpoint","version":"1"`;
      await writeFile(path, damaged);
      await writeFile(`${path}.previous`, damaged);
      const { message, remedy } = await rejected("checkpoint", checkKept(kept(path), join(folder, "m")));
      expect(message).toContain("cannot be gone on with");
      expect(remedy).toBe(`Give another --checkpoint, or remove ${path} and ${path}.previous to begin the run anew.`);
    }));

  it("is another file than the model's", () =>
    withFolder(async (folder) => {
      await symlink(folder, join(folder, "link"));
      const path = join(folder, "run");
      const same = [path, `${path}.previous`, `${path}.lock`, join(folder, "link", "run"), `${folder}/./run`];
      for (const file of same) {
        const { message } = await rejected("argument", checkKept(kept(path, { resume: true }), file));
        expect(message).toContain("--checkpoint and --out would both write");
      }
      const epoch = kept(`${path}.epoch-2`, { keep: 3 });
      await rejected("argument", checkKept(epoch, path));
      await checkKept({ ...epoch, keep: "last" }, path);
    }));

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
      expect(over.remedy).toContain(`remove ${path} and ${path}.previous.`);
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

  it("loses no run where the network of an epoch can be neither written nor removed", () =>
    withFolder(async (folder) => {
      const file = join(folder, "file");
      await mkdir(`${file}.epoch-1`);
      await running(file, () => {}, { kept: kept(join(folder, "run.ckpt"), { isWritten: false, keep: 1 }) });
      expect((await readdir(folder)).sort()).toEqual(["file", "file.epoch-1", "file.epoch-2"]);
    }));

  it("takes last, best or a number for what is kept", () => {
    expect(() => keptEpochs("bset")).toThrow('--keep must be last, best, or a number of epochs, not "bset"');
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
