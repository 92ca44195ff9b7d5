/** A training step of ours against the same step in tfjs, on each backend that this machine runs. */
import type { Adapter, BackendName } from "../../ts/reference/report.ts";
import type { Benchmark } from "../frame/benchmark.ts";
import { compare, type Finding } from "../frame/finding.ts";
import type { Pace } from "../frame/race.ts";
import { ownVersion } from "../frame/version.ts";
import { courses } from "./courses.ts";
import { measure, missingOf, type Task } from "./measure.ts";

type Race = Pick<Task, "course" | "batch">;

interface Entry {
  readonly backend: BackendName;
  readonly host: "Chromium" | "Node";
  /** The courses of a race; a quick run takes the first alone. */
  readonly races: readonly Race[];
}

/** A processor in a card's stead takes seconds where a card takes milliseconds. */
const onCards: readonly Race[] = [
  { course: "mlp", batch: { gpu: 32, processor: 4 } },
  { course: "cnn", batch: { gpu: 32, processor: 4 } },
  { course: "resnet20", batch: { gpu: 8, processor: 2 } },
];

const onProcessors = (course: Race["course"], images: number): Race => ({
  course,
  batch: { gpu: images, processor: images },
});

const entries: readonly Entry[] = [
  { backend: "webgl", host: "Chromium", races: onCards },
  { backend: "webgpu", host: "Chromium", races: onCards },
  { backend: "webgpu", host: "Node", races: onCards },
  // The convolution stays in the list, so that the page holds tfjs's refusal of it.
  { backend: "wasm", host: "Node", races: [onProcessors("mlp", 32), onProcessors("cnn", 32)] },
  { backend: "cpu", host: "Node", races: [onProcessors("mlp", 32), onProcessors("cnn", 2)] },
];

export const reference: Benchmark = {
  title: "A training step against tfjs",
  about:
    "Forward, loss, backward and update (Adam) of binary networks on random images, weights and activations signs, straight " +
    "through where |x| <= 1. Ours: one worker. Peer: tfjs, by its own operations and optimizer, on each of its backends; " +
    "webgl and webgpu on a graphics card where there is one, else on software that calculates on the processor (its threads " +
    "are its own). Both begin with equal weights; the first losses are compared in the run. Ours runs in the same process or page.",
  async *run(context) {
    const pace: Pace = { rounds: context.quick ? 1 : 5, warmUp: context.quick ? 0 : 1, sliceMilliseconds: 0 };
    const chosen = entries.map(({ races, ...entry }) => ({
      ...entry,
      races: context.quick ? races.slice(0, 1) : races,
    }));
    const number = chosen.reduce((sum, { races }) => sum + races.length, 0);
    context.expect(number * (pace.rounds + pace.warmUp));
    let page: Promise<typeof measure> | undefined;
    const there = async (host: Entry["host"]): Promise<typeof measure> => {
      if (host === "Node") return measure;
      page ??= import("./chromium.ts").then(({ measureInChromium }) => measureInChromium(context));
      return page;
    };
    const hosts = new Set<string>();
    for (const entry of chosen) yield* against(entry, there, pace, context.tick, hosts);
    if (hosts.size > 0) yield { type: "note", text: `Ran in ${[...hosts].join(" and ")}.` };
  },
};

/** The remarks on adapters, beside their names. */
const REMARKS: Readonly<Record<Adapter["kind"], string>> = {
  gpu: "",
  software: " (software, no GPU)",
  unknown: " (a card or software)",
  cpu: "",
};

/** The races on one backend. A note stands where this machine cannot run it, or tfjs cannot train the network there. */
async function* against(
  { backend, host, races }: Entry,
  there: (host: Entry["host"]) => Promise<typeof measure>,
  pace: Pace,
  tick: () => void,
  hosts: Set<string>,
): AsyncGenerator<Finding> {
  const measureThere = await there(host).catch(missingOf);
  const lacks = (missing: string): Finding => {
    return { type: "note", text: `tfjs ${backend} in ${host} is not compared: ${missing}` };
  };
  if ("missing" in measureThere) return yield lacks(measureThere.missing);
  for (const { course, batch } of races) {
    const answer = await measureThere({ course, backend, batch, pace, version: ownVersion }, tick);
    if ("missing" in answer) return yield lacks(answer.missing);
    hosts.add(answer.host);
    const network = courses[course].title;
    if ("cannot" in answer) {
      yield { type: "note", text: `tfjs ${backend} cannot train the ${network}: ${answer.cannot}` };
      continue;
    }
    const { adapter, ours, peer, variant } = answer;
    const label = `${peer.name} in ${host} on ${adapter.name}${REMARKS[adapter.kind]}`;
    const name = `a step, ${network}, batch ${answer.batch}`;
    yield compare(name, ours, { ...peer, name: label }, { threads: 1, variant });
  }
}
