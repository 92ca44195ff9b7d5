/**
 * Checkpoints of a run: the time for which they keep a step waiting, and their share of the run.
 *
 * Steps are sent to the workers in slices. A slice waits from the workers' last answer to their next order.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "../../ts/base/quantiles.ts";
import { split } from "../../ts/data/index.ts";
import { model } from "../../ts/nn/models/index.ts";
import { createPool, type Pool } from "../../ts/runtime/pool.ts";
import { bytes as sized } from "../../ts/show/table.ts";
import { optimizers } from "../../ts/train/optimizers/optimizers.ts";
import { restSeconds } from "../../ts/train/run/checkpoint-keeper.ts";
import type { CheckpointReport } from "../../ts/train/run/checkpoint-report.ts";
import { createEngine } from "../../ts/train/run/engine.ts";
import { fitNetwork, newState } from "../../ts/train/run/fit.ts";
import { initialize } from "../../ts/train/run/trained-weights.ts";
import type { Benchmark } from "../frame/benchmark.ts";

const WORKERS = 2;
const BATCH = 8;
const SIDE = 32;
const CLASSES = 10;
/** The limit that the documentation promises, in milliseconds and as a share of the run. */
const LONGEST = 50;
const SHARE = 0.01;

/** Milliseconds between slices of steps: where a copy for a checkpoint is made between them, and where none is. */
interface Waits {
  readonly withCopy: number[];
  readonly without: number[];
}

interface Measured extends Waits {
  readonly report: CheckpointReport;
}

/** `pool`, which notes the waits between slices. A slice is read behind each step, a copy is not. */
function watched(pool: Pool, { withCopy, without }: Waits): Pool {
  let ended: number | null = null;
  let copied = false;
  return {
    ...pool,
    run: async (id, steps, reads) => {
      const isSlice = reads.length > 0;
      if (isSlice && ended !== null) (copied ? withCopy : without).push(performance.now() - ended);
      copied = !isSlice;
      const result = await pool.run(id, steps, reads);
      if (isSlice) ended = performance.now();
      return result;
    },
  };
}

/** Noise, which no step's time depends on. */
function noise(count: number) {
  let state = 1;
  const images = Uint8Array.from({ length: count * SIDE * SIDE * 3 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
  const labels = Array.from({ length: count }, (_, i) => i % CLASSES);
  return split(images, labels, [SIDE, SIDE, 3], { classes: CLASSES });
}

/** Trains for an epoch, with a checkpoint whenever the one before is written. */
async function measure(name: string, steps: number, atEnd: (close: () => unknown) => void): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), "proxbit-bench-"));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  const pool = await createPool({ workers: WORKERS });
  atEnd(pool.close);
  const waits: Waits = { withCopy: [], without: [] };
  const graph = model(name, { inputShape: [SIDE, SIDE, 3], classes: CLASSES });
  const optimizer = optimizers.adam();
  const engine = await createEngine(graph, optimizer, watched(pool, waits));
  await initialize(engine, 1);
  const train = noise(steps * BATCH);
  const data = { name: "noise", classes: Array.from({ length: CLASSES }, String), train, test: train };
  const checkpoint = { to: join(folder, "run.ckpt"), every: { steps: 1 } };
  let report: CheckpointReport | undefined;
  const options = { epochs: 1, batchSize: BATCH, validate: false, checkpoint };
  for await (const event of fitNetwork(engine, optimizer, newState(1), data, options)) {
    if (event.type === "epoch") report = event.checkpoint;
  }
  pool.close();
  if (report === undefined || report.failure !== null) throw new Error(report?.failure ?? "no checkpoint was written");
  return { report, ...waits };
}

export const checkpoint: Benchmark = {
  title: "Checkpoints",
  about:
    "An epoch on noise of 32 x 32 x 3 with Adam and two workers, with a checkpoint in a file whenever the one before is written. Steps are sent to the workers in slices, and waits between two slices are told apart by a copy for a checkpoint between them. On a busy machine those without a copy are long too. The share is that of a run which writes at the default rate. --quick takes one small network and few steps.",
  async *run({ quick, expect, tick, atEnd }) {
    const runs: readonly (readonly [string, number])[] = quick
      ? [["resnet20", 24]]
      : [
          ["resnet20", 200],
          ["birealnet18", 24],
        ];
    expect(runs.length);
    const rows: string[][] = [];
    const broken: string[] = [];
    for (const [name, steps] of runs) {
      const { report, withCopy, without } = await measure(name, steps, atEnd);
      const longest = Math.max(...withCopy);
      const share = report.seconds / (report.seconds + restSeconds(report.seconds));
      const shown = (waits: readonly number[]): string =>
        `${median(waits).toFixed(1)}, ${Math.max(...waits).toFixed(1)}`;
      rows.push([
        ...[name, sized(report.bytes), String(report.written), shown(withCopy), shown(without)],
        ...[report.longestPause.toFixed(1), report.seconds.toFixed(2), `${(100 * share).toFixed(2)} %`],
      ]);
      if (longest > LONGEST || share > SHARE) broken.push(name);
      tick();
    }
    const columns = [
      ...["network", "checkpoint", "written", "with a copy, ms: median, longest", "without, ms: median, longest"],
      ...["longest copy, ms", "a write, s", "share of a run"],
    ];
    yield { type: "table", title: "Waits and writes", columns, rows };
    const limits = `No step is to wait for more than ${LONGEST} ms, and writing is to take at most ${100 * SHARE} % of a run.`;
    const text = broken.length === 0 ? "It is so in this run." : `It is not so with ${broken.join(" and ")}.`;
    yield { type: "note", text: `${limits} ${text}` };
  },
};
