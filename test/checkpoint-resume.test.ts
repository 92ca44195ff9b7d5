/**
 * The guarantee: a run that was interrupted anywhere and goes on from its checkpoint ends in the same bytes as one that was not.
 * Each subject is left behind events drawn at random, and goes on in another trainer, of other workers and another build.
 */
import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { augmented, changed, stream, type Variations } from "../ts/data/index.ts";
import { picked } from "../ts/data/subset.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../ts/io/checkpoint-file.ts";
import type { CheckpointStore } from "../ts/io/checkpoint-store.ts";
import { losses } from "../ts/train/losses/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { dataFacts } from "../ts/train/run/checkpoint.ts";
import type { EpochTask } from "../ts/train/run/epoch-task.ts";
import type { TrainEvent } from "../ts/train/run/events.ts";
import { Trainer, type TrainerOptions } from "../ts/train/run/trainer.ts";
import { memoryStore, type Subject, subjects } from "./checkpoint-networks.ts";
import fc from "./fast-check.ts";
import { rejected } from "./io-helpers.ts";
import { eventsOf, stepsAtOnce, trainerOf } from "./train-helpers.ts";
import { data } from "./train-networks.ts";

/** All of an event but what a clock or a disk says. */
function timeless(event: TrainEvent): object {
  const {
    seconds: _,
    imagesPerSecond: __,
    secondsLeft: ___,
    checkpoint: ____,
    ...rest
  } = event as TrainEvent & {
    readonly [name in "seconds" | "imagesPerSecond" | "secondsLeft" | "checkpoint"]?: unknown;
  };
  return rest;
}
const epochEnds = (events: readonly TrainEvent[]): readonly object[] =>
  events.filter(({ type }) => type === "epoch").map(timeless);

const optionsOf = ({ optimizer, objective }: Subject, more: TrainerOptions = {}): TrainerOptions => ({
  ...{ optimizer, seed: 7 },
  ...(objective === undefined ? {} : { objective }),
  ...more,
});

/** The end of a run: its file, its weights, and the events of its epochs. */
async function endOf(trainer: Trainer, events: readonly TrainEvent[]) {
  return { bytes: await trainer.pack(), weights: await trainer.weights(), ends: epochEnds(events) };
}

async function leave(run: AsyncGenerator<TrainEvent, void, undefined>, enough: number): Promise<TrainEvent[]> {
  const seen: TrainEvent[] = [];
  for await (const event of run) {
    seen.push(event);
    if (seen.length === enough) break;
  }
  return seen;
}

/** Settings in which runs go on; they began with one worker and the best build. */
const others: readonly TrainerOptions[] = [
  { workers: 1, variant: "plain" },
  { workers: 1, variant: "plain-shared" },
  { workers: 2, variant: "plain-shared" },
  { workers: 3 },
];

describe.each(Object.entries(subjects))("the run %s", (_name, subject) => {
  test("ends in the same bytes wherever it was left, with other workers and another build", async () => {
    stepsAtOnce("one");
    const { graph, options } = subject;
    const straight = await trainerOf(graph, optionsOf(subject));
    const events = await eventsOf(straight.fit(data, options));
    const whole = await endOf(straight, events);
    const count = fc.sample(fc.integer({ min: 1, max: events.length }), { numRuns: subject.points, seed: 11 });
    for (const [i, enough] of count.entries()) {
      const store = memoryStore();
      const first = await trainerOf(graph, optionsOf(subject));
      const before = await leave(first.fit(data, { ...options, checkpoint: store }), enough);
      first.close();
      const second = await Trainer.resume(store, {
        ...(subject.objective === undefined ? {} : { objective: subject.objective }),
        ...others[i % others.length],
      });
      const after = await eventsOf(second.continueFit(data));
      const ends = [...epochEnds(before), ...epochEnds(after)];
      expect({ ...(await endOf(second, [])), ends }, `left after ${enough} events`).toEqual(whole);
      second.close();
    }
  });
});

test("every checkpoint that was written on the way leads to the same bytes, however often one goes on", async () => {
  stepsAtOnce("many");
  const subject = subjects.restarting as Subject;
  const store = memoryStore();
  const straight = await trainerOf(subject.graph, optionsOf(subject));
  for await (const _ of straight.fit(data, { ...subject.options, checkpoint: { to: store, every: { steps: 1 } } })) {
    // A checkpoint is skipped while the one before is written.
    await setTimeout(20);
  }
  const whole = await endOf(straight, []);
  expect(store.all.length).toBeGreaterThan(3);
  for (const bytes of store.all) {
    const trainer = await Trainer.resume(bytes, { workers: 1 });
    await eventsOf(trainer.continueFit(data));
    expect(await endOf(trainer, [])).toEqual(whole);
    expect(trainer.left()).toBeNull();
    trainer.close();
  }
});

test("tasks that keep state get it back, and their numbers stand in the event of the epoch", async () => {
  const subject = subjects.plain as Subject;
  const counting = (): EpochTask => {
    let sum = 0;
    return {
      name: "sum",
      run: async ({ epoch }) => {
        sum += epoch;
        return { sum };
      },
      save: () => ({ sum }),
      restore: (state) => {
        sum = (state as { sum: number }).sum;
      },
    };
  };
  const store = memoryStore();
  const first = await trainerOf(subject.graph, optionsOf(subject));
  const before = await leave(first.fit(data, { ...subject.options, tasks: [counting()], checkpoint: store }), 6);
  const second = await Trainer.resume(store);
  const after = await eventsOf(second.continueFit(data, { tasks: [counting()] }));
  expect([...epochEnds(before), ...epochEnds(after)].map((event) => (event as { tasks?: unknown }).tasks)).toEqual([
    { sum: { sum: 1 } },
    { sum: { sum: 3 } },
    { sum: { sum: 6 } },
  ]);
  second.close();
});

test("a task's state comes back as it was, numbers without JSON and objects that look like them too", async () => {
  const subject = subjects.plain as Subject;
  const state = {
    ends: [Infinity, -Infinity, Number.NaN, -0],
    number: "12",
    own: { number: "12" },
    mean: Float32Array.of(1),
  };
  let back: unknown = null;
  const task: EpochTask = {
    name: "own",
    run: async () => undefined,
    save: () => state,
    restore: (found) => {
      back = found;
    },
  };
  const store = memoryStore();
  const first = await trainerOf(subject.graph, optionsOf(subject));
  await leave(first.fit(data, { ...subject.options, tasks: [task], checkpoint: store }), 2);
  const second = await Trainer.resume(store);
  await eventsOf(second.continueFit(data, { tasks: [task] }));
  expect(back).toEqual(state);
  second.close();
});

test("a task may be an object of a class, whose functions read their own fields", async () => {
  class Sum implements EpochTask {
    readonly name = "sum";
    #sum = 0;
    async run({ epoch }: { readonly epoch: number }) {
      this.#sum += epoch;
      return { sum: this.#sum };
    }
    save = () => ({ sum: this.#sum, mean: Float32Array.of(this.#sum / 2) });
    restore = () => undefined;
  }
  const subject = subjects.plain as Subject;
  const trainer = await trainerOf(subject.graph, optionsOf(subject));
  const events = await eventsOf(
    trainer.fit(data, { ...subject.options, tasks: [new Sum()], checkpoint: memoryStore() }),
  );
  expect(epochEnds(events).map((event) => (event as { tasks?: unknown }).tasks)).toEqual(
    [1, 3, 6].map((sum) => ({ sum: { sum } })),
  );
  trainer.close();
});

const loop: Record<string, unknown> = {};
loop.self = loop;
test.each([
  ["a function", () => () => 1],
  ["an object with a function", () => ({ seen: () => 1 })],
  ["an array with one", () => [[() => 1]]],
  ["a map", () => new Map()],
  ["a date within", () => ({ at: { first: new Date(0) } })],
  ["integers", () => Int32Array.of(1)],
  ["a tensor too deep", () => ({ mean: { of: Float32Array.of(1) } })],
  ["a value in itself", () => loop],
])("a task that would save %s is refused before the first step, and the trainer stays usable", async (_, save) => {
  const subject = subjects.plain as Subject;
  const trainer = await trainerOf(subject.graph, optionsOf(subject));
  const task: EpochTask = { name: "own", run: async () => undefined, save, restore: () => undefined };
  const events = eventsOf(trainer.fit(data, { ...subject.options, tasks: [task] }));
  expect((await rejected("argument", events)).message).toContain(
    "save must be a function that returns a value which JSON",
  );
  expect((await eventsOf(trainer.fit(data, { ...subject.options, epochs: 1 }))).length).toBeGreaterThan(0);
  trainer.close();
});

describe("going on with something else", () => {
  const subject = subjects.plain as Subject;
  const leftRun = async (): Promise<CheckpointStore> => {
    const store = memoryStore();
    const trainer = await trainerOf(subject.graph, optionsOf(subject));
    await leave(trainer.fit(data, { ...subject.options, checkpoint: store }), 2);
    return store;
  };
  const other = { ...data, train: { ...data.train, images: data.train.images.map((byte) => byte ^ 1) } };

  test("is refused with the first difference by name, and allowed by its word", async () => {
    const store = await leftRun();
    const rate = optimizers.adam({ learningRate: 0.5 });
    const { message, remedy } = await rejected("checkpoint", Trainer.resume(store, { optimizer: rate }));
    expect(message).toContain("learningRate[0].value was 0.001 and is 0.5");
    expect(remedy).toContain('"learningRate"');
    await rejected("checkpoint", Trainer.resume(store, { optimizer: optimizers.sgd(), allow: ["learningRate"] }));
    await rejected("checkpoint", Trainer.resume(store, { graph: (subjects.restarting as Subject).graph }));
    await rejected("checkpoint", Trainer.resume(store, { seed: 8, allow: ["data"] }));
    await rejected("argument", Trainer.resume(store, { allow: ["anything" as "data"] }));
    // The fault is the caller's, not the checkpoint's.
    await rejected("argument", Trainer.resume(store, { optimizer: { kind: "none" } as never }));
    (await Trainer.resume(store, { optimizer: rate, allow: ["learningRate"] })).close();
  });

  test("is refused with the names of what was left out or is new", async () => {
    const store = await leftRun();
    const objective = [losses.crossEntropy({ name: "own" }), losses.l2({ factor: 1 }), losses.l1({ factor: 1 })];
    const { message } = await rejected("checkpoint", Trainer.resume(store, { objective }));
    expect(message).toContain('objective now lacks "crossEntropy" and has more "own", "l2", "l1"');
    const { graph } = subjects.restarting as Subject;
    const longer = await rejected("checkpoint", Trainer.resume(store, { graph }));
    expect(longer.message).toMatch(/graph\.nodes .*has more "drop", "/);
  });

  test.each([
    ["data", "data.train.sha256", other, {}],
    ["labelSmoothing", "labelSmoothing was 0 and is 0.5", data, { labelSmoothing: 0.5 }],
    ["augment", "augment", data, { augment: { mirror: true } }],
    ["validate", "validate was true", data, { validate: false }],
    ["earlyStopping", "earlyStopping was null", data, { earlyStopping: { patience: 9 } }],
    ["metrics", "metrics", data, { metrics: ["accuracy"] }],
    ["average", "average was null", data, { average: { kind: "ema" } }],
    ["keep", 'keep was "last"', data, { keep: "best" }],
  ] as const)("holds %s against the checkpoint", async (word, named, given, options) => {
    const store = await leftRun();
    const [strict, lenient] = [await Trainer.resume(store), await Trainer.resume(store, { allow: [word, "data"] })];
    expect((await rejected("checkpoint", eventsOf(strict.continueFit(given, options)))).message).toContain(named);
    expect(await eventsOf(lenient.continueFit(given, options))).not.toHaveLength(0);
    strict.close();
    lenient.close();
  });

  test("holds variations of examples against the checkpoint, and goes on with one that knew of none", async () => {
    const store = memoryStore();
    const varied = (variations: Variations) => ({ ...data, train: augmented(data.train, variations) });
    const trainer = await trainerOf(subject.graph, optionsOf(subject));
    await leave(trainer.fit(varied({ mirror: true }), { ...subject.options, checkpoint: store }), 2);
    const left = store.all.at(-1) as Uint8Array;
    const [strict, lenient] = [await Trainer.resume(store), await Trainer.resume(store, { allow: ["variations"] })];
    const others = varied({ rotate: 90, cutout: 2 });
    expect((await rejected("checkpoint", eventsOf(strict.continueFit(others)))).message).toContain(
      "variations[0].mirror was true and is false",
    );
    expect(await eventsOf(lenient.continueFit(others))).not.toHaveLength(0);
    strict.close();
    lenient.close();
    const { state, tensors } = await decodeCheckpoint(left);
    const { variations: _, ...facts } = state.facts as Readonly<Record<string, unknown>>;
    const old = memoryStore();
    await old.write(await encodeCheckpoint({ ...state, facts }, tensors));
    const again = await Trainer.resume(old);
    expect(await eventsOf(again.continueFit(varied({ mirror: true })))).not.toHaveLength(0);
    again.close();
  });

  test("tells data that was changed in place, and asks a source again that failed", async () => {
    const own = { ...data, train: { ...data.train, images: data.train.images.slice() } };
    const before = await dataFacts(own, false);
    own.train.images[0] = (own.train.images[0] as number) ^ 1;
    expect(await dataFacts(own, false)).toEqual(before);
    changed(own.train);
    expect(await dataFacts(own, false)).not.toEqual(before);
    let asked = 0;
    const read = (indices: Uint32Array) => {
      if (asked++ === 0) throw new Error("the disk is busy");
      return picked(data.train, indices);
    };
    const flaky = { ...data, train: stream({ count: data.train.count, read }, { shape: data.train.shape }) };
    await expect(dataFacts(flaky, false)).rejects.toThrow("the disk is busy");
    expect(await dataFacts(flaky, false)).toMatchObject({ data: { train: { count: data.train.count } } });
  });

  test("holds the weights that the run started from against it", async () => {
    const store = memoryStore();
    const other = await trainerOf(subject.graph, { ...optionsOf(subject), seed: 9 });
    const source = await other.weights();
    const again = await trainerOf(subject.graph, optionsOf(subject));
    await again.startFrom(source, { rescale: "filter" });
    await leave(again.fit(data, { ...subject.options, checkpoint: store }), 2);
    const changed = new Map([...source].map(([name, values]) => [name, values.map((value) => value + 1)]));
    for (const [named, start] of [
      ["start was [{", []],
      ["start was [{", [{ source, rescale: "filter" as const }, { source }]],
      ["start[0].weights", [{ source: changed, rescale: "filter" as const }]],
      ["start[0].rescale", [{ source }]],
      ["start[0].layers", [{ source, rescale: "filter" as const, layers: ["head"] }]],
    ] as const) {
      const { message, remedy } = await rejected("checkpoint", Trainer.resume(store, { start }));
      expect(message).toContain(named);
      expect(remedy).toContain('"start"');
      (await Trainer.resume(store, { start, allow: ["start"] })).close();
    }
    const same = await Trainer.resume(store, { start: [{ source, rescale: "filter" }] });
    expect(await eventsOf(same.continueFit(data))).not.toHaveLength(0);
    same.close();
    // One that is not told of them goes on, and its own checkpoints know them.
    const silent = await Trainer.resume(store);
    await leave(silent.continueFit(data), 1);
    await rejected("checkpoint", Trainer.resume(store, { start: [] }));
    await rejected("argument", Trainer.resume(store, { start: [{ source: 3 as never }] }));
    silent.close();
  });

  test("is refused where there is nothing to go on with", async () => {
    await rejected("checkpoint", Trainer.resume(memoryStore()));
    const trainer = await trainerOf(subject.graph, optionsOf(subject));
    await rejected("argument", trainer.save(memoryStore()));
    await rejected("argument", eventsOf(trainer.continueFit(data)));
  });

  test("takes the checkpoint before where the last one is damaged", async () => {
    const store = memoryStore();
    const trainer = await trainerOf(subject.graph, optionsOf(subject));
    await leave(trainer.fit(data, { ...subject.options, checkpoint: { to: store, every: { steps: 1 } } }), 3);
    const last = store.all.at(-1) as Uint8Array;
    const step = (bytes: Uint8Array) =>
      decodeCheckpoint(bytes).then(({ state }) => (state.run as { course: { step: number } }).course.step);
    const before = await step(store.all.at(-2) as Uint8Array);
    store.all.push(store.all.splice(-2, 1)[0] as Uint8Array, last.slice(0, -1));
    const resumed = await Trainer.resume(store);
    expect(resumed.left()?.step).toBe(before);
    resumed.close();
  });
});

test("a trainer saves the call that was stopped, whether or not it had a checkpoint", async () => {
  const subject = subjects.terms as Subject;
  const straight = await trainerOf(subject.graph, optionsOf(subject));
  await eventsOf(straight.fit(data, subject.options));
  const stopped = await trainerOf(subject.graph, optionsOf(subject));
  const controller = new AbortController();
  const run = async (): Promise<void> => {
    for await (const event of stopped.fit(data, { ...subject.options, signal: controller.signal })) {
      if (event.type === "step" && event.epoch === 2) controller.abort();
    }
  };
  await rejected("aborted", run());
  const store = memoryStore();
  await stopped.save(store);
  const trainer = await Trainer.resume(store, { objective: subject.objective ?? [] });
  await eventsOf(trainer.continueFit(data));
  expect(await endOf(trainer, [])).toEqual(await endOf(straight, []));
  trainer.close();
});
