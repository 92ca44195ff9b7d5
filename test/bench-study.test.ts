/** The study of schedules: its numbers against a plain calculation, and runs that are left and go on. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deadline } from "../bench/frame/deadline.ts";
import type { Finding } from "../bench/frame/finding.ts";
import { study } from "../bench/study/benchmark.ts";
import { type Cell, cells, type Frame, fileOf, labelOf, quantizerTexts } from "../bench/study/cells.ts";
import { changeRows, changes, defaultOf } from "../bench/study/defaults.ts";
import { columns, gradientColumns, studyPicture } from "../bench/study/picture.ts";
import { type CellRecord, type EpochRecord, readCell, runCell } from "../bench/study/run-cell.ts";
import { slopeOver, TAIL } from "../bench/study/slope.ts";
import { studyRows } from "../bench/study/table.ts";
import { createWatch, flatten, unflatten, watchedLayers } from "../bench/study/watch.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { quantizer, quantizers, schedules } from "../ts/quantizers/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { EpochTask } from "../ts/train/run/epoch-task.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { withFolder } from "./io-helpers.ts";
import { randomDataset } from "./oracle/compare.ts";

const [IN, HIDDEN, CLASSES, IMAGES] = [4, 3, 2, 8] as const;
const data = randomDataset(5, [16, 8], [2, 2, 1], CLASSES);
const text = "poly+:hardenAt=0.5";
const graph = sequential({ inputShape: [2, 2, 1] }, [
  layers.flatten(),
  layers.dense({ units: HIDDEN, name: "first" }),
  layers.binaryDense({
    units: CLASSES,
    name: "second",
    weightQuantizer: text,
    activationQuantizer: "bnn++:beta=2,hardenAt=0.9",
  }),
]);
const frame: Frame = { data: "random", batchSize: 8, learningRate: 0.05, images: IMAGES };
const cell: Cell = { quantizer: text, operands: "both", epochs: 3, seed: 7 };

describe("the page", () => {
  const layer = { weights: { mass: 1, inside: 0.5 }, activations: null, gradient: 0.1, flips: 0.01 };
  const epoch = (number: number, soft: number | null): EpochRecord => ({
    ...{ type: "epoch", epoch: number, progress: number / 2, loss: 1, hard: 0.8 + number / 100, soft, seconds: 3 },
    layers: { a: layer, b: { ...layer, weights: { mass: 3, inside: 0.7 }, gradient: 0.2 } },
  });
  const record = (quantizer: string, ended: boolean): CellRecord => ({
    cell: { ...cell, quantizer, operands: "weights", epochs: 2 },
    epochs: ended ? [epoch(1, 0.9), epoch(2, null)] : [epoch(1, 0.9)],
    ended,
  });

  it("has a row for each cell, with means over the layers, and what the sign moved in the last soft epoch", () => {
    const [whole, part] = studyRows([record("bnn++", true), record("bnn++:beta=5", false)]);
    expect(whole).toEqual([
      ...["bnn++", "weights", "2", "82.00", "90.00 (1)", "9.00", "w 2.00, 2.00", "w 0.60, 0.60"],
      ...["1.0e-2, 1.0e-2", "3.0"],
    ]);
    expect(part?.slice(0, 3)).toEqual(["bnn++:beta=5", "weights", "1 of 2"]);
  });

  it("holds defaults against those before and against their originals, where all were run to the end", () => {
    const [first] = changes;
    const accuracies: readonly (readonly [string, number])[] = [
      [first?.before ?? "", 0.8],
      [first?.now ?? "", 0.75],
      [first?.original ?? "", 0.9],
    ];
    const done = accuracies.map(([text, hard]): CellRecord => {
      const { cell, epochs } = record(text, true);
      return { cell: { ...cell, epochs: 12 }, epochs: epochs.map((one) => ({ ...one, hard })), ended: true };
    });
    expect(changeRows(done)).toEqual([["bnn++", "weights", "", "80.00, 75.00 (-5.00); 90.00", ""]]);
    expect(changeRows(done.slice(0, 1))).toEqual([]);
    expect(changeRows(done.map((one) => ({ ...one, ended: false })))).toEqual([]);
  });

  it("writes out the defaults as they are, and runs all of them", () => {
    const known = cells.map(({ quantizer }) => quantizer);
    for (const { name, before, now, original } of changes) {
      expect(quantizer(now)).toEqual(quantizer(name));
      expect(quantizer(before)).not.toEqual(quantizer(name));
      for (const text of [before, now, ...(original === null ? [] : [original])]) expect(known).toContain(text);
    }
  });

  it("draws a panel for each number, a family in one colour, and a run of one epoch as points", () => {
    const picture = studyPicture("a < b", [record("bnn++", true), record("bnn++:beta=5", false), record("poly", true)]);
    for (const { title } of columns) expect(picture).toContain(title);
    expect(picture).not.toMatch(/NaN|Infinity|undefined/);
    expect(picture).toContain("weights, 2 epochs");
    expect(picture.match(/<circle [^>]*fill="#0072b2"/g)?.length).toBeGreaterThanOrEqual(5);
    expect(picture).toContain("bnn++:beta=5</text>");
    expect(studyPicture("", [])).toMatch(/^<svg /);
    for (const name of ["a", "b"]) expect(picture).toContain(`gradient, ${name}, log10`);
  });

  it("has the gradients of each layer, and of more than three layers the first, the middle and the last", () => {
    const gradients = (...names: readonly string[]) => {
      const { cell, epochs } = record("bnn++", true);
      const layersOf = (more: number) =>
        Object.fromEntries(names.map((name, i) => [name, { ...layer, gradient: i + more }]));
      const told = epochs.map((one, i) => ({ ...one, layers: layersOf(i / 10) }));
      return gradientColumns([{ cell, epochs: told, ended: true }]).map(({ title, of }) => [title, ...told.map(of)]);
    };
    expect(gradients("a", "b")).toEqual([
      ["gradient, a, log10", 0, 0.1],
      ["gradient, b, log10", 1, 1.1],
    ]);
    expect(gradients("a", "b", "c")).toHaveLength(3);
    expect(gradients("a", "b", "c", "d", "e").map(([, first]) => first)).toEqual([0, 2, 4]);
    expect(gradientColumns([])).toEqual([]);
  });

  it("draws the present default whole and all others in dashes, and says which is which", () => {
    for (const { name, before, now, original } of changes) {
      const told = [now, before, ...(original === null ? [] : [original])].map((text) =>
        defaultOf({ ...cell, quantizer: text }),
      );
      expect(told, name).toEqual(["now", "before", ...(original === null ? [] : ["now"])]);
    }
    expect(defaultOf({ ...cell, quantizer: "poly+:hardenAt=0.5" })).toBeNull();
    expect(defaultOf({ ...cell, quantizer: "poly+:hardenAt=0.3", restartAt: 0.5 })).toBeNull();
    expect(defaultOf({ ...cell, quantizer: "poly+:hardenAt=0.3", method: "gap-hardening" })).toBeNull();
    const texts = ["poly+:hardenAt=0.9", "poly+:hardenAt=0.5", "poly+:hardenAt=0.3", "poly"];
    const picture = studyPicture(
      "",
      texts.map((text) => record(text, true)),
    );
    const legend = [...picture.matchAll(/<line ([^>]*)\/>\n<text [^>]*>(poly[^<]*)<\/text>/g)];
    expect(legend.map(([, look, name]) => [name, /stroke-dasharray="([^"]*)"/.exec(look ?? "")?.[1]])).toEqual([
      ["poly+:hardenAt=0.9 (default of 0.1)", "6 3"],
      ["poly+:hardenAt=0.5", "2 3"],
      ["poly+:hardenAt=0.3 (default)", undefined],
      ["poly (default)", undefined],
    ]);
    expect(picture).toContain("whole: the present default of a quantizer; dashed: other schedules");
  });

  it("tells flips that were measured as 0, in the table and on a line of the picture, from flips that were not", () => {
    const withFlips = (name: string, ...flips: readonly (number | null)[]): CellRecord => {
      const { cell, epochs } = record(name, true);
      const told = epochs.map((one, i) => ({ ...one, layers: { a: { ...layer, flips: flips[i] ?? null } } }));
      return { cell, epochs: told, ended: true };
    };
    const [stopped, never, unknown] = [withFlips("pq", 0.01, 0), withFlips("rpc", 0, 0), withFlips("bc", null, null)];
    expect(studyRows([stopped, never, unknown]).map((row) => row.at(-2))).toEqual(["1.0e-2, 0", "0, 0", ""]);
    const panel = (...records: readonly CellRecord[]): string =>
      studyPicture("", records).split("flips a step, log10")[1]?.split("gradient, ")[0] ?? "";
    const drawn = panel(stopped, never, unknown);
    const floor = Number(/y1="([\d.]+)"[^>]*stroke-dasharray="2 2"/.exec(drawn)?.[1]);
    const lines = [...drawn.matchAll(/<polyline points="([^"]*)"/g)].map(([, points = ""]) =>
      points.split(" ").map((point) => Number(point.split(",")[1])),
    );
    expect(lines).toHaveLength(2);
    expect(lines[0]?.[0]).toBeLessThan(floor - 10);
    expect([lines[0]?.[1], ...(lines[1] ?? [])]).toEqual([floor, floor, floor]);
    expect(drawn).toContain(">zero</text>");
    expect(panel(never)).not.toMatch(/NaN|Infinity/);
    expect(panel(unknown)).toContain(">-</text>");
    expect(panel(record("bnn", true))).not.toContain('stroke-dasharray="2 2"');
  });

  it("comes out of a quick study, which tells what is to do first", async () => {
    const closers: (() => unknown)[] = [];
    const [ticks, findings]: [number[], Finding[]] = [[], []];
    const setting = { quick: true, browser: false, expect: (count: number) => void ticks.push(count) };
    const context = {
      ...setting,
      tick: () => void ticks.push(1),
      atEnd: (close: () => unknown) => closers.push(close),
    };
    try {
      for await (const finding of study.run(context)) findings.push(finding);
    } finally {
      for (const close of closers) await close();
    }
    expect(ticks).toEqual([6, 1, 1, 1, 1, 1, 1]);
    expect(findings.map(({ type }) => type)).toEqual(["note", "picture", "table", "table"]);
    expect(findings[0]).toMatchObject({
      text: expect.stringMatching(/^0 of 3 cells are done\. .* the next is bnn\+,/),
    });
    const rows = findings.flatMap((finding) => (finding.type === "table" ? finding.rows : []));
    expect(rows.map(([quantizer]) => quantizer)).toEqual(["bnn+", "bnn++", "bnn++:beta=5,hardenAt=0.5"]);
  });
});

it("watches the network that a task has hardened as one that hardens by its schedule", async () => {
  const watched = async (hardenAt: number, tasks: readonly EpochTask[]) => {
    const own = quantizers.polyPlus({ hardenAt });
    const net = sequential({ inputShape: [2, 2, 1] }, [
      layers.flatten(),
      layers.dense({ units: HIDDEN }),
      layers.binaryDense({ units: CLASSES, name: "second", weightQuantizer: own, activationQuantizer: own }),
    ]);
    using trainer = await Trainer.create(net, { seed: 7, workers: 1 });
    const watch = await createWatch(net, data.train, IMAGES);
    try {
      const options = { epochs: 4, batchSize: 8, validate: false, tasks: [...tasks, watch.task] };
      return (await trainer.fit(data, options)).epochs.map((event) => event.tasks?.study);
    } finally {
      watch.close();
    }
  };
  const hardening: EpochTask = {
    name: "hardening",
    run: async ({ epoch, harden }) => {
      if (epoch === 1) harden();
      return undefined;
    },
  };
  expect(await watched(0.9, [hardening])).toEqual(await watched(0.25, []));
});

it("trains nothing in 0 hours, and takes any part of an hour", async () => {
  expect(deadline(undefined)).toEqual([]);
  // A timer refuses 3.6 ms.
  expect(deadline(1e-6).map(({ aborted }) => aborted)).toEqual([false]);
  const closers: (() => unknown)[] = [];
  const context = {
    ...{ quick: true, browser: false, hours: 0, expect: () => undefined },
    ...{ tick: () => expect.unreachable(), atEnd: (close: () => unknown) => closers.push(close) },
  };
  const [rows, notes]: [unknown[], string[]] = [[], []];
  try {
    for await (const finding of study.run(context)) {
      if (finding.type === "table") rows.push(...finding.rows);
      if (finding.type === "note") notes.push(finding.text);
    }
  } finally {
    for (const close of closers) await close();
  }
  expect(rows).toEqual([]);
  expect(notes).toEqual(["0 of 3 cells are done. The next is bnn+, both, 2 epochs, seed 1."]);
});

describe("the slope over values", () => {
  it("is the mean of B, and the share where B is a hundredth of its largest value", () => {
    const values = [0, 0.25, -0.5, 0.99, -0.996, 1, 2, -3];
    const poly = values.map((x) => Math.max(0, 2 - 2 * Math.abs(x)));
    const mass = poly.reduce((sum, slope) => sum + slope, 0) / values.length;
    const found = slopeOver(quantizer("poly"), 0, values);
    expect(found.mass).toBeCloseTo(mass, 12);
    expect(found.inside).toBe(4 / 8);
    expect(slopeOver(quantizer("bc"), 0, values)).toEqual({ mass: 1, inside: 1 });
    expect(slopeOver(quantizer("bnn"), 0, values)).toEqual({ mass: 6 / 8, inside: 6 / 8 });
  });

  it("cuts tails where they reach that hundredth, and closes as the schedule sharpens", () => {
    // k t (1 - tanh^2 (t x)) is a hundredth of k t where tanh^2 is 0.99.
    const edge = Math.atanh(Math.sqrt(1 - TAIL)) / 2;
    expect(slopeOver(quantizer("ede:t=2"), 0, [edge - 1e-6, edge + 1e-6]).inside).toBe(0.5);
    const bnn = quantizer("bnn++:beta=logLinear(1,50)");
    const spread = Array.from({ length: 201 }, (_, index) => (index - 100) / 100);
    const inside = [0, 0.5, 1].map((progress) => slopeOver(bnn, progress, spread).inside);
    expect(inside[0]).toBe(1);
    expect(inside[1]).toBeGreaterThan(inside[2] as number);
    expect(inside[2]).toBeLessThan(0.2);
    // Its mean over an interval is F's rise there, by the fundamental theorem.
    expect(slopeOver(quantizer("poly+"), 0, spread).mass).toBeCloseTo(2 / 2.01, 2);
  });
});

describe("a cell", () => {
  let plain: { weights: Map<string, Float32Array>; accuracy: number }[];
  const run = (directory: string, more: { signal?: AbortSignal; onEpoch?: () => void } = {}) =>
    runCell({
      ...{ cell, frame, graph, data, directory, workers: 1 },
      ...{ signal: new AbortController().signal, onEpoch: () => undefined, ...more },
    });
  const numbers = ({ epochs }: CellRecord) => epochs.map(({ seconds: _, ...rest }) => rest);

  beforeAll(async () => {
    plain = [];
    const optimizer = optimizers.adam({ learningRate: schedules.cosine(frame.learningRate) });
    using trainer = await Trainer.create(graph, { optimizer, seed: cell.seed, workers: 1 });
    const found: Map<string, Float32Array>[] = [];
    const tasks = [
      {
        name: "weights",
        run: async (view: { weights(): Promise<Map<string, Float32Array>> }) => void found.push(await view.weights()),
      },
    ];
    const { epochs } = await trainer.fit(data, { epochs: cell.epochs, batchSize: frame.batchSize, tasks });
    epochs.forEach(({ validation }, epoch) => {
      plain.push({ weights: found[epoch] as Map<string, Float32Array>, accuracy: validation?.accuracy ?? Number.NaN });
    });
  });
  afterAll(() => plain.splice(0));

  it("leaves numbers of each layer that a plain calculation gives too, and a run that nobody looked at", () =>
    withFolder(async (directory) => {
      const { epochs, ended } = await run(directory);
      expect(ended).toBe(true);
      expect(epochs.map(({ hard }) => hard)).toEqual(plain.map(({ accuracy }) => accuracy));
      expect(epochs.map(({ soft }) => soft === null)).toEqual([false, false, true]);
      expect(Object.keys(epochs[0]?.layers ?? {})).toEqual(["second"]);
      epochs.forEach(({ layers: found, progress }, epoch) => {
        const expected = plainStep(plain[epoch]?.weights as Map<string, Float32Array>, progress);
        const { weights, activations, gradient, flips } = found.second as NonNullable<(typeof found)["second"]>;
        expect(weights?.mass).toBeCloseTo(expected.weights, 6);
        expect(activations?.mass).toBeCloseTo(expected.activations, 5);
        expect(gradient).toBeCloseTo(expected.gradient, 6);
        expect(flips).toBeGreaterThanOrEqual(0);
      });
    }));

  it("goes on where it was left, to the same numbers, and is not done again", () =>
    withFolder(async (directory) => {
      const controller = new AbortController();
      const left = await run(directory, { signal: controller.signal, onEpoch: () => controller.abort() });
      expect([left.ended, left.epochs.length]).toEqual([false, 1]);
      expect(await readCell(directory, cell, frame)).toMatchObject({ ended: false, epochs: [{ epoch: 1 }] });
      let done = 0;
      const whole = await run(directory, { onEpoch: () => void done++ });
      expect([done, whole.epochs.length]).toEqual([2, 3]);
      await withFolder(async (other) => expect(numbers(await run(other))).toEqual(numbers(whole)));
      const lines = (await readFile(join(directory, `${fileOf(cell, frame)}.jsonl`), "utf8")).trimEnd().split("\n");
      const types = lines.map((line) => (JSON.parse(line) as { type: string }).type);
      expect(types).toEqual(["cell", "epoch", "epoch", "epoch", "end"]);
      const again = await run(directory, { onEpoch: () => expect.unreachable() });
      expect(again).toEqual(whole);
    }));

  it("has a file of its own for each quantizer, operand and length, and keeps records through an event", () => {
    expect(new Set(cells.map((each) => fileOf(each, frame))).size).toBe(cells.length);
    // Of each length: all on each operand, but for rpc's two on activations; two with a rate that begins anew; three pairs of both.
    expect(cells).toHaveLength(3 * (3 * (quantizerTexts.length + 4) - 3 + 3));
    for (const { quantizer: text, activationQuantizer: own = text } of cells) {
      for (const each of [text, own]) expect(quantizer(each).name).toBe(each.replace(/:.*/, ""));
    }
    const labels = new Set(cells.map(labelOf));
    expect(labels.size).toBe(quantizerTexts.length + 7);
    expect(labels).toContain("pc:rho=geometric(0,1,0.9,epochs),hardenAt=0.5,clipLatent=1.5");
    expect(labels).toContain("poly+:hardenAt=0.5, rate anew at 0.5");
    expect(fileOf(cell, frame)).not.toBe(fileOf({ ...cell, restartAt: 0.5 }, frame));
    expect(fileOf(cell, frame)).not.toBe(fileOf({ ...cell, method: "gap-hardening" }, frame));
    expect(fileOf(cell, frame)).not.toBe(fileOf(cell, { ...frame, images: 1 }));
    const records = { "a/b": { weights: { mass: 1, inside: 0.5 }, activations: null, gradient: 2 } };
    expect(unflatten(flatten(records))).toEqual(records);
  });

  it("refuses weights that are standardised, whose slopes are over other numbers", () => {
    const recu = sequential({ inputShape: [IN] }, [
      layers.binaryDense({ units: 2, weightQuantizer: "recu", activationQuantizer: null }),
    ]);
    expect(() => watchedLayers(recu)).toThrow("standardises its weights");
  });
});

/** Means of B and the gradient at the latent weights, from the definitions. */
function plainStep(weights: Map<string, Float32Array>, progress: number) {
  const take = (name: string): number[] => [...(weights.get(name) as Float32Array)];
  const [first, bias, second, last] = ["first/kernel", "first/bias", "second/kernel", "second/bias"].map((name) =>
    weights.has(name) ? take(name) : [],
  ) as [number[], number[], number[], number[]];
  const clip = (x: number): number => Math.max(-1, Math.min(1, x));
  const soft = (x: number): number => 2 * clip(x) - Math.sign(x) * clip(x) ** 2;
  const F = progress >= 0.5 ? (x: number) => (x < 0 ? -1 : 1) : soft;
  const B = (x: number): number => Math.max(0, 2 - 2 * Math.abs(x));
  const logistic = (x: number): number => 1 / (1 + Math.exp(-2 * x));
  const swish = (x: number): number =>
    progress >= 0.9 ? (x < 0 ? -1 : 1) : 2 * logistic(x) * (1 + 2 * x * (1 - logistic(x))) - 1;
  const slope = (x: number): number => (2 * (2 - 2 * x * Math.tanh(x))) / (1 + Math.cosh(2 * x));
  const images = Array.from({ length: IMAGES }, (_, image) =>
    Array.from(
      { length: IN },
      (_, i) => (data.train.images[image * IN + i] as number) * data.train.scale + data.train.offset,
    ),
  );
  const hidden = images.map((x) =>
    Array.from({ length: HIDDEN }, (_, j) =>
      x.reduce((sum, value, i) => sum + value * (first[i * HIDDEN + j] ?? 0), bias[j] ?? 0),
    ),
  );
  const gradient = new Array<number>(HIDDEN * CLASSES).fill(0);
  hidden.forEach((a, image) => {
    const logits = Array.from({ length: CLASSES }, (_, c) =>
      a.reduce((sum, value, j) => sum + swish(value) * F(second[j * CLASSES + c] ?? 0), last[c] ?? 0),
    );
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    logits.forEach((logit, c) => {
      const error = (Math.exp(logit) / total - (data.train.labels[image] === c ? 1 : 0)) / IMAGES;
      a.forEach((value, j) => {
        gradient[j * CLASSES + c] =
          (gradient[j * CLASSES + c] ?? 0) + error * swish(value) * B(second[j * CLASSES + c] ?? 0);
      });
    });
  });
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    weights: mean(second.map(B)),
    activations: mean(hidden.flat().map(slope)),
    gradient: Math.hypot(...gradient),
  };
}
