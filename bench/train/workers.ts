/** Training with two workers against one: the same steps, bit for bit, so only the time differs. */

import type { Graph } from "../../ts/nn/graph.ts";
import { cnn } from "../../ts/nn/models/cnn.ts";
import { resnet20 } from "../../ts/nn/models/resnet20.ts";
import type { Benchmark } from "../frame/benchmark.ts";
import { compare, medianOf } from "../frame/finding.ts";
import { race } from "../frame/race.ts";
import { ownVersion } from "../frame/version.ts";
import { noise, type Stepper, stepper } from "./ours.ts";

const BATCH = 128;

interface Course {
  readonly name: string;
  readonly graph: Graph;
  readonly shape: readonly [number, number, number];
  /** Steps in one measurement: enough for the trainer's slices of 50 ms to even out. */
  readonly steps: number;
}

const courses: readonly Course[] = [
  {
    name: "demo network, soft phase of BNN++",
    graph: cnn({ weightQuantizer: "bnn++", activationQuantizer: "poly" }),
    shape: [28, 28, 1],
    steps: 8,
  },
  {
    name: "ResNet-20 at 32x32, +-1 x +-1",
    graph: resnet20({ weightQuantizer: "bnn", activationQuantizer: "bnn" }),
    shape: [32, 32, 3],
    steps: 1,
  },
];

export const workers: Benchmark = {
  title: "Training with two workers",
  about: `Steps of training with two workers (ours) against one (peer), batch ${BATCH}, on random images.`,
  async *run(context) {
    const pace = context.quick
      ? { rounds: 5, warmUp: 2, sliceMilliseconds: 0 }
      : { rounds: 15, warmUp: 3, sliceMilliseconds: 0 };
    context.expect(courses.length * (pace.rounds + pace.warmUp));
    for (const { name, graph, shape, steps } of courses) {
      const data = noise(shape, 16 * BATCH);
      const contestant = ({ workers: count, steps: run }: Stepper) => ({
        name: count === 1 ? "1 worker" : `${count} workers`,
        version: ownVersion,
        run: () => run(steps),
      });
      const one = await stepper(graph, data, BATCH, { workers: 1 }, context);
      const two = await stepper(graph, data, BATCH, { workers: 2 }, context);
      const [withOne, withTwo] = await race([contestant(one), contestant(two)], pace, context.tick);
      if (withOne === undefined || withTwo === undefined) throw new Error("the race has lost a contestant");
      const setting = { threads: 2, variant: two.variant };
      yield compare(`${steps === 1 ? "a step" : `${steps} steps`}, ${name}`, withTwo, withOne, setting);
      const rate = (1000 * steps * BATCH) / medianOf(withTwo);
      yield { type: "note", text: `${name}: ${rate.toFixed(0)} images a second with two workers.` };
    }
  },
};
