/** The command that compares with TensorFlow.js: its output and exit codes, over reports made by hand and at work. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it, vi } from "vitest";
import { ProxbitError } from "../ts/base/errors.ts";
import { everyRun, exitCodeOf, type Outcome, resultOfAll, runAll, runOf, textOfAll } from "../ts/cli/check-runs.ts";
import { createOutput } from "../ts/cli/output.ts";
import { buildProgram } from "../ts/cli/program.ts";
import { type Context, runWithContext } from "../ts/cli/run.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { formatCheck } from "../ts/reference/format.ts";
import type { CheckReport, Row } from "../ts/reference/report.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { failureOf, jsonLines, outcome, proxbit, start } from "./cli-helpers.ts";
import { withFolder } from "./io-helpers.ts";

const row = (fields: Partial<Row>): Row => ({
  ...{ subject: "small, soft", node: "conv2d", quantity: "value", elements: 1200, absolute: 2e-7, relative: 1e-7 },
  ...{ tolerance: 1e-6, share: 0.2, exact: false, verdict: "within", detail: "at 7: 1.5 here, 1.25 there" },
  ...fields,
});

const equal = row({ node: "binary_conv2d", absolute: 0, relative: 0, tolerance: 0, share: 0, exact: true });
const gradient = row({ quantity: "gradient", share: 0.75 });
const missing = row({ node: "max_pool2d", quantity: "gradient", verdict: "unsupported", detail: "no kernel" });
const wrong = row({ subject: "cnn, hard", share: Number.POSITIVE_INFINITY, exact: true, verdict: "mismatch" });

const report = (fields: Partial<CheckReport>): CheckReport => ({
  ...{ backend: "webgl", adapter: { name: "SwiftShader Device", kind: "software" }, host: "Chromium 1.2" },
  ...{ version: "4.22.0", operations: 3, binaryExact: true, worst: gradient, unsupported: [], pass: true, seconds: 2 },
  rows: [row({}), gradient, { ...equal, verdict: "equal" }, missing],
  ...fields,
});

const bad = report({ binaryExact: false, worst: wrong, pass: false, rows: [row({}), wrong, gradient] });
const noBrowser = { code: "environment", message: "there is no browser", remedy: "Install one." } as const;
const cpu = { name: "plain JavaScript", kind: "cpu" } as const;
const cpuReport = report({
  backend: "cpu",
  adapter: cpu,
  host: "Node 24.1.0",
  operations: 4,
  worst: row({ share: 0.9 }),
});

describe("the table", () => {
  it("says first where it ran, and calls only a card a GPU", () => {
    const first = (adapter: CheckReport["adapter"]): string | undefined =>
      formatCheck(report({ adapter })).split("\n")[0];
    expect(first({ name: "NVIDIA H100", kind: "gpu" })).toBe(
      "tfjs 4.22.0, backend webgl in Chromium 1.2, on the GPU NVIDIA H100",
    );
    expect(first({ name: "SwiftShader Device", kind: "software" })).toBe(
      "tfjs 4.22.0, backend webgl in Chromium 1.2, on SwiftShader Device: software on the processor, no GPU",
    );
    expect(first({ name: "WebKit WebGL", kind: "unknown" })).toBe(
      "tfjs 4.22.0, backend webgl in Chromium 1.2, on WebKit WebGL, a GPU or software: the name does not tell",
    );
    expect(first(cpu)).toBe("tfjs 4.22.0, backend webgl in Chromium 1.2, on the processor: plain JavaScript");
  });

  it("shows of each layer the quantity that is nearest to its tolerance, or all", () => {
    const rowsOf = (text: string): readonly string[] => text.split("\n").filter((line) => line.startsWith("  "));
    expect(rowsOf(formatCheck(report({})))).toEqual([
      "  conv2d         gradient     1,200         2.0e-7         1.0e-7     1.0e-6        75.0 %  within",
      "  binary_conv2d  value        1,200              0              0      exact         0.0 %  equal",
      "  max_pool2d     gradient     1,200                                                         unsupported",
    ]);
    expect(rowsOf(formatCheck(report({}), { all: true }))).toHaveLength(4);
  });

  it("has a heading for each subject, every mismatch with its place, and what the backend cannot do", () => {
    const text = formatCheck({ ...bad, unsupported: ["gradient of a convolution's filters"] });
    expect(text).toMatch(
      /\nsmall, soft\n {2}conv2d +gradient .*\n\ncnn, hard\n {2}conv2d +value .*Infinity x {2}mismatch\n/,
    );
    expect(text).toContain("\nnot the same:\n  cnn, hard: conv2d, value: at 7: 1.5 here, 1.25 there\n");
    expect(text).toContain("\nwebgl cannot:\n  gradient of a convolution's filters\n");
  });

  it("ends with the verdict", () => {
    const last = (given: CheckReport): string | undefined => formatCheck(given).split("\n").at(-1);
    expect(last(report({}))).toBe(
      "pass: 3 tensors compared, 1 not compared; the binary products are exactly equal; " +
        "the worst is 75.0 % of its tolerance (small, soft: conv2d, gradient)",
    );
    expect(last(bad)).toBe(
      "FAIL: 3 tensors compared, 1 beyond tolerance; the binary products are not all exactly equal; " +
        "the worst is Infinity x of its tolerance (cnn, hard: conv2d, value)",
    );
    expect(last(report({ operations: 0, binaryExact: null, worst: null, pass: false, rows: [missing] }))).toBe(
      "FAIL: 0 tensors compared, 1 not compared; no binary product among them",
    );
  });
});

describe("the backends, one after the other", () => {
  const [webgl, webgpu, , , last] = everyRun;

  it("are two in Chromium and three in Node; each runs where it can", () => {
    expect(everyRun.map(({ backend, host }) => `${backend} ${host}`)).toEqual([
      ...["webgl chromium", "webgpu chromium", "webgpu node", "wasm node", "cpu node"],
    ]);
    expect(runOf("webgpu")).toEqual(webgpu);
    expect(runOf("webgpu", "node").host).toBe("node");
    expect(() => runOf("webgl", "node")).toThrow("webgl is not checked in Node");
    expect(() => runOf("cpu", "chromium")).toThrow("cpu is not checked in Chromium");
  });

  it("go on without one that this machine lacks, and stop at any other error", async () => {
    const told: unknown[] = [];
    const tell = (said: unknown): void => {
      told.push(said);
    };
    const output = { json: false, text: tell, event: tell, result: tell, note: tell };
    const context: Context = { output, signal: new AbortController().signal, exitWith: tell };
    const printed = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const fail = new ProxbitError(noBrowser.code, noBrowser.message, noBrowser.remedy);
    const check = ({ backend }: { backend: string }): Promise<CheckReport> =>
      backend === "cpu" ? Promise.resolve(cpuReport) : Promise.reject(fail);
    try {
      const runs = [webgl, last].filter((run) => run !== undefined);
      const outcomes = await runAll(runs, check, context, false);
      expect(outcomes).toEqual([
        { run: webgl, error: noBrowser },
        { run: last, report: cpuReport },
      ]);
      expect(printed).toHaveBeenCalledExactlyOnceWith("error: there is no browser\n  Install one.\n");
      const { rows: _, ...summary } = cpuReport;
      expect(told).toEqual([
        { type: "report", backend: "webgl", host: "Chromium", error: noBrowser },
        { type: "report", ...summary },
        `${formatCheck(cpuReport)}\n`,
      ]);
      await expect(runAll(runs, () => Promise.reject(new Error("a fault")), context, false)).rejects.toThrow("a fault");
    } finally {
      printed.mockRestore();
    }
  });

  const outcomes: readonly Outcome[] = [
    { run: runOf("webgl"), report: report({ unsupported: ["nothing of note"] }) },
    { run: runOf("cpu"), report: cpuReport },
  ];
  const lacking: Outcome = { run: runOf("webgpu"), error: noBrowser };
  const failing: Outcome = { run: runOf("webgl"), report: bad };

  it("exit with 1 for a mismatch, before 2 for one that could not run", () => {
    expect(exitCodeOf(outcomes)).toBe(0);
    expect(exitCodeOf([...outcomes, lacking])).toBe(2);
    expect(exitCodeOf([lacking, failing])).toBe(1);
  });

  it("have one result together, with the fields of a single one", () => {
    const { rows: _, ...summary } = cpuReport;
    const whole = resultOfAll(outcomes);
    expect(Object.keys(whole)).toEqual(expect.arrayContaining(Object.keys(summary)));
    expect(whole).toMatchObject({ backend: "all", operations: 7, binaryExact: true, pass: true, seconds: 4 });
    expect(whole).toMatchObject({ worst: { ...cpuReport.worst, backend: "cpu", host: "Node 24.1.0" } });
    expect(whole).toMatchObject({ unsupported: ["webgl in Chromium 1.2: nothing of note"] });
    expect(resultOfAll([...outcomes, lacking])).toMatchObject({
      pass: false,
      reports: [{ backend: "webgl" }, summary, { backend: "webgpu", host: "Chromium", error: noBrowser }],
    });
    expect(resultOfAll([failing])).toMatchObject({ binaryExact: false, pass: false });
    expect(resultOfAll([lacking])).toMatchObject({ binaryExact: null, worst: null, operations: 0, version: null });
  });

  it("have a line each, and the last for all", () => {
    const lines = textOfAll([...outcomes, lacking]).split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[2]).toBe("webgpu in Chromium  not run: there is no browser");
    expect(lines[3]).toMatch(
      /^all +FAIL: 7 tensors compared, 2 not compared; .*\(cpu in Node 24\.1\.0, small, soft: conv2d, value\); 1 of 3 not run$/,
    );
  });
});

describe("the command", () => {
  it("writes numbers that JSON has not as text, for programs", () => {
    const printed = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    try {
      createOutput(true).event({ type: "row", ...wrong, absolute: Number.NaN });
      const [line] = printed.mock.calls[0] ?? [];
      expect(JSON.parse(String(line))).toEqual({ type: "row", ...wrong, share: "Infinity", absolute: "NaN" });
    } finally {
      printed.mockRestore();
    }
  });

  it.each([
    ["a shape that a network has not", ["cnn", "--input-shape", "1x1x1"], "shape"],
    ["a quantizer of no such name", ["cnn", "--quantizer", "bn"], "unknown-name"],
  ])("refuses %s before a browser is started", async (_, given, code) => {
    vi.stubEnv("CHROMIUM_PATH", "/nowhere/chromium");
    const ignore = (): void => {};
    const output = { json: false, text: ignore, event: ignore, result: ignore, note: ignore };
    const context: Context = { output, signal: new AbortController().signal, exitWith: ignore };
    try {
      const ended = buildProgram(context).parseAsync(["check", ...given, "--backend", "webgl"], { from: "user" });
      await expect(ended).rejects.toMatchObject({ code });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("refuses a module's network that takes no images, and the file of one", () =>
    withFolder(async (folder) => {
      const graph = sequential({ inputShape: [12] }, [layers.dense({ units: 3 })]);
      const [file, module] = [join(folder, "vectors.safetensors"), join(folder, "vectors.ts")];
      const trainer = await Trainer.create(graph, { workers: 1 });
      await writeFile(file, await trainer.pack());
      trainer.close();
      await writeFile(module, `export default ${JSON.stringify(graph)};`);
      for (const subject of [file, module]) {
        const { message, remedy } = await failureOf("check", subject, "--backend", "webgl");
        expect(message).toMatch(/maps \[12\] to \[3\]/);
        expect(remedy).toContain("[height, width, channels]");
      }
    }));

  it("exits with 1, and says where, when a kernel of tfjs is wrong", () =>
    withFolder(async (folder) => {
      const graph = sequential({ inputShape: [6, 6, 1] }, [
        layers.binaryConv2d({ filters: 4, kernelSize: 3, name: "conv" }),
        layers.flatten(),
        layers.dense({ units: 3, name: "head" }),
      ]);
      const module = join(folder, "wrong.ts");
      const tensorflow = JSON.stringify(import.meta.resolve("@tensorflow/tfjs"));
      // A module of the user's runs in the process of the check, and shares its tfjs.
      await writeFile(
        module,
        `import tf from ${tensorflow};
        const { kernelFunc, ...right } = tf.getKernel("Conv2D", "cpu");
        tf.unregisterKernel("Conv2D", "cpu");
        tf.registerKernel({ ...right, kernelFunc: (given) => {
          const result = kernelFunc(given);
          given.backend.data.get(result.dataId).values[5] += 1;
          return result;
        } });
        export default ${JSON.stringify(graph)};`,
      );
      const run = ["check", module, "--backend", "cpu", "--batch-size", "2", "--steps", "1"];
      const [people, programs] = [await proxbit(...run), await proxbit(...run, "--json")];
      expect([people.code, programs.code]).toEqual([1, 1]);
      expect(people.stdout).toMatch(/\n {2}conv +value .* exact +Infinity x {2}mismatch\n/);
      expect(people.stdout).toMatch(/\nnot the same:\n.*: conv, value: element 5: /);
      expect(people.stdout).toMatch(
        /\nFAIL: \d+ tensors compared, .* the binary products are not all exactly equal; .*\n$/,
      );
      const lines = jsonLines(programs.stdout);
      const found = lines.filter(({ verdict }) => verdict === "mismatch");
      expect(found).toContainEqual(
        expect.objectContaining({ node: "conv", absolute: 1, share: "Infinity", host: "Node" }),
      );
      expect(lines.at(-1)).toMatchObject({
        type: "result",
        pass: false,
        binaryExact: false,
        worst: { share: "Infinity" },
      });
    }));

  it("exits with what it has found, though nothing was thrown", async () => {
    expect(await runWithContext(false, async ({ exitWith }) => exitWith(1))).toBe(1);
    expect(await runWithContext(false, async () => {})).toBe(0);
  });

  it("compares a network as JSON lines: its rows, and the result", async () => {
    const small = ["--backend", "cpu", "--input-shape", "4x4x1", "--batch-size", "2"];
    const { code, stdout, stderr } = await proxbit("check", "mlp", ...small, "--steps", "2", "--json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = jsonLines(stdout);
    const rows = lines.slice(0, -1);
    expect(new Set(rows.map(({ type, backend }) => `${type} ${backend}`))).toEqual(new Set(["row cpu"]));
    expect(new Set(rows.map(({ quantity }) => quantity))).toContain("gradient");
    const result = lines.at(-1) ?? {};
    expect(result).toMatchObject({ type: "result", backend: "cpu", adapter: { kind: "cpu" }, pass: true });
    expect(result).toMatchObject({
      binaryExact: true,
      host: `Node ${process.versions.node}`,
      worst: { verdict: "within" },
    });
    expect(result.operations).toBe(rows.filter(({ verdict }) => verdict !== "unsupported").length);
    expect(result).not.toHaveProperty("rows");
  });

  it("compares a model file and a module's network, and prints a table for people", () =>
    withFolder(async (folder) => {
      const quantizers = { weightQuantizer: "bnn", activationQuantizer: "bnn" };
      const graph = sequential({ inputShape: [8, 8, 1] }, [
        layers.conv2d({ filters: 4, kernelSize: 3 }),
        layers.batchNorm(),
        layers.binaryConv2d({ filters: 8, kernelSize: 3, ...quantizers }),
        layers.flatten(),
        layers.dense({ units: 3 }),
      ]);
      const trainer = await Trainer.create(graph, { workers: 1 });
      const [file, module] = [join(folder, "small.safetensors"), join(folder, "small.ts")];
      await writeFile(file, await trainer.pack());
      trainer.close();
      await writeFile(module, `export default ${JSON.stringify(graph)};`);
      for (const subject of [file, module]) {
        const { code, stdout } = await proxbit("check", subject, "--backend", "cpu", "--all");
        expect(code).toBe(0);
        expect(stdout).toMatch(/^tfjs 4[.\d]+, backend cpu in Node [.\d]+, on the processor: JavaScript\n/);
        expect(stdout).toMatch(/\n {2}binary_conv2d +\S.* exact +0\.0 % {2}equal\n/);
        expect(stdout).toMatch(/\npass: \d+ tensors compared; the binary products are exactly equal; .*\n$/);
      }
    }));

  it("stops at Ctrl-C and exits with 130", async () => {
    const child = start(["check", "cnn", "--backend", "cpu", "--json"]);
    const ended = outcome(child);
    for await (const line of createInterface(child.stdout ?? process.stdin)) if (line.includes('"row"')) break;
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/\nerror: .*stopped\n {2}\S/);
  });
});
