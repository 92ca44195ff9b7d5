/**
 * Where the time of a run goes: the calls of a run, each with a clock around it, summed up by layer. Of every call the
 * fastest run counts, for what a busy machine adds to a run says nothing about the network.
 */
import { integerIn, plainObject, type Subject, signalOf } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { nextTurn } from "../base/turn.ts";
import type { Graph } from "../nn/graph.ts";
import { bind } from "../program/bind.ts";
import type { Program } from "../program/program.ts";
import { soloCrew } from "../runtime/barrier.ts";
import type { KernelInstance } from "../runtime/instantiate.ts";
import { executeTimed } from "../runtime/profile.ts";
import { badLayer } from "./images.ts";

export interface ProfileOptions {
  /** Runs that are measured, after as many that are not, at most five; 20 where absent. */
  readonly runs?: number;
  /** Stops the measurement behind the run that is under way. */
  readonly signal?: AbortSignal | undefined;
}

/** A time, and its share of a run. */
interface Time {
  readonly milliseconds: number;
  readonly share: number;
}

/** The time of parts of a layer that one kernel calculates together, by their names in `explain`. */
export interface PartTime extends Time {
  readonly parts: readonly string[];
}

export interface InferenceProfile {
  readonly runs: number;
  /** Images a run. */
  readonly images: number;
  /** Of a run with all calls at their fastest, clocks included. */
  readonly milliseconds: number;
  /** The layers in the graph's order, each with its time and its share of a run. */
  readonly layers: readonly (Time & { readonly node: string; readonly parts: readonly PartTime[] })[];
  /** The share between the layers: images going in, results going out, and the calls themselves. With `layers` it is 1. */
  readonly rest: number;
}

const WARM_UP = 5;

/**
 * Measures `program`, which runs `graph` over the `images` images that `stage` puts into memory. Between two runs others have the
 * thread, and may run the session.
 *
 * @throws ProxbitError `argument`, `aborted`
 */
export async function profileRun(
  graph: Graph,
  program: Program<number>,
  instance: KernelInstance,
  images: number,
  stage: () => void,
  options: ProfileOptions,
): Promise<InferenceProfile> {
  const subject: Subject = { code: "argument", what: "profile" };
  plainObject(options, ["runs", "signal"], subject);
  const runs = integerIn(options.runs ?? 20, 1, 1e6, "runs", subject);
  const signal = signalOf(options.signal, "signal", subject);
  const bound = bind(program);
  const calls = program.flat(2);
  const fastest = new Float64Array(calls.length).fill(Number.POSITIVE_INFINITY);
  let between = Number.POSITIVE_INFINITY;
  for (let run = -Math.min(runs, WARM_UP); run < runs; run++) {
    await nextTurn();
    if (signal?.aborted) throw new ProxbitError("aborted", "the measurement was stopped", "Start it again.");
    stage();
    const { result, timing } = executeTimed(bound, instance, soloCrew(), true, [[]]);
    if (result.failure !== null) throw badLayer(result.failure.node, "while it was measured");
    if (run < 0) continue;
    for (const [place, time] of timing.calls.entries()) fastest[place] = Math.min(fastest[place] as number, time);
    between = Math.min(between, timing.elapsed - sumOf(timing.calls));
  }

  const times = new Map(graph.nodes.map(({ name }) => [name, { all: 0, parts: new Map<string, number>() }]));
  for (const [place, { node, roles }] of calls.entries()) {
    const known = times.get(node);
    if (known === undefined) continue;
    const time = fastest[place] as number;
    known.all += time;
    const together = Object.keys(roles ?? {}).join();
    if (together !== "") known.parts.set(together, (known.parts.get(together) ?? 0) + time);
  }
  const total = sumOf(fastest) + between;
  const timeOf = (milliseconds: number): Time => ({ milliseconds, share: milliseconds / total });
  const layers = [...times].map(([node, { all, parts }]) => {
    return {
      node,
      ...timeOf(all),
      parts: [...parts].map(([own, time]) => ({ parts: own.split(","), ...timeOf(time) })),
    };
  });
  const rest = 1 - layers.reduce((sum, { share }) => sum + share, 0);
  return { runs, images, milliseconds: total, layers, rest };
}

const sumOf = (times: Float64Array): number => times.reduce((sum, time) => sum + time, 0);
