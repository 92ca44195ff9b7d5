/** Progress by a clock and without a real terminal: times of lines, time left, and the screen afterwards. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gridProgress } from "../ts/cli/grid-progress.ts";
import { createOutput } from "../ts/cli/output.ts";
import { createMeter, partsProgress } from "../ts/cli/progress.ts";
import { type Context, runWithContext } from "../ts/cli/run.ts";
import { runsOf } from "../ts/compare/grid.ts";
import type { RunOutcome } from "../ts/compare/run-file.ts";
import type { GridEvent } from "../ts/compare/run-grid.ts";
import type { StepEvent } from "../ts/train/run/events.ts";

let now = 0;
let written = "";
const isTerminal = process.stderr.isTTY;
const contextOf = (controller = new AbortController()): Context => ({
  output: createOutput(false),
  signal: controller.signal,
  exitWith: () => expect.unreachable(),
});

const settings = { epochs: 2 } as unknown as Parameters<typeof runsOf>[0]["settings"];
const runs = runsOf({ settings, quantizers: ["bc"], tasks: ["bw"], seeds: [1, 2, 3] });
const runAt = (which: number) => runs[which] as (typeof runs)[number];
const outcomeAfter = (seconds: number) => ({ result: { seconds, testAccuracy: 0.5 }, failure: null }) as RunOutcome;
/** The event of a step, of 20 in two epochs. */
const stepOf = (which: number, step: number): GridEvent => ({
  type: "step",
  run: runAt(which),
  event: {
    epoch: step > 10 ? 2 : 1,
    epochs: 2,
    step: step > 10 ? step - 10 : step,
    steps: 10,
    imagesPerSecond: 7,
  } as StepEvent,
});

beforeEach(() => {
  [now, written] = [1000, ""];
  vi.spyOn(performance, "now").mockImplementation(() => now);
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  process.stderr.isTTY = isTerminal;
  vi.restoreAllMocks();
});

describe("in a log", () => {
  beforeEach(() => {
    process.stderr.isTTY = false;
  });

  it("a line comes every five seconds, and none at first", () => {
    const meter = createMeter(contextOf(), "at ");
    for (let second = 0; second <= 12; second++) {
      meter.update(second, 12, String(second));
      now += 999;
      meter.update(second, 12, `${second}.999`);
      now += 1;
    }
    expect(written.split("\n")).toEqual(["at 5", "at 10", ""]);
  });

  it("programs hear nothing", () => {
    const meter = createMeter({ ...contextOf(), output: createOutput(true) }, "at ");
    for (let second = 0; second <= 12; second++, now += 1000) meter.update(second, 12, String(second));
    expect(written).toBe("");
  });

  it("the time left of parts is that of those done, and unknown before there is one", () => {
    const progress = partsProgress(contextOf(), "cpu");
    progress.update(0, 6, "one");
    now += 10_000;
    progress.update(0, 6, "still one");
    now += 10_000;
    progress.update(2, 6, "three");
    now += 10_000;
    progress.update(5, 6, "six");
    expect(written.split("\n")).toEqual(["cpu: still one", "cpu: three  ETA 0:40", "cpu: six  ETA 0:06", ""]);
  });

  it("the time left of a grid is that of the run at work and of those that wait, as the finished ones say", () => {
    const progress = gridProgress(contextOf(), runs, () => "");
    progress.update({ type: "found", finished: [{ run: runAt(0), outcome: outcomeAfter(20) }] });
    progress.update(stepOf(1, 1));
    now += 10_000;
    // A quarter took 10 s, so 30 s are left. The last run takes the mean of 20 s and 40 s.
    progress.update(stepOf(1, 5));
    now += 30_000;
    progress.update({ type: "run", finished: { run: runAt(1), outcome: outcomeAfter(40) } });
    now += 2000;
    // It goes on from its half, and a step takes 2 s.
    progress.update(stepOf(2, 11));
    expect(written.split("\n")).toEqual([
      "1 of 3 runs were finished before",
      "run 2/3  bc BW seed 2  epoch 1/2  7 images/s  ETA 1:00",
      "run 2/3  bc BW seed 2  50.00 %  40.0 s",
      "run 3/3  bc BW seed 3  epoch 2/2  7 images/s  ETA 0:18",
      "",
    ]);
  });

  it("says what runs start from, once where several have the same", () => {
    const progress = gridProgress(contextOf(), runs, (run, layers) => (run.seed === 2 ? "" : `from ${layers}`));
    for (const index of [0, 1, 2]) progress.update({ type: "from", run: runAt(index), layers: ["a", "b"] });
    progress.update({ type: "from", run: runAt(0), layers: ["a"] });
    expect(written.split("\n")).toEqual(["from a,b", "from a", ""]);
  });

  it("runs at once keep their numbers, and share the time of those that wait", () => {
    const progress = gridProgress(contextOf(), runs, () => "");
    progress.update({ type: "found", finished: [] });
    progress.update(stepOf(0, 1));
    progress.update(stepOf(1, 1));
    now += 10_000;
    // They take 40 and 200 s in all, and the third the mean. The rest is no shorter than that of the second.
    progress.update(stepOf(0, 5));
    progress.update(stepOf(1, 5));
    now += 10_000;
    // 40 and 80 s in all: 20, 60 and 60 s are left for two at once.
    progress.update(stepOf(0, 10));
    progress.update({ type: "run", finished: { run: runAt(1), outcome: outcomeAfter(20) } });
    now += 5000;
    progress.update(stepOf(2, 1));
    progress.update({ type: "run", finished: { run: runAt(0), outcome: outcomeAfter(25) } });
    expect(written.split("\n")).toEqual([
      "run 1/3  bc BW seed 1  epoch 1/2  7 images/s  ETA 3:10",
      "run 1/3  bc BW seed 1  epoch 1/2  7 images/s  ETA 1:10",
      "run 2/3  bc BW seed 2  50.00 %  20.0 s",
      "run 3/3  bc BW seed 3  epoch 1/2  7 images/s  ETA 1:35",
      "run 1/3  bc BW seed 1  50.00 %  25.0 s",
      "",
    ]);
  });
});

describe("on a terminal", () => {
  beforeEach(() => {
    process.stderr.isTTY = true;
  });

  it("a bar that was taken away leaves no listener behind, and comes back with the next update", () => {
    const before = process.listenerCount("exit");
    const meter = createMeter(contextOf(), "");
    for (let round = 0; round < 3; round++) {
      meter.update(1, 2, "half");
      meter.update(2, 2, "all");
      expect(process.listenerCount("exit")).toBe(before + 1);
      meter.clear();
      expect(process.listenerCount("exit")).toBe(before);
    }
    meter.clear();
    expect(written).toContain("half");
  });

  it("a bar goes away when its user stops the work, and does not come back", () => {
    const before = process.listenerCount("exit");
    const controller = new AbortController();
    const meter = createMeter(contextOf(controller), "");
    meter.update(1, 2, "half");
    controller.abort();
    expect(process.listenerCount("exit")).toBe(before);
    written = "";
    meter.update(2, 2, "all");
    expect(written).toBe("");
    expect(process.listenerCount("exit")).toBe(before);
  });
});

describe("a command", () => {
  const listeners = () => (["SIGINT", "SIGTERM"] as const).map((name) => process.listenerCount(name));

  it.each([
    ["has done its work", () => Promise.resolve(), 0],
    ["says its exit code", ({ exitWith }: Context) => Promise.resolve(exitWith(3)), 3],
    ["has failed", () => Promise.reject(new Error("a fault")), 1],
  ])("gives the signals back where it %s", async (_, work, code) => {
    const streams = [process.stdout, process.stderr];
    const own = streams.map((stream) => stream.listeners("error"));
    const before = listeners();
    let meanwhile: readonly number[] = [];
    const found = await runWithContext(false, async (context) => {
      meanwhile = listeners();
      await work(context);
    });
    for (const [index, stream] of streams.entries()) {
      for (const listener of stream.listeners("error")) {
        if (!own[index]?.includes(listener)) stream.off("error", listener as () => void);
      }
    }
    expect(found).toBe(code);
    expect(meanwhile).toEqual(before.map((count) => count + 1));
    expect(listeners()).toEqual(before);
  });
});
