/**
 * The guarantees of the worker pool. Workers meet between phases. The earliest failure is the one reported. No call
 * hangs: every pending and later call is settled, even if a worker dies.
 */
import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { layers, sequential } from "../ts/nn/index.ts";
import { type Call, callOf, type KernelCall, kernelsOver } from "../ts/program/call.ts";
import type { Program } from "../ts/program/program.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { randomDataset } from "./oracle/compare.ts";
import { callsTo, withThreads } from "./worker-spy.ts";

const k = kernelsOver<number>();
const call = (made: KernelCall<number>): Call<number> => callOf("layer", "forward", made);
const copy = (from: number, to: number, bytes: number): Call<number> => call(k.copy({ from, to, bytes }));
const floats = (bytes: Uint8Array): number[] => [...new Float32Array(bytes.slice().buffer)];

/** The outcome of a promise, or "pending" after half a minute. */
const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  Promise.race([
    promise.then(
      () => "done",
      (error: { code?: unknown }) => error.code,
    ),
    new Promise((resolve) => setTimeout(resolve, 30_000, "pending")),
  ]);

/** Starts a run that takes seconds, and waits until the workers are in it. */
async function startLongRun(pool: Pool): Promise<{ readonly running: Promise<unknown> }> {
  const bytes = 1 << 20;
  const address = await pool.reserve(2 * bytes);
  const half = (start: number): Call<number>[] =>
    Array.from({ length: 20 }, () => copy(address + start, address + bytes + start, bytes / 2));
  const id = await pool.define([[half(0), half(bytes / 2)]]);
  const running = pool.run(id, new Array(20_000).fill([]), []);
  running.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 50));
  return { running };
}

describe("phases", () => {
  let pool: Pool;
  beforeAll(async () => {
    pool = await createPool({ workers: 4 });
  });
  afterAll(() => pool.close());

  test("what one phase wrote, the next one reads, thousands of times", async () => {
    // Each of 7 cells becomes the sum of itself and its left neighbour, by way of a copy. A race anywhere breaks the
    // sums.
    const cells = 7;
    const address = await pool.reserve(2 * 16 * cells);
    const at = (cell: number, copy: number): number => address + 16 * (cells * copy + ((cell + cells) % cells));
    const program: Program<number> = [
      Array.from({ length: cells }, (_, i) => [copy(at(i, 0), at(i, 1), 16)]),
      Array.from({ length: cells }, (_, i) => [call(k.addInto({ y: at(i, 0), x: at(i - 1, 1), count: 4 }))]),
    ];
    const id = await pool.define(program);
    const rounds = 3000;
    const start = Array.from({ length: cells }, (_, i): number => (i === 0 ? 1 : 0));
    const wanted = start.slice();
    // Every 8 rounds the leader writes the start again, so that the numbers stay small.
    const modulus = 8;
    let latest: number[] = [];
    for (let round = 0; round < rounds; round += modulus) {
      const bytes = new Uint8Array(new Float32Array(start.flatMap((v) => [v, v, v, v])).buffer);
      const steps = Array.from({ length: modulus }, (_, i) => (i === 0 ? [{ address, bytes }] : []));
      const { reads, completed, failure } = await pool.run(id, steps, [{ address, bytes: 16 * cells }]);
      expect({ completed, failure }).toEqual({ completed: modulus, failure: null });
      latest = floats(reads.at(-1)?.[0] as Uint8Array);
      if (round === 0) {
        for (let i = 0; i < modulus; i++) {
          const old = wanted.slice();
          for (let cell = 0; cell < cells; cell++)
            wanted[cell] = (old[cell] as number) + (old[(cell + cells - 1) % cells] as number);
        }
      }
      expect(latest).toEqual(wanted.flatMap((v) => [v, v, v, v]));
    }
    expect(Math.max(...latest)).toBe(70);
  });

  test("the earliest failure in program order is reported, and no later phase runs", async () => {
    const address = await pool.reserve(2 << 20);
    const [nan, ones, target, spare] = [address, address + 16, address + 32, address + 48];
    await pool.write(nan, new Uint8Array(Float32Array.of(Number.NaN, 0, 0, 0).buffer));
    await pool.write(ones, new Uint8Array(Float32Array.of(1, 1, 1, 1).buffer));
    const affine = k.affine({ x: nan, rows: 4, channels: 1, scale: ones, shift: ones, y: spare });
    const bad = (node: string): Call<number> => callOf(node, "forward", affine);
    // The earliest one has work to do before it fails, so that another one fails first.
    const half = 1 << 20;
    const slow = Array.from({ length: 20 }, () => copy(address, address + half, half));
    const program: Program<number> = [
      [[call(k.add({ a: ones, b: ones, y: target, count: 4 }))]],
      [[copy(ones, spare, 16)], [...slow, bad("first")], [bad("second")], [bad("third")]],
      [[copy(ones, target, 16)]],
    ];
    const id = await pool.define(program);
    for (let i = 0; i < 50; i++) {
      const result = await pool.run(id, [[], []], [{ address: target, bytes: 4 }]);
      expect(result).toEqual({ completed: 0, failure: { node: "first", kernel: "affine" }, reads: [] });
    }
    expect(floats(await pool.read({ address: target, bytes: 16 }))).toEqual([2, 2, 2, 2]);
    await pool.write(nan, new Uint8Array(16));
    const fine = await pool.run(id, [[], []], [{ address: target, bytes: 4 }]);
    expect(fine).toMatchObject({ completed: 2, failure: null });
    expect(fine.reads.map(([bytes]) => floats(bytes as Uint8Array))).toEqual([[1], [1]]);
  });

  test("a trap in the core rejects the run and ends the pool", async () => {
    const pool = await createPool({ workers: 3 });
    const address = await pool.reserve(32);
    const beyond = await pool.reserve(0);
    const wild = await pool.define([[[copy(beyond, address, 16)], [copy(address, address + 16, 16)]]]);
    const trap = await pool.run(wild, [[]], []).catch((error: unknown) => error);
    expect(trap).toBeInstanceOf(Error);
    expect(trap).not.toHaveProperty("code");
    expect(trap).toMatchObject({ message: expect.stringContaining("memory access out of bounds") });
    await expect(pool.read({ address, bytes: 4 })).rejects.toThrow("memory access out of bounds");
  });
});

describe("programs", () => {
  /** A program that copies one number onto another. */
  const copying = (from: number, to: number): Program<number> => [[[copy(from, to, 4)]]];

  test("are told apart, many of them in turn, until they are forgotten", async () => {
    const pool = await createPool({ workers: 1 });
    const address = await pool.reserve(64);
    await pool.write(address, new Uint8Array(Float32Array.from({ length: 8 }, (_, i) => i + 1).buffer));
    const target = address + 32;
    const result = async (id: number): Promise<number[]> => {
      const { reads } = await pool.run(id, [[]], [{ address: target, bytes: 4 }]);
      return floats(reads[0]?.[0] as Uint8Array);
    };
    const numbers = [0, 1, 2, 3, 4, 5, 6, 7];
    const ids: number[] = [];
    for (const number of numbers) ids.push(await pool.define(copying(address + 4 * number, target)));
    expect(new Set(ids).size).toBe(8);
    for (const number of [...numbers, ...numbers.toReversed()]) {
      expect(await result(ids[number] as number)).toEqual([number + 1]);
    }
    await pool.forget(ids.filter((_, number) => number !== 3 && number !== 7));
    await pool.forget([]);
    expect([await result(ids[3] as number), await result(ids[7] as number)]).toEqual([[4], [8]]);
    const next = await pool.define(copying(address, target));
    expect(ids).not.toContain(next);
    expect(await result(next)).toEqual([1]);
    await expect(result(ids[0] as number)).rejects.toThrow(`the worker has no program ${ids[0]}`);
  });

  test("are sent to every worker once, and forgotten by every worker", async () => {
    const { result: pool, threads } = await withThreads(() => createPool({ workers: 3 }));
    const address = await pool.reserve(16);
    const id = await pool.define(copying(address, address + 8));
    for (let run = 0; run < 3; run++) await pool.run(id, [[], []], []);
    await pool.forget([id]);
    for (const [index, thread] of threads.entries()) {
      const calls = callsTo(thread).filter((name) => name !== "reserve");
      expect(calls, String(index)).toEqual(["start", "define", "run", "run", "run", "forget"]);
    }
    pool.close();
  });
});

describe("no call hangs", () => {
  test.each([0, 1] as const)("worker %i of 2 is killed while both run", async (victim) => {
    const { result: pool, threads } = await withThreads(() => createPool({ workers: 2 }));
    expect(threads).toHaveLength(2);
    const { running } = await startLongRun(pool);
    const read = pool.read({ address: 0, bytes: 4 });
    const outcomes = Promise.all([running, read].map(outcome));
    await threads[victim]?.terminate();
    expect(await outcomes).toEqual(["worker", "worker"]);
    expect(await outcome(pool.read({ address: 0, bytes: 4 }))).toBe("worker");
    expect(await outcome(pool.define([]))).toBe("worker");
  });

  test("a worker is killed while a network trains", async () => {
    const graph = sequential({ inputShape: [8, 8, 1] }, [
      layers.flatten(),
      layers.dense({ units: 64 }),
      layers.dense({ units: 3 }),
    ]);
    const { result: trainer, threads } = await withThreads(() => Trainer.create(graph, { workers: 2 }));
    const data = randomDataset(1, [640, 10], [8, 8, 1], 3);
    const train = async (): Promise<void> => {
      for await (const event of trainer.fit(data, { epochs: 1000, batchSize: 16 })) {
        if (event.type === "epoch" && event.epoch === 2) void threads[1]?.terminate();
      }
    };
    await expect(train()).rejects.toMatchObject({ code: "worker", remedy: expect.stringMatching(/new trainer/) });
    expect(await outcome(trainer.weights())).toBe("worker");
    expect(await outcome(trainer.fit(data, { epochs: 1 }).next())).toBe("worker");
  });

  test("a closed pool rejects what is pending and what comes", async () => {
    const pool = await createPool({ workers: 2 });
    const { running } = await startLongRun(pool);
    pool.close();
    await expect(running).rejects.toMatchObject({ code: "worker", message: expect.stringMatching(/closed/) });
    await expect(pool.reserve(16)).rejects.toMatchObject({ code: "worker", message: expect.stringMatching(/closed/) });
    pool.close();
  });

  test("memory that cannot be had rejects with the remedy, and the pool stays usable", async () => {
    const pool = await createPool({ workers: 1 });
    await expect(pool.reserve(5 * 2 ** 30)).rejects.toMatchObject({
      code: "environment",
      remedy: expect.stringMatching(/smaller/),
    });
    expect(await pool.reserve(16)).toBeGreaterThan(0);
    pool.close();
  });
});

test.each([0, -1, 1.5, 65, Number.NaN])("%s workers are refused", async (workers) => {
  const wanted = { code: "argument", message: expect.stringContaining(String(workers)) };
  await expect(createPool({ workers })).rejects.toMatchObject(wanted);
  const graph = sequential({ inputShape: [1, 1, 1] }, [layers.flatten(), layers.dense({ units: 2 })]);
  await expect(Trainer.create(graph, { workers })).rejects.toMatchObject(wanted);
});

test("a Node process ends by itself with an idle trainer that nobody closed", async () => {
  const script = `
    const { layers, sequential } = await import(${JSON.stringify(new URL("../ts/nn/index.ts", import.meta.url).href)});
    const { Trainer } = await import(${JSON.stringify(new URL("../ts/train/run/trainer.ts", import.meta.url).href)});
    const graph = sequential({ inputShape: [2, 2, 1] }, [layers.flatten(), layers.dense({ units: 2 })]);
    const trainer = await Trainer.create(graph, { workers: 2 });
    const split = { count: 4, images: new Uint8Array(16), labels: new Uint8Array(4), shape: [2, 2, 1], scale: 1, offset: 0 };
    const data = { name: "zeros", classes: ["a", "b"], train: split, test: split };
    let events = 0;
    for await (const event of trainer.fit(data, { epochs: 2, batchSize: 2 })) events++;
    console.log(events);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const limit = setTimeout(() => child.kill(), 150_000);
  let [output, errors] = ["", ""];
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(limit);
  expect({ code, output, errors }).toEqual({ code: 0, output: "6\n", errors: "" });
});
