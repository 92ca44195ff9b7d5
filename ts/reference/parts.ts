/** The parts of a check's subjects, each of which yields its rows when it is run. */
import { oneOf, plainObject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { decodeModel } from "../io/model-file.ts";
import type { Graph, Shape } from "../nn/graph.ts";
import { type ModelOptions, model } from "../nn/models/index.ts";
import { shapesOf } from "../nn/network.ts";
import { elementsOf } from "../nn/shapes.ts";
import { validateGraph } from "../nn/validate.ts";
import { createPool, type Pool } from "../runtime/pool.ts";
import { optimizers } from "../train/optimizers/optimizers.ts";
import { createEngine, type Engine } from "../train/run/engine.ts";
import { observeStep } from "../train/run/observe.ts";
import { pack, writeWeights } from "../train/run/trained-weights.ts";
import type { Case } from "./cases.ts";
import { compareCurve } from "./curve.ts";
import { termOf } from "./objective.ts";
import { compareFile, comparePacked } from "./packed.ts";
import type { Pools } from "./pools.ts";
import { compareMaps } from "./quantizer-maps.ts";
import { randomParameters, randomSplit, withTruth } from "./random.ts";
import type { CheckSubject, Row } from "./report.ts";
import type { Setting } from "./request.ts";
import { compareBackward, compareForward, compareUpdates } from "./step.ts";
import { operationCases } from "./subjects.ts";
import type { TensorFlow } from "./tensorflow.ts";

/** Images of networks by name, unless the request says otherwise: small, for software adapters take seconds a step. */
const SMALL: Readonly<Record<string, readonly number[]>> = {
  mlp: [12, 12, 1],
  cnn: [12, 12, 1],
  resnet20: [16, 16, 3],
  birealnet18: [32, 32, 3],
};

/** The share of a run at which operations are looked at. */
const SOFT = 0.3;

/** A part of the work: what it is, and what it finds. */
export interface Part {
  readonly what: string;
  readonly run: (tf: TensorFlow, pools: Pools) => AsyncGenerator<Row, void, undefined>;
}

const subjectKeys = {
  operations: ["kind"],
  model: [
    ...(["kind", "name", "inputShape", "weightQuantizer", "activationQuantizer"] as const),
    ...(["accumulator", "binaryStem", "binaryHead"] as const),
  ],
  graph: ["kind", "graph"],
  file: ["kind", "bytes"],
} as const;

/**
 * The parts of a subject.
 *
 * @throws ProxbitError as `check` does for a subject that makes no sense.
 */
export function partsOf(subject: CheckSubject, setting: Setting): readonly Part[] {
  const checked: Subject = { code: "argument", what: "a subject of a check" };
  const { kind } = plainObject(subject, Object.values(subjectKeys).flat(), checked);
  const known = Object.keys(subjectKeys) as (keyof typeof subjectKeys)[];
  plainObject(subject, subjectKeys[oneOf(kind, known, "kind", checked)], checked);
  switch (subject.kind) {
    case "operations":
      return [
        { what: "the quantizers' maps", run: compareMaps },
        ...operationCases().map((given) => ({
          what: given.name,
          run: (tf: TensorFlow, pools: Pools) => compareStep(tf, given, SOFT, setting, given.name, pools.using),
        })),
      ];
    case "model": {
      const { kind: _, name, ...chosen } = subject;
      const inputShape = chosen.inputShape ?? SMALL[name];
      return networkParts(model(name, { ...chosen, inputShape } as ModelOptions), setting);
    }
    case "graph":
      return networkParts(validateGraph(subject.graph), setting);
    case "file":
      return [fileParts(subject.bytes, setting)];
  }
}

function fileParts(bytes: Uint8Array, { seed, batchSize }: Setting): Part {
  const { graph } = decodeModel(bytes);
  const split = randomSplit(graph, seed, batchSize);
  const subject = `${graph.name}, packed`;
  return { what: subject, run: (tf) => comparePacked(tf, { subject, bytes, split, workers: WORKERS }) };
}

/** Bytes of the images of a curve, at most. */
const MOST_PIXELS = 2 ** 28;

/** Threads of ours. The numbers are the same with any number of them. */
export const WORKERS = Math.min(2, globalThis.navigator?.hardwareConcurrency ?? 1);

function networkParts(graph: Graph, setting: Setting): readonly Part[] {
  const { batchSize, steps, seed, progress, signal } = setting;
  const { name } = graph;
  // The images are made here, so that a network that takes none is refused before any work is done.
  const split = randomSplit(graph, seed, batchSize);
  if (split.images.length * steps > MOST_PIXELS) {
    throw new ProxbitError(
      "argument",
      `${steps} steps of ${batchSize} images of "${name}" are ${split.images.length * steps} bytes of pixels`,
      `Give fewer steps or a smaller batch: at most ${MOST_PIXELS} bytes.`,
    );
  }
  const given = { name, graph, optimizer: optimizers.adam(), updates: true };
  const curve = { graph, optimizer: CURVE_OPTIMIZER, batchSize, steps, seed, workers: WORKERS, signal };
  const packed = `${name}, packed`;
  return [
    ...progress.map((moment): Part => {
      const what = `${name}, at ${moment} of a run`;
      return { what, run: (tf) => compareStep(tf, given, moment, setting, what, ownPool) };
    }),
    {
      what: packed,
      run: async function* (tf) {
        const bytes = await withEngine(given, seed, ownPool, (engine) => pack(engine, {}));
        yield* compareFile(packed, bytes, randomParameters(graph, seed));
        yield* comparePacked(tf, { subject: packed, bytes, split, workers: WORKERS });
      },
    },
    {
      what: `${name}, ${steps} steps`,
      run: async function* (tf) {
        yield await compareCurve(tf, { subject: name, ...curve });
      },
    },
  ];
}

/** It does not divide by small gradients, as Adam does: rounding then stays as small as it is. */
const CURVE_OPTIMIZER = optimizers.sgd({ learningRate: 0.01, momentum: 0.9 });

/** The second step of training from random weights, when optimizer and statistics have a past. */
async function* compareStep(
  tf: TensorFlow,
  { graph, optimizer, updates, objective, truth = {} }: Omit<Case, "name">,
  progress: number,
  { batchSize, seed }: Setting,
  subject: string,
  using: Pools["using"],
): AsyncGenerator<Row, void, undefined> {
  const { smoothing = 0 } = truth;
  const elements = elementsOf(shapesOf(graph).get(graph.output) as Shape);
  const split = withTruth(randomSplit(graph, seed, batchSize), seed, { elements, ...truth });
  const seen = await withEngine({ graph, optimizer, objective }, seed, using, async (engine) => {
    await observeStep(engine, split, batchSize, { progress, update: 1, smoothing });
    return observeStep(engine, split, batchSize, { progress, update: 2, smoothing });
  });
  const step = { subject, graph, split, seen, objective, kind: "train" } as const;
  yield* compareForward(tf, step);
  yield* compareBackward(tf, step);
  if (updates) yield* compareUpdates(tf, step, optimizer);
}

/** A large network has a pool to itself, whose memory goes with it. */
async function ownPool<T>(work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = await createPool({ workers: WORKERS });
  try {
    return await work(pool);
  } finally {
    pool.close();
  }
}

/** Works with an engine that has random weights. */
function withEngine<T>(
  { graph, optimizer, objective }: Pick<Case, "graph" | "optimizer" | "objective">,
  seed: number,
  using: Pools["using"],
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  return using(async (pool) => {
    const terms = objective?.map(termOf);
    const engine = await createEngine(graph, optimizer, pool, { observed: true, objective: terms });
    await writeWeights(engine, randomParameters(graph, seed));
    return work(engine);
  });
}
