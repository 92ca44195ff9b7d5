/**
 * The guarantee: what a step keeps in memory is what must be kept and little more, and no two buffers that are in use at
 * the same time share a byte.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Graph, layers, resnet20, sequential } from "../ts/nn/index.ts";
import { parametersOf } from "../ts/nn/parameters.ts";
import { shapesOf } from "../ts/nn/shapes.ts";
import type { Call, Program } from "../ts/runtime/program.ts";
import { createLaneMemory } from "../ts/train/lane-memory.ts";
import { layoutParameters } from "../ts/train/layout.ts";
import { type Optimizer, optimizers } from "../ts/train/optimizers.ts";
import { measurePlan } from "../ts/train/reserve.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";
import { plainSigns, SHAPE } from "./train-networks.ts";

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
  const measured = (graph: Graph, batch: number, optimizer: Optimizer) =>
    measurePlan({
      graph,
      shapes: shapesOf(graph),
      layout: layoutParameters(parametersOf(graph), optimizer, 0),
      batch,
      products: "auto",
      observed: false,
    }).memory;

  test.each([
    ["resnet20", resnet20({ weightQuantizer: "bnn", activationQuantizer: "bnn" })],
    ["resnet20 with BNN++", resnet20({ weightQuantizer: "bnn++", activationQuantizer: "bnn" })],
  ])("of %s takes what must be kept, and at most a fifth more", (_name, graph) => {
    const { stepBytes, stateBytes, lowerBound } = measured(graph, 128, optimizers.adam());
    expect(stepBytes + stateBytes).toBeGreaterThanOrEqual(lowerBound);
    expect(stepBytes + stateBytes).toBeLessThanOrEqual(1.2 * lowerBound);
  });

  /** Floats of an image that wait for the way back, counted by hand, and bytes of bits. */
  const counted: readonly (readonly [string, Graph, number, number])[] = [
    [
      "dense layers",
      sequential({ inputShape: [6, 6, 1] }, [
        layers.flatten(),
        layers.dense({ units: 12 }),
        layers.relu(),
        layers.dense({ units: 3 }),
      ]),
      // The images, and what goes into the relu and comes out; the logits are there anyway.
      36 + 12 + 12,
      0,
    ],
    [
      "convolutions",
      sequential({ inputShape: [8, 8, 4] }, [
        layers.conv2d({ filters: 8, kernelSize: 3, padding: "same", useBias: false }),
        layers.batchNorm(),
        layers.binaryConv2d({ filters: 16, kernelSize: 3, weightQuantizer: "bc", activationQuantizer: "poly" }),
        layers.batchNorm(),
        layers.flatten(),
        layers.dense({ units: 3 }),
      ]),
      // The padded images, and what goes into each norm and comes out.
      10 * 10 * 4 + 2 * 8 * 8 * 8 + 2 * 8 * 8 * 16,
      // Padded signs, four channels a byte.
      10 * 10 * 2,
    ],
  ];
  const kinds = [
    ["sgd", optimizers.sgd({ momentum: 0.9 }), 1],
    ["adam", optimizers.adam(), 2],
  ] as const;
  const cases = counted.flatMap(([name, graph, floats, bits]) =>
    kinds.flatMap(([kind, optimizer, slots]) =>
      [8, 16, 128].map((batch) => [name, kind, batch, { graph, optimizer, slots, floats, bits }] as const),
    ),
  );

  test.each(cases)(
    "of %s with %s over %i images: the bound is what is counted by hand, and the use is no less",
    (_name, _kind, batch, given) => {
      const { graph, optimizer, slots, floats, bits } = given;
      const parameters = parametersOf(graph);
      const sizeOf = (of: typeof parameters): number =>
        of.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
      const [all, trained] = [sizeOf(parameters), sizeOf(parameters.filter(({ role }) => role !== "statistic"))];
      const { stepBytes, stateBytes, lowerBound } = measured(graph, batch, optimizer);
      // Values, and of trained ones a gradient and the optimizer's state.
      const kept = batch * (4 * floats + bits) + 4 * all + 4 * trained * (1 + slots);
      // Tensors begin at multiples of 16 bytes.
      const rounding = 16 * (parameters.length + 1) * (2 + slots);
      expect(lowerBound).toBeGreaterThanOrEqual(kept);
      expect(lowerBound).toBeLessThanOrEqual(kept + rounding);
      // All values stand a second time, as they were before the update.
      const state = 8 * all + 4 * trained * slots;
      expect(stateBytes).toBeGreaterThanOrEqual(state);
      expect(stateBytes).toBeLessThanOrEqual(state + rounding);
      expect(stepBytes).toBeGreaterThanOrEqual(batch * (4 * floats + bits) + 4 * trained);
    },
  );
});

test("a trainer has reserved what its plan says, its data, and nothing more", async () => {
  const [graph, data] = [plainSigns(), randomDataset(4, [200, 40], SHAPE, 3)];
  for (const batchSize of [16, 128]) {
    const trainer = await trainerOf(graph, { optimizer: optimizers.adam() });
    const empty = trainer.memoryBytes();
    await eventsOf(trainer.fit(data, { epochs: 1, batchSize, validate: false }));
    const { stepBytes } = measurePlan({
      graph,
      shapes: shapesOf(graph),
      layout: layoutParameters(parametersOf(graph), optimizers.adam(), 0),
      batch: batchSize,
      products: "auto",
      observed: false,
    }).memory;
    const needed = stepBytes + 200 * (36 + 1);
    const taken = trainer.memoryBytes() - empty;
    expect(taken).toBeGreaterThanOrEqual(needed);
    expect(taken).toBeLessThanOrEqual(needed + 64);
  }
});
