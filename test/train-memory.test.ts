/**
 * The guarantee: what a step keeps in memory is little more than what must be kept, and no two buffers that are in use at
 * the same time share a byte.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resnet20 } from "../ts/nn/index.ts";
import { shapesOf } from "../ts/nn/network.ts";
import { parametersOf } from "../ts/nn/parameters.ts";
import type { Call, Program } from "../ts/runtime/program.ts";
import { createLaneMemory } from "../ts/train/lane-memory.ts";
import { layoutParameters } from "../ts/train/layout.ts";
import { optimizers } from "../ts/train/optimizers.ts";
import { measurePlan } from "../ts/train/reserve.ts";

const lane = (index: number) => ({ index, first: 0, images: 1 });
const BLOCK = 1 << 20;

/** Sizes of buffers, and programs of phases of tasks of calls, each a list of the buffers it touches. */
const cases = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 12 }).chain((sizes) => {
  const call = fc.array(fc.nat({ max: sizes.length - 1 }), { minLength: 1, maxLength: 3 });
  const task = fc.array(call, { minLength: 1, maxLength: 4 });
  const phases = fc.array(fc.array(task, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 });
  return fc.record({ sizes: fc.constant(sizes), phases });
});

describe("buffers of a lane", () => {
  test("that no address could reach are refused", () => {
    const memory = createLaneMemory();
    for (let i = 0; i < 16; i++) memory.declare(2 ** 32);
    expect(() => memory.declare(1)).toThrow(/more than 64 GiB/);
  });

  test("that are in use at the same time are apart, in every lane", () => {
    fc.assert(
      fc.property(cases, ({ sizes, phases }) => {
        const memory = createLaneMemory();
        const buffers = sizes.map(memory.declare);
        const write = (index: number): Program =>
          phases.map((tasks) =>
            tasks.map((task) =>
              task.map(
                (touched): Call => ({
                  node: "",
                  kernel: "copy",
                  arguments: [7, ...touched.map((i) => (buffers[i] as (typeof buffers)[number])(lane(index)))],
                }),
              ),
            ),
          );
        const placement = memory.place(write(0));
        expect(placement.bytes).toBeLessThanOrEqual(sizes.reduce((sum, size) => sum + size + 64, 0));
        for (const index of [0, 3]) {
          const program = placement.apply(write(index), (number) => BLOCK * (number + 1));
          const addresses = new Map<number, number>();
          for (const [p, tasks] of phases.entries()) {
            for (const [t, task] of tasks.entries()) {
              for (const [c, touched] of task.entries()) {
                const given = program[p]?.[t]?.[c]?.arguments ?? [];
                expect(given[0]).toBe(7);
                for (const [i, buffer] of touched.entries()) addresses.set(buffer, given[i + 1] as number);
              }
            }
          }
          for (const [a, first] of addresses) {
            expect(first).toBeGreaterThanOrEqual(BLOCK * (index + 1));
            expect(first + (sizes[a] as number)).toBeLessThanOrEqual(BLOCK * (index + 1) + placement.bytes);
            for (const [b, second] of addresses) {
              if (a >= b || !meet(phases, a, b)) continue;
              expect(first + (sizes[a] as number) <= second || second + (sizes[b] as number) <= first).toBe(true);
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** Whether some moment lies between first and last use of both: tasks beside a phase's first one last all the phase. */
function meet(phases: readonly (readonly (readonly (readonly number[])[])[])[], a: number, b: number): boolean {
  const uses = (buffer: number): [number, number] => {
    const moments = phases.flatMap((tasks, p) =>
      tasks.flatMap((task, t) =>
        task.flatMap((touched, c) => {
          if (!touched.includes(buffer)) return [];
          return t === 0 ? [100 * p + c] : [100 * p, 100 * p + Math.max(0, (tasks[0]?.length ?? 1) - 1)];
        }),
      ),
    );
    return [Math.min(...moments), Math.max(...moments)];
  };
  const [[a0, a1], [b0, b1]] = [uses(a), uses(b)];
  return a0 <= b1 && b0 <= a1;
}

describe("a step", () => {
  const optimizer = optimizers.adam();
  test.each([
    ["resnet20", resnet20({ weightQuantizer: "bnn", activationQuantizer: "bnn" })],
    ["resnet20 with BNN++", resnet20({ weightQuantizer: "bnn++", activationQuantizer: "bnn" })],
  ])("of %s takes at most a fifth more than what must be kept", (_name, graph) => {
    const layout = layoutParameters(parametersOf(graph), optimizer, 0);
    const source = {
      graph,
      shapes: shapesOf(graph),
      layout,
      batch: 128,
      products: "auto",
      observed: false,
    } as const;
    const { memory } = measurePlan(source);
    expect(memory.stepBytes + memory.stateBytes).toBeLessThanOrEqual(1.2 * memory.lowerBound);
  });
});
