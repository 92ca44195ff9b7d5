/** Ready-made models by name; each stands in a file of its own. */
import { lookUp } from "../../base/names.ts";
import type { Graph } from "../graph.ts";
import { birealnet18 } from "./birealnet18.ts";
import { cnn } from "./cnn.ts";
import { fashion } from "./fashion.ts";
import { mlp } from "./mlp.ts";
import type { ModelOptions } from "./options.ts";
import { resnet20 } from "./resnet20.ts";
import { small } from "./small.ts";

export { birealnet18 } from "./birealnet18.ts";
export { cnn } from "./cnn.ts";
export { fashion } from "./fashion.ts";
export { mlp } from "./mlp.ts";
export type { ModelOptions } from "./options.ts";
export { resnet20 } from "./resnet20.ts";
export { small } from "./small.ts";
export { type Task, type TaskOptions, type TaskQuantizers, taskNames, taskQuantizers, tasks } from "./tasks.ts";

const models: Readonly<Record<string, (options: ModelOptions) => Graph>> = Object.freeze({
  mlp,
  cnn,
  resnet20,
  birealnet18,
  small,
  fashion,
});

export const modelNames: readonly string[] = Object.freeze(Object.keys(models));

/** The graph of the model called `name`. Throws "unknown-name" with the nearest name, and the model's own errors. */
export function model(name: string, options: ModelOptions = {}): Graph {
  return lookUp("model", name, models)(options);
}
