/**
 * A training step of ours on one worker, and the same of tfjs on one of its backends. The step is forward, loss,
 * backward and Adam. Both begin with equal weights on equal images. Their losses are compared first, then they race.
 * Runs in Node and in a page.
 */
import { isProxbitError } from "../../ts/base/errors.ts";
import { startBackend } from "../../ts/reference/backends.ts";
import { missingKernel } from "../../ts/reference/compare.ts";
import type { Adapter, BackendName } from "../../ts/reference/report.ts";
import { type Pace, race, type Timing } from "../frame/race.ts";
import { tf } from "../peers/tfjs.ts";
import { noise, stepper } from "../train/ours.ts";
import { tfjsStep } from "../train/tfjs.ts";
import { type CourseName, courses } from "./courses.ts";

export interface Task {
  readonly course: CourseName;
  readonly backend: BackendName;
  /** Images of a step: on a graphics card, and where a processor does its work. */
  readonly batch: { readonly gpu: number; readonly processor: number };
  readonly pace: Pace;
  /** The version of this package. */
  readonly version: string;
}

interface Place {
  readonly batch: number;
  readonly adapter: Adapter;
  /** "Node 24.21.0", "Chromium 156.0.8078.79". */
  readonly host: string;
  /** tfjs's version. */
  readonly version: string;
}

export interface Raced extends Place {
  readonly variant: string;
  readonly ours: Timing;
  readonly peer: Timing;
}

/** Two times; or the kernel that the backend lacks; or this machine's lack for the backend. */
export type Answer = Raced | (Place & { readonly cannot: string }) | { readonly missing: string };

/**
 * The largest difference of the losses of the first step, relative to ours. A real sum next to 0 may have another sign
 * on the other side, and the rest follows it. Later losses part, because tfjs divides the gradient of equal maxima in a
 * pool otherwise. They only have to fall. `proxbit check` is what compares gradients.
 */
const LARGEST_DIFFERENCE = 0.01;

/** @throws Error where the two do not do the same work. */
export async function measure(task: Task, tick: () => unknown): Promise<Answer> {
  const { course, backend, pace, version } = task;
  const started = await startBackend(backend, tf).catch(missingOf);
  if ("missing" in started) return started;
  const closers: (() => unknown)[] = [];
  const { adapter, host, version: theirVersion } = started;
  const batch = adapter.kind === "gpu" ? task.batch.gpu : task.batch.processor;
  const place: Place = { batch, adapter, host, version: theirVersion };
  try {
    const graph = courses[course].graph();
    const data = noise(courses[course].shape, batch);
    const ours = await stepper(graph, data, batch, 1, { atEnd: (close) => closers.push(close) });
    const theirs = tfjsStep(graph, data.train, batch, await ours.weights());
    closers.push(theirs.dispose);
    await compareLosses(`${course} on ${backend}`, ours.step, theirs.step);
    const contestants = [
      { name: "proxbit", version, run: ours.step },
      { name: `tfjs ${backend}`, version: place.version, run: theirs.step },
    ];
    const [own, peer] = (await race(contestants, pace, tick)) as readonly [Timing, Timing];
    return { ...place, variant: ours.variant, ours: own, peer };
  } catch (error) {
    const cannot = missingKernel(error);
    if (cannot === null) throw error;
    return { ...place, cannot };
  } finally {
    for (const close of closers) close();
  }
}

/** A lack of this machine, as an answer, because errors do not cross from a page. */
export function missingOf(error: unknown): { readonly missing: string } {
  if (!isProxbitError(error) || error.code !== "environment") throw error;
  return { missing: `${error.message}. ${error.remedy}` };
}

async function compareLosses(name: string, ours: () => Promise<number>, theirs: () => Promise<number>): Promise<void> {
  const [own, other] = [await ours(), await theirs()];
  const [ownNext, otherNext] = [await ours(), await theirs()];
  const losses = `${name}: the losses are ${own} and ${ownNext} here, ${other} and ${otherNext} in tfjs`;
  if (!(Math.abs(own - other) <= LARGEST_DIFFERENCE * own)) throw new Error(`${losses}: the first differ`);
  if (!(ownNext < own && otherNext < other)) throw new Error(`${losses}: one has not fallen`);
}
