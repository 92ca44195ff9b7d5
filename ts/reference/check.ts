/**
 * The check: every number of a step of ours beside tfjs's, on one of tfjs's backends. Our side trains in this process or page,
 * as it always does; the other side is tfjs.
 */
import { type Subject as CheckedSubject, integerIn, listOf, oneOf, plainObject } from "../checks.ts";
import { ProxbitError } from "../errors.ts";
import { decodeModel } from "../io/model-file.ts";
import type { Graph } from "../nn/graph.ts";
import { type ModelOptions, model, modelNames } from "../nn/models/index.ts";
import { validateGraph } from "../nn/validate.ts";
import { createPool, type Pool } from "../runtime/pool.ts";
import { createEngine, type Engine } from "../train/engine.ts";
import { observeStep } from "../train/observe.ts";
import { type Optimizer, optimizers } from "../train/optimizers.ts";
import { pack, writeWeights } from "../train/weights.ts";
import { startBackend } from "./backends.ts";
import { compareCurve } from "./curve.ts";
import { comparePacked } from "./packed.ts";
import { compareMaps } from "./quantizer-maps.ts";
import { randomParameters, randomSplit } from "./random.ts";
import {
  backendNames,
  type CheckEvent,
  type CheckReport,
  type CheckRequest,
  type Row,
  type Subject,
} from "./report.ts";
import { compareBackward, compareForward, compareUpdates } from "./step.ts";
import { type Case, operationCases } from "./subjects.ts";
import type { TensorFlow } from "./tensorflow.ts";

export interface CheckOptions {
  /** tfjs, where it is loaded already, as a page without import maps has it. */
  readonly tf?: TensorFlow | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with every row, and as parts of the work are done. */
  readonly onEvent?: ((event: CheckEvent) => void) | undefined;
}

/** Images of networks by name, unless the request says otherwise: small, for software adapters take seconds a step. */
const SMALL: Readonly<Record<string, readonly number[]>> = {
  mlp: [12, 12, 1],
  cnn: [12, 12, 1],
  resnet20: [16, 16, 3],
  birealnet18: [32, 32, 3],
};

/** Where in a run steps of networks are looked at: with soft quantizers, and with hard ones. */
const MOMENTS = [0.5, 1];
/** Where in a run operations are looked at. */
const SOFT = 0.3;

/**
 * Compares proxbit with tfjs.
 *
 * @throws ProxbitError `argument`, `unknown-name`, `shape` or `graph` for a request that makes no sense, `model-file` for a
 * corrupt file, `environment` where tfjs, the backend or an adapter is missing, `aborted` after `signal`.
 */
export async function check(request: CheckRequest, options: CheckOptions = {}): Promise<CheckReport> {
  const began = performance.now();
  const setting = settingOf(request);
  const { tf, adapter, version, host } = await startBackend(setting.backend, options.tf);
  const resetFlags = setFlags(tf, setting.backend);
  const parts = setting.subjects.flatMap((subject) => partsOf(tf, subject, setting));
  const rows: Row[] = [];
  try {
    for (const [done, part] of parts.entries()) {
      options.onEvent?.({ type: "progress", done, of: parts.length, what: part.what });
      for await (const row of part.run()) {
        if (options.signal?.aborted) throw stopped();
        rows.push(row);
        options.onEvent?.({ type: "row", row });
      }
    }
  } finally {
    resetFlags();
  }
  options.onEvent?.({ type: "progress", done: parts.length, of: parts.length, what: "done" });
  const seconds = (performance.now() - began) / 1000;
  return { backend: setting.backend, adapter, host, version, ...summaryOf(rows), seconds, rows };
}

/**
 * How webgl is to calculate. On textures with a number a texel: in packed ones tfjs 4.22 leaves what elementwise operations
 * make of the unused corners, and its matrix product adds that up, so that a sum over an odd number of signs is off by one.
 * And by shaders that serve more than one shape, for compiling them is most of a check's time.
 */
const WEBGL_FLAGS = { WEBGL_PACK: false, WEBGL_USE_SHAPES_UNIFORMS: true };

/** Sets the flags of a backend; what comes back undoes it. */
function setFlags(tf: TensorFlow, backend: Setting["backend"]): () => void {
  if (backend !== "webgl") return () => {};
  const before = Object.keys(WEBGL_FLAGS).map((flag) => [flag, tf.env().getBool(flag)] as const);
  for (const [flag, value] of Object.entries(WEBGL_FLAGS)) tf.env().set(flag, value);
  return () => {
    for (const [flag, value] of before) tf.env().set(flag, value);
  };
}

function stopped(): ProxbitError {
  return new ProxbitError("aborted", "the check was stopped", "Run it again, perhaps for one network alone.");
}

type Summary = Pick<CheckReport, "operations" | "binaryExact" | "worst" | "unsupported" | "pass">;

function summaryOf(rows: readonly Row[]): Summary {
  const compared = rows.filter(({ verdict }) => verdict !== "unsupported");
  const binary = compared.filter(({ exact }) => exact);
  const missing = new Map<string, number>();
  for (const { verdict, detail } of rows) {
    if (verdict === "unsupported") missing.set(detail, (missing.get(detail) ?? 0) + 1);
  }
  return {
    operations: compared.length,
    binaryExact: binary.length === 0 ? null : binary.every(({ verdict }) => verdict === "equal"),
    worst: compared.reduce<Row | null>((worst, row) => (worst === null || row.share > worst.share ? row : worst), null),
    unsupported: [...missing].map(([detail, count]) => `${detail}: ${count} tensors were not compared`),
    pass: compared.length > 0 && compared.every(({ verdict }) => verdict !== "mismatch"),
  };
}

type Setting = Required<CheckRequest>;

/** The request with its defaults filled in. */
function settingOf(request: CheckRequest): Setting {
  const subject: CheckedSubject = { code: "argument", what: "check" };
  plainObject(request, ["backend", "subjects", "batchSize", "steps", "seed"], subject);
  const subjects = request.subjects ?? [
    { kind: "operations" },
    ...modelNames.map((name) => ({ kind: "model", name }) as const),
  ];
  return {
    backend: oneOf(request.backend, backendNames, "backend", subject),
    subjects: listOf(subjects, 1, 1000, "subjects", subject) as readonly Subject[],
    batchSize: integerIn(request.batchSize ?? 4, 2, 1024, "batchSize", subject),
    steps: integerIn(request.steps ?? 20, 1, 1000, "steps", subject),
    seed: integerIn(request.seed ?? 1, 0, 0xffffffff, "seed", subject),
  };
}

/** A part of the work: what it is, and what it finds. */
interface Part {
  readonly what: string;
  readonly run: () => AsyncGenerator<Row, void, undefined>;
}

function partsOf(tf: TensorFlow, subject: Subject, setting: Setting): readonly Part[] {
  switch (subject.kind) {
    case "operations":
      return [
        { what: "the quantizers' maps", run: () => compareMaps(tf) },
        ...operationCases().map((given) => ({ what: given.name, run: () => compareCase(tf, given, setting) })),
      ];
    case "model": {
      const { kind: _, name, ...chosen } = subject;
      const inputShape = chosen.inputShape ?? SMALL[name];
      return networkParts(tf, model(name, { ...chosen, inputShape } as ModelOptions), setting);
    }
    case "graph":
      return networkParts(tf, validateGraph(subject.graph), setting);
    case "file": {
      const { graph } = decodeModel(subject.bytes);
      const split = randomSplit(graph, setting.seed, setting.batchSize);
      const check = { subject: `${graph.name}, packed`, bytes: subject.bytes, split, workers: WORKERS };
      return [{ what: `${graph.name}, packed`, run: () => comparePacked(tf, check) }];
    }
    default:
      oneOf((subject as Subject).kind, ["operations", "model", "graph", "file"], "kind", {
        code: "argument",
        what: "check",
      });
      return [];
  }
}

/** Threads of ours. The numbers are the same with any number of them. */
const WORKERS = Math.min(2, globalThis.navigator?.hardwareConcurrency ?? 1);

function networkParts(tf: TensorFlow, graph: Graph, setting: Setting): readonly Part[] {
  const { batchSize, steps, seed } = setting;
  const { name } = graph;
  // The images are made here, so that a network that takes none is refused before any work is done.
  const split = randomSplit(graph, seed, batchSize);
  const optimizer = optimizers.adam();
  const given = { name, graph, optimizer, updates: true };
  const curve = { subject: name, graph, optimizer: CURVE_OPTIMIZER, batchSize, steps, seed, workers: WORKERS };
  return [
    ...MOMENTS.map((progress) => ({
      what: `${name}, a step at ${progress} of a run`,
      run: () => compareStep(tf, given, progress, setting),
    })),
    {
      what: `${name}, packed`,
      run: async function* () {
        const bytes = await withEngine(given, seed, (engine) => pack(engine, {}));
        yield* comparePacked(tf, { subject: `${name}, packed`, bytes, split, workers: WORKERS });
      },
    },
    {
      what: `${name}, ${steps} steps`,
      run: async function* () {
        yield await compareCurve(tf, curve);
      },
    },
  ];
}

/** Steps that are not too large, and do not divide by small gradients as Adam does: runs then drift apart slowly. */
const CURVE_OPTIMIZER = optimizers.sgd({ learningRate: 0.01, momentum: 0.9 });

async function* compareCase(tf: TensorFlow, given: Case, setting: Setting): AsyncGenerator<Row, void, undefined> {
  yield* compareStep(tf, given, SOFT, setting, given.name);
}

/** The second step of training from random weights, when optimizer and statistics have a past. */
async function* compareStep(
  tf: TensorFlow,
  { graph, optimizer, name, updates }: Case,
  progress: number,
  { batchSize, seed }: Setting,
  subject = `${name}, at ${progress} of a run`,
): AsyncGenerator<Row, void, undefined> {
  const split = randomSplit(graph, seed, batchSize);
  const seen = await withEngine({ graph, optimizer }, seed, async (engine) => {
    await observeStep(engine, split, batchSize, { progress, update: 1 });
    return observeStep(engine, split, batchSize, { progress, update: 2 });
  });
  const step = { subject, graph, labels: split.labels, seen, kind: "train" } as const;
  yield* compareForward(tf, step);
  yield* compareBackward(tf, step);
  if (updates) yield* compareUpdates(tf, step, optimizer);
}

/** Works with an engine that has random weights; its threads end with the work. */
async function withEngine<T>(
  { graph, optimizer }: { readonly graph: Graph; readonly optimizer: Optimizer },
  seed: number,
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  const pool: Pool = await createPool({ workers: WORKERS });
  try {
    const engine = await createEngine(graph, optimizer, pool, { observed: true });
    await writeWeights(engine, randomParameters(graph, seed));
    return await work(engine);
  } finally {
    pool.close();
  }
}
