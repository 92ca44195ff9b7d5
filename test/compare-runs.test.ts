/**
 * A grid at work, in this process. Nothing is trained for a place that cannot be written. A run's file stands first.
 */
import { mkdir, readdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Grid, type Run, runsOf } from "../ts/compare/grid.ts";
import { readRun, runPath, writeRun } from "../ts/compare/run-file.ts";
import { type GridEvent, type GridWork, runGrid } from "../ts/compare/run-grid.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { recorded } from "./faulty-files.ts";
import { rejected, withFolder } from "./io-helpers.ts";
import { randomDataset } from "./oracle/compare.ts";
import { leftAlone, withThreads } from "./worker-spy.ts";

const grid: Grid = {
  settings: {
    data: { name: "random", trainImages: 32, testImages: 8, sha256: "00" },
    model: { name: "tiny", inputShape: [6, 6, 1], classes: 3 },
    epochs: 2,
    batchSize: 16,
    optimizer: { name: "sgd", learningRate: 0.01, decay: "none" },
  },
  quantizers: ["fp", "bc"],
  tasks: ["bw"],
  seeds: [1],
};
const runs = runsOf(grid);
const graph = sequential({ inputShape: [6, 6, 1] }, [layers.flatten(), layers.dense({ units: 3 })]);

const workIn = (directory: string, changed: Partial<GridWork> = {}): GridWork => ({
  ...{ runs, directory, data: randomDataset(1, [32, 8], [6, 6, 1], 3), graphOf: () => graph },
  ...{ optimizer: optimizers.sgd({}), workers: 2, signal: new AbortController().signal },
  ...changed,
});

/** Goes through a grid, as far as it comes; the types of its events are added to `types`. */
async function through(
  work: GridWork,
  types: string[] = [],
  see: (event: GridEvent) => Promise<void> | void = () => {},
): Promise<void> {
  for await (const event of runGrid(work)) {
    types.push(event.type);
    await see(event);
  }
}

describe("a grid at work", () => {
  it("trains nothing where the first file cannot be written", () =>
    withFolder(async (folder) => {
      const [types, built]: [string[], unknown[]] = [[], []];
      const graphOf: GridWork["graphOf"] = (cell) => {
        built.push(cell);
        return graph;
      };
      await recorded(async () => {
        await rejected("output", through(workIn(folder, { graphOf }), types));
      }, [{ at: 0, code: "EROFS" }]);
      expect({ types, built }).toEqual({ types: ["found"], built: [] });
      expect(await readdir(folder)).toEqual([]);
    }));

  it("asks for no place where all runs are finished", () =>
    withFolder(async (folder) => {
      for (const run of runs) await writeRun(folder, run, { result: null, failure: "it failed" });
      const { deeds } = await recorded(() => through(workIn(folder)));
      expect(deeds).toEqual([]);
    }));

  it("tells of a run when its file stands, and ends its threads before the next", () =>
    withFolder(async (folder) => {
      let standing = 0;
      const { threads } = await withThreads(() =>
        through(workIn(folder), [], async (event) => {
          if (event.type !== "run") return;
          standing++;
          expect(await readRun(folder, event.finished.run)).toEqual(event.finished.outcome);
          expect(await readdir(folder)).toHaveLength(standing);
        }),
      );
      expect(standing).toBe(2);
      expect(threads).toHaveLength(4);
      expect(leftAlone(threads)).toEqual([]);
    }));

  it("keeps the failure of a run that met a number which is not finite, and goes on with the next", () =>
    withFolder(async (folder) => {
      const optimizer = optimizers.sgd({ learningRate: 1e18, weightDecay: 1 });
      const types: string[] = [];
      const { threads } = await withThreads(() => through(workIn(folder, { optimizer }), types));
      expect(types.filter((type) => type === "run")).toHaveLength(2);
      for (const run of runs) {
        expect(await readRun(folder, run)).toEqual({ result: null, failure: expect.stringContaining("step") });
      }
      expect(leftAlone(threads)).toEqual([]);
    }));

  it.each([
    ["its user stops it", (controller: AbortController) => controller.abort()],
    [
      "its user fails",
      () => {
        throw new Error("no interest");
      },
    ],
  ])("ends its threads and leaves a checkpoint where %s, and goes on within the run to the same numbers", (_, end) =>
    withFolder(async (folder) => {
      const controller = new AbortController();
      const { threads } = await withThreads(() =>
        through(workIn(folder, { signal: controller.signal }), [], (event) => {
          if (event.type === "step") end(controller);
        }).then(
          () => expect.unreachable(),
          (error: Error) => expect(error.message).toMatch(/the comparison was stopped|no interest/),
        ),
      );
      expect(threads).toHaveLength(2);
      expect(leftAlone(threads)).toEqual([]);
      const left = await readdir(folder);
      expect(left.filter((name) => !name.endsWith(".checkpoint.previous"))).toEqual([
        expect.stringMatching(/^fp-seed1-.*\.json\.checkpoint$/),
      ]);
      const types: string[] = [];
      await through(workIn(folder), types);
      // Two runs of two epochs of two steps, of which at least one step was made before.
      expect(types.filter((type) => type === "step").length).toBeLessThan(8);
      const whole = join(folder, "whole");
      await through(workIn(whole));
      for (const run of runs) {
        const [resumed, straight] = [await readRun(folder, run), await readRun(whole, run)];
        expect(resumed?.result?.epochs).toEqual(straight?.result?.epochs);
        expect(resumed?.result?.testLoss).toBe(straight?.result?.testLoss);
      }
      expect((await readdir(folder)).filter((name) => name.includes("checkpoint"))).toEqual([]);
    }),
  );

  it("counts the seconds of a run that was stopped, too", () =>
    withFolder(async (folder) => {
      const [run] = runs as [Run];
      const controller = new AbortController();
      let before = 0;
      const first = through(workIn(folder, { runs: [run], signal: controller.signal }), [], (event) => {
        if (event.type !== "epoch") return;
        before = event.event.seconds;
        controller.abort();
      });
      await rejected("aborted", first);
      await through(workIn(folder, { runs: [run] }));
      expect((await readRun(folder, run))?.result?.seconds).toBeGreaterThan(before);
      expect(before).toBeGreaterThan(0);
    }));

  it("has each epoch once in the file of a run whose worker died", () =>
    withFolder(async (folder) => {
      const [run] = runs as [Run];
      const told: number[] = [];
      await withThreads((threads) =>
        through(workIn(folder, { runs: [run] }), [], async (event) => {
          if (event.type !== "epoch") return;
          told.push(event.event.epoch);
          // The checkpoint of the beginning alone stands, so the run begins anew.
          if (told.length === 1) await threads[0]?.terminate();
        }),
      );
      expect(told).toEqual([1, 1, 2]);
      const whole = join(folder, "whole");
      await through(workIn(whole, { runs: [run] }));
      const [again, straight] = [await readRun(folder, run), await readRun(whole, run)];
      expect(again?.result?.epochs).toEqual(straight?.result?.epochs);
      expect(again?.result?.testLoss).toBe(straight?.result?.testLoss);
    }));

  it("keeps the checkpoint of a run whose file cannot be written", () =>
    withFolder(async (folder) => {
      const [run] = runs as [Run];
      const path = runPath(folder, run);
      const work = through(workIn(folder, { runs: [run] }), [], async ({ type }) => {
        if (type === "epoch") await mkdir(path, { recursive: true });
      });
      await rejected("output", work);
      await rmdir(path);
      const seen: string[] = [];
      await through(workIn(folder, { runs: [run] }), seen);
      // The run goes on behind its last step.
      expect(seen).toEqual(["found", "run"]);
      expect(await readdir(folder)).toHaveLength(1);
    }));

  it("begins a run anew whose checkpoint is damaged", () =>
    withFolder(async (folder) => {
      const [run] = runs as [Run];
      await writeFile(`${runPath(folder, run)}.checkpoint`, "no checkpoint");
      await through(workIn(folder, { runs: [run] }));
      expect((await readRun(folder, run))?.result?.epochs).toHaveLength(2);
      expect(await readdir(folder)).toHaveLength(1);
    }));

  describe("with two runs at once", () => {
    const two = { parallel: 2, workers: 1, runs: runsOf({ ...grid, seeds: [1, 2] }) } as const;

    it("has the same results, a file each, and never more than two", () =>
      withFolder(async (folder) => {
        let [atWork, most] = [0, 0];
        const graphOf = () => {
          most = Math.max(most, ++atWork);
          return graph;
        };
        await through(workIn(folder, { ...two, graphOf }), [], ({ type }) => {
          if (type === "run") atWork--;
        });
        expect(most).toBe(2);
        const alone = join(folder, "alone");
        await through(workIn(alone, { ...two, parallel: 1 }));
        for (const run of two.runs) {
          const [own, straight] = [await readRun(folder, run), await readRun(alone, run)];
          expect(own?.result?.epochs).toHaveLength(2);
          expect(own?.result?.epochs).toEqual(straight?.result?.epochs);
        }
      }));

    it("ends the other with a checkpoint where one fails, and says why", () =>
      withFolder(async (folder) => {
        let built = 0;
        const graphOf = () => {
          if (++built === 2) throw new Error("no graph");
          return graph;
        };
        const { threads } = await withThreads(async () => {
          await expect(through(workIn(folder, { ...two, graphOf }))).rejects.toThrow("no graph");
        });
        expect(leftAlone(threads)).toEqual([]);
        expect(built).toBe(2);
        expect((await readdir(folder)).filter((name) => name.endsWith(".json"))).toEqual([]);
        await through(workIn(folder, two));
        for (const run of two.runs) expect((await readRun(folder, run))?.result?.epochs).toHaveLength(2);
      }));

    it("leaves a checkpoint of both where its user stops it", () =>
      withFolder(async (folder) => {
        const controller = new AbortController();
        const seen = new Set<Run>();
        // So long that neither ends before the other has begun.
        const settings = { ...grid.settings, epochs: 2000 };
        const long = { ...two, runs: runsOf({ ...grid, settings, quantizers: ["bc"], seeds: [1, 2] }) };
        const { threads } = await withThreads(() =>
          rejected(
            "aborted",
            through(workIn(folder, { ...long, signal: controller.signal }), [], (event) => {
              if (event.type !== "step") return;
              seen.add(event.run);
              if (seen.size === 2) controller.abort();
            }),
          ),
        );
        expect(leftAlone(threads)).toEqual([]);
        expect((await readdir(folder)).filter((name) => name.endsWith(".checkpoint"))).toHaveLength(2);
      }));
  });
});
