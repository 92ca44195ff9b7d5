/** Training with two workers against one: the same steps, bit for bit, so only the time differs. */

import type { Graph } from "../../ts/nn/graph.ts";
import { cnn } from "../../ts/nn/models/cnn.ts";
import { resnet20 } from "../../ts/nn/models/resnet20.ts";
import type { Benchmark } from "../frame/benchmark.ts";
import { compare, medianOf } from "../frame/finding.ts";
import { race, type Timing } from "../frame/race.ts";
import { ownVersion } from "../frame/version.ts";
import { noise, type Stepper, stepper } from "./ours.ts";

const BATCH = 128;

interface Course {
  readonly name: string;
  readonly graph: Graph;
  readonly shape: readonly [number, number, number];
}

const courses: readonly Course[] = [
  {
    name: "demo network, soft phase of BNN++",
    graph: cnn({ weightQuantizer: "bnn++", activationQuantizer: "poly" }),
    shape: [28, 28, 1],
  },
  {
    name: "ResNet-20 at 32x32, +-1 x +-1",
    graph: resnet20({ weightQuantizer: "bnn", activationQuantizer: "bnn" }),
    shape: [32, 32, 3],
  },
];

export const workers: Benchmark = {
  title: "Training with two workers",
  about: `Steps of training with two workers (ours) against one (peer), batch ${BATCH}, on random images.`,
  async *run(context) {
    const pace = context.quick
      ? { rounds: 4, warmUp: 1, sliceMilliseconds: 0 }
      : { rounds: 15, warmUp: 3, sliceMilliseconds: 0 };
    context.expect(courses.length * (pace.rounds + pace.warmUp));
    for (const { name, graph, shape } of courses) {
      const data = noise(shape, 16 * BATCH);
      const one = await stepper(graph, data, BATCH, 1, context);
      const two = await stepper(graph, data, BATCH, 2, context);
      const contestant = (label: string, { step }: Stepper) => ({ name: label, version: ownVersion, run: step });
      const both = [contestant("1 worker", one), contestant("2 workers", two)];
      const [withOne, withTwo] = (await race(both, pace, context.tick)) as readonly [Timing, Timing];
      yield compare(`a step, ${name}`, withTwo, withOne, { threads: 2, variant: two.variant });
      const rate = (timing: Timing): string => ((1000 * BATCH) / medianOf(timing)).toFixed(0);
      const text = `${name}: ${rate(withOne)} images a second with one worker, ${rate(withTwo)} with two.`;
      yield { type: "note", text };
      one.close();
      two.close();
    }
  },
};
