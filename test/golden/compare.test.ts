/**
 * The comparison of golden figures names the difference: the entry, the figure, the step, the first tensor, the line.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compareSubject } from "./compare.ts";
import { differences, type Figures, type Subject } from "./figures.ts";
import { normaliseJson, normaliseText } from "./normalise.ts";
import { jsonStore, type Store, textStore } from "./store.ts";
import { subjects } from "./subjects.ts";

const figures: Figures = {
  "loss at step": "1 0.5 0.25",
  predictions: "00ff",
  weights: { "a/kernel": "1111", "b/gamma": "2222", "b/beta": "3333" },
};

describe("differences", () => {
  it.each([
    ["nothing", {}, []],
    ["the step", { "loss at step": "1 0.75 0.25" }, ["loss at step 2: was 0.5, is 0.75"]],
    ["a step that is missing", { "loss at step": "1 0.5" }, ["loss at step 3: was 0.25, is absent"]],
    ["a step too many", { "loss at step": "1 0.5 0.25 0" }, ["loss at step 4: was absent, is 0"]],
    ["a figure by itself", { predictions: "00fe" }, ["predictions: was 00ff, is 00fe"]],
    ["a figure that is new", { accuracy: "1" }, ["accuracy: is new, 1"]],
    [
      "a tensor that is gone",
      { weights: { "a/kernel": "1111", "b/gamma": "2222" } },
      ["weights b/beta: is gone, was 3333"],
    ],
    [
      "the first of two tensors",
      { weights: { "a/kernel": "1111", "b/gamma": "0", "b/beta": "0" } },
      ["weights b/gamma: was 2222, is 0; and 1 more of the weights"],
    ],
  ])("tell %s", (_, changed, lines) => {
    expect(differences(figures, { ...figures, ...changed } as Figures)).toEqual(lines);
  });

  it("tell a group that is new, and one that is gone", () => {
    expect(differences({}, { weights: { a: "1", b: "2" } })).toEqual([
      "weights a: is new, 1; and 1 more of the weights",
    ]);
    expect(differences({ weights: { a: "1" } }, {})).toEqual(["weights a: is gone, was 1"]);
  });

  it("tell a figure that is gone", () => {
    const { predictions: _, ...rest } = figures;
    expect(differences(figures, rest)).toEqual(["predictions: is gone, was 00ff"]);
  });

  it("show the first lines that differ", () => {
    expect(differences({ text: "a\nb\nc\nd\n" }, { text: "a\nB\nc\nD\n" })).toEqual([
      "text line 2:\n  - b\n  - d\n  + B\n  + D",
    ]);
  });
});

describe("a subject", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "proxbit-golden-test-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const subjectOf = (book: Readonly<Record<string, Figures>>): Subject => ({
    name: "numbers",
    entries: Object.keys(book),
    make: async (entry) => book[entry] as Figures,
  });
  const compared = (store: Store, book: Readonly<Record<string, Figures>>, write = false) =>
    compareSubject({ subject: subjectOf(book), store, isWanted: () => true, write });

  it.each([
    ["JSON", jsonStore],
    ["texts", textStore],
  ] as const)("is the same after it was kept as %s", async (_, storeOf) => {
    const store = storeOf(folder);
    const book = { first: { text: "1\n2\n" }, second: { text: "3\n" } };
    expect(await compared(store, book, true)).toEqual([]);
    expect(await compared(store, book)).toEqual([]);
    expect(await compared(store, { first: book.first })).toEqual(["numbers, second: has figures but is in no list"]);
    expect(await compared(store, { ...book, third: { text: "" } })).toEqual(["numbers, third: has no figures yet"]);
    expect(await compared(store, { ...book, second: { text: "4\n" } })).toEqual([
      "numbers, second: text line 1:\n  - 3\n  + 4",
    ]);
    expect(await compared(store, { second: book.second }, true)).toEqual([]);
    expect([...(await store.read(subjectOf({}))).keys()]).toEqual(["second"]);
  });

  it("keeps no broken promise and no error", async () => {
    const store = jsonStore(folder);
    const differ = { "places that differ": { "plain, 1 worker": "weights" } };
    const lines = await compared(store, { broken: differ, failed: { error: "no" }, good: figures }, true);
    expect(lines).toEqual([
      'numbers, broken: places that differ: {"plain, 1 worker":"weights"}',
      'numbers, failed: error: "no"',
    ]);
    expect(JSON.parse(await readFile(join(folder, "figures", "numbers.json"), "utf8"))).toEqual({ good: figures });
  });

  it("has the error of an entry for its figure, and goes on", async () => {
    const store = jsonStore(folder);
    const make = async (entry: string): Promise<Figures> => {
      if (entry === "first") throw new Error("it broke");
      return figures;
    };
    await compared(store, { first: { text: "1" }, second: figures }, true);
    const subject: Subject = { name: "numbers", entries: ["first", "second"], make };
    expect(await compareSubject({ subject, store, isWanted: () => true })).toEqual([
      "numbers, first: text: is gone, was 1",
      "numbers, first: error: is new, it broke",
    ]);
  });
});

describe("normalised", () => {
  it("are the probe's winner and what follows from it, and nothing of a kernel that was named", () => {
    const core = "core relaxed; binary kernel";
    const probed = `${core} popcnt8 (chosen by probe: lookup 31, popcnt8 12 us); memory 1.44 MB`;
    expect(normaliseText(probed)).toBe(`${core} KERNEL (chosen by probe); memory MEMORY`);
    const named = `${core} lookup (chosen by caller); memory 1.44 MB`;
    expect(normaliseText(named)).toBe(named);
    const json = {
      kernel: "popcnt8",
      chosenBy: "probe",
      probeMicroseconds: { lookup: 3 },
      memoryBytes: 7,
      layers: [{ a: 1 }],
    };
    expect(normaliseJson(JSON.stringify(json))).toBe(
      '{\n  "kernel": "KERNEL",\n  "chosenBy": "probe",\n  "memoryBytes": "MEMORY",\n  "layers": [\n    {"a":1}\n  ]\n}',
    );
    expect(normaliseJson('{"kernel":"popcnt8","chosenBy":"caller"}')).toContain('"kernel": "popcnt8"');
  });

  it("are the last digits of numbers, and long lists", () => {
    expect(normaliseJson('{"x":0.123456789,"bytes":123456789}')).toBe('{\n  "x": 0.123457,\n  "bytes": 123456789\n}');
    const list = Array.from({ length: 65 }, (_, place) => place);
    expect(normaliseJson(JSON.stringify({ list }))).toBe('{\n  "list": ["65 numbers, of which",0,64]\n}');
  });
});

it("every subject has a test", async () => {
  const files = (await readdir(import.meta.dirname)).filter((name) => name.endsWith(".test.ts"));
  const sources = await Promise.all(files.map((name) => readFile(join(import.meta.dirname, name), "utf8")));
  const tested = sources.flatMap((source) => [...source.matchAll(/^testGolden\("(\w+)"\)/gm)].map(([, name]) => name));
  expect(tested.sort()).toEqual(subjects.map(({ subject }) => subject.name).sort());
});
