/**
 * Every public function is called with junk. Whatever it does not take it must refuse by a ProxbitError, and a trainer must
 * work afterwards as before.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isProxbitError } from "../ts/base/errors.ts";
import * as data from "../ts/data/index.ts";
import * as proxbit from "../ts/index.ts";
import * as inference from "../ts/inference/index.ts";

const throwing = (what: string) => () => {
  throw new TypeError(what);
};
const hostileProxy = (): object =>
  new Proxy({}, { get: throwing("get"), ownKeys: throwing("keys"), has: throwing("has") });
const revokedProxy = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const cyclic = (): unknown => {
  const list: unknown[] = [];
  list.push(list);
  return list;
};

/** Values that nobody should give, each made anew. */
const JUNK: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  zero: () => 0,
  negative: () => -1,
  half: () => 0.5,
  NaN: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  huge: () => 1e21,
  bigint: () => 10n,
  true: () => true,
  "empty text": () => "",
  text: () => "toString",
  prototype: () => "__proto__",
  symbol: () => Symbol("junk"),
  function: () => () => {},
  "function that throws": () => throwing("called"),
  "empty list": () => [],
  "list of null": () => [null],
  "list of lists": () => [[]],
  "list with a bigint": () => [1n, 2],
  cycle: cyclic,
  "empty object": () => ({}),
  "object without prototype": () => Object.create(null),
  "unknown key": () => ({ junk: 1 }),
  "getter that throws": () => Object.defineProperty({}, "kind", { enumerable: true, get: throwing("got") }),
  map: () => new Map(),
  date: () => new Date(Number.NaN),
  bytes: () => new Uint8Array(3),
  floats: () => Float32Array.of(Number.NaN),
  bigints: () => new BigInt64Array(2),
  view: () => new DataView(new ArrayBuffer(2)),
  buffer: () => new ArrayBuffer(4),
  proxy: hostileProxy,
  "revoked proxy": revokedProxy,
  "class instance": () =>
    new (class Junk {
      readonly shape = 3n;
    })(),
};

type Action = () => unknown;

/** The error of `action` that is no ProxbitError, in words; undefined where all is well. */
async function untyped(name: string, action: Action): Promise<string | undefined> {
  try {
    const value = await action();
    if (typeof value === "object" && value !== null && Symbol.asyncIterator in value) {
      let events = 0;
      for await (const _ of value as AsyncIterable<unknown>) if (++events === 2) break;
    }
    return undefined;
  } catch (error) {
    // What a callback throws is its caller's.
    const isOwn = error instanceof Error && error.message === "called";
    return isOwn || isProxbitError(error)
      ? undefined
      : `${name}: ${error instanceof Error ? error.stack?.split("\n").slice(0, 3).join(" | ") : String(error)}`;
  }
}

async function allUntyped(actions: readonly (readonly [string, Action])[]): Promise<readonly string[]> {
  const found: (string | undefined)[] = [];
  for (const [name, action] of actions) found.push(await untyped(name, action));
  return found.filter((text) => text !== undefined);
}

/** Loaders read files or the network, and these take any value by their nature. */
const LEFT_OUT = new Set([
  "cifar10",
  "cifar100",
  "idxFolder",
  "dataset",
  "fashionMnist",
  "mnist",
  "isProxbitError",
  "ProxbitError",
  "loadParallel",
]);

/** All functions that a module gives out, those in its tables too. */
function functionsOf(module: object): readonly (readonly [string, (...given: unknown[]) => unknown])[] {
  return Object.entries(module).flatMap(([name, value]) => {
    if (LEFT_OUT.has(name)) return [];
    if (typeof value === "function") return [[name, value] as const];
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
    return Object.entries(value as object).flatMap(([key, inner]) =>
      typeof inner === "function" ? [[`${name}.${key}`, inner as (...given: unknown[]) => unknown] as const] : [],
    );
  });
}

const graph = proxbit.sequential({ inputShape: [2] }, [proxbit.layers.dense({ units: 3 }), proxbit.layers.batchNorm()]);
const examples = data.split([0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 0], [2]);
const set: data.Dataset = { name: "few", classes: ["a", "b", "c"], train: examples, test: examples };

describe("junk is refused by a typed error", () => {
  test.each([
    ["proxbit", proxbit],
    ["proxbit/data", data],
    ["proxbit/inference", inference],
  ])("by every function of %s", async (_, module) => {
    const good = [graph, examples, 1];
    const actions = functionsOf(module).flatMap(([name, call]) =>
      Object.entries(JUNK).flatMap(([junk, make]): (readonly [string, Action])[] => [
        [`${name}(${junk})`, () => call(make())],
        ...good.map((first, i) => [`${name}(good ${i}, ${junk})`, () => call(first, make())] as const),
        [`${name}(${junk}, ${junk}, ${junk})`, () => call(make(), make(), make())],
      ]),
    );
    expect(actions.length).toBeGreaterThan(200);
    expect(await allUntyped(actions)).toEqual([]);
  });
});

describe("a trainer that was given junk", () => {
  let trainer: proxbit.Trainer;
  beforeAll(async () => {
    trainer = await proxbit.Trainer.create(graph, { workers: 1 });
  });
  afterAll(() => trainer.close());

  /** An option at a time is junk, and all at once. */
  const spoilt = (good: object): readonly (readonly [string, () => unknown])[] =>
    Object.entries(JUNK).flatMap(([junk, make]) => [
      [junk, make] as const,
      ...Object.keys(good).map((key) => [`${key}: ${junk}`, () => ({ ...good, [key]: make() })] as const),
    ]);
  const fitOptions = { epochs: 1, batchSize: 2, augment: undefined, labelSmoothing: 0, validate: true, soft: true };
  const more = { flipRatio: false, tasks: [], onValidate: undefined, signal: undefined };
  const evaluateOptions = { batchSize: 2, signal: undefined, onProgress: undefined, soft: { statistics: examples } };

  test.each([
    ["fit's options", { ...fitOptions, ...more }, (given: unknown) => trainer.fit(set, given as never)],
    ["fit's data", set, (given: unknown) => trainer.fit(given as never, { epochs: 1, batchSize: 2 })],
    ["fit's examples", examples, (given: unknown) => trainer.fit({ ...set, train: given as never }, { epochs: 1 })],
    ["evaluate's examples", examples, (given: unknown) => trainer.evaluate(given as never)],
    ["evaluate's options", evaluateOptions, (given: unknown) => trainer.evaluate(examples, given as never)],
    [
      "estimate's options",
      { batches: 1, batchSize: 2 },
      (given: unknown) => trainer.estimateStatistics(examples, given as never),
    ],
    ["explain's options", { batchSize: 2, progress: 0 }, (given: unknown) => trainer.explain(given as never)],
    ["profile's options", { batchSize: 2, steps: 1 }, (given: unknown) => trainer.profile(examples, given as never)],
    ["weights", {}, (given: unknown) => trainer.setWeights(given as never)],
    ["a start", {}, (given: unknown) => trainer.startFrom(given as never)],
    ["a start's options", {}, (given: unknown) => trainer.startFrom(new Map(), given as never)],
    ["pack's metadata", { name: "a" }, (given: unknown) => trainer.pack(given as never)],
  ])("as %s refuses it, and works as before", async (_, good, call) => {
    const weights = await trainer.weights();
    const wanted = await trainer.evaluate(examples);
    const actions = spoilt(good).map(([name, make]) => [name, () => call(make())] as const);
    expect(await allUntyped(actions)).toEqual([]);
    await trainer.setWeights(weights);
    expect(await trainer.evaluate(examples)).toEqual(wanted);
    for await (const event of trainer.fit(set, { epochs: 1, batchSize: 2 })) expect(event.loss).toBeGreaterThan(0);
  });
});
