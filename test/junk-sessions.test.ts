/** Sessions, stores and the ways to a trainer: junk ends in a ProxbitError, and what it was given to works as before. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { split } from "../ts/data/index.ts";
import { browserStore, fileStore, layers, sequential, Trainer } from "../ts/index.ts";
import { load, loadParallel, type ParallelSession, type Session } from "../ts/inference/index.ts";
import { type Action, allUntyped, JUNK, spoilt } from "./junk-values.ts";

const graph = sequential({ inputShape: [2, 2, 1] }, [layers.flatten(), layers.dense({ units: 3 })]);
const examples = split(
  Uint8Array.from({ length: 16 }, (_, i) => 9 * i),
  [0, 1, 2, 0],
  [2, 2, 1],
);
const data = { name: "few", classes: ["a", "b", "c"], train: examples, test: examples };
const images = examples.images.subarray(0, 4) as Uint8Array;

let folder = "";
let file: Uint8Array = new Uint8Array();
/** The checkpoint of a run that was left. */
let checkpoint = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "proxbit-junk-"));
  checkpoint = join(folder, "run.ckpt");
  const trainer = await Trainer.create(graph, { workers: 1 });
  for await (const _ of trainer.fit(data, { epochs: 2, batchSize: 2 })) break;
  await trainer.save(checkpoint);
  file = await trainer.pack();
  trainer.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Each piece of junk as the only argument. */
const asArgument = (name: string, call: (given: never) => unknown) =>
  Object.entries(JUNK).flatMap(([junk, make]): (readonly [string, Action])[] => [
    [`${name}(${junk})`, () => call(make() as never)],
    [`${name}([${junk}])`, () => call([make()] as never)],
  ]);

/** Each piece of junk as the first argument, and as the second behind a good one. */
const asArguments = (name: string, call: (...given: never[]) => unknown, good: unknown) => [
  ...asArgument(name, call),
  ...Object.entries(JUNK).flatMap(([junk, make]): (readonly [string, Action])[] => [
    [`${name}(good, ${junk})`, () => call(good as never, make() as never)],
    [`${name}(${junk}, ${junk})`, () => call(make() as never, make() as never)],
  ]),
];

const asOptions = (name: string, good: object, call: (options: never) => unknown) =>
  spoilt(good).map(([junk, make]): readonly [string, Action] => [`${name}: ${junk}`, () => call(make() as never)]);

describe("a session that was given junk refuses it, and runs as before", () => {
  test.each([
    ["load", (): Promise<Session | ParallelSession> => load(file)],
    ["loadParallel", (): Promise<Session | ParallelSession> => loadParallel(file, { workers: 2 })],
  ])("of %s", async (_, open) => {
    const session = await open();
    const wanted = await session.run(images);
    const options = { top: 1, labels: "many", threshold: 0.5, count: 1 };
    const actions = [
      ...asArguments("run", session.run, images),
      ...asArguments("runAll", session.runAll, images),
      ...asArguments("classify", session.classify as (...given: never[]) => unknown, images),
      ...asOptions("run", { count: 1 }, (given) => session.run(images, given)),
      ...asOptions("classify", options, (given) => session.classify(images, given)),
      ...asArguments("explain", session.explain as (...given: never[]) => unknown, {}),
      ...("profile" in session ? asOptions("profile", { runs: 1 }, (given) => session.profile(given)) : []),
    ];
    expect(await allUntyped(actions)).toEqual([]);
    expect(await session.run(images)).toEqual(wanted);
    for (const make of Object.values(JUNK)) (session.close as (given: unknown) => void)(make());
    await expect((async () => session.run(images))()).rejects.toMatchObject({ code: "worker" });
  });

  test("and so do load and loadParallel", async () => {
    const bounds = { maxMemory: undefined, maxOperations: undefined, signal: undefined };
    const options = { variant: undefined, kernel: undefined, batch: 1, source: undefined, ...bounds };
    const opened = async (loading: Promise<Session | ParallelSession>): Promise<void> => (await loading).close();
    const actions = [
      ...asOptions("load", options, (given) => opened(load(file, given))),
      // Its other options are read by the same lines.
      ...asOptions("loadParallel", { workers: 1, worker: undefined }, (given) => opened(loadParallel(file, given))),
    ];
    expect(await allUntyped(actions)).toEqual([]);
  });
});

describe("the ways to a trainer refuse junk", () => {
  /** False for options that say nothing, each of which would make a trainer. */
  const isRefused = ([title]: readonly [string, Action]): boolean =>
    !/[:(] ?(undefined|null|empty object|object without prototype|map|date|buffer)\)?$/.test(title);
  const closing = async (making: Promise<Trainer>): Promise<void> => (await making).close();

  test("by its options", async () => {
    const good = { optimizer: undefined, objective: undefined, workers: 1, seed: 1, variant: undefined };
    const sources = { source: undefined, worker: undefined };
    const actions = asOptions("create", { ...good, ...sources }, (given) => closing(Trainer.create(graph, given)));
    expect(await allUntyped(actions.filter(isRefused))).toEqual([]);
  });

  test("by its checkpoint", async () => {
    const good = { graph, workers: 1, optimizer: undefined, objective: undefined, seed: 0, allow: [] };
    const store = fileStore(checkpoint);
    const actions = [
      ...asArgument("resume", (from) => closing(Trainer.resume(from, { workers: 1 }))),
      ...asOptions("resume", good, (given) => closing(Trainer.resume(checkpoint, given))),
      ...asOptions("store", { ...store }, (given) => closing(Trainer.resume(given, { workers: 1 }))),
      // A promise asks what it is given for its own kind, so a hostile proxy throws in the caller's hands.
      ...Object.entries(JUNK)
        .filter(([junk]) => !junk.includes("proxy"))
        .map(([junk, make]): readonly [string, Action] => [
          `store that reads ${junk}`,
          () => closing(Trainer.resume({ ...store, read: async () => make() as Uint8Array }, { workers: 1 })),
        ]),
    ];
    expect(await allUntyped(actions.filter(isRefused))).toEqual([]);
    const trainer = await Trainer.resume(checkpoint, { workers: 1 });
    expect((await trainer.continueFit(data)).epochs.length).toBeGreaterThan(0);
    trainer.close();
  });

  test("by what it starts from, saves to and goes on with", async () => {
    const trainer = await Trainer.create(graph, { workers: 1 });
    for await (const _ of trainer.fit(data, { epochs: 2, batchSize: 2 })) break;
    const left = trainer.left();
    const actions = [
      ...asArguments("startFrom", trainer.startFrom, file),
      ...asOptions("startFrom", { rescale: "none", layers: ["dense"] }, (given) => trainer.startFrom(file, given)),
      // A text is a place, and would be written to.
      ...asArgument("save", (to) => (typeof to === "string" ? undefined : trainer.save(to))),
      ...asOptions("save", { ...fileStore(join(folder, "another.ckpt")) }, (given) =>
        typeof given === "string" ? undefined : trainer.save(given),
      ),
      ...asArgument("continueFit", (given) => trainer.continueFit(given)),
      ...asArguments("predict", trainer.predict, examples),
      ...asOptions("predict", { batchSize: 2, signal: undefined }, (given) => trainer.predict(examples, given)),
      ...asOptions("evaluate", { metrics: ["f1"] }, (given) => trainer.evaluate(examples, given)),
    ];
    expect(await allUntyped(actions)).toEqual([]);
    expect(trainer.left()).toEqual(left);
    await trainer.startFrom(file);
    expect((await trainer.fit(data, { epochs: 1, batchSize: 2 })).epochs).toHaveLength(1);
    trainer.close();
  });

  test("by a store", async () => {
    const places = Object.entries(JUNK).flatMap(([junk, make]): (readonly [string, Action])[] => [
      [`fileStore(${junk})`, () => fileStore(make() as never)],
      [`browserStore(${junk})`, () => browserStore(make() as never)],
    ]);
    const stores = [fileStore(join(folder, "junk.ckpt")), browserStore("junk")].flatMap((store) => [
      ...asArguments("read", store.read, "last"),
      ...asArguments("write", store.write, [new Uint8Array(2)]),
      ["lock", async () => (await store.lock())()] as const,
    ]);
    expect(await allUntyped([...places, ...stores])).toEqual([]);
  });
});
