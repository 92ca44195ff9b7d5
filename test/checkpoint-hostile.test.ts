/** Checkpoints that somebody has made on purpose: their digest is right, and what they say is not. */
import { beforeAll, describe, expect, test } from "vitest";
import { type ResumeOptions, Trainer } from "../ts/index.ts";
import {
  type CheckpointContent,
  type CheckpointTensor,
  decodeCheckpoint,
  encodeCheckpoint,
} from "../ts/io/checkpoint-file.ts";
import { memoryStore, type Subject, subjects } from "./checkpoint-networks.ts";
import { rejected } from "./io-helpers.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";
import { data } from "./train-networks.ts";

const subject = subjects.plain as Subject;
const setting: ResumeOptions = { workers: 1, variant: "plain" };
let saved: CheckpointContent;

beforeAll(async () => {
  const store = memoryStore();
  const trainer = await trainerOf(subject.graph, { optimizer: subject.optimizer, seed: 7 });
  const options = { ...subject.options, average: "ema", onDivergence: "rollback", checkpoint: store } as const;
  for await (const { type } of trainer.fit(data, options)) if (type === "epoch") break;
  saved = await decodeCheckpoint(store.all.at(-1) as Uint8Array);
});

const sealed = async (state: object, tensors: readonly CheckpointTensor[]): Promise<Uint8Array> =>
  new Uint8Array(Buffer.concat([...(await encodeCheckpoint({ ...state }, tensors))]));

/** A copy of `state` in which `path` leads to `value`. */
function changed(state: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const own = state as Readonly<Record<string, unknown>>;
  const inner = changed(own[key], rest, value);
  return Array.isArray(state) ? state.with(Number(key), inner) : { ...own, [key]: inner };
}

const withChange = (path: string | readonly string[], value: unknown): Promise<Uint8Array> =>
  sealed(changed(saved.state, typeof path === "string" ? path.split(".") : path, value) as object, saved.tensors);

test("a checkpoint that is sealed again as it was goes on", async () => {
  const trainer = await Trainer.resume(await sealed(saved.state, saved.tensors), setting);
  expect((await eventsOf(trainer.continueFit(data))).at(-1)).toMatchObject({ type: "epoch", epoch: 3 });
  trainer.close();
});

test.each([
  ["run.seed", 8],
  ["run.epochs", -1],
  ["run.updates", 0.5],
  ["run.draws", "many"],
  ["run.progress", 2],
  ["run.metadata", { classes: 3 }],
  ["run.course", null],
  ["run.course.epochs", 1e9],
  ["run.course.epoch", 4],
  ["run.course.step", -1],
  ["run.course.step", 1e6],
  ["run.course.steps", 0],
  ["run.course.rate", -1],
  ["run.course.loss", null],
  ["run.course.terms", { loss: "low" }],
  ["run.course.results", [1]],
  ["run.course.flips", { steps: 1, flipped: null }],
  ["run.hardened", 1],
  ["run.hardened", "yes"],
  ["run.course.seconds", -1],
  ["run.course.seconds", "long"],
  ["good", { epochs: 1 }],
  ["history", [null]],
  ["history.0.type", "step"],
  ["history.0.validation", "good"],
  ["facts", []],
  ["facts.graph", null],
  ["tasks", 7],
  ["goodTasks", [1]],
])("%s as %j is refused", async (path, value) => {
  await rejected("checkpoint", Trainer.resume(await withChange(path, value), setting));
});

test.each([
  ["facts.graph.nodes", "graph"],
  ["facts.optimizer.kind", "argument"],
  ["facts.seed", "checkpoint"],
] as const)("%s that is none is refused", async (path, code) => {
  await rejected(code, Trainer.resume(await withChange(path, "toString"), setting));
});

test("what a record has not is left behind", async () => {
  const trainer = await Trainer.resume(await withChange("run.busy", true), setting);
  expect(await eventsOf(trainer.continueFit(data))).not.toHaveLength(0);
  trainer.close();
});

test.each([[], ["count"], ["weights"]])("the state of a task is refused with null for %s", async (...path) => {
  const [name = ""] = Object.keys(saved.state.tasks as object);
  const trainer = await Trainer.resume(await withChange(["tasks", name, ...path], null), setting);
  await rejected("checkpoint", eventsOf(trainer.continueFit(data)));
  trainer.close();
});

describe("tensors", () => {
  const resumed = async (change: (tensor: CheckpointTensor, at: number) => readonly CheckpointTensor[]) =>
    rejected("checkpoint", Trainer.resume(await sealed(saved.state, saved.tensors.flatMap(change)), setting));
  const at = (name: RegExp): number => saved.tensors.findIndex((tensor) => name.test(tensor.name));

  test.each([/^weights\//, /^optimizer\//, /^good\//])("one like %s that is missing is named", async (name) => {
    const place = at(name);
    expect(place).toBeGreaterThanOrEqual(0);
    const { message } = await resumed((tensor, i) => (i === place ? [] : [tensor]));
    expect(message).toBe(
      `its tensors are not those of the network: that of ${saved.tensors[place]?.name.replace("good/", "")}`,
    );
  });

  test("one that is longer than its place is not written over what lies behind it", async () => {
    const place = at(/^weights\//);
    const { message } = await resumed((tensor, i) => {
      if (i !== place) return [tensor];
      const length = tensor.bytes.length + 4096;
      return [{ ...tensor, shape: [length / 4], bytes: new Uint8Array(length) }];
    });
    expect(message).toContain("its tensors are not those of the network");
  });

  test("one that the network has not is named", async () => {
    const { message } = await resumed((tensor, i) =>
      i === 0 ? [tensor, { ...tensor, name: "weights/more" }] : [tensor],
    );
    expect(message).toContain("that of weights/more");
  });
});

test("two checkpoints whose halves were exchanged are damaged", async () => {
  const [one, other] = await Promise.all([withChange("run.draws", 1), withChange("run.draws", 2)]);
  // Behind the digest, and in front of what differs.
  for (const at of [200, 400]) {
    const mixed = Uint8Array.of(...one.subarray(0, at), ...other.subarray(at));
    await rejected("checkpoint", Trainer.resume(mixed, setting));
  }
});
