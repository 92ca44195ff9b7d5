/**
 * The guarantee: a step keeps little more in memory than it must. No two buffers that are in use at the same time share
 * a byte.
 */

import { describe, expect, test } from "vitest";
import { type Graph, layers, resnet20, sequential } from "../ts/nn/index.ts";
import { shapesOf } from "../ts/nn/network.ts";
import { parametersOf } from "../ts/nn/parameters.ts";
import { type Call, callOf, k } from "../ts/program/call.ts";
import { type Border, laneBuffer, layOutLanes } from "../ts/program/lanes.ts";
import { addressOf, at, type Place, rangeOf } from "../ts/program/place.ts";
import { type Program, placed } from "../ts/program/program.ts";
import { createSegment } from "../ts/program/segment.ts";
import { type Optimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { layoutParameters } from "../ts/train/plan/layout.ts";
import { measurePlan, type PlanSource, reservePlan } from "../ts/train/plan/reserve.ts";
import fc from "./fast-check.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";
import { plainSigns, SHAPE } from "./train-networks.ts";

const BLOCK = 1 << 20;

/** Sizes of buffers, and programs of phases of jobs of calls, each a list of the buffers it touches. */
const cases = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 12 }).chain((sizes) => {
  const call = fc.array(fc.nat({ max: sizes.length - 1 }), { minLength: 1, maxLength: 3 });
  const job = fc.array(call, { minLength: 1, maxLength: 4 });
  const phases = fc.array(fc.array(job, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 });
  return fc.record({ sizes: fc.constant(sizes), phases });
});

/** A place that has an address: `bytes` zeros at `address`. */
function settled(address: number, bytes: number): Place {
  const segment = createSegment();
  const place = segment.allocate(bytes);
  segment.settle(address);
  return place;
}

describe("buffers of a lane", () => {
  test("that are in use at the same time are apart, in every lane", () => {
    fc.assert(
      fc.property(cases, ({ sizes, phases }) => {
        const buffers = sizes.map(laneBuffer);
        const fixed = settled(16, 16);
        const write = (lane: number): Program =>
          phases.map((jobs) =>
            jobs.map((job) =>
              job.map((touched): Call => {
                const [y, scale, shift] = touched.map((i) => (buffers[i] as (typeof buffers)[number])(lane));
                const operands = { x: fixed, scale: scale ?? fixed, shift: shift ?? fixed, y: y as Place };
                return callOf("", "forward", k.affine({ ...operands, rows: 1, channels: 1 }));
              }),
            ),
          );
        const layout = layOutLanes(write(0));
        expect(layout.bytes).toBeLessThanOrEqual(sizes.reduce((sum, size) => sum + size + 64, 0));
        const blocks = [0, 1, 2, 3].map((index) => settled(BLOCK * (index + 1), BLOCK));
        for (const lane of [0, 3]) {
          const program = placed(write(lane), layout.addressIn(blocks));
          const addresses = new Map<number, number>();
          for (const [p, jobs] of phases.entries()) {
            for (const [t, job] of jobs.entries()) {
              for (const [c, touched] of job.entries()) {
                const { x, y, scale, shift } = program[p]?.[t]?.[c]?.arguments ?? {};
                expect(x).toBe(16);
                for (const [i, buffer] of touched.entries()) addresses.set(buffer, [y, scale, shift][i] as number);
              }
            }
          }
          for (const [a, first] of addresses) {
            expect(first).toBeGreaterThanOrEqual(BLOCK * (lane + 1));
            expect(first + (sizes[a] as number)).toBeLessThanOrEqual(BLOCK * (lane + 1) + layout.bytes);
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

  test("keep their borders: alike ones take turns at the same bytes, others have their own", () => {
    const [spare, one, two, other] = [64, 64, 64, 64].map((bytes) => laneBuffer(bytes)(0)) as [
      Place,
      Place,
      Place,
      Place,
    ];
    const border = (key: string): Border => ({
      ...{ key, node: key },
      fill: (out) => k.copy({ from: settled(16, 16), to: out, bytes: 64 }),
    });
    const copy = (from: Place, to: Place) => [[callOf("", "forward", k.copy({ from, to, bytes: 64 }))]];
    const program = [copy(spare, one), copy(one, spare), copy(spare, two), copy(two, spare), copy(spare, other)];
    const borders = new Map([one, two, other].map(({ buffer }, i) => [buffer, border(i < 2 ? "alike" : "other")]));
    const layout = layOutLanes(program, { borders });
    const addressIn = layout.addressIn([settled(BLOCK, BLOCK)]);
    const [first, second, third] = [one, two, other].map(addressIn);
    expect(second).toBe(first);
    expect(Math.abs((third as number) - (first as number))).toBeGreaterThanOrEqual(64);
    expect(layout.setup(0).map(({ node, part }) => `${node} ${part}`)).toEqual(["alike prepare", "other prepare"]);
  });

  test("have no address outside of a layout, nor places in a segment before it has settled", () => {
    expect(() => addressOf(laneBuffer(16)(0))).toThrow("in a program's layout only");
    const segment = createSegment();
    const place = segment.allocate(16);
    expect(() => addressOf(place)).toThrow("not settled");
    segment.settle(160);
    expect(rangeOf(at(place, 4))).toEqual({ address: 164, bytes: 12 });
    expect(() => segment.settle(320)).toThrow("settled already");
  });
});

/**
 * True where some moment lies between first and last use of both. Tasks beside a phase's first one last all the phase.
 */
function meet(phases: readonly (readonly (readonly (readonly number[])[])[])[], a: number, b: number): boolean {
  const uses = (buffer: number): [number, number] => {
    const moments = phases.flatMap((jobs, p) =>
      jobs.flatMap((job, t) =>
        job.flatMap((touched, c) => {
          if (!touched.includes(buffer)) return [];
          return t === 0 ? [100 * p + c] : [100 * p, 100 * p + Math.max(0, (jobs[0]?.length ?? 1) - 1)];
        }),
      ),
    );
    return [Math.min(...moments), Math.max(...moments)];
  };
  const [[a0, a1], [b0, b1]] = [uses(a), uses(b)];
  return a0 <= b1 && b0 <= a1;
}

const sourceOf = (graph: Graph, batch: number, optimizer: Optimizer): PlanSource => ({
  ...{ graph, shapes: shapesOf(graph), layout: layoutParameters(parametersOf(graph), optimizer) },
  ...{ batch, products: "auto", observed: false },
});

describe("a step", () => {
  const measured = (graph: Graph, batch: number, optimizer: Optimizer) =>
    measurePlan(sourceOf(graph, batch, optimizer)).memory;

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
      // The images, and the input and output of the relu; the logits are there anyway.
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
      // The padded images, and the input and output of each norm.
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

  test("that needs more memory than there can be is refused, with what it would need", async () => {
    const graph = sequential({ inputShape: [512, 512, 3] }, [
      layers.conv2d({ filters: 64, kernelSize: 3 }),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ]);
    const reserved: number[] = [];
    const reserve = async (bytes: number): Promise<number> => reserved.push(bytes);
    const { memory } = measurePlan(sourceOf(graph, 512, optimizers.adam()));
    await expect(reservePlan(sourceOf(graph, 512, optimizers.adam()), reserve)).rejects.toMatchObject({
      code: "environment",
      message: expect.stringContaining(
        `512 images of this network needs ${(memory.stepBytes / 2 ** 30).toFixed(1)} GiB`,
      ),
      remedy: expect.stringContaining("smaller batch"),
    });
    expect(reserved).toEqual([]);
  });
});

test("a trainer has reserved what its plan says, its data, and nothing more", async () => {
  const [graph, data] = [plainSigns(), randomDataset(4, [200, 40], SHAPE, 3)];
  for (const batchSize of [16, 128]) {
    const trainer = await trainerOf(graph, { optimizer: optimizers.adam() });
    const empty = trainer.memoryBytes();
    await eventsOf(trainer.fit(data, { epochs: 1, batchSize, validate: false }));
    const { stepBytes } = measurePlan(sourceOf(graph, batchSize, optimizers.adam())).memory;
    // A pixel is a byte, a label four.
    const needed = stepBytes + 200 * (36 + 4);
    const taken = trainer.memoryBytes() - empty;
    expect(taken).toBeGreaterThanOrEqual(needed);
    expect(taken).toBeLessThanOrEqual(needed + 128);
  }
});
