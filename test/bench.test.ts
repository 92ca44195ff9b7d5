/** The benchmarks run and print their findings. No time is judged. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { growthPicture } from "../bench/attention/growth.ts";
import { benchmarkNames } from "../bench/benchmarks.ts";
import { chart } from "../bench/frame/chart.ts";
import { clock, giga } from "../bench/frame/clock.ts";
import { type Comparison, compare } from "../bench/frame/finding.ts";
import { type Contestant, race } from "../bench/frame/race.ts";
import { cells, markdownTable } from "../bench/frame/text.ts";
import { runsWith, waysOf } from "../bench/methods/cells.ts";
import { sentenceOf, verdictRows } from "../bench/methods/verdict.ts";
import { quantile } from "../ts/base/quantiles.ts";
import type { Settings } from "../ts/compare/grid.ts";
import { differenceOf, spreadOf } from "../ts/compare/statistics.ts";
import type { Row } from "../ts/compare/summary.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { losses } from "../ts/train/losses/index.ts";
import { applyMethods } from "../ts/train/method.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";

const root = join(import.meta.dirname, "..");
const timing = (name: string, rounds: readonly number[]) => ({ name, version: "1.0", rounds });
const setting = { threads: 1, variant: "plain" } as const;

async function bench(...args: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  const child = spawn(process.execPath, [join(root, "bench/main.ts"), ...args]);
  let [out, err] = ["", ""];
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
  });
  const [status] = await once(child, "close");
  return { status, out, err };
}

it("takes medians and quartiles between neighbours, and ratios round by round", () => {
  expect([0, 0.25, 0.5, 1].map((q) => quantile([1, 2, 4, 8, 16], q))).toEqual([1, 2, 4, 16]);
  expect(quantile([1, 2], 0.5)).toBe(1.5);
  const found = compare("a", timing("ours", [2, 4, 3]), timing("peer", [4, 16, 9]), setting);
  expect(found.ours).toEqual({ name: "ours", version: "1.0", ms: 3, best: 2, quartiles: [2.5, 3.5] });
  expect([found.peer.ms, found.ratio, found.spread]).toEqual([9, 3, [2.5, 3.5]]);
  expect(cells(found).at(-2)).toBe("3.00x");
});

it("judges a method by the interval of its differences from plain training, seed by seed", () => {
  const judge = (...differences: readonly number[]) => {
    const plain = new Map(differences.map((_, seed) => [seed, 0.8]));
    const own = new Map(differences.map((difference, seed) => [seed, 0.8 + difference]));
    const accuracies = [...own.values()];
    const row: Row = {
      ...{
        quantizer: "bnn",
        task: "bwa",
        activationQuantizer: null,
        soft: null,
        medianSeconds: null,
        course: [],
        softCourse: [],
      },
      ...{
        failures: [],
        seeds: [...own.keys()],
        accuracies,
        accuracy: spreadOf(accuracies),
        seconds: spreadOf([7, 8]),
      },
      ...{ interval: null, isBaseline: false, against: differenceOf(own, plain) },
    };
    return { name: "own", row, cost: 1.5 };
  };
  expect(sentenceOf(judge(0.02, 0.03, 0.04))).toMatch(/claim shows here \(\+3\.00 .* points over 3 seeds\)/);
  expect(sentenceOf(judge(-0.02, -0.03, -0.04))).toMatch(/does not show here, .* \(-3\.00/);
  expect(sentenceOf(judge(-0.01, 0.005, 0.02))).toMatch(/no difference shows \(\+0\.50/);
  expect(sentenceOf(judge(0.03))).toMatch(/\+3\.00 points over 1 seed, which says little/);
  const claim = "less memory for a small loss";
  expect(sentenceOf({ ...judge(-0.01, -0.02), claim })).toMatch(/claim less memory .* difference is -1\.50/);
  const [row] = verdictRows([judge(0.02, 0.03, 0.04)]);
  expect(row).toEqual(["own", "bnn", "83.00 ± 1.00", expect.stringMatching(/^\+3\.00 \(\+0\.52 to/), "3", "1.50x"]);
});

it("compares Bop by its three rules, each a run of its own that latent weights are not part of", () => {
  const ways = waysOf(12);
  const optimizer = optimizers.adam();
  const network = sequential({ inputShape: [4] }, [
    layers.dense({ units: 3, weightQuantizer: "bnn" }),
    layers.batchNorm(),
  ]);
  const rules = ways.flatMap(({ table, methods }) => {
    if (table !== "bop") return [];
    const { optimizer: made } = applyMethods(methods, {
      graph: network,
      optimizer,
      objective: [losses.crossEntropy()],
    });
    return made.kind === "case" ? [[made.binary, made.rest]] : [];
  });
  const second = optimizers.bop2();
  expect(rules).toEqual([optimizers.bop(), second, { ...second, unbiased: true }].map((binary) => [binary, optimizer]));
  const settings: Settings = {
    data: { name: "noise", trainImages: 1, testImages: 1, sha256: "" },
    model: { name: "small", inputShape: [28, 28, 1], classes: 10 },
    ...{ epochs: 1, batchSize: 1, optimizer: { name: "adam", learningRate: 1, decay: "cosine" } },
  };
  const keys = runsWith(settings, ways, [1, 2]).map(({ key }) => key);
  expect(keys).toHaveLength(2 * (ways.length + 2));
  expect(new Set(keys).size).toBe(keys.length);
});

it("gives every contestant every round, in turns that begin with another each time", async () => {
  const seen: string[] = [];
  const contestant = (name: string, wait: boolean): Contestant => ({
    ...{ name, version: "" },
    run: () => {
      seen.push(name);
      return wait ? Promise.resolve() : undefined;
    },
  });
  let ticks = 0;
  const pace = { rounds: 3, warmUp: 1, sliceMilliseconds: 0 };
  const found = await race([contestant("a", false), contestant("b", true)], pace, () => ticks++);
  expect(found.map(({ name, rounds }) => [name, rounds.length])).toEqual([
    ["a", 3],
    ["b", 3],
  ]);
  expect([seen.join(""), ticks]).toEqual(["abbaabba", 4]);
});

it("measures a clock that a processor could have", async () => {
  const [found] = await race([await clock()], { rounds: 5, warmUp: 3, sliceMilliseconds: 2 });
  const rate = giga(quantile(found?.rounds.toSorted((a, b) => a - b) ?? [], 0));
  expect(rate).toBeGreaterThan(0.05);
  expect(rate).toBeLessThan(20);
});

it("draws a bar for every comparison, and escapes what a page would take for its own", () => {
  const found = [3, 0.5].map((ms) => compare("a -> <b>", timing("o", [1]), timing("p & q", [ms]), setting));
  const picture = chart("title", found);
  expect(picture.match(/<rect[^>]*height="14"/g)).toHaveLength(2);
  expect(picture).toContain("a -&#62; &#60;b&#62;, plain");
  expect(picture).toContain("p &#38; q");
  expect(markdownTable(["a"], [["x|y"]])).toBe("| a |\n| --- |\n| x\\|y |");
});

it("names every peer within the width of the picture, however long the names are", () => {
  const names = ["short", "a name of a driver that takes much of the width ...".repeat(2), "another", "and one more"];
  const picture = chart(
    "title",
    names.map((name) => compare("a", timing("o", [1]), timing(name, [2]), setting)),
  );
  const places = [...picture.matchAll(/<rect x="([\d.]+)" y="(\d+)" width="10"/g)].map(([, x, y]) => `${x} ${y}`);
  expect(places).toEqual(["8.0 28", "64.0 28", "740.8 28", "8.0 44"]);
});

it("explains itself, and refuses what it does not know", async () => {
  const help = await bench("--help");
  expect([help.status, help.err]).toEqual([0, ""]);
  expect(help.out).toMatch(/^usage: npm run bench/);
  for (const name of benchmarkNames) expect(help.out).toMatch(new RegExp(`^ +${name} `, "m"));
  expect(benchmarkNames).toContain("reference");
  for (const args of [["convolutions"], ["--fast"], ["train", "--browser"]]) {
    const { status, out, err } = await bench(...args);
    expect([status, out]).toEqual([2, ""]);
    expect(err).toMatch(/^error: .*\n\nusage: /);
  }
});

it("draws how times grow with the tokens, a line and a label for each, none over another", () => {
  const rows = ["a", "b"].flatMap((name) =>
    [49, 1024].map((tokens) => ({ name, tokens, bits: tokens / 1000, reals: tokens / 999 })),
  );
  const picture = growthPicture("growth", rows);
  expect(picture.match(/<polyline/g)).toHaveLength(4);
  const labels = [...picture.matchAll(/y="([\d.]+)"[^>]*>([ab]: \w+)</g)].map(
    ([, y, text]) => [Number(y), text] as const,
  );
  expect(labels.map(([, text]) => text).sort()).toEqual(["a: bits", "a: reals", "b: bits", "b: reals"]);
  const heights = labels.map(([y]) => y).sort((a, b) => a - b);
  for (const [i, y] of heights.slice(1).entries()) expect(y - (heights[i] as number)).toBeGreaterThanOrEqual(13);
});

it("compares the four convolutions with both peers, as lines of JSON, and writes a page with its picture", async () => {
  const { status, out } = await bench("conv", "--quick", "--json");
  expect(status).toBe(0);
  const lines = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines[0]).toMatchObject({ type: "machine", node: process.version });
  const found = lines.filter((line): line is Comparison => line.type === "comparison");
  const names = new Set(found.map(({ name }) => name));
  expect([...names]).toEqual([
    "conv 3x3 56x56x64->64",
    "conv 3x3 28x28x128->128",
    "conv 3x3 14x14x256->256",
    "conv 3x3 7x7x512->512",
  ]);
  for (const name of names) {
    const own = found.filter((comparison) => comparison.name === name);
    const [relaxed, plain] = ["relaxed", "plain"].map((core) => own.filter(({ variant }) => variant === core));
    for (const core of [relaxed, plain]) {
      expect(core?.map(({ peer }) => peer.name)).toEqual(["tfjs-backend-wasm f32", "onnxruntime-web uint8"]);
    }
  }
  for (const { ours, peer, ratio } of found) {
    expect(ratio).toBe(peer.ms / ours.ms);
    expect(peer.version).toMatch(/^\d+\.\d+/);
  }
  const page = readFileSync(join(root, "bench/results/quick/conv.md"), "utf8");
  for (const name of names) expect(page).toContain(`| ${name} |`);
  expect(existsSync(join(root, "bench/results/quick/conv.svg"))).toBe(true);
}, 300_000);

it("measures the waits of steps for checkpoints, beside those without", async () => {
  const { status, out } = await bench("checkpoint", "--quick", "--json");
  expect(status).toBe(0);
  const lines = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const { columns, rows } = lines.find(({ type }) => type === "table");
  expect(rows).toHaveLength(1);
  const row: Readonly<Record<string, string>> = Object.fromEntries(
    columns.map((column: string, i: number) => [column, rows[0][i]]),
  );
  expect(row).toMatchObject({ network: "resnet20", "share of a run": expect.stringMatching(/^0\.\d\d %$/) });
  expect(Number(row.written)).toBeGreaterThan(1);
  for (const waits of ["with a copy", "without"]) {
    expect(row[`${waits}, ms: median, longest`]).toMatch(/^[\d.]+, [\d.]+$/);
  }
}, 300_000);

it("lets the event loop turn between the rounds of a race, whatever its contestants do", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const seen: number[] = [];
  const busy: Contestant = { name: "busy", version: "1.0", run: () => undefined };
  await race([busy], { rounds: 4, warmUp: 0, sliceMilliseconds: 5 }, () => seen.push(turns));
  clearInterval(timer);
  expect(seen[0]).toBe(0);
  expect(seen.at(-1)).toBeGreaterThan(0);
});

it("ends at once when it is interrupted, and says so", async () => {
  const child = spawn(process.execPath, [join(root, "bench/main.ts"), "conv", "--quick"], { detached: true });
  let err = "";
  child.stderr.on("data", (data) => {
    err += data;
  });
  await once(child.stdout, "data");
  // As a terminal does: to the whole group.
  process.kill(-(child.pid as number), "SIGINT");
  const [status] = await once(child, "close");
  expect([status, err]).toEqual([130, "stopped; nothing was written\n"]);
});
