/**
 * The networks whose training steps are compared with tfjs, by names that cross into a page. Their signs go straight
 * through.
 */
import type { Graph } from "../../ts/nn/graph.ts";
import { cnn } from "../../ts/nn/models/cnn.ts";
import { mlp } from "../../ts/nn/models/mlp.ts";
import { resnet20 } from "../../ts/nn/models/resnet20.ts";

export interface Course {
  readonly title: string;
  readonly graph: () => Graph;
  readonly shape: readonly [height: number, width: number, channels: number];
}

const signs = { weightQuantizer: "bnn", activationQuantizer: "bnn" } as const;

export const courses = {
  mlp: { title: "perceptron at 28x28", graph: () => mlp(signs), shape: [28, 28, 1] },
  cnn: { title: "demo network at 28x28", graph: () => cnn(signs), shape: [28, 28, 1] },
  resnet20: { title: "ResNet-20 at 32x32", graph: () => resnet20(signs), shape: [32, 32, 3] },
} as const satisfies Readonly<Record<string, Course>>;

export type CourseName = keyof typeof courses;
