/**
 * The guarantee: what a step keeps in memory is little more than what must be kept, and no two buffers that are in use at
 * the same time share a byte.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Graph } from "../ts/nn/graph.ts";
import { layers, resnet20, sequential } from "../ts/nn/index.ts";
import { parametersOf } from "../ts/nn/parameters.ts";
import { shapesOf } from "../ts/nn/shapes.ts";
import { type Call, callOf, k } from "../ts/program/call.ts";
import { type Border, laneBuffer, layOutLanes } from "../ts/program/lanes.ts";
import { addressOf, at, type Place, rangeOf } from "../ts/program/place.ts";
import { type Program, placed } from "../ts/program/program.ts";
import { createSegment } from "../ts/program/segment.ts";
import { layoutParameters } from "../ts/train/layout.ts";
import { optimizers } from "../ts/train/optimizers.ts";
import { measurePlan, type PlanSource, reservePlan } from "../ts/train/reserve.ts";

const BLOCK = 1 << 20;

/** Sizes of buffers, and programs of phases of tasks of calls, each a list of the buffers it touches. */
const cases = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 12 }).chain((sizes) => {
  const call = fc.array(fc.nat({ max: sizes.length - 1 }), { minLength: 1, maxLength: 3 });
  const task = fc.array(call, { minLength: 1, maxLength: 4 });
  const phases = fc.array(fc.array(task, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 });
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
          phases.map((tasks) =>
            tasks.map((task) =>
              task.map((touched): Call => {
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
          for (const [p, tasks] of phases.entries()) {
            for (const [t, task] of tasks.entries()) {
              for (const [c, touched] of task.entries()) {
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
  const sourceOf = (graph: Graph, batch: number): PlanSource => ({
    ...{ graph, shapes: shapesOf(graph), layout: layoutParameters(parametersOf(graph), optimizers.adam()) },
    ...{ batch, products: "auto", observed: false },
  });
  test.each([
    ["resnet20", resnet20({ weightQuantizer: "bnn", activationQuantizer: "bnn" })],
    ["resnet20 with BNN++", resnet20({ weightQuantizer: "bnn++", activationQuantizer: "bnn" })],
  ])("of %s takes at most a fifth more than what must be kept", (_name, graph) => {
    const { memory } = measurePlan(sourceOf(graph, 128));
    expect(memory.stepBytes + memory.stateBytes).toBeLessThanOrEqual(1.2 * memory.lowerBound);
  });

  test("that needs more memory than there can be is refused, with what it would need", async () => {
    const graph = sequential({ inputShape: [512, 512, 3] }, [
      layers.conv2d({ filters: 64, kernelSize: 3 }),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ]);
    const reserved: number[] = [];
    const reserve = async (bytes: number): Promise<number> => reserved.push(bytes);
    const { memory } = measurePlan(sourceOf(graph, 512));
    await expect(reservePlan(sourceOf(graph, 512), reserve)).rejects.toMatchObject({
      code: "environment",
      message: expect.stringContaining(
        `512 images of this network needs ${(memory.stepBytes / 2 ** 30).toFixed(1)} GiB`,
      ),
      remedy: expect.stringContaining("smaller batch"),
    });
    expect(reserved).toEqual([]);
  });
});
